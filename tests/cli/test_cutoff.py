"""`--min-score auto`: what it says where nothing is there, and what it leaves of what is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from demo.album import write_album
from processes import run

AUTO = ("--min-score", "auto", "-n", "-t", "0")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return the demo album, indexed with the built-in model."""
    folder = tmp_path / "album"
    write_album(folder)
    assert run("index", folder).returncode == 0
    return folder


def test_nothing_is_shown_of_what_is_not_there(album: Path) -> None:
    finished = run("walrus", album, *AUTO)
    assert finished.returncode == 1
    assert finished.stdout == b""
    said = finished.stderr.decode()
    assert said.startswith("clipfind: nothing here seems to show 'walrus' (best 0.")
    assert "searched" not in said
    finished = run("walrus", album, *AUTO, "--add", "a fax", "--json")
    assert (finished.returncode, finished.stdout) == (1, b"")
    assert "seems to show 'walrus, a fax' (best 0." in finished.stderr.decode()
    assert run("walrus", album, *AUTO, "-q").stderr == b""


def test_what_is_there_is_shown_without_the_rest(album: Path) -> None:
    finished = run("motorcycle", album, *AUTO, "--json")
    assert finished.returncode == 0
    rows = [json.loads(line) for line in finished.stdout.splitlines()]
    assert rows
    (presence,) = {row["presence"] for row in rows}
    assert presence > 0.5
    assert finished.stderr == b""
    plain = run("motorcycle", album, "-n", "-t", "0", "--json").stdout.splitlines()
    assert len(plain) > 2 * len(rows)
    assert all("presence" not in json.loads(line) for line in plain)


def test_an_empty_folder_shows_nothing_and_claims_nothing(album: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    finished = run("walrus", tmp_path / "empty", "--min-score", "auto")
    assert finished.returncode == 1
    assert "seems" not in finished.stderr.decode()
