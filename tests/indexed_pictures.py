"""Fixtures: a small folder of pictures, indexed once for each module that searches it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from processes import ODD_NAMES, run, write_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures with plain names, one below the other.

    Beside it lie `odd`, names that break programs; `copies`, one picture twice; and `going`,
    pictures for a test to delete.
    """
    folder = tmp_path_factory.mktemp("cli")
    write_pictures(folder / "odd", ODD_NAMES, seed=1)
    write_pictures(folder / "copies", (b"one.png",), seed=2)
    shutil.copy(folder / "copies" / "one.png", folder / "copies" / "zwei.png")
    write_pictures(folder / "going", (b"stays.png", b"goes.png"), seed=3)
    return write_pictures(folder / "pictures")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, pictures: Path) -> Path:
    """Return an index of `pictures` and its neighbours by the tiny model."""
    home = tmp_path_factory.mktemp("index")
    folders = {f"CLIPFIND_{each}_DIR": str(home) for each in ("DATA", "CACHE", "CONFIG")}
    finished = run(
        *("index", pictures.parent, "--db", home / "index.db", "--model", tiny_model),
        env=os.environ | folders,
    )
    assert finished.returncode == 0, finished.stderr.decode()
    return home / "index.db"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tiny_model: Path, tmp_path: Path) -> Path:
    """Make the tiny model and an index of its own the default; return that index's place."""
    monkeypatch.setenv("CLIPFIND_MODEL", str(tiny_model))
    monkeypatch.setenv("CLIPFIND_DB", str(tmp_path / "index.db"))
    return tmp_path / "index.db"


@pytest.fixture
def indexed(monkeypatch: pytest.MonkeyPatch, tiny: Path, database: Path, pictures: Path) -> Path:
    """Return the indexed folder; its index and the tiny model are the default ones."""
    monkeypatch.setenv("CLIPFIND_DB", str(database))
    monkeypatch.chdir(pictures.parent)
    return pictures
