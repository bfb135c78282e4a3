"""A user without a home folder and without a name, as `docker --user 12345` makes one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from processes import Finished, write_pictures

import rclip_like

NOBODY = 12345
PACKAGES = [str(Path(rclip_like.__file__).parents[1]), *filter(os.path.isdir, sys.path)]
ENVIRONMENT = {
    "PATH": os.defpath,
    "PYTHONPATH": os.pathsep.join(PACKAGES),
    "PYTHONDONTWRITEBYTECODE": "1",
    "HF_HUB_OFFLINE": "1",
}


def _as_nobody(python: str, *arguments: str | Path, cwd: Path, **environment: str) -> Finished:
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return subprocess.run(
        [python, *map(str, arguments)],
        env=ENVIRONMENT | environment,
        cwd=cwd,
        capture_output=True,
        timeout=120,
        **who,
    )


@cache
def _python_for_all() -> str | None:
    """Return an interpreter of our version that everybody may run with our packages."""
    minor = f"python3.{sys.version_info.minor}"
    for python in (
        os.path.realpath(sys.executable),
        f"/usr/bin/{minor}",
        f"/usr/local/bin/{minor}",
    ):
        try:
            finished = _as_nobody(python, "-c", "import numpy, rclip_like.index", cwd=Path("/"))
        except OSError:
            continue
        if finished.returncode == 0:
            return python
    return None


@pytest.fixture
def python() -> str:
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    found = _python_for_all()
    if found is None:
        pytest.skip("no interpreter of this version is one that every user may run")
    return found


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder that everybody may write to, with some pictures in it."""
    with TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o777)
        write_pictures(place / "pictures")
        yield place


def test_with_the_index_named_nothing_else_is_needed(python: str, place: Path) -> None:
    options = {"cwd": place, "CLIPFIND_DB": str(place / "index.db")}
    indexed = _as_nobody(python, "-m", "rclip_like", "index", "pictures", **options)
    assert indexed.returncode == 0, indexed.stderr.decode()
    assert b"3 pictures, 3 encoded" in indexed.stderr
    for query in ("something blue", "pictures/one.png"):
        found = _as_nobody(python, "-m", "rclip_like", query, "pictures", "-f", **options)
        assert (found.returncode, found.stderr) == (0, b"")
    for command in (["status"], ["doctor"], ["models", "show"], ["formats"], ["prune"]):
        finished = _as_nobody(python, "-m", "rclip_like", *command, **options)
        assert finished.returncode in (0, 1), finished.stderr.decode()
        assert b"unexpected" not in finished.stderr
    assert sorted(os.listdir(place)) == sorted(
        {"pictures"} | {name for name in os.listdir(place) if name.startswith("index.db")}
    )


@pytest.mark.parametrize(
    "command",
    [
        ["index", "pictures"],
        ["cat", "pictures"],
        ["status"],
        ["models", "list"],
        ["cat", "pictures", "--db", "~/index.db"],
    ],
)
def test_without_it_a_sentence_says_what_to_name(
    command: list[str], python: str, place: Path
) -> None:
    finished = _as_nobody(python, "-m", "rclip_like", *command, cwd=place)
    told = finished.stderr.decode()
    assert finished.returncode == 2
    assert told.count("\n") == 1
    assert "home folder" in told
    assert "--db" in told or "without it" in told
    assert "unexpected" not in told
    assert os.listdir(place) == ["pictures"]


def test_folders_that_are_named_are_enough(python: str, place: Path) -> None:
    data = {"CLIPFIND_DATA_DIR": str(place / "data"), "XDG_CACHE_HOME": str(place / "cache")}
    finished = _as_nobody(python, "-m", "rclip_like", "index", "pictures", cwd=place, **data)
    assert finished.returncode == 0, finished.stderr.decode()
    assert (place / "data" / "index.db").exists()
    assert (place / "cache" / "clipfind").is_dir()
