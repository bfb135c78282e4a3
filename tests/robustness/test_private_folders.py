"""The data and cache folders, and all in them, are their owner's alone, whatever the umask."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from fresh_user import FreshUser, fresh_user, modes_below
from processes import Word, write_pictures
from small_clipfind import COMMAND as SMALL_COMMAND
from tiny_model import make_tiny_model
from witness import logging_batches


def _settings(user: FreshUser, umask: int) -> dict[str, Any]:
    return {"env": {**user.environment, "SMALL_MATRIX": "1"}, "umask": umask, "cwd": user.elsewhere}


def _run(user: FreshUser, umask: int, *arguments: Word) -> None:
    done = subprocess.run(
        [*SMALL_COMMAND, *arguments], **_settings(user, umask), capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()


def _assert_private(folder: Path) -> dict[str, int]:
    modes = modes_below(folder)
    for name, mode in modes.items():
        assert oct(mode) == oct(0o700 if (folder / name).is_dir() else 0o600), name
    return modes


def _wait_for(place: Path) -> None:
    end = time.monotonic() + 120
    while not place.exists():
        assert time.monotonic() < end, f"{place} does not come"
        time.sleep(0.02)


def _index_and_look(user: FreshUser, umask: int, folder: Path, *options: Word) -> None:
    """Index, and look for the files that are there during a run alone."""
    batches = folder / "batches"
    os.mkfifo(batches)
    settings = _settings(user, umask)
    settings["env"] |= logging_batches(batches)
    pictures = write_pictures(folder / "pictures", tuple(b"%d.png" % i for i in range(2)))
    with subprocess.Popen([*SMALL_COMMAND, "index", pictures, *options], **settings) as process:
        data = Path(user.environment["XDG_DATA_HOME"], "clipfind")
        for name in ("index.db-wal", "index.db-shm"):
            _wait_for(data / name)
        _assert_private(data)
        batches.read_text()
    assert process.returncode == 0


@pytest.mark.parametrize("umask", [0o000, 0o077], ids=oct)
def test_all_that_commands_write_is_their_owners_alone(tmp_path: Path, umask: int) -> None:
    user, model = fresh_user(tmp_path, names_folders=False), make_tiny_model(tmp_path / "model")
    chosen = ("--model", model)
    an_hour_ago = time.time() - 3600  # a file that may still change is not remembered
    for path in model.iterdir():
        os.utime(path, (an_hour_ago, an_hour_ago))
    _index_and_look(user, umask, tmp_path, *chosen)
    _run(user, umask, "search", "something blue", tmp_path / "pictures", *chosen)
    _run(user, umask, "models", "list", "--all")
    _run(user, umask, "status")
    data = _assert_private(Path(user.environment["XDG_DATA_HOME"], "clipfind"))
    cache = _assert_private(Path(user.environment["XDG_CACHE_HOME"], "clipfind"))
    kinds = {name.partition("-")[0] for name in (*data, *cache)}
    assert kinds >= {"index.db", "index.db.lock", "index.db.rows", "index.db.order"}
    assert kinds >= {"fingerprints.json", "open_clip"}


def test_an_index_named_elsewhere_is_private_and_its_folder_is_left_alone(tmp_path: Path) -> None:
    user, shared = fresh_user(tmp_path), tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    pictures = write_pictures(tmp_path / "pictures")
    _run(user, 0, "index", pictures, "--db", shared / "a.db")
    modes = modes_below(shared)
    assert modes.pop(".") == 0o777
    assert {"a.db", "a.db.lock"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_folders_from_before_are_closed_by_the_next_run(tmp_path: Path) -> None:
    user = fresh_user(tmp_path, names_folders=False)
    folders = [Path(user.environment[f"XDG_{kind}_HOME"], "clipfind") for kind in ("DATA", "CACHE")]
    for folder in folders:
        folder.mkdir()
        folder.chmod(0o755)
    _run(user, 0o022, "index", write_pictures(tmp_path / "pictures"))
    for folder in folders:
        _assert_private(folder)
