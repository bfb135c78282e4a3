"""`clipfind save`, `run` and `saved`: searches under names, and what is new among their matches."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from described import as_described
from processes import run, run_on_terminal, write_pictures

from rclip_like.cli.commands import COMMANDS
from rclip_like.library import Library
from rclip_like.store import Store

Words = str | bytes | Path


@pytest.fixture
def album(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of three pictures below the current one; the index is not there yet."""
    monkeypatch.chdir(tmp_path)
    return write_pictures(tmp_path / "album")


def save(*words: Words) -> str:
    """Save a search, which must succeed, and return the command that `saved show` prints."""
    done = run("save", *words)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()
    name = next(word for word in words if not str(word).startswith("-"))
    return run("saved", "show", name).stdout.decode().removesuffix("\n")


def new(*words: Words) -> set[str]:
    """Return the paths that `run NAME --new` prints; its exit status must go with them."""
    done = run("run", *words, "--new", "-f0", "-q")
    assert done.returncode == (0 if done.stdout else 1), done.stderr.decode()
    return {Path(os.fsdecode(path)).name for path in done.stdout.split(b"\0") if path}


def refused(*words: Words) -> str:
    """Return the sentence with which a command ends."""
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    return done.stderr.decode().removeprefix("clipfind: ").removesuffix("\n")


def test_a_saved_search_does_in_any_folder_what_it_did_where_it_was_saved(
    album: Path, tmp_path: Path
) -> None:
    searched = run("search", "a red boat", album, "-t", "2", "--json")
    save("boats", "a red boat", "album", "-t", "2", "--json")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = run("run", "boats", cwd=elsewhere)
    assert (done.returncode, done.stdout) == (0, searched.stdout)


def test_the_command_that_is_shown_finds_the_same(album: Path, tmp_path: Path) -> None:
    odd = write_pictures(tmp_path / "it's \udcff", (b"-rf.png",), seed=4)
    command = save("odd", "-f", "--", "-dark boat", odd)
    assert "$'" in command
    shell = ["bash", "-c", command.replace("clipfind ", 'exec "$0" -m rclip_like ', 1)]
    shown = subprocess.run([*shell, sys.executable], capture_output=True)
    assert shown.stdout == run("run", "odd").stdout == os.fsencode(odd) + b"/-rf.png\n"


def test_without_a_path_the_current_folder_is_meant(album: Path) -> None:
    assert save("cats", "cat", "-f") == f"clipfind search --text --files -- cat {os.getcwd()}"
    assert save("all", "cat", "--all") == "clipfind search --text --all -- cat"


def test_pictures_and_files_are_saved_by_their_absolute_paths(album: Path) -> None:
    Path("list").write_text("album\n")
    command = save("like", "album/one.png", "album", "-a", "0.5:album/two.png", "-s", "dark")
    assert f"--add=0.5:{album}/two.png --subtract=dark -- {album}/one.png {album}" in command
    command = save("listed", "cat", "--files-from", "list", "--model", "./m")
    here = os.getcwd()
    options = {f"--files-from={here}/list", f"--model={here}/m"}
    assert options <= set(command.split())
    assert command.endswith(" -- cat")


def test_what_is_typed_with_run_wins_over_what_was_saved(album: Path) -> None:
    save("boats", "a boat", album, "--json", "-t", "1")
    assert len(run("run", "boats").stdout.splitlines()) == 1
    assert len(run("run", "boats", "-t", "0").stdout.splitlines()) == 3
    (line,) = run("run", "boats", "-f").stdout.splitlines()
    assert line.startswith(os.fsencode(album))
    assert len(run("run", "boats", "--all", "--json", "-t", "0").stdout.splitlines()) == 3


def test_a_search_that_makes_no_sense_is_not_saved(album: Path) -> None:
    assert "no such folder or file" in refused("save", "x", "red", "boat", album)
    assert f'clipfind save x "red boat" {album}' in refused("save", "x", "red", "boat", album)
    assert "no such picture" in refused("save", "x", "./no.png")
    assert "has no effect together with" in refused("save", "x", "cat", "-f", "--json")
    assert "no such option" in refused("save", "x", "cat", "--nope")
    assert "is not a date" in refused("save", "x", "cat", "--after", "soonish")
    assert "{nope}" in refused("save", "x", "cat", "--format", "{nope}")
    assert "stdin" in refused("save", "x", "cat", "--files-from", "-")
    assert run("saved", "list").stdout == b""


