"""Keeps the matrices of an index while its files get other paths and keep their contents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rclip_like.store.connection import Connection
from rclip_like.store.matrix.extending import remove_unnamed, write_stamp
from rclip_like.store.matrix.stamp import read_stamp

_MATRICES = "SELECT * FROM matrices"
_BLOCKS = "SELECT * FROM matrix_blocks"


@contextmanager
def keeping_matrices(connection: Connection, *, is_same_order: bool) -> Iterator[None]:
    """Run the block in a transaction, after which the matrices hold for the new paths.

    The caller holds the indexer's lock. A trigger forgets every matrix when a path changes, since
    the files may then have another order. With `is_same_order` they have the same; otherwise the
    order is written anew, and the embeddings stay as they are. Where the order cannot be written,
    the matrix is dropped until the next one is made.
    """
    spared: list[str] = []
    try:
        with connection.transaction():
            matrices = connection.execute(_MATRICES).fetchall()
            blocks = connection.execute(_BLOCKS).fetchall()
            yield
            for table, rows in (("matrices", matrices), ("matrix_blocks", blocks)):
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)
            if not is_same_order:
                for model_id, *_ in matrices:
                    spared += _write_order(connection, model_id)
    finally:
        remove_unnamed(connection, spare=spared)


def _write_order(connection: Connection, model_id: int) -> list[str]:
    """Write a model's order anew; return the name of the one before, as searchers may read it."""
    before = read_stamp(connection, model_id)
    try:
        if before is not None:
            write_stamp(connection, model_id, before)
            return [before.order_name]
    except OSError:
        pass
    connection.execute("DELETE FROM matrices WHERE model_id = ?", (model_id,))
    return []
