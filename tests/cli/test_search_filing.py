"""`clipfind search --copy-to` and `--link-to`: what was found lies in one folder, best first."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from described import as_described
from processes import ODD_NAMES, Word, run, write_pictures

from rclip_like import Library
from rclip_like.cli.filing import CopyOptions, file_matches
from rclip_like.output.stream import Talk


@pytest.fixture
def album(tiny: Path, tmp_path: Path) -> Path:
    """Return a folder of pictures, indexed by the tiny model, with odd names among them."""
    album = write_pictures(tmp_path / "album", (*ODD_NAMES, b"one.png", b"deep/one.png"))
    (album / "deep" / "one.png.xmp").write_text("<x:xmpmeta/>")
    assert run("index", album).returncode == 0
    return album


def names_in(folder: Path) -> set[bytes]:
    return {name for name in os.listdir(os.fsencode(folder)) if not name.endswith(b".jsonl")}


def undo_in(stderr: bytes) -> list[str]:
    """Return the words of the command that takes the run back, without its name."""
    (line,) = (each for each in stderr.decode().splitlines() if "to take it back: " in each)
    return shlex.split(line.partition("to take it back: clipfind ")[2])


def test_matches_are_copied_best_first_and_taken_back(album: Path, tmp_path: Path) -> None:
    words: tuple[Word, ...] = ("blue", album, "-n", "-t", "0")
    ranked = run(*words, "-f0").stdout.split(b"\0")[:-1]
    copied = run(*words, "--copy-to", tmp_path / "out")
    assert copied.returncode == 0, copied.stderr
    lines = (b"copied\t%s\t" % path for path in ranked)
    assert sorted(lines, key=copied.stdout.index) == [b"copied\t%s\t" % path for path in ranked]
    named = {os.path.basename(path) for path in ranked}
    assert names_in(tmp_path / "out") == named | {b"one-2.png"} | sidecars_of(ranked)
    undone = run(*undo_in(copied.stderr))
    assert undone.returncode == 0, undone.stderr
    assert names_in(tmp_path / "out") == set()
    assert len(run(*words, "-f0").stdout.split(b"\0")[:-1]) == len(ranked)


def sidecars_of(ranked: list[bytes]) -> set[bytes]:
    """Return the name that the sidecar of deep/one.png gets beside its copy."""
    ones = [path for path in ranked if os.path.basename(path) == b"one.png"]
    return {b"one.png.xmp" if b"deep" in ones[0] else b"one-2.png.xmp"}


def test_json_says_what_was_done_and_a_second_run_finds_it_there(
    album: Path, tmp_path: Path
) -> None:
    words = ("blue", album, "-n", "--copy-to", tmp_path / "out", "--json")
    dry = run(*words, "--dry-run")
    assert not (tmp_path / "out").exists()
    assert b"nothing was changed" in dry.stderr
    assert run(*words).stdout == dry.stdout
    rows = [as_described(line, "search") for line in run(*words).stdout.splitlines()]
    assert {row["did"] for row in rows} == {"there already"}
    assert len(rows) == len(ODD_NAMES) + 2
    assert len(list((tmp_path / "out").glob("*.jsonl"))) == 1


def test_links_lead_to_the_matches(album: Path, tmp_path: Path) -> None:
    linked = run("blue", album / "deep", "-n", "--link-to", tmp_path / "out")
    assert linked.returncode == 0, linked.stderr
    assert os.readlink(tmp_path / "out" / "one.png") == str(album / "deep" / "one.png")
    assert run(*undo_in(linked.stderr)).returncode == 0
    assert names_in(tmp_path / "out") == set()


def test_without_matches_no_folder_is_made(album: Path, tmp_path: Path) -> None:
    words = ("blue", album, "-n", "--copy-to", tmp_path / "out")
    finished = run(*words, "--min-score", "1")
    assert (finished.returncode, finished.stdout) == (1, b"")
    assert not (tmp_path / "out").exists()


def test_equal_pictures_are_copied_once_unless_asked_for(album: Path, tmp_path: Path) -> None:
    (album / "same.png").write_bytes((album / "one.png").read_bytes())
    words = ("blue", album, "-t", "0", "--copy-to")
    assert run(*words, tmp_path / "once").returncode == 0
    assert run(*words, tmp_path / "all", "--no-collapse").returncode == 0
    assert len(names_in(tmp_path / "all")) == len(names_in(tmp_path / "once")) + 1


def test_a_picture_that_changed_since_it_was_ranked_is_named_and_not_copied(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Library() as library:
        matches = library.search("blue", album / "deep").matches
    (album / "deep" / "one.png").write_bytes((album / "one.png").read_bytes())
    options = CopyOptions(copy_to=tmp_path / "out")
    assert file_matches(matches, options, Talk(), is_json=False) == 2
    assert "deep/one.png: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_in_place_of_the_folder_is_named(album: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("no folder")
    finished = run("blue", album, "-n", "--copy-to", tmp_path / "out")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert b"out: Not a directory" in finished.stderr or b"File exists" in finished.stderr


def test_what_prints_matches_is_refused_before_anything_is_copied(album: Path) -> None:
    finished = run("blue", album, "-n", "--copy-to", album / "out", "--html", album / "x.html")
    assert finished.returncode == 2
    assert b"--html has no effect together with --copy-to" in finished.stderr
    assert not {b"out", b"x.html"} & names_in(album)


def test_a_lone_dry_run_is_refused(tmp_path: Path) -> None:
    assert b"--copy-to or --link-to" in run("blue", tmp_path, "-n", "--dry-run").stderr


def test_json_of_odd_names_is_text_that_any_program_reads(tiny: Path, tmp_path: Path) -> None:
    album = write_pictures(tmp_path / "album", (b"\xff.png",))
    Path(os.fsdecode(os.fsencode(album) + b"/\xff.png.xmp")).write_text("<x:xmpmeta/>")
    copied = run("blue", album, "--copy-to", tmp_path / "out", "--json")
    assert b"\\ud" not in copied.stdout
    (name,) = as_described(copied.stdout, "search")["sidecars"]
    assert name == f"{tmp_path}/out/\N{REPLACEMENT CHARACTER}.png.xmp"
