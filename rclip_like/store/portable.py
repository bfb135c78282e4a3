"""An index that lies beside its pictures, and follows them to wherever their folder is now."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from rclip_like.errors import IndexLocked, Remedy, StoreError
from rclip_like.settings.beside import is_beside
from rclip_like.store.connection import Connection
from rclip_like.store.lock import IndexLock
from rclip_like.store.schema import PATH_TABLES

if TYPE_CHECKING:
    from rclip_like.store.relocating import Relocation

_LIES_IN = "lies_in"
"""A setting's name; it holds the bytes of the folder's path, hexadecimal."""
_INDEXES_OF_FILES = (
    "CREATE UNIQUE INDEX temp.files_id ON files (file_id)",
    "CREATE INDEX temp.files_content ON files (content_id)",
)


def follow(
    connection: Connection, *, must: bool, on_wait: Callable[[], None] | None = None
) -> bool:
    """Give all paths below the folder those that they have now, in one transaction.

    An index without a note of where it lay gets one. Returns False where it cannot be written, or
    another process is writing; with `must` that is waited for, and StoreError raised.
    """
    if _before(connection) == _now(connection):
        return True
    try:
        with IndexLock(connection.path).held(wait=must, on_wait=on_wait):
            before, now = _before(connection), _now(connection)
            if before not in (None, now):  # else another process was faster
                _relocation(connection, before, now).move(clear=True)
            with connection.transaction():
                connection.execute(
                    "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)",
                    (_LIES_IN, now.hex()),
                )
    except (StoreError, IndexLocked):
        if must:
            raise
        return False
    return True


def follow_in_memory(connection: Connection) -> None:
    """Let this connection, which only reads, see the paths that there are now.

    It sees them in temporary tables, which have the rows of this moment.
    """
    before, now = _before(connection), _now(connection)
    if before in (None, now):
        return
    relocation = _relocation(connection, before, now)
    with connection.transaction("DEFERRED"):
        if not relocation.is_same_order():  # the matrix has the files in the order of before
            connection.execute(
                "CREATE TEMP TABLE matrices AS SELECT * FROM main.matrices WHERE false"
            )
        for table, since in PATH_TABLES.items():
            if connection.version >= since:
                connection.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM main.{table}")
                connection.execute(f"CREATE UNIQUE INDEX temp.{table}_path ON {table} (path)")
        for statement in _INDEXES_OF_FILES:
            connection.execute(statement)
        relocation.clear_the_way()
        relocation.rewrite()


def refuse_default_model(connection: Connection) -> None:
    """Raise StoreError for an index beside pictures, in which a default model has no effect.

    It may come from somebody else, who does not choose which model is loaded here.
    """
    if is_beside(connection.path):
        raise StoreError(
            f"{connection.path}: an index beside pictures has no default model, as it may come "
            "from somebody else",
            Remedy.NAME_MODEL,
            "set CLIPFIND_MODEL",
        )


def _relocation(connection: Connection, before: bytes | None, now: bytes) -> Relocation:
    from rclip_like.store.relocating import Relocation  # hardly ever needed

    assert before is not None
    return Relocation(connection, before, now)


def _before(connection: Connection) -> bytes | None:
    question = "SELECT value FROM main.settings WHERE name = ?"
    row = connection.execute(question, (_LIES_IN,)).fetchone()
    try:
        path = bytes.fromhex(row[0]) if row else b""
    except ValueError:
        return None
    return path if os.path.isabs(path) and b"\0" not in path else None


def _now(connection: Connection) -> bytes:
    return os.path.realpath(os.fsencode(connection.path.parent.parent))
