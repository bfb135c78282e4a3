"""Rows read ahead by another process: SQLite works on one processor while we walk on another.

A thread would not do: it makes its rows under the lock that the walk needs for its own.
"""

from __future__ import annotations

import marshal
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Any

from rclip_like.settings import num_processors
from rclip_like.store.opening import address_of

_FEEDER = Path(__file__).with_name("feeder.py")
_PIPE_BYTES = 1 << 20
"""Room for a page, so that it lies there whole when it is asked for."""


def pages_ahead(
    path: Path, question: str, values: tuple[int, ...], after: bytes, end: bytes
) -> Generator[list[Any], None, None]:
    """Yield the pages of an answer, ascending by path, as another process reads them.

    question: takes `values`, and then twice the range from `after` to `end`. Where there is one
    processor alone, or the process cannot start or dies, it yields the first pages or none: the
    caller has to ask for what follows. Closing it ends the process.
    """
    if num_processors() < 2:
        return
    order = marshal.dumps((address_of(path, "mode=ro"), question, values, after, end))
    # Without site and what the environment says: it starts in a tenth of our own time.
    command = [sys.executable, "-I", "-S", str(_FEEDER), order.hex()]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=_PIPE_BYTES,
            start_new_session=True,  # Ctrl-C is for us alone
        )
    except OSError:
        return
    with process:
        try:
            assert process.stdout is not None
            yield from _pages(process.stdout)
        finally:
            process.kill()


def _pages(stream: IO[bytes]) -> Iterator[list[Any]]:
    while len(length := stream.read(8)) == 8:
        data = stream.read(int.from_bytes(length, "little"))
        if len(data) < int.from_bytes(length, "little"):
            return
        yield marshal.loads(data)
