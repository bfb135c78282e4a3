"""Searches under names, and which contents each of them has shown as new."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from rclip_like.errors import Remedy, StoreError
from rclip_like.store.connection import Connection
from rclip_like.store.schema import SAVED_SINCE

MOST_SEEN = 100_000
"""How many contents are remembered for one search; those that matched last stay."""
_SEEN_BYTES = 16
"""Of a digest: half of it tells contents apart, and the most take 1.6 MB."""

_NAME = re.compile(r"[^\W_][\w.-]{0,63}")
_ROWS = "SELECT name, arguments, saved_at, length(seen) FROM saved"


def is_search_name(text: str) -> bool:
    """Return whether a search can be saved under a text in Unicode's composed form."""
    return _NAME.fullmatch(text) is not None


class SavedSearch(NamedTuple):
    """A search under a name: the words that follow `search` on its command line.

    `saved_at` is "2026-11-30 08:15:00" in UTC. `num_seen` counts the contents that it has shown as
    new, None if it was never asked for new ones.
    """

    name: str
    arguments: tuple[str, ...]
    saved_at: str
    num_seen: int | None = None


class SavedSearches:
    """The list of one index. Every method raises StoreError where the file or its disk fails.

    Each change is one transaction, which waits some seconds for another that writes, and needs no
    indexer's lock.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_there = connection.version >= SAVED_SINCE

    def every(self) -> list[SavedSearch]:
        """Return all of them by name."""
        if not self._is_there:
            return []
        return [self._search(*row) for row in self._connection.execute(f"{_ROWS} ORDER BY name")]

    def count(self) -> int:
        """Return how many there are."""
        if not self._is_there:
            return 0
        return int(self._connection.execute("SELECT count(*) FROM saved").fetchone()[0])

    def find(self, name: str) -> SavedSearch | None:
        """Return the search of this name, None if there is none."""
        if not self._is_there:
            return None
        row = self._connection.execute(f"{_ROWS} WHERE name = ?", (name,)).fetchone()
        return self._search(*row) if row else None

    def put(self, name: str, arguments: Sequence[str], *, replace: bool = False) -> bool:
        """Save a search and return True, or False if the name is taken and not to be replaced.

        One that is replaced by another search begins anew: all of its matches are new.
        """
        self.refuse_unwritable()
        on_conflict = (
            "UPDATE SET arguments = excluded.arguments, saved_at = CURRENT_TIMESTAMP,"
            " seen = CASE WHEN arguments = excluded.arguments THEN seen END"
        )
        with self._connection.transaction():
            saved = self._connection.execute(
                "INSERT INTO saved (name, arguments) VALUES (?, ?)"
                f" ON CONFLICT (name) DO {on_conflict if replace else 'NOTHING'}",
                (name, json.dumps(list(arguments))),
            )
        return saved.rowcount > 0

    def remove(self, name: str) -> bool:
        """Remove a search; return whether there was one of this name."""
        self.refuse_unwritable()
        with self._connection.transaction():
            return (
                self._connection.execute("DELETE FROM saved WHERE name = ?", (name,)).rowcount > 0
            )

    def unseen(self, name: str, digests: Iterable[bytes]) -> set[bytes]:
        """Return those of the digests whose contents this search has not shown as new."""
        seen = set(self._seen(name))
        return {digest for digest in digests if digest[:_SEEN_BYTES] not in seen}

    def add_seen(self, search: SavedSearch, digests: Collection[bytes]) -> None:
        """Remember the contents that a search has found, before those of earlier times.

        What other runs of it remembered meanwhile stays. Does nothing if the search was removed
        or replaced meanwhile.
        """
        with self._connection.transaction():
            found = [digest[:_SEEN_BYTES] for digest in digests]
            kept = list(dict.fromkeys((*found, *self._seen(search.name))))[:MOST_SEEN]
            self._connection.execute(
                "UPDATE saved SET seen = ? WHERE name = ? AND arguments = ?",
                (b"".join(kept), search.name, json.dumps(list(search.arguments))),
            )

    def refuse_unwritable(self) -> None:
        """Raise StoreError where nothing can be saved or remembered."""
        if not self._is_there:
            raise StoreError(
                f"{self._connection.path}: an older clipfind made this index, and it cannot be "
                "brought up where it lies",
                (Remedy.NAME_THE_INDEX, "a copy of it in a folder that takes writes"),
            )
        with self._connection.transaction():  # that it begins says nothing yet
            self._connection.execute("DELETE FROM saved WHERE false")

    def _seen(self, name: str) -> list[bytes]:
        row = self._connection.execute("SELECT seen FROM saved WHERE name = ?", (name,)).fetchone()
        seen = (row and row[0]) or b""
        return [seen[at : at + _SEEN_BYTES] for at in range(0, len(seen), _SEEN_BYTES)]

    def _search(self, name: str, text: str, saved_at: str, num_bytes: int | None) -> SavedSearch:
        try:
            arguments = json.loads(text)
        except (ValueError, RecursionError):
            arguments = None
        if not isinstance(arguments, list) or not all(isinstance(each, str) for each in arguments):
            raise StoreError(
                f"{self._connection.path}: the saved search {name!r} is damaged",
                (Remedy.REMOVE_SAVED, name),
            )
        num_seen = None if num_bytes is None else num_bytes // _SEEN_BYTES
        return SavedSearch(name, tuple(arguments), saved_at, num_seen)
