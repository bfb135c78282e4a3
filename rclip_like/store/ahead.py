"""Rows read ahead by another process: SQLite works on one processor while we walk on another.

A thread would not do: it makes its rows under the lock that the walk needs for its own.
"""

from __future__ import annotations

import marshal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rclip_like.settings import num_processors
from rclip_like.store.opening import address_of
from rclip_like.store.rows import KnownRow

_PROGRAM = Path(__file__).with_name("feeder.py")
_MOST_BYTES = 1 << 26
"""More than a page of the longest paths has. What announces more is not our program."""
_NONSENSE = (EOFError, ValueError, TypeError)
"""What marshal raises of bytes that it did not write."""


class Feeder:
    """A process that reads the pages of an answer, one ahead of who takes them.

    Started when made; where there is one processor alone, or no process can be had, there are no
    pages. A run that is killed takes it along: it writes to nobody then.
    """

    def __init__(
        self, path: Path, question: str, values: tuple[int, ...], after: bytes, end: bytes
    ) -> None:
        """Ask the index at `path`: the question takes `values`, then twice the range of paths."""
        self._process: subprocess.Popen[bytes] | None = None
        is_python = sys.executable and not getattr(sys, "frozen", False)
        if not is_python or num_processors() < 2:
            return
        order = marshal.dumps((address_of(path, "mode=ro"), question, values, after, end))
        try:
            self._process = _start()
            assert self._process.stdin is not None
            with self._process.stdin as orders:
                orders.write(order)
        except OSError:  # no process, or one that is gone already: there are no pages
            return

    def pages(self) -> Iterator[list[KnownRow]]:
        """Yield the pages, ascending by path; fewer than there are, or none, where it dies."""
        if self._process is None or self._process.stdout is None:
            return
        while (page := _read_page(self._process.stdout)) is not None:
            yield page

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process.wait()


def _start() -> subprocess.Popen[bytes]:
    # Without `site` and without what the environment says it starts in a tenth of our own time.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us alone
    )


def _read_page(stream: IO[bytes]) -> list[KnownRow] | None:
    """Return the next page, None where no whole one comes."""
    length = stream.read(8)
    num_bytes = int.from_bytes(length, "little")
    if len(length) < 8 or num_bytes > _MOST_BYTES:
        return None
    data = stream.read(num_bytes)
    try:
        page: list[KnownRow] = marshal.loads(data)
    except _NONSENSE:  # cut short, too
        return None
    return page
