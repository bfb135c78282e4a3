"""`clipfind search --open`: which picture is handed to which program."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from processes import run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="xdg-open is Linux's")


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file into which xdg-open writes what it is given, each word ended by a NUL."""
    log = tmp_path / "opened"
    install_opener(tmp_path, f"printf '%s\\0' \"$@\" >> {log}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return log


def install_opener(folder: Path, line: str) -> None:
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "xdg-open").write_text(f"#!/bin/sh\n{line}\n")
    (folder / "bin" / "xdg-open").chmod(0o755)


def words(log: Path) -> list[bytes]:
    end = time.monotonic() + 20
    while not log.exists() and time.monotonic() < end:
        time.sleep(0.01)
    return log.read_bytes().removesuffix(b"\0").split(b"\0")


def test_the_best_result_is_opened_after_all_are_printed(indexed: Path, opened: Path) -> None:
    finished = run("blue", "pictures", "-n", "--open", "-f")
    assert finished.returncode == 0
    first = finished.stdout.splitlines()[0]
    assert words(opened) == [os.fsencode(indexed.parent) + b"/" + first]
    assert len(finished.stdout.splitlines()) == 3


def test_the_result_of_a_rank_is_opened_whatever_the_order(indexed: Path, opened: Path) -> None:
    ranked = run("blue", "pictures", "-n", "-f").stdout.splitlines()
    assert run("blue", "pictures", "-n", "--sort", "path", "--open-rank", "3").returncode == 0
    assert words(opened) == [os.fsencode(indexed.parent) + b"/" + ranked[2]]


def test_odd_names_arrive_byte_by_byte(indexed: Path, opened: Path) -> None:
    found = run("blue", "odd", "-n", "-f0").stdout.split(b"\0")[:-1]
    for rank in range(1, len(found) + 1):
        assert run("blue", "odd", "-n", "--open-rank", str(rank)).returncode == 0
    assert words(opened) == [os.fsencode(indexed.parent) + b"/" + each for each in found]
    assert len(found) == 5


def test_nothing_is_opened_where_nothing_is_found(indexed: Path, opened: Path) -> None:
    finished = run("blue", "pictures", "-n", "--min-score", "1", "--open")
    assert finished.returncode == 1
    assert not opened.exists()


def test_a_rank_that_is_not_there_is_an_error(indexed: Path, opened: Path) -> None:
    finished = run("blue", "pictures", "-n", "-t", "2", "--open-rank", "3")
    assert finished.returncode == 2
    assert b"2 results shown, none of rank 3 to open" in finished.stderr
    assert finished.stdout.count(b"\n") == 2
    assert not opened.exists()


def test_a_missing_opener_and_one_that_fails_are_said(
    indexed: Path, opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_opener(tmp_path, "exit 3")
    finished = run("blue", "pictures", "-n", "--open")
    assert finished.returncode == 2
    assert b"xdg-open found no program that shows " in finished.stderr
    (tmp_path / "bin" / "xdg-open").unlink()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    finished = run("blue", "pictures", "-n", "--open")
    assert finished.returncode == 2
    assert b"xdg-open is missing" in finished.stderr


def test_the_viewer_goes_on_and_is_not_waited_for(
    indexed: Path, opened: Path, tmp_path: Path
) -> None:
    install_opener(tmp_path, f"echo $$ >> {opened}; exec sleep 30")
    start = time.monotonic()
    finished = run("blue", "pictures", "-n", "--open")
    assert (finished.returncode, finished.stderr) == (0, b"")
    assert time.monotonic() - start < 25
    viewer = int(words(opened)[0])
    os.kill(viewer, 0)
    assert os.getsid(viewer) == viewer
    os.kill(viewer, 15)


def test_opening_is_refused_beside_a_sheet(indexed: Path, tmp_path: Path) -> None:
    finished = run("blue", "pictures", "-n", "--html", tmp_path / "x.html", "--open")
    assert finished.returncode == 2
    assert b"--open has no effect together with --html" in finished.stderr
