"""The process that reads rows ahead of a walk; it imports SQLite and nothing of ours."""

from __future__ import annotations

import marshal
import sqlite3
import sys


def feed(order: bytes) -> None:
    """Write the pages of an answer to standard output, each behind its length, 8 bytes.

    order: marshalled, what `ahead.pages_ahead` was asked, and the address of the index. Ends with
    an error when nobody reads on.
    """
    address, question, values, after, end = marshal.loads(order)
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    pages = sys.stdout.buffer
    while page := connection.execute(question, (*values, after, end, after, end)).fetchall():
        data = marshal.dumps(page, 2)
        pages.write(len(data).to_bytes(8, "little") + data)
        pages.flush()
        after = page[-1][0] + b"\0"


if __name__ == "__main__":
    feed(bytes.fromhex(sys.argv[1]))
