"""`clipfind hide` and `unhide`, and what searches and `status` make of it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from described import as_described
from processes import run, run_on_terminal, write_pictures, write_taken


@pytest.fixture
def album(tiny: Path, tmp_path: Path) -> Path:
    """Return a folder of three indexed pictures; its index and the tiny model are the default."""
    folder = write_pictures(tmp_path / "album")
    assert run("index", folder).returncode == 0
    return folder


def found(*words: str | Path) -> list[str]:
    """Return the paths that a search prints, in order of the paths."""
    done = run("search", "cat", "-n", "-t", "0", "-f", "--sort", "path", *words)
    return done.stdout.decode().splitlines()


def test_a_hidden_picture_is_left_out_of_searches_and_a_note_says_how_to_see_it(
    album: Path,
) -> None:
    hidden = run("hide", album / "one.png")
    assert (hidden.returncode, hidden.stdout) == (0, b"")
    assert hidden.stderr == b"clipfind: 1 picture hidden\n"
    searched = run("search", "cat", album, "-n", "-f")
    assert searched.returncode == 0
    assert searched.stderr == b"clipfind: 1 hidden picture left out; --all-hidden shows it\n"
    assert f"{album}/one.png" not in searched.stdout.decode()
    everything = run("search", "cat", album, "-n", "--all-hidden", "--json")
    rows = [as_described(line, "search") for line in everything.stdout.splitlines()]
    assert {row["path"]: row.get("hidden") for row in rows} == {
        f"{album}/one.png": True,
        f"{album}/two.png": None,
        f"{album}/deep/three.jpg": None,
    }
    assert everything.stderr == b""


def test_what_a_search_prints_is_hidden_and_what_is_listed_is_shown_again(album: Path) -> None:
    names = found(album)
    done = run("search", "cat", album, "-n", "-f0")
    assert run("hide", "--files0-from", "-", input=done.stdout).returncode == 0
    nothing = run("search", "cat", album, "-n", "--glob", "*.png")
    assert (nothing.returncode, nothing.stdout) == (1, b"")
    assert nothing.stderr == b"clipfind: 2 hidden pictures left out; --all-hidden shows them\n"
    listed = run("hide", "--list", "-0")
    assert listed.stdout.decode().rstrip("\0").split("\0") == names
    shown = run("unhide", "--files0-from", "-", input=listed.stdout)
    assert (shown.returncode, shown.stderr) == (0, b"clipfind: 3 pictures shown again\n")
    assert found(album) == names


def test_hiding_again_says_that_nothing_changed(album: Path) -> None:
    run("hide", album / "one.png")
    again = run("hide", album / "one.png")
    assert (again.returncode, again.stderr) == (0, b"clipfind: nothing changed\n")
    assert run("unhide", album / "two.png").stderr == b"clipfind: nothing changed\n"
    assert run("unhide", "--all").stderr == b"clipfind: 1 picture shown again\n"
    assert run("hide", "--list").stdout == b""


def test_a_picture_that_is_not_indexed_is_named_and_the_rest_are_done(album: Path) -> None:
    write_pictures(album, (b"new.png",), seed=5)
    write_pictures(album, (b"two.png",), seed=6)  # another content, of another size
    os.utime(album / "two.png")
    words = (album / "new.png", album / "two.png", album / "no.png", album, album / "one.png")
    done = run("hide", *words)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        f"clipfind: {album}/new.png: not indexed; run clipfind index",
        f"clipfind: {album}/two.png: changed since it was indexed; run clipfind index",
        f"clipfind: {album}/no.png: neither on the disk nor in the index",
        f"clipfind: {album}: this is a folder, not a picture",
        "clipfind: 1 picture hidden",
    ]


def test_copies_and_moved_pictures_stay_hidden_and_so_they_do_after_prune(album: Path) -> None:
    run("hide", album / "one.png")
    shutil.copy2(album / "one.png", album / "copy.png")
    (album / "one.png").rename(album / "moved.png")
    assert run("index", album).returncode == 0
    assert found(album) == [f"{album}/deep/three.jpg", f"{album}/two.png"]
    kept = {name: (album / name).read_bytes() for name in ("copy.png", "moved.png")}
    for name in kept:
        (album / name).unlink()
    assert run("prune").returncode == 0
    assert run("forget", album).returncode == 0
    listed = run("hide", "--list")
    assert (listed.stdout, listed.returncode) == (b"", 0)
    assert b"1 more hidden picture, of which no file is indexed now" in listed.stderr
    (album / "back.png").write_bytes(kept["copy.png"])
    assert run("index", album).returncode == 0
    assert found(album) == [f"{album}/deep/three.jpg", f"{album}/two.png"]
    assert run("hide", "--list").stdout.decode() == f"{album}/back.png\n"


def test_a_picture_whose_file_is_gone_can_be_hidden(album: Path) -> None:
    (album / "one.png").unlink()
    assert run("hide", album / "one.png").returncode == 0
    assert json.loads(run("status", "--json").stdout)["hidden"] == 1


def test_the_list_as_json_holds_digest_and_time(album: Path) -> None:
    run("hide", album / "one.png")
    (row,) = map(json.loads, run("hide", "--list", "--json").stdout.splitlines())
    assert list(row) == ["path", "digest", "hidden_at"]
    assert (row["path"], len(row["digest"])) == (f"{album}/one.png", 64)
    assert run("forget", album).returncode == 0
    (row,) = map(json.loads, run("hide", "--list", "--json").stdout.splitlines())
    assert row["path"] is None


def test_odd_names_are_hidden_and_listed_with_their_bytes(tiny: Path, tmp_path: Path) -> None:
    name = b"not-utf8-\xff\n[red].png"
    folder = write_pictures(tmp_path / "odd", (name,))
    assert run("index", folder).returncode == 0
    path = os.fsencode(folder) + b"/" + name
    assert run("hide", path).returncode == 0
    assert run("hide", "--list", "-0").stdout == path + b"\0"
    shown = run_on_terminal("hide", "--list", streams=("stdout",)).text
    assert "\\n[red].png" in shown


def test_paths_through_links_and_relative_ones_name_the_same_picture(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (album.parent / "link").symlink_to(album)
    assert run("hide", album.parent / "link" / "one.png").stderr.endswith(b"1 picture hidden\n")
    monkeypatch.chdir(album / "deep")
    assert run("hide", "../two.png", "three.jpg").stderr.endswith(b"2 pictures hidden\n")


def test_a_picture_behind_a_link_that_a_run_followed_is_hidden_by_either_path(
    tiny: Path, tmp_path: Path
) -> None:
    write_pictures(tmp_path / "elsewhere")
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "trip").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos").symlink_to(tmp_path / "album")
    assert run("index", "-L", tmp_path / "album").returncode == 0
    done = run("hide", tmp_path / "photos" / "trip" / "one.png")
    assert done.stderr == b"clipfind: 1 picture hidden\n"


def test_status_counts_hidden_files_under_the_paths(album: Path) -> None:
    assert b"hidden from searches" not in run("status").stdout
    run("hide", album / "one.png", album / "deep" / "three.jpg")
    told = run("status").stdout.decode()
    assert "2 files hidden from searches; 'clipfind hide --list' names them all" in told
    assert json.loads(run("status", "--json", album / "deep").stdout)["hidden"] == 1


def test_a_date_whose_pictures_are_hidden_is_still_a_date(album: Path) -> None:
    taken = write_taken(album / "taken.jpg")
    assert run("index", album).returncode == 0
    assert run("hide", taken).returncode == 0
    words = ("search", "teal 2019", album, "-n", "--dates", "on")
    done = run(*words)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"1 hidden picture left out" in done.stderr
    assert b"there are no pictures" not in done.stderr
    assert run(*words, "--all-hidden", "-f").stdout.decode() == f"{taken}\n"


def test_labels_are_given_to_hidden_pictures_as_to_others(album: Path) -> None:
    run("hide", album / "one.png")
    labelled = run("classify", "--labels", "cat,dog", "-n", "-f", album)
    assert f"{album}/one.png" in labelled.stdout.decode().splitlines()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("hide",), "name the pictures, or read their paths from a list"),
        (("unhide",), "name the pictures, or read their paths from a list"),
        (("hide", "--list", "x.png"), "[PICTURE]... has no effect together with --list"),
        (("hide", "-0", "x.png"), "--null has no effect without --list"),
        (("hide", "--json", "x.png"), "--json has no effect without --list"),
        (("unhide", "--all", "x.png"), "[PICTURE]... has no effect together with --all"),
        (("hide", "x.png"), "there is no index yet; make it with `clipfind index FOLDER`"),
    ],
)
def test_what_makes_no_sense_is_an_error(tiny: Path, words: tuple[str, ...], reason: str) -> None:
    done = run(*words)
    assert (done.returncode, reason in done.stderr.decode()) == (2, True), done.stderr
    assert not tiny.exists()


def test_without_an_index_nothing_is_listed(tiny: Path) -> None:
    listed = run("hide", "--list")
    assert (listed.returncode, listed.stdout) == (0, b"")
    assert not tiny.exists()
