"""A connection raises the store's own errors, wherever SQLite fails."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rclip_like.errors import StoreError
from rclip_like.store import Store
from rclip_like.store.connection import Connection, Cursor

FAILS_AT_THE_SECOND_ROW = "SELECT abs(column1) FROM (VALUES (1), (-9223372036854775808))"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Return a connection to a new index that can be read and written."""
    Store.open(tmp_path / "index.db", create=True).close()
    with closing(Connection(tmp_path / "index.db", "mode=rw")) as connection:
        yield connection


@pytest.mark.parametrize(
    "take",
    [
        Cursor.fetchall,
        lambda rows: rows.fetchmany(2),
        lambda rows: (rows.fetchone(), rows.fetchone()),
        list,
    ],
)
def test_an_error_amid_the_rows_names_the_index(
    connection: Connection, take: Callable[[Cursor], object]
) -> None:
    rows = connection.execute(FAILS_AT_THE_SECOND_ROW)
    with pytest.raises(StoreError, match=r"index\.db: .*overflow"):
        take(rows)


def test_iteration_gives_all_rows_in_order(connection: Connection) -> None:
    counting = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 1000)"
    rows = connection.execute(f"{counting} SELECT x FROM n")
    assert rows.fetchone() == (1,)
    assert [x for (x,) in rows] == list(range(2, 1001))


def test_a_failed_transaction_leaves_nothing(connection: Connection) -> None:
    with pytest.raises(StoreError, match=r"index\.db"), connection.transaction():
        connection.executemany("INSERT INTO settings VALUES (?, ?)", [("a", "b"), ("a", "c")])
    assert connection.execute("SELECT * FROM settings").fetchall() == []


def test_a_file_that_cannot_be_opened_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"missing\.db: the index cannot be opened"):
        Connection(tmp_path / "missing.db", "mode=rw")


def test_statements_leave_nothing_in_the_memory(tmp_path: Path) -> None:
    """A connection drops the references to its ended cursors only when it makes one itself."""
    with closing(Connection(tmp_path / "index.db", "mode=rwc")) as connection:
        tracemalloc.start()
        try:
            for _ in range(5000):
                connection.execute("SELECT 1").fetchone()
            held_bytes, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert held_bytes < 100_000
