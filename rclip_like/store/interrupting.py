"""Statements that take long, and end at once when a signal comes."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future

_INTERRUPT_AGAIN_SECONDS = 0.05


def interruptibly(connection: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]]:
    """Return a statement's rows; what is raised meanwhile, by Ctrl-C say, breaks it off.

    SQLite then takes back what it did. Python's signal handlers wait for a call of SQLite to
    end, so it is made in a thread. The connection must be one for any thread.
    """
    from concurrent.futures import ThreadPoolExecutor  # each index run imports this module

    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(lambda: connection.execute(statement).fetchall())
        try:
            return work.result()
        except BaseException:
            _interrupt(connection, work)
            raise


def _interrupt(connection: sqlite3.Connection, work: Future[list[tuple[Any, ...]]]) -> None:
    from concurrent.futures import wait

    while not work.done():
        connection.interrupt()
        wait([work], _INTERRUPT_AGAIN_SECONDS)
