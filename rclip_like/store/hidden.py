"""Pictures that nobody wants to see again, by the digest of their content.

They stay hidden when their files are moved, copied, dropped from the index and indexed again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from rclip_like.errors import Remedy, StoreError
from rclip_like.store.connection import Connection
from rclip_like.store.schema import HIDDEN_SINCE


class HiddenPicture(NamedTuple):
    """A hidden content and one file that has it; `path` is None where no file in the index has.

    `hidden_at` is when it was hidden, as "2026-11-30 08:15:00" in UTC.
    """

    digest: bytes
    hidden_at: str
    path: bytes | None


class Hidden:
    """The list of one index. Every method raises StoreError where the file or its disk fails.

    Each change is one transaction, which waits some seconds for another that writes, and needs no
    indexer's lock: pictures can be hidden while a run indexes.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_there = connection.version >= HIDDEN_SINCE

    def pictures(self) -> list[HiddenPicture]:
        """Return what is hidden, one for each file that has it, by path bytes.

        Contents that no file in the index has come last, in order of their digests.
        """
        if not self._is_there:
            return []
        rows = self._connection.execute(
            "SELECT hidden.digest, hidden_at, path FROM hidden LEFT JOIN contents USING (digest)"
            " LEFT JOIN files USING (content_id) ORDER BY path IS NULL, path, hidden.digest"
        )
        return [HiddenPicture(*row) for row in rows]

    def add(self, digests: Collection[bytes]) -> int:
        """Hide contents, indexed or not, and return how many were not hidden before."""
        return self._change("INSERT OR IGNORE INTO hidden (digest) VALUES (?)", digests)

    def remove(self, digests: Collection[bytes]) -> int:
        """Show contents again, and return how many were hidden before."""
        return self._change("DELETE FROM hidden WHERE digest = ?", digests)

    def clear(self) -> int:
        """Show everything again, and return how many contents were hidden before."""
        self._refuse_without_list()
        with self._connection.transaction():
            return self._connection.execute("DELETE FROM hidden").rowcount

    def _change(self, statement: str, digests: Collection[bytes]) -> int:
        self._refuse_without_list()
        rows = [(digest,) for digest in digests]
        if not rows:
            return 0
        with self._connection.transaction():
            return self._connection.executemany(statement, rows).rowcount

    def _refuse_without_list(self) -> None:
        if not self._is_there:
            raise StoreError(
                f"{self._connection.path}: an older clipfind made this index, and it cannot be "
                "brought up where it lies",
                (Remedy.NAME_THE_INDEX, "a copy of it in a folder that takes writes"),
            )
