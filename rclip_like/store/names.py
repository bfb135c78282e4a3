"""Names of one's own: a word, the pictures that it stands for, and a unit row for each model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from rclip_like.errors import Remedy, StoreError
from rclip_like.store.connection import Connection
from rclip_like.store.rows import row_digest
from rclip_like.store.schema import NAMES_SINCE

if TYPE_CHECKING:
    from rclip_like.values import Embedding

MOST_PICTURES = 10_000
"""How many pictures a name stands for at most; their digests take 320 kB."""
DIGEST_BYTES = 32
MOST_DIMENSIONS = 8192
"""How long a row from elsewhere may be."""

Method = Literal["mean", "probe"]


class NameRow(NamedTuple):
    """A name's unit row float32 (D,) for the model of this fingerprint.

    method: "mean" of the rows of its pictures, or "probe" for the direction that a linear probe
    found between them and the rest of the index.
    """

    model: str
    fingerprint: str
    method: Method
    embedding: Embedding


class Name(NamedTuple):
    """A name with the contents that it stands for, by digest, and its rows, by model.

    `made_at` is "2026-11-30 08:15:00" in UTC.
    """

    name: str
    digests: tuple[bytes, ...]
    rows: tuple[NameRow, ...]
    made_at: str = ""

    def row_for(self, fingerprint: str) -> NameRow | None:
        """Return the row for a model, None if it has none."""
        return next((row for row in self.rows if row.fingerprint == fingerprint), None)


class Names:
    """The names of one index. Every method raises StoreError where the file or its disk fails.

    Each change is one transaction, which waits some seconds for another that writes, and needs no
    indexer's lock.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_there = connection.version >= NAMES_SINCE

    def every(self) -> list[Name]:
        """Return all of them, in order."""
        if not self._is_there:
            return []
        found = self._connection.execute(f"{_COLUMNS} ORDER BY name").fetchall()
        return [self._name(*row) for row in found]

    def spellings(self) -> list[str]:
        """Return the words alone, in order."""
        if not self._is_there:
            return []
        return [name for (name,) in self._connection.execute("SELECT name FROM names ORDER BY 1")]

    def count(self) -> int:
        """Return how many there are."""
        return len(self.spellings())

    def find(self, name: str) -> Name | None:
        """Return the name, None if there is none of this spelling."""
        if not self._is_there:
            return None
        row = self._connection.execute(f"{_COLUMNS} WHERE name = ?", (name,)).fetchone()
        return self._name(*row) if row else None

    def put(self, names: Sequence[Name], *, replace: bool = False) -> list[str]:
        """Write names and return []; without `replace`, write none if some exist, and return these.

        A name that is replaced loses its rows for other models.
        """
        self.refuse_unwritable()
        execute = self._connection.execute
        with self._connection.transaction():
            taken = set(self.spellings()) & {each.name for each in names}
            if taken and not replace:
                return sorted(taken)
            for each in names:
                execute("DELETE FROM name_rows WHERE name = ?", (each.name,))
                execute(
                    "INSERT OR REPLACE INTO names (name, digests) VALUES (?, ?)",
                    (each.name, b"".join(each.digests)),
                )
                self._connection.executemany(
                    "INSERT INTO name_rows (name, fingerprint, model, method, embedding,"
                    " row_digest) VALUES (?, ?, ?, ?, ?, ?)",
                    [(each.name, *_stored(row)) for row in each.rows],
                )
        return []

    def remove(self, name: str) -> bool:
        """Remove a name; return whether it was there."""
        self.refuse_unwritable()
        with self._connection.transaction():
            self._connection.execute("DELETE FROM name_rows WHERE name = ?", (name,))
            removed = self._connection.execute("DELETE FROM names WHERE name = ?", (name,))
        return removed.rowcount > 0

    def refuse_unwritable(self) -> None:
        """Raise StoreError where no name can be written."""
        if not self._is_there:
            raise StoreError(
                f"{self._connection.path}: an older clipfind made this index, and it cannot be "
                "brought up where it lies",
                (Remedy.NAME_THE_INDEX, "a copy of it in a folder that takes writes"),
            )
        with self._connection.transaction():  # that it begins says nothing yet
            self._connection.execute("DELETE FROM names WHERE false")

    def _name(self, name: str, digests: bytes, made_at: str) -> Name:
        """Return a name; a row that is damaged is left out, as it can be made anew."""
        if len(digests) % DIGEST_BYTES:
            raise StoreError(
                f"{self._connection.path}: the name @{name} is damaged", (Remedy.REMOVE_NAME, name)
            )
        starts = range(0, len(digests), DIGEST_BYTES)
        each_digest = tuple(digests[start : start + DIGEST_BYTES] for start in starts)
        rows = self._connection.execute(
            "SELECT model, fingerprint, method, embedding, row_digest FROM name_rows"
            " WHERE name = ? ORDER BY fingerprint",
            (name,),
        )
        return Name(name, each_digest, tuple(_sound_rows(rows)), made_at)


_COLUMNS = "SELECT name, digests, made_at FROM names"


def is_unit(embedding: Embedding) -> bool:
    """Return whether a row holds numbers alone and has the length one, within a hundredth."""
    from rclip_like.store.embeddings import are_unit

    return bool(are_unit(embedding[None])[0])


def _stored(row: NameRow) -> tuple[object, ...]:
    blob = row.embedding.astype("<f4").tobytes()
    return row.fingerprint, row.model, row.method, blob, row_digest(blob)


def _sound_rows(rows: Iterable[tuple[str, str, str, bytes, bytes]]) -> Iterable[NameRow]:
    for model, fingerprint, method, blob, digest in rows:
        if (embedding := _sound(blob, digest)) is not None:
            yield NameRow(model, fingerprint, "probe" if method == "probe" else "mean", embedding)


def _sound(blob: bytes, digest: bytes) -> Embedding | None:
    """Return a stored row, None where it is not as it was written."""
    import numpy as np

    if len(blob) % 4 or not blob or digest != row_digest(blob):
        return None
    embedding = np.frombuffer(blob, dtype="<f4").astype(np.float32)
    return embedding if is_unit(embedding) else None


def wrong_rows(connection: Connection) -> list[tuple[str, str]]:
    """Return word and fingerprint of the rows that are not as they were written, or of no name."""
    rows = connection.execute(
        "SELECT name, fingerprint, embedding, row_digest, name IN (SELECT name FROM names)"
        " FROM name_rows ORDER BY name, fingerprint"
    )
    return [
        (name, fingerprint)
        for name, fingerprint, blob, digest, has_name in rows
        if not has_name or _sound(blob, digest) is None
    ]


def wrong_names(connection: Connection) -> list[str]:
    """Return the words of names whose digests are damaged, or that have neither these nor a row."""
    rows = connection.execute(
        f"SELECT name FROM names WHERE length(digests) % {DIGEST_BYTES} OR (digests = x'' AND NOT"
        " EXISTS (SELECT 1 FROM name_rows WHERE name_rows.name = names.name)) ORDER BY name"
    )
    return [name for (name,) in rows]
