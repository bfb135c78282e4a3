"""Processes in a mount namespace of their own: their mounts go with them, whatever happens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_NO_RIGHTS = 77
_SMALL_DISK = 'mount -t tmpfs -o size={size} tmpfs "$0" || exit 77; exec "$@" "$0"'
_READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 77; exec "$@" "$0"'

needs_mounts = pytest.mark.skipif(
    not shutil.which("unshare"), reason="there is no unshare to mount with"
)


def run_on_small_disk(place: Path, size: str, program: Path, *arguments: object) -> str:
    """Run a program with a disk of this size at `place`; see `_run`."""
    place.mkdir()
    return _run(_SMALL_DISK.format(size=size), place, program, arguments)


def run_on_read_only_disk(place: Path, program: Path, *arguments: object) -> str:
    """Run a program for which nothing at `place` can be written; see `_run`."""
    return _run(_READ_ONLY, place, program, arguments)


def _run(mount: str, place: Path, program: Path, arguments: tuple[object, ...]) -> str:
    """Run a Python file with the arguments and the place; return its stdout.

    Skips the test where nothing may be mounted, fails it where the program fails.
    """
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, str(place)]
        + [sys.executable, str(program), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    if done.returncode == _NO_RIGHTS or "unshare failed" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout
