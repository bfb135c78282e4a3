"""The process that reads rows ahead of a walk; it imports SQLite and nothing of ours."""

from __future__ import annotations

import marshal
import sqlite3
import sys
from typing import IO


def feed(orders: IO[bytes], pages: IO[bytes]) -> None:
    """Write the pages of an answer, each marshalled behind its length in 8 bytes.

    orders: marshalled, the index's address and what `ahead.Feeder` was asked. Pages follow one
    another as in `reading.known_pages`. Ends with an error when nobody reads on.
    """
    address, question, values, after, end = marshal.loads(orders.read())
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    while page := connection.execute(question, (*values, after, end, after, end)).fetchall():
        data = marshal.dumps(page, 2)  # a version that looks for nothing twice the same
        pages.write(len(data).to_bytes(8, "little") + data)
        pages.flush()
        after = page[-1][0] + b"\0"


if __name__ == "__main__":
    feed(sys.stdin.buffer, sys.stdout.buffer)