def test_a_name_is_a_word_and_taken_once(album: Path) -> None:
    for name in ("two words", "a/b", "", ".x", "_x", "x" * 65, "x\ny"):
        assert "cannot be a search's name" in refused("save", name, "cat", album)
    save("B\N{LATIN SMALL LETTER O WITH DIAERESIS}te", "boat", album)
    assert run("run", "Bo\N{COMBINING DIAERESIS}te", "-f").returncode == 0
    save("x", "cat", album)
    assert refused("save", "x", "dog", album) == (
        "a search is saved as x already; --replace replaces it"
    )
    assert " dog " in save("x", "dog", album, "--replace")


def test_names_that_do_not_exist_and_words_that_are_queries_are_told(album: Path) -> None:
    save("boats", "boat", album)
    assert "'boat' (did you mean boats?)" in refused("run", "boat")
    assert refused("run", album).endswith(f"clipfind search run {album}")
    assert refused("run").endswith("to search for the word: clipfind search run")
    assert refused("save", "cat").endswith("to search for the word: clipfind search save")
    assert "list, show, remove" in refused("saved")
    for command in ("show", "remove"):
        assert "no search is saved as 'x'" in refused("saved", command, "x")


def test_searches_are_listed_and_removed(album: Path) -> None:
    assert (run("saved", "list").returncode, run("saved", "list").stdout) == (0, b"")
    dogs, cats = save("dogs", "dog", album, "-t", "3"), save("cats", "cat", album)
    heading, *lines = run("saved", "list").stdout.decode().splitlines()
    assert heading.split() == ["name", "search"]
    assert lines == [f"cats  {cats}", f"dogs  {dogs}"]
    new("dogs")
    rows = [as_described(line, "saved_list") for line in _list_json()]
    assert [(row["name"], row["command"], row["num_seen"]) for row in rows] == [
        ("cats", cats, None),
        ("dogs", dogs, 3),
    ]
    assert run("saved", "remove", "cats").returncode == 0
    assert [as_described(line, "saved_list")["name"] for line in _list_json()] == ["dogs"]


def _list_json() -> list[bytes]:
    return run("saved", "list", "--json").stdout.splitlines()


def test_new_shows_each_content_once(album: Path) -> None:
    save("boats", "boat", album, "-t", "0")
    assert new("boats") == {"one.png", "two.png", "three.jpg"}
    assert new("boats") == set()
    write_pictures(album, (b"four.png",), seed=5)
    shutil.copy(album / "one.png", album / "copy.png")
    (album / "two.png").rename(album / "moved.png")
    assert new("boats") == {"four.png"}
    assert len(run("run", "boats", "-f").stdout.splitlines()) == 5, "without --new all are shown"
    assert new("boats") == set()


def test_what_was_gone_for_a_while_is_not_new(album: Path) -> None:
    save("boats", "boat", album, "-t", "0")
    new("boats")
    album.rename(album.with_name("away"))
    assert "not there now" in refused("run", "boats", "--new")
    album.mkdir()
    write_pictures(album, (b"four.png",), seed=5)
    assert new("boats", "-n") == set()
    shutil.rmtree(album)
    album.with_name("away").rename(album)
    assert new("boats") == set()


def test_a_replaced_search_begins_anew_unless_it_is_the_same(album: Path) -> None:
    save("boats", "boat", album)
    assert len(new("boats")) == 3
    save("boats", "boat", album, "--replace")
    assert new("boats") == set()
    save("boats", "ship", album, "--replace")
    assert len(new("boats")) == 3


def test_hidden_pictures_are_never_new(album: Path) -> None:
    run("index", album)
    run("hide", album / "one.png")
    save("boats", "boat", album, "--all-hidden")
    assert new("boats") == {"two.png", "three.jpg"}
    assert "--all-hidden has no effect" in refused("run", "boats", "--new", "--all-hidden")


