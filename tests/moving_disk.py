"""A disk with an index beside its pictures, at one mount point after another, for two users.

As a program: moving_disk.py MODEL, in a mount namespace of its own and as root. Ends with an error
where a picture is not found at its present path, or somebody else's index is used unasked.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from private_mounts import NO_RIGHTS
from processes import COMMAND, PLAIN_NAMES, write_pictures

OWNER, GUEST = 1234, 4321
WORK = Path("/mnt")
# Python itself may lie where only root may look: they may read all, and write what is theirs.
_AS_USER = (
    *("setpriv", "--clear-groups", "--bounding-set=-all,+dac_read_search"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"),
)
DATABASE = ".clipfind/index.db"


def mount(*arguments: str | Path) -> None:
    if subprocess.run(["mount", *arguments]).returncode:
        sys.exit(NO_RIGHTS)


def clipfind(user: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    home = WORK / f"home-{user}"
    if not home.exists():
        home.mkdir()
        os.chown(home, user, user)
    environment = os.environ | {
        **{f"CLIPFIND_{each}_DIR": str(home) for each in ("DATA", "CACHE", "CONFIG")},
        "CLIPFIND_MODEL": str(WORK / "model"),
    }
    return subprocess.run(
        [*_AS_USER, f"--reuid={user}", f"--regid={user}", *COMMAND, *arguments],
        env=environment,
        cwd=WORK,
        capture_output=True,
        text=True,
    )


def assert_found(user: int, disk: Path, database: str | Path) -> None:
    done = clipfind(user, "search", "cat", disk, "--db", database, "--no-index", "-f", "-t", "0")
    assert done.returncode == 0, done.stderr
    found = sorted(done.stdout.splitlines())
    assert found == sorted(str(disk / name.decode()) for name in PLAIN_NAMES), found


def move(disk: Path, name: str) -> Path:
    new = WORK / name
    new.mkdir()
    mount("--move", disk, new)
    return new


def main(model: Path) -> None:
    mount("-t", "tmpfs", "tmpfs", WORK)
    WORK.chmod(0o755)
    shutil.copytree(model, WORK / "model")
    subprocess.run(["chmod", "-R", "a+rX", WORK / "model"], check=True)
    disk = WORK / "a"
    disk.mkdir()
    mount("-t", "tmpfs", "tmpfs", disk)
    write_pictures(disk)
    disk.chmod(0o755)
    subprocess.run(["chown", "-R", f"{OWNER}:{OWNER}", disk], check=True)
    indexed = clipfind(OWNER, "index", disk, "--db", "beside")
    assert indexed.returncode == 0, indexed.stderr
    disk = move(disk, "b")
    assert_found(OWNER, disk, "beside")
    disk = move(disk, "c")
    refused = clipfind(GUEST, "search", "cat", disk, "--db", "beside")
    assert refused.returncode == 2, refused.stdout
    assert "belongs to another user, so the index is not used" in refused.stderr
    before = (disk / DATABASE).read_bytes()
    assert_found(GUEST, disk, disk / DATABASE)
    mount("-o", "remount,ro", disk)
    assert_found(OWNER, disk, "beside")
    assert_found(GUEST, disk, disk / DATABASE)
    assert (disk / DATABASE).read_bytes() == before
    mount("-o", "remount,rw", disk)
    disk = move(disk, "d")
    indexed = clipfind(OWNER, "index", disk, "--db", "beside")
    assert "3 unchanged" in indexed.stderr, indexed.stderr
    assert_found(OWNER, disk, "beside")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
