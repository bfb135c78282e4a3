"""What a search proposes when it finds nothing, less than all, or something else was meant."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from processes import run, run_on_terminal, write_pictures
from settled import settled

from rclip_like.cli.proposals import command_meant, index_command


def _told(*arguments: str | Path) -> str:
    return run(*arguments).stderr.decode()


def test_a_threshold_that_leaves_nothing_says_so_with_the_best_score(indexed: Path) -> None:
    best = run("blue", "pictures", "-n", "-t1").stdout.decode().split("\t")[0]
    finished = run("blue", "pictures", "-n", "--min-score", "0.99")
    assert finished.returncode == 1
    told = f"clipfind: nothing scores 0.99 or more; the best score is {best}\n"
    assert finished.stderr.decode() == told
    assert _told("blue", "pictures", "-n", "--min-score", "0.99", "-q") == ""
    assert "best score" not in _told("blue", "pictures", "-n", "--min-score", "-1")
    assert "best score" not in _told(
        "blue", "pictures", "-n", "--glob", "*.gif", "--min-score", "1"
    )


@pytest.mark.parametrize("top", ["0", "1"])
def test_a_table_counts_the_copies_that_it_leaves_out(top: str, indexed: Path) -> None:
    line = "clipfind: 1 copy left out; --no-collapse shows all\n"
    assert line in run_on_terminal("blue", "copies", "-n", "-t", top).text
    assert "left out" not in run_on_terminal("blue", "copies", "-n", "--no-collapse").text
    assert "left out" not in run_on_terminal("blue", "pictures", "-n").text
    assert "left out" not in _told("blue", "copies", "-n")


def test_a_copy_that_nobody_wants_is_not_counted(indexed: Path) -> None:
    arguments = ("blue", "copies", "-n", "--collapse", "-f")
    assert "1 copy left out" in _told(*arguments)
    assert "left out" not in _told(*arguments, "--exclude", "zwei.png")
    assert "left out" not in _told(*arguments, "--exclude", "one.png")


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ([], "index ."),
        (["album", "a b"], "index album 'a b'"),
        (["-t", "3", "-q", "--max-time", "1", "x"], "index x"),
        (["--db", "my.db", "-L", "--exclude", "*.gif", "--exclude", "b", "x"],)
        + ("index --follow --exclude '*.gif' --exclude b --db my.db x",),
        (["--files-from", "list"], "index --files-from list"),
        (["--", "-x"], "index -- -x"),
        ([*"abcdefg"], "index a b c d e ..."),
    ],
)
def test_the_command_for_the_rest_names_what_was_searched(typed: list[str], command: str) -> None:
    assert index_command(settled("search", "cat", *typed).given) == f"clipfind {command}"


def test_the_rest_is_indexed_by_the_command_that_is_told(tiny: Path, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "an album")
    told = _told("blue", folder, "--max-time", "0.001")
    (command,) = [line for line in told.splitlines() if "to index the rest: " in line]
    words = shlex.split(command.partition("to index the rest: ")[2])
    assert words == ["clipfind", "index", str(folder)]
    assert "3 pictures, " in _told(*words[1:])


def test_all_folders_that_were_indexed_are_brought_up_to_date(tiny: Path, tmp_path: Path) -> None:
    assert "nothing is indexed yet, so --all means no folder" in _told("index", "--all")
    for name in ("a", "b/inner", "b"):
        assert run("index", "-q", write_pictures(tmp_path / name)).returncode == 0
    write_pictures(tmp_path / "a", (b"new.png",), seed=7)
    (tmp_path / "b" / "inner" / "one.png").unlink()
    finished = run("index", "--all", cwd=tmp_path / "a")
    assert finished.returncode == 0
    assert b"9 pictures, 1 encoded, 8 unchanged, 1 gone" in finished.stderr
    (tmp_path / "a").rename(tmp_path / "away")
    finished = run("index", "--all")
    assert finished.returncode == 2
    assert (
        f"{tmp_path}/a: not there; if it is gone for good: clipfind prune"
        in finished.stderr.decode()
    )
    refused = run("index", "--all", tmp_path)
    assert refused.returncode == 2
    assert b"--all covers everything indexed; leave out the paths" in refused.stderr


def test_options_after_two_dashes_are_told_where_they_go(indexed: Path) -> None:
    finished = run("--", "-cat", "pictures", "-t", "1")
    assert finished.returncode == 2
    assert b"-t: no such folder or file; options go before --; if it is part" in finished.stderr


def test_a_near_miss_of_a_command_before_a_folder_is_told_at_once(indexed: Path) -> None:
    finished = run("serach", "pictures", "-n", "-f")
    assert (finished.returncode, len(finished.stdout.splitlines())) == (0, 3)
    hint = "clipfind: searching for 'serach'; is the command 'clipfind search' meant?\n"
    assert finished.stderr.decode() == hint
    nothing = _told("serach", "pictures", "-n", "--glob", "*.gif")
    assert nothing.count("clipfind search") == 1
    assert "is the command" not in _told("serach", "pictures/one.png", "-n")


@pytest.mark.parametrize("word", ["rain", "person", "statue", "brain", "model", "forest", "church"])
def test_a_word_that_only_looks_like_a_command_is_not_told(word: str, indexed: Path) -> None:
    assert command_meant(word, ["pictures"]) is None


@pytest.mark.parametrize("word", ["serach", "indx", "staus", "prnue", "forgt", "trian", "modles"])
def test_a_mistyped_command_is_told(word: str, indexed: Path) -> None:
    assert command_meant(word, ["pictures"]) is not None


@pytest.mark.parametrize(
    ("typed", "proposed"),
    [
        (["./pictures", "cat"], "clipfind cat ./pictures"),
        (["./pictures", "red", "car"], "clipfind 'red car' ./pictures"),
        (["./pictures", "deep"], "clipfind deep ./pictures"),
        (["./pictures", "cat", "copies"], "clipfind cat ./pictures copies"),
        (["./pictures"], "for instance: clipfind 'red car' ./pictures"),
        (["pictures", "cat"], "if that is the folder: clipfind cat pictures"),
    ],
)
def test_a_folder_before_the_query_is_answered_with_the_right_order(
    typed: list[str], proposed: str, indexed: Path
) -> None:
    finished = run(*typed, "-n")
    assert finished.returncode == 2
    assert finished.stderr.decode().endswith(f"{proposed}\n")
    assert os.path.isdir(typed[0])
