"""Faults of rclip 4.0.8 at the command line, by their numbers; none of them is here."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest
from processes import ODD_NAMES, run, run_on_terminal


def _paths(*arguments: str | Path) -> list[str]:
    """Return the paths that a search prints, in their order."""
    finished = run(*arguments, "-f")
    assert finished.returncode == 0, finished.stderr.decode()
    return os.fsdecode(finished.stdout).split("\n")[:-1]


# 8: spellings of a picture become words; times of day become weights.


def test_a_picture_query_leaves_itself_out_in_every_spelling(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(indexed / "deep")
    monkeypatch.setenv("HOME", str(indexed))
    for spelling in (
        "../one.png",
        "~/one.png",
        str(indexed / "one.png"),
        f"file://{indexed}/one.png",
    ):
        assert set(_paths(spelling, "..", "-n")) == {"../two.png", "../deep/three.jpg"}


def test_a_bare_file_name_is_a_picture(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(indexed / "deep")
    assert set(_paths("three.jpg", "..", "-n")) == {"../one.png", "../two.png"}


def test_a_picture_that_is_not_there_is_an_error_and_not_words(indexed: Path) -> None:
    finished = run("../gone.jpg", "pictures", "-n")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert b"gone.jpg" in finished.stderr
    assert run("../gone.jpg", "pictures", "-n", "--text").returncode == 0


def test_a_time_of_day_is_words_and_a_weight_is_a_weight(indexed: Path) -> None:
    same = run("3:00 am", "pictures", "-n").stdout
    assert run("1:3:00 am", "pictures", "-n").stdout != same
    assert run("2:cat", "pictures", "-n").stdout == run("cat", "pictures", "-n").stdout


# 10: tracebacks, and an error printed as if it were a path.


def test_a_folder_as_query_is_an_error_in_one_sentence(indexed: Path) -> None:
    finished = run("./pictures", "pictures", "-n")
    assert finished.returncode == 2
    assert finished.stderr.count(b"\n") == 1


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_a_damaged_index_is_an_error_in_one_sentence(
    indexed: Path, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "damaged.db"
    path.write_bytes(content)
    finished = run("blue", "pictures", "-n", "--db", path)
    assert finished.returncode in ((2,) if content else (1, 2))
    assert b"Traceback" not in finished.stderr
    assert finished.stderr.count(b"\n") == 1


def test_a_closed_pipe_is_silent(indexed: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    finished = run(
        "blue", "pictures", "-n", stdout=theirs, capture_output=False, stderr=subprocess.PIPE
    )
    os.close(theirs)
    assert (finished.returncode, finished.stderr) == (0, b"")


def test_a_model_that_is_not_here_is_asked_for_in_one_sentence(indexed: Path) -> None:
    finished = run("--model", "ViT-B-32-256/datacomp_s34b_b86k", "blue", "pictures")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert b"clipfind models use ViT-B-32-256/datacomp_s34b_b86k" in finished.stderr
    assert finished.stderr.count(b"\n") == 1


# 11: names that break columns, terminals and readers.


def test_odd_names_keep_their_bytes_in_a_pipe(indexed: Path) -> None:
    finished = run("blue", "-nf0", cwd=indexed.parent / "odd")
    safe = {b"./-rf.png" if name == b"-rf.png" else name for name in ODD_NAMES}
    assert set(finished.stdout.split(b"\0")[:-1]) == safe


def test_odd_names_harm_no_terminal(indexed: Path) -> None:
    shown = run_on_terminal("blue", "odd", "-n", "--color", "never", streams=("stdout",)).text
    assert "\x1b" not in shown
    assert "odd/\\x1b[31mescape.png" in shown
    assert len(shown.splitlines()) == 1 + len(ODD_NAMES)


def test_json_gives_back_the_bytes_of_every_name(indexed: Path) -> None:
    rows = [json.loads(line) for line in run("blue", "odd", "-n", "--json").stdout.splitlines()]
    paths = {
        base64.b64decode(row["path_base64"]) if "path_base64" in row else os.fsencode(row["path"])
        for row in rows
    }
    assert paths == {b"odd/" + name for name in ODD_NAMES}


# 14: sums whose scores are no cosines; status 0 when nothing is found.


def test_scores_of_sums_are_cosines(indexed: Path) -> None:
    finished = run("5:./pictures/one.png", "-a", "3:./pictures/two.png", "pictures", "-n", "--json")
    scores = [json.loads(line)["score"] for line in finished.stdout.splitlines()]
    assert scores
    assert all(-1 <= score <= 1 for score in scores)


def test_nothing_found_exits_with_one(indexed: Path) -> None:
    finished = run("blue", "pictures", "-n", "--glob", "*.gif")
    assert (finished.returncode, finished.stdout) == (1, b"")