def test_new_pictures_are_filed_and_only_then_count_as_shown(album: Path, tmp_path: Path) -> None:
    save("boats", "boat", album)
    filing = ("run", "boats", "--new", "--copy-to", "out")
    assert run(*filing, "--dry-run").returncode == 0
    assert not (tmp_path / "out").exists()
    assert run(*filing).returncode == 0
    assert len([*(tmp_path / "out").glob("*.[pj]*g")]) == 3
    write_pictures(album, (b"four.png",), seed=5)
    assert run(*filing).returncode == 0
    assert len([*(tmp_path / "out").glob("*.[pj]*g")]) == 4
    assert run(*filing).returncode == 1


def test_what_writes_or_opens_files_is_typed_with_run_and_never_saved(
    album: Path,
) -> None:
    assert "--copy-to is not saved" in refused("save", "boats", "boat", album, "--copy-to", "out")
    assert "--html is not saved" in refused("save", "boats", "boat", album, "--html", "x.html")
    # An index of somebody else may say so all the same.
    with Library(os.environ["CLIPFIND_DB"]) as library:
        assert library.save_search("evil", ["--all", "--copy-to=out", "--", "boat"], None)
    assert "not run: its entry in the index has --copy-to" in refused("run", "evil")
    assert not Path("out").exists()


def test_without_news_a_sheet_stays_as_it_is(album: Path) -> None:
    save("boats", "boat", album)
    assert run("run", "boats", "--new", "--html", "new.html").returncode == 0
    sheet = Path("new.html").read_bytes()
    assert run("run", "boats", "--new", "--html", "new.html").returncode == 1
    assert Path("new.html").read_bytes() == sheet


def test_what_is_new_is_the_same_on_a_terminal_and_in_cron(album: Path) -> None:
    next(album.iterdir()).rename(album / "boat.png")
    save("boats", "boat", "album", "--min-score", "0.99")
    assert "boat.png" in run_on_terminal("run", "boats").text
    assert run_on_terminal("run", "boats", "--new").status == 1
    assert new("boats") == set()
    assert "boat.png" in run_on_terminal("run", "boats", "--new", "--words", "on").text


def test_nothing_new_is_said_on_a_terminal_and_not_in_cron(album: Path) -> None:
    save("boats", "boat", album)
    new("boats")
    assert run("run", "boats", "--new").stderr == b""
    shown = run_on_terminal("run", "boats", "--new", streams=("stderr",))
    assert shown.text == "clipfind: nothing new; 3 pictures shown before\n"
    assert shown.status == 1


def test_a_search_whose_folder_is_gone_says_so_and_can_be_removed(album: Path) -> None:
    save("boats", "boat", album)
    shutil.rmtree(album)
    assert refused("run", "boats").startswith(f"{album}: no such folder or file")
    assert run("saved", "remove", "boats").returncode == 0


def test_a_search_that_this_version_cannot_run_is_named(tiny: Path) -> None:
    with Store.open(tiny, create=True) as store:
        store.saved.put("later", ["--from-later", "--", "cat"])
    assert refused("run", "later").startswith("later cannot be run: no such option: --from-later")


def test_pruning_and_forgetting_keep_saved_searches(album: Path) -> None:
    save("boats", "boat", album)
    new("boats")
    status = run("status", "--json", album).stdout, run("status", "--json").stdout
    assert [as_described(each, "status")["saved"] for each in status] == [None, 1]
    assert b"1 saved search; 'clipfind saved list' shows" in run("status").stdout
    for command in (("prune",), ("forget", album), ("doctor", "--repair")):
        assert run(*command).returncode == 0
    assert run("run", "boats", "-f").returncode == 0
    assert new("boats") == set(), "it is remembered by content"


def test_run_takes_the_options_of_search_but_those_that_say_what_is_searched() -> None:
    of_query = {"QUERY", "[PATH]...", "--add", "--subtract", "--text", "--image"}
    of_query |= {"--allow-private", "--files-from", "--files0-from"}
    searched, ran = (
        {each.long_name for each in COMMANDS[name].listed} for name in ("search", "run")
    )
    assert searched - ran == of_query
    assert ran - searched == {"NAME", "--new"}


def test_a_date_in_a_saved_query_is_told(album: Path) -> None:
    done = run("save", "boats", "boat 2019", album)
    assert b"with --dates on it does so everywhere" in done.stderr
    done = run("save", "boats", "boat 2019", album, "--dates", "on", "--replace")
    assert done.stderr == b"clipfind: saved; run it with: clipfind run boats\n"
