"""What kind of file system a folder lies on, as the table of mounts says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rclip_like.files import lies_in

_TABLE = "/proc/self/mountinfo"
_ESCAPED = re.compile(rb"\\([0-7]{3})")
_NETWORK = frozenset(
    ("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "gpfs", "lustre")
    + ("ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "smb3", "smbfs", "vboxsf")
    + ("virtiofs", "vmhgfs")
)


class Mount(NamedTuple):
    """Where a file system is mounted, and its kind, such as `ext4` or `nfs4`."""

    path: bytes
    kind: str

    @property
    def is_remote(self) -> bool:
        """Whether others may change its files without this machine's kernel learning of it.

        True for file systems that programs provide (fuse), wherever their files come from.
        """
        return self.kind in _NETWORK or self.kind == "fuse" or self.kind.startswith("fuse.")


def read_mounts(table: str = _TABLE) -> list[Mount]:
    """Return what is mounted, in the order of mounting; nothing where the system does not say."""
    try:
        with open(table, "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    mounts = []
    for line in lines:
        fields, _, rest = line.partition(b" - ")
        path = _ESCAPED.sub(lambda octal: bytes([int(octal[1], 8)]), fields.split(b" ")[4])
        mounts.append(Mount(path, os.fsdecode(rest.split(b" ", 1)[0])))
    return mounts


def mount_of(folder: bytes, mounts: Sequence[Mount]) -> Mount | None:
    """Return what is mounted nearest above a real path, of several at one point the latest."""
    above = [each for each in mounts if lies_in(folder, each.path)]
    return max(reversed(above), key=lambda each: len(each.path), default=None)


def remote_mounts(folders: Iterable[bytes], mounts: Sequence[Mount]) -> list[Mount]:
    """Return the remote ones that the folders, real paths, lie on or have below them."""
    found = {}
    for folder in folders:
        below = [each for each in mounts if lies_in(each.path, folder)]
        for each in (mount_of(folder, mounts), *below):
            if each is not None and each.is_remote:
                found[each.path] = each
    return list(found.values())
