"""`clipfind doctor`: its lines, its object, and its exit status."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from processes import run


def test_all_is_well_with_an_index_of_this_machine(indexed: Path, tiny: Path) -> None:
    finished = run("doctor")
    lines = finished.stdout.decode().splitlines()
    assert (finished.returncode, finished.stderr) == (0, b"")
    assert all(line.startswith("ok ") for line in lines)
    assert any("torch 2" in line for line in lines)


def test_a_repair_with_nothing_to_mend_says_so(indexed: Path, tiny: Path) -> None:
    finished = run("doctor", "--repair")
    assert (finished.returncode, finished.stderr) == (0, b"")
    assert finished.stdout.startswith(b"repaired  nothing: ")
    assert json.loads(run("doctor", "--repair", "--json").stdout)["repaired"] == []


def test_warnings_exit_with_one_and_problems_with_two(indexed: Path, tiny: Path) -> None:
    assert run("doctor", "--model", "RN50/openai").returncode == 2
    draft = Path(os.environ["CLIPFIND_DB"]).with_name(".index.db.abcd1234")
    draft.touch()
    os.utime(draft, (1, 1))
    assert run("doctor").returncode == 1
    mended = run("doctor", "--repair", "--json")
    assert mended.returncode == 0
    assert json.loads(mended.stdout)["repaired"] == [f"{draft}: removed"]


def test_a_damaged_index_is_told_and_the_other_checks_go_on(tiny: Path) -> None:
    with closing(sqlite3.connect(tiny)) as connection:
        connection.execute("CREATE TABLE moz_places (url TEXT)")
    finished = run("doctor", "--json")
    assert finished.returncode == 2
    findings = json.loads(finished.stdout)["findings"]
    assert "another program made this database" in findings[0]["text"]
    assert {"formats", "packages", "folders"} <= {finding["check"] for finding in findings}


def test_a_bad_configuration_file_is_a_finding(tiny: Path, own_folders: Path) -> None:
    (own_folders / "config.toml").write_text("topp = 3")
    finished = run("doctor")
    assert finished.returncode == 2
    assert b"unknown key 'topp'" in finished.stdout
    assert run("status").stdout == b""


def test_a_mistyped_variable_of_the_environment_is_a_warning(
    indexed: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPFIND_TOPP", "3")
    monkeypatch.setenv("CLIPFIND_DATA_DIRR", "elsewhere")
    monkeypatch.setenv("CLIPFIND_OF_ANOTHER_PROGRAM", "1")
    finished = run("doctor")
    assert finished.returncode == 1
    assert b"CLIPFIND_TOPP sets nothing; unset it, or set CLIPFIND_TOP\n" in finished.stdout
    assert b"set CLIPFIND_DATA_DIR\n" in finished.stdout
    assert b"OF_ANOTHER" not in finished.stdout
