"""Every path below one folder becomes a path below another, in one transaction."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import NamedTuple

from rclip_like.store.connection import Connection
from rclip_like.store.matrix.moving import keeping_matrices
from rclip_like.store.rows import PathRange, range_of
from rclip_like.store.schema import PATH_TABLES, SAVED_SINCE
from rclip_like.store.writing import readable
from rclip_like.values import Root

_PAGE = 10_000
"""So many rows a statement: SQLite hears of Ctrl-C between two."""
_NOWHERE = b"\xff"
"""Begins no absolute path: where one folder lies in the other, the rows wait below it."""
_SPELT = "spelt_readably"


class Counts(NamedTuple):
    """How many rows hold a path below a folder."""

    files: int = 0
    failures: int = 0
    roots: int = 0
    sidecars: int = 0
    searches: int = 0


class Relocation:
    """Rewrites the paths below the folder `old`, itself included, to paths below `new`.

    old, new: different absolute paths. Every method raises StoreError when the file or its disk
    fails.
    """

    def __init__(self, connection: Connection, old: bytes, new: bytes) -> None:
        self._connection, self._version = connection, connection.version
        self._old, self._new = Root(old, old), Root(new, new)
        self._from, self._to = range_of(self._old), range_of(self._new)
        self._is_nested = self._from.start < self._to.end and self._to.start < self._from.end

    def count(self) -> Counts:
        """Return how many rows have such a path."""
        files, failures, sidecars = (
            self._count(table, self._from) if self._version >= PATH_TABLES[table] else 0
            for table in ("files", "failures", "sidecars")
        )
        (roots,) = self._connection.execute(
            "SELECT count(*) FROM roots WHERE path = ? OR (path >= ? AND path < ?)",
            (self._old.path, *self._from),
        ).fetchone()
        return Counts(files, failures, roots, sidecars, len(list(self._searches())))

    def count_in_the_way(self) -> int:
        """Return how many files, readable or not, are indexed below `new` and not below `old`."""
        number = 0
        for table in ("files", "failures"):
            number += self._count(table, self._to)
            if self._is_nested:  # the range that lies in the other one begins later
                number -= self._count(table, max(self._from, self._to))
        return number

    def some_files(self, most: int) -> list[tuple[bytes, bytes]]:
        """Return the first files below `old` by path: where each is now, and where it would be."""
        rows = self._connection.execute(
            "SELECT path FROM files WHERE path >= ? AND path < ? ORDER BY path LIMIT ?",
            (*self._from, most),
        )
        length = len(_prefix(self._from))
        return [(path, _prefix(self._to) + path[length:]) for (path,) in rows.fetchall()]

    def move(self, *, clear: bool = False) -> None:
        """Rewrite all of them, in one transaction; the caller holds the indexer's lock.

        clear: files that are indexed below `new` already make way.

        The matrices stay: they hold no paths, and only the order of the files may have to be
        written anew.
        """
        with keeping_matrices(self._connection, is_same_order=self.is_same_order()):
            if clear:
                self.clear_the_way()
            self.rewrite()
            if self._version >= SAVED_SINCE:
                self._connection.executemany(
                    "UPDATE saved SET arguments = ? WHERE name = ?", list(self._searches())
                )

    def rewrite(self) -> None:
        """Rewrite the paths of the tables that hold some, within a transaction."""
        connection = self._connection
        connection.create_function(_SPELT, 1, readable, deterministic=True)
        steps = [(_prefix(self._from), _prefix(self._to))]
        if self._is_nested:
            steps = [(steps[0][0], _NOWHERE), (_NOWHERE, steps[0][1])]
        root_above = self._root_above()
        for before, after in steps:
            for table, since in PATH_TABLES.items():
                if table != "roots" and self._version >= since:
                    self._rewrite(table, before, after)
        self._rewrite_roots(root_above)
        if self._version >= PATH_TABLES["folders"]:
            self._rewrite_folders_above()

    def clear_the_way(self) -> None:
        """Drop the rows of files below `new` that are not below `old`, within a transaction."""
        for table in ("files", "failures"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE path >= ? AND path < ?"
                " AND NOT (path >= ? AND path < ?)",
                (*self._to, *self._from),
            )

    def _rewrite(self, table: str, before: bytes, after: bytes) -> None:
        """Put `after` in place of `before` at the beginning of paths that go on with a slash."""
        separator = self._from.start[-1]
        start = before + bytes([separator])
        end = before + bytes([separator + 1])
        moved = f"CAST(CAST(? AS BLOB) || substr(path, {len(before) + 1}) AS BLOB)"
        values: tuple[bytes, ...] = (after,)
        change = f"path = {moved}"
        if table == "files":  # a path that is UTF-8 needs no other spelling
            plain = "NULL" if readable(after) is None or after == _NOWHERE else f"{_SPELT}({moved})"
            change += f", readable = iif(readable IS NULL, {plain}, {_SPELT}({moved}))"
            values *= 1 + change.count(_SPELT)
        while True:
            page_end = self._connection.execute(
                f"SELECT path FROM {table} WHERE path >= ? AND path < ? ORDER BY path"
                f" LIMIT 1 OFFSET {_PAGE}",
                (start, end),
            ).fetchone()
            self._connection.execute(
                f"UPDATE OR {'ABORT' if table in ('files', 'failures') else 'REPLACE'} {table}"
                f" SET {change} WHERE path >= ? AND path < ?",
                (*values, start, page_end[0] if page_end else end),
            )
            if page_end is None:
                return
            start = page_end[0]

    def _rewrite_roots(self, above: tuple[bytes, int, int] | None) -> None:
        """Rewrite the walked folders; one that was walked as part of another stays walked."""
        length = len(_prefix(self._from))
        rows = self._connection.execute(
            "SELECT path, device, walked_at_ns, inode_changes FROM roots"
            " WHERE path = ? OR (path >= ? AND path < ?)",
            (self._old.path, *self._from),
        ).fetchall()
        self._connection.executemany("DELETE FROM roots WHERE path = ?", [row[:1] for row in rows])
        moved = [
            (self._new.path if row[0] == self._old.path else _prefix(self._to) + row[0][length:],)
            + row[1:]
            for row in rows
        ]
        if above and not any(row[0] == self._new.path for row in moved):
            moved.append((self._new.path, *above[1:], 0))
        self._connection.executemany(
            "INSERT OR REPLACE INTO roots (path, device, walked_at_ns, inode_changes)"
            " VALUES (?, ?, ?, ?)",
            moved,
        )

    def _root_above(self) -> tuple[bytes, int, int] | None:
        """Return the walked folder in which `old` lies and `new` does not, None without one."""
        rows = self._connection.execute("SELECT path, device, walked_at_ns FROM roots").fetchall()
        for row in rows:
            start, end = range_of(Root(row[0], row[0]))
            if start <= self._from.start < end and row[0] != self._old.path:
                return None if start <= self._to.start < end else row
        return None

    def _rewrite_folders_above(self) -> None:
        """Let words find the files by the names of the new folder and of those above it.

        The names of folders below stay as they are.
        """
        for path in _with_folders_above(self._old.path):
            self._connection.execute(
                "DELETE FROM folders WHERE path = ?"
                " AND NOT EXISTS (SELECT 1 FROM files WHERE path >= ? AND path < ?)",
                (path, *range_of(Root(path, path))),
            )
        self._connection.executemany(
            "INSERT OR IGNORE INTO folders (path) VALUES (?)",
            [(path,) for path in _with_folders_above(self._new.path)],
        )

    def _searches(self) -> Iterator[tuple[str, str]]:
        """Yield new arguments and name of each saved search that names a path below `old`."""
        if self._version < SAVED_SINCE:
            return
        for name, arguments in self._connection.execute("SELECT name, arguments FROM saved"):
            try:
                before = json.loads(arguments)
                after = [self._reworded(each) for each in before]
            except (ValueError, TypeError, AttributeError, RecursionError):
                continue  # damaged; whoever runs it hears of it
            if after != before:
                yield json.dumps(after), name

    def _reworded(self, argument: str) -> str:
        """Return a word of a command line with the new path in place of the old one."""
        option, equals, value = argument.partition("=")
        head = option + equals if equals and option.startswith("--") else ""
        path = os.fsencode(value if head else argument)
        if path == self._old.path:
            return head + os.fsdecode(self._new.path)
        if path.startswith(self._from.start):
            return head + os.fsdecode(_prefix(self._to) + path[len(_prefix(self._from)) :])
        return argument

    def is_same_order(self) -> bool:
        """Return whether no other file lies between the two folders in order of path bytes."""
        lowest, highest = min(self._from, self._to).start, max(self._from.end, self._to.end)
        return not any(
            self._connection.execute(
                "SELECT EXISTS (SELECT 1 FROM files WHERE path >= ? AND path < ?)", one
            ).fetchone()[0]
            for one in ((lowest, self._from.start), (self._from.end, highest))
        )

    def _count(self, table: str, within: PathRange) -> int:
        question = f"SELECT count(*) FROM {table} WHERE path >= ? AND path < ?"
        return int(self._connection.execute(question, within).fetchone()[0])


def _prefix(within: PathRange) -> bytes:
    """Return the folder of a range without a separator at its end."""
    return within.start[:-1]


def _with_folders_above(path: bytes) -> Iterator[bytes]:
    while os.path.basename(path):
        yield path
        path = os.path.dirname(path)
