"""The browsers that may open the page again after a restart, in a private file of the user's."""

from __future__ import annotations

import json
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from rclip_like.files import write_whole

LASTING_SECONDS = 30 * 24 * 3600
"""From the day on which a browser was let in by a token."""
_MOST = 256
_MOST_BYTES = 200_000
_OTHERS = 0o077


class SessionFile:
    """Keeps digests of the cookies of one index and one port, each for 30 days.

    The cookies themselves are in no file of ours. What is not a file of this user, closed to
    others, counts as empty; what cannot be written is not kept.
    """

    def __init__(self, path: Path, index: str, port: int) -> None:
        """index: the path of the index, in whose name cookies are kept."""
        self._path = path
        self._name = f"{port} {index}"

    def load(self) -> list[bytes]:
        """Return the digests that are still good, the oldest first."""
        return [bytes.fromhex(each) for name, each, _ in self._rows() if name == self._name]

    def add(self, digest: bytes) -> bool:
        """Keep a digest from now on; return whether that could be written."""
        rows = [*self._rows(), (self._name, digest.hex(), int(time.time()) + LASTING_SECONDS)]
        try:
            with write_whole(self._path) as draft:
                draft.write_text(json.dumps(rows[-_MOST:]))
        except OSError:
            return False
        return True

    def clear(self) -> None:
        """Forget the cookies of all indexes and ports. Raises OSError."""
        self._path.unlink(missing_ok=True)

    def _rows(self) -> list[tuple[str, str, int]]:
        """Return name, digest in hex and end of all that is kept and has not ended."""
        now, rows = time.time(), []
        with suppress(OSError, ValueError, TypeError, RecursionError):
            for name, digest, end in json.loads(self._read()):
                # An end that is too far away is not one of ours, or the clock went back.
                is_good = now < end <= now + LASTING_SECONDS + 1
                if is_good and isinstance(name, str) and len(bytes.fromhex(digest)) == 32:
                    rows.append((name, digest, end))
        return rows

    def _read(self) -> bytes:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(self._path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            is_private = status.st_uid == os.geteuid() and not status.st_mode & _OTHERS
            if not (stat.S_ISREG(status.st_mode) and is_private):
                return b"[]"
            return file.read(_MOST_BYTES)
