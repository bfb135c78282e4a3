"""`clipfind export`: what it writes, what it refuses and what it says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from processes import run, write_pictures

from rclip_like.store import Store


@pytest.fixture
def album(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of three pictures that the default index has."""
    monkeypatch.setenv("CLIPFIND_MODEL", str(tiny_model))
    monkeypatch.setenv("CLIPFIND_DB", str(tmp_path / "index.db"))
    album = write_pictures(tmp_path / "album")
    assert run("index", album).returncode == 0
    return album


def test_a_copy_of_the_index_finds_what_the_index_finds(album: Path, tmp_path: Path) -> None:
    (tmp_path / "index.db").chmod(0o640)
    finished = run("export", "--db", tmp_path / "copy.db")
    assert (finished.returncode, finished.stdout) == (0, b"")
    assert b"copied the index, 0." in finished.stderr
    assert os.stat(tmp_path / "copy.db").st_mode & 0o777 == 0o640
    found = run("search", "x", album, "-n", "-f")
    assert len(found.stdout.splitlines()) == 3
    copied = run("search", "x", album, "-n", "-f", "--db", tmp_path / "copy.db")
    assert copied.stdout == found.stdout
    assert not [each for each in tmp_path.iterdir() if ".copy" in each.name]


def test_a_copy_overwrites_nothing_without_being_told(album: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"mine")
    finished = run("export", "--db", copy)
    assert finished.returncode == 2
    assert b"copy.db is there already; --replace writes over it" in finished.stderr
    finished = run("export", "--db", copy, "--replace")
    assert finished.returncode == 2, "what is no index stays, whatever is typed"
    assert copy.read_bytes() == b"mine"


def test_an_older_copy_is_replaced_when_told(album: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert run("export", "--db", copy).returncode == 0
    write_pictures(album, (b"four.png",), seed=4)
    assert run("index", album).returncode == 0
    assert run("export", "--db", copy, "--replace").returncode == 0
    with Store.open_readonly(copy) as store:
        assert store.count_files() == 4


def test_the_index_is_not_copied_onto_itself_or_into_a_missing_folder(
    album: Path, tmp_path: Path
) -> None:
    finished = run("export", "--db", tmp_path / "index.db", "--replace")
    assert finished.returncode == 2
    assert b"this is the index itself" in finished.stderr
    finished = run("export", "--db", tmp_path / "gone" / "copy.db")
    assert finished.returncode == 2
    assert b"no such folder" in finished.stderr


def test_an_index_named_by_the_environment_alone_is_not_taken_for_the_copy(album: Path) -> None:
    finished = run("export")
    assert finished.returncode == 2
    assert b"--db FILE" in finished.stderr
