"""`clipfind status`: what is indexed, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

from processes import run


def test_status_tells_files_models_and_folders(indexed: Path) -> None:
    shown = run("status").stdout.decode()
    assert "12 files, 11 of them different" in shown
    assert str(indexed.parent) in shown
    assert "Models\n" in shown


def test_json_holds_the_same_counts(indexed: Path) -> None:
    described = json.loads(run("status", "--json").stdout)
    assert (described["files"], described["contents"]) == (12, 11)
    assert [model["files"] for model in described["models"]] == [12]
    assert [root["path"] for root in described["roots"]] == [str(indexed.parent)]


def test_a_path_narrows_the_counts(indexed: Path) -> None:
    assert json.loads(run("status", "--json", indexed / "deep").stdout)["files"] == 1


def test_without_an_index_one_sentence_says_how_to_make_one(tiny: Path) -> None:
    finished = run("status")
    assert finished.returncode == 2
    assert b"clipfind index" in finished.stderr
    assert not tiny.exists()
