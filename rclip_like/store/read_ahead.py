"""Rows read ahead by another process: SQLite works on one processor while we walk on another.

A thread would not do: it makes its rows under the lock that the walk needs for its own. This very
file is the other process's program, so it imports nothing of ours, and little else, at once.
"""

from __future__ import annotations

import marshal
import sqlite3
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from rclip_like.store.rows import IndexedFacts

_MOST_BYTES = 1 << 26
"""More than a page of the longest paths has. What announces more is not our program."""
_NONSENSE = (EOFError, ValueError, TypeError)
"""What marshal raises of bytes that it did not write."""


class ReadAhead:
    """A process that reads the pages of an answer, one ahead of who takes them.

    Started when made; where there is one processor alone, or no process can be had, there are no
    pages. A run that is killed takes it along: it writes to nobody then.
    """

    def __init__(
        self, path: Path, question: str, values: tuple[int, ...], after: bytes, end: bytes
    ) -> None:
        """Ask the index at `path`: the question takes `values`, then twice the range of paths."""
        import subprocess

        from rclip_like.settings import num_processors
        from rclip_like.store.connection import address_of

        self._process: subprocess.Popen[bytes] | None = None
        is_python = sys.executable and not getattr(sys, "frozen", False)
        if not is_python or num_processors() < 2:
            return
        order = marshal.dumps((address_of(path, "mode=ro"), question, values, after, end))
        # Without `site` and without what the environment says it starts in a tenth of our own time.
        command = [sys.executable, "-I", "-S", __file__]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us alone
            )
            assert self._process.stdin is not None
            with self._process.stdin as orders:
                orders.write(order)
        except OSError:  # no process, or one that is gone already: there are no pages
            return

    def pages(self) -> Iterator[list[IndexedFacts]]:
        """Yield the pages, ascending by path; fewer than there are, or none, where it dies."""
        stream = self._process.stdout if self._process else None
        while stream is not None:
            length = stream.read(8)
            num_bytes = int.from_bytes(length, "little")
            if len(length) < 8 or num_bytes > _MOST_BYTES:
                return
            try:
                page: list[IndexedFacts] = marshal.loads(stream.read(num_bytes))
            except _NONSENSE:  # cut short, too
                return
            yield page

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process.wait()


def read_for_another(orders: IO[bytes], pages: IO[bytes]) -> None:
    """Write the pages of an answer, each marshalled behind its length in 8 bytes.

    orders: marshalled, the index's address and what `ReadAhead` was asked. Pages follow one
    another as in `Reader.indexed_facts`. Ends with an error when nobody reads on.
    """
    address, question, values, after, end = marshal.loads(orders.read())
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    while page := connection.execute(question, (*values, after, end, after, end)).fetchall():
        data = marshal.dumps(page, 2)  # a version that looks for nothing twice the same
        pages.write(len(data).to_bytes(8, "little") + data)
        pages.flush()
        after = page[-1][0] + b"\0"


if __name__ == "__main__":
    read_for_another(sys.stdin.buffer, sys.stdout.buffer)
