"""Which rows the full-text index is made of: their texts, and up to which number it has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rclip_like.store.words import KINDS, MOST_CHARACTERS, tokens, tokens_of_name

if TYPE_CHECKING:
    from rclip_like.store.connection import Connection


@dataclass(frozen=True)
class RowTexts:
    """Where one kind of rows has its texts: the table, its key, and the text as SQL."""

    table: str
    number: str
    text: str

    def after(self, connection: Connection, last: int, most: int) -> list[tuple[int, Any]]:
        """Return number and text of at most `most` rows with a higher number than `last`."""
        question = (
            f"SELECT {self.number}, {self.text} FROM {self.table} WHERE {self.number} > ?"
            f" ORDER BY {self.number} LIMIT ?"
        )
        return connection.execute(question, (last, most)).fetchall()

    def some(self, connection: Connection, last: int, step: int) -> Iterator[tuple[int, Any]]:
        """Yield number and text of the rows up to `last` whose number is a multiple of `step`."""
        question = (
            f"SELECT {self.number}, {self.text} FROM {self.table}"
            f" WHERE {self.number} <= ? AND {self.number} % ? = 0"
        )
        yield from connection.execute(question, (last, step))

    def count(self, connection: Connection, last: int) -> tuple[int, int]:
        """Return how many rows there are up to number `last`, and how many after it."""
        question = (
            f"SELECT count(*) FILTER (WHERE {self.number} <= ?),"
            f" count(*) FILTER (WHERE {self.number} > ?) FROM {self.table}"
        )
        earlier, later = connection.execute(question, (last, last)).fetchone()
        return earlier, later


ROW_TEXTS = (
    RowTexts("words", "word_id", f"substr(text, 1, {MOST_CHARACTERS})"),
    RowTexts("files", "file_id", "path"),
    RowTexts("folders", "folder_id", "path"),
    RowTexts(
        "sidecars",
        "sidecar_id",
        f"substr(caption || char(10) || keywords, 1, {MOST_CHARACTERS})",
    ),
)
"""By the kind of rows, an index into KINDS."""


def tokens_of_row(kind: int, text: Any) -> list[str]:
    """Return the words of a row's text, bytes of a path or str, as the full-text index has them."""
    if KINDS[kind] in ("files", "folders"):
        return tokens_of_name(text, is_folder=KINDS[kind] == "folders")
    return tokens(text)


def mark_of(connection: Connection, table: str) -> int:
    """Return up to which row of a table the full-text index goes."""
    question = "SELECT value FROM settings WHERE name = ?"
    found = connection.execute(question, (name_of_mark(table),)).fetchone()
    return int((found or ("0",))[0])


def name_of_mark(table: str) -> str:
    """Return under which name in `settings` the last indexed row of a table stands."""
    return f"words up to {table}"
