"""`clipfind doctor --report`: what a report of a fault needs is there, and nothing private."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import sqlite3
from pathlib import Path

import pytest
from processes import run, write_pictures

SECRETS = ("Geheimnis", "anna", "tresor", "mistress", "xyzzy", "kodak7", "lisbon")


@pytest.fixture
def private(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder whose index and settings hold what is nobody's business."""
    home = tmp_path / "anna"
    album = write_pictures(home / "Geheimnis", (b"mistress.png", b"in/tresor.jpg"))
    (album / "xyzzy.png").write_bytes(b"no picture")
    model = home / "tresor-model"
    shutil.copytree(tiny_model, model)
    for name, value in {
        "CLIPFIND_MODEL": str(model),
        "CLIPFIND_DB": str(home / "Geheimnis.db"),
        "CLIPFIND_EXCLUDE": "kodak7*",
        "CLIPFIND_TOP": "17",
        "USER": "anna",
        "LOGNAME": "anna",
    }.items():
        monkeypatch.setenv(name, value)
    assert run("index", album).returncode == 0
    assert run("search", "mistress in lisbon", album).returncode == 0
    assert run("save", "xyzzy", "lisbon tresor", album).returncode == 0
    return home


def _assert_nothing_private(text: str, home: Path) -> None:
    names = {*SECRETS, str(home), os.path.expanduser("~"), str(Path.cwd())}
    names |= {getpass.getuser(), socket.gethostname()} - {"root", "localhost"}
    assert [name for name in names if name.lower() in text.lower()] == []
    assert "/" not in text.replace("configuration, line", "")


def test_a_report_says_what_is_needed_and_nothing_private(private: Path, tmp_path: Path) -> None:
    finished = run("doctor", "--report", tmp_path / "report.txt")
    assert finished.stdout == b""
    assert b"read it before you send it" in finished.stderr
    text = (tmp_path / "report.txt").read_text()
    for line in (
        "files: 2",
        "unreadable: 1 unknown-format",
        "models: 1 a folder",
        "saved searches: 1",
        "names: 0",
        "top: 17 (CLIPFIND_TOP)",
        "exclude: 1 values (CLIPFIND_EXCLUDE)",
        "db: a path (CLIPFIND_DB)",
        "model: a name (CLIPFIND_MODEL)",
    ):
        assert line in text.splitlines()
    assert "numpy: " in text
    _assert_nothing_private(text, private)


def test_a_report_of_a_damaged_index_and_a_bad_configuration_is_as_silent(private: Path) -> None:
    with sqlite3.connect(private / "Geheimnis.db") as connection:
        connection.execute("CREATE TABLE xyzzy (tresor TEXT)")
        connection.execute("DROP TABLE failures")
    connection.close()
    Path(os.environ["CLIPFIND_CONFIG"]).write_text('kodak7 = "lisbon"\n')
    finished = run("doctor", "--report", "-")
    assert finished.returncode == 2
    assert b"problem" in finished.stdout
    _assert_nothing_private(finished.stdout.decode(), private)


def test_a_report_replaces_an_earlier_one_and_no_other_file(private: Path, tmp_path: Path) -> None:
    mine, pipe, link = tmp_path / "mine.jpg", tmp_path / "pipe", tmp_path / "link"
    mine.write_text("mine")
    os.mkfifo(pipe)
    link.symlink_to(tmp_path / "nothing")
    for path in (mine, pipe, link):
        finished = run("doctor", "--report", path, timeout=60)
        assert finished.returncode == 2
        assert b"exists and is not such a report" in finished.stderr
    assert (mine.read_text(), pipe.is_fifo(), link.is_symlink()) == ("mine", True, True)
    for _ in range(2):
        assert b"written to" in run("doctor", "--report", tmp_path / "report.txt").stderr


def test_a_report_and_json_exclude_each_other(private: Path) -> None:
    finished = run("doctor", "--report", "-", "--json")
    assert finished.returncode == 2
    assert b"--json has no effect together with --report" in finished.stderr
