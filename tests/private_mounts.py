"""Processes in a mount namespace of their own: their mounts go with them, whatever happens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NO_RIGHTS = 77
"""The exit status of a program that may not mount anything."""
_SMALL_DISK = 'mount -t tmpfs -o size={size} tmpfs "$0" || exit 77; exec "$@" "$0"'

needs_mounts = pytest.mark.skipif(
    not shutil.which("unshare"), reason="there is no unshare to mount with"
)


def run_on_small_disk(place: Path, size: str, program: Path, *arguments: object) -> str:
    """Run a program with a disk of this size at `place`, its last argument; return its stdout."""
    place.mkdir()
    mount = ["sh", "-c", _SMALL_DISK.format(size=size), str(place)]
    return _run([*mount, sys.executable, str(program), *map(str, arguments)])


def run_in_namespace(program: Path, *arguments: object) -> str:
    """Run a program that mounts what it needs, and return its stdout."""
    return _run([sys.executable, str(program), *map(str, arguments)])


def _run(command: list[str]) -> str:
    """Skip the test where nothing may be mounted, fail it where the program fails."""
    done = subprocess.run(
        ["unshare", "--mount", *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    if done.returncode == NO_RIGHTS or "unshare failed" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout
