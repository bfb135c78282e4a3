"""The words of pictures: captions, keywords, recognised text, and the names of files and folders.

They are rows of tables, and a full-text index says in which rows a word stands. It is made
from the rows at the end of each run, so a Python whose SQLite lacks FTS5 can still write rows.
"""

from __future__ import annotations

import os
import re
import sqlite3
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rclip_like.store.schema import MAKE_WORDS_INDEX, WORDS_INDEX, WORDS_SINCE

if TYPE_CHECKING:
    from rclip_like.store.connection import Connection
    from rclip_like.store.embeddings import Rowids
    from rclip_like.store.rows import PathRange, StoredFile

Source = Literal["caption", "keywords", "text"]
"""Where words of a content come from; `text` was recognised in the picture."""
FAILED = ", failed"
"""Ends `made_by` of a row whose picture could not be read; the row has no text."""
Where = Literal["caption", "keyword", "text", "name", "folder", "sidecar"]
"""Where a word was found; `name` is that of the file."""

_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_CAPITAL = re.compile(r"(?<=[^\W\d_])(?=[A-Z][a-z])")
_PAGE = 4096
_AT_ONCE = 500
_MANY = 1000
_LONGEST_SHOWN = 80
KINDS = ("words", "files", "folders", "sidecars")
"""By the last two bits of a row number in the full-text index: the table that has the row."""
MOST_CHARACTERS = 20_000
"""So much of a text is read: more than clipfind writes, less than a hostile index may have."""
_FIND = f"SELECT rowid FROM {WORDS_INDEX} WHERE {WORDS_INDEX} MATCH ? LIMIT ?"
_WHERE: dict[str, Where] = {"caption": "caption", "keywords": "keyword", "text": "text"}


class WordsRow(NamedTuple):
    """A text of a picture: the digest of its content, the source, the text, what read it.

    Keywords stand in lines of their own. An empty text says that the picture has none.
    """

    digest: bytes
    source: Source
    text: str
    made_by: str


class WordMatches(NamedTuple):
    """The files in which a word stands: row numbers (n,), ascending; some may be gone."""

    word: str
    where: Where
    file_ids: Rowids


def tokens(text: str) -> list[str]:
    """Return the words of a text as they are compared: letters without case and accents, numbers.

    "Crème-Brûlée 2019" gives creme, brulee and 2019.
    """
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _TOKEN.findall(plain.casefold())


def tokens_of_name(path: bytes, *, is_folder: bool = False) -> list[str]:
    """Return the words in the name of a file, without its ending, or of a folder.

    IMG_2019-redBoat.jpg gives img, 2019, redboat, red and boat.
    """
    name = os.path.basename(os.fsdecode(path)).encode(errors="replace").decode()
    stem = name if is_folder else os.path.splitext(name)[0]
    apart = _CAPITAL.sub(" ", stem)
    return tokens(stem) + (tokens(apart) if apart != stem else [])


class Words:
    """Reads the words of one index. Methods raise StoreError as those of a Reader do."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def has_table(self) -> bool:
        """Whether the schema of the index has a table of words."""
        return self._connection.version >= WORDS_SINCE

    @property
    def is_searchable(self) -> bool:
        """Whether there is a full-text index that SQLite can read."""
        return self.has_table and has_fts(self._connection) and has_index(self._connection)

    @property
    def has_fts5(self) -> bool:
        """Whether SQLite has full-text indexes; this index may have none yet."""
        return has_fts(self._connection)

    def matching(self, words: Sequence[str]) -> list[WordMatches]:
        """Return in which files each word stands, and where; plurals meet their singulars.

        words: as `tokens` gives them. A word that more than half of all files have is left out.
        """
        if not self.is_searchable:
            return []
        (last,) = self._connection.execute("SELECT coalesce(max(file_id), 0) FROM files").fetchone()
        most = max(_MANY, last // 2)
        return [found for word in words for found in self._matching(word, most) or ()]

    def unread(
        self, source: Source, made_by: str, within: PathRange, *, retry: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield digest and path of the contents in a range that this reader has not read.

        retry: also of those that it failed to read.

        Each content once, with the first of its files by path, ascending.
        """
        seen: set[int] = set()
        question = (
            "SELECT files.content_id, digest, path FROM files CROSS JOIN contents"
            " USING (content_id) WHERE path >= ? AND path < ? AND NOT EXISTS (SELECT 1 FROM words"
            " WHERE words.content_id = files.content_id AND source = ? AND made_by IN (?, ?))"
            f" ORDER BY path LIMIT {_PAGE}"
        )
        after, end = within
        settled = (made_by, made_by if retry else made_by + FAILED)
        while page := self._connection.execute(question, (after, end, source, *settled)).fetchall():
            for content_id, digest, path in page:
                if content_id not in seen:
                    seen.add(content_id)
                    yield digest, path
            after = page[-1][2] + b"\0"

    def contents_unread(self, within: Sequence[PathRange]) -> Iterator[tuple[bytes, bytes]]:
        """Yield digest and path of the contents in the ranges whose captions were never read.

        Some come more than once, of contents with several files.
        """
        question = (
            "SELECT content_id, digest, path FROM contents INDEXED BY contents_without_words"
            " CROSS JOIN files USING (content_id) WHERE words_version IS NULL AND content_id > ?"
            f" AND path >= ? AND path < ? ORDER BY content_id LIMIT {_PAGE}"
        )
        has_any = "SELECT EXISTS (SELECT 1 FROM contents WHERE words_version IS NULL)"
        if not self._connection.execute(has_any).fetchone()[0]:
            return
        for one in within:
            last = 0
            while page := self._connection.execute(question, (last, *one)).fetchall():
                yield from (row[1:] for row in page)
                last = page[-1][0]

    def sidecars(self, within: Sequence[PathRange]) -> dict[bytes, tuple[int, int]]:
        """Return size in bytes and mtime in ns of the sidecars read in the ranges, by path."""
        question = "SELECT path, size_bytes, mtime_ns FROM sidecars WHERE path >= ? AND path < ?"
        rows = (row for one in within for row in self._connection.execute(question, one))
        return {path: (size_bytes, mtime_ns) for path, size_bytes, mtime_ns in rows}

    def text_of(self, digest: bytes) -> dict[Source, str]:
        """Return all words of a content by their source."""
        rows = self._connection.execute(
            "SELECT source, substr(text, 1, ?) FROM words JOIN contents USING (content_id)"
            " WHERE digest = ?",
            (MOST_CHARACTERS, digest),
        )
        return dict(rows.fetchall()) if self.has_table else {}

    def shown(
        self, stored: StoredFile, matches: Sequence[WordMatches]
    ) -> tuple[tuple[Where, str], ...]:
        """Return the names and texts of a file in which its matches stand, each once.

        A long caption or text is shortened to the part around the word.
        """
        path = os.fsdecode(stored.path)
        texts: list[tuple[Where, str]] = [("name", os.path.basename(path))]
        texts += [("folder", name) for name in os.path.dirname(path).split(os.sep)]
        for source, text in self.text_of(stored.digest).items():
            texts += [(_WHERE[source], line) for line in _lines_of(source, text)]
        if any(match.where == "sidecar" for match in matches):
            texts += self._sidecars_of(stored.path)
        found: list[tuple[Where, str]] = []
        alone = self._index_in_memory
        alone.execute(f"INSERT INTO {WORDS_INDEX} ({WORDS_INDEX}) VALUES ('delete-all')")
        alone.executemany(
            f"INSERT INTO {WORDS_INDEX} (rowid, words) VALUES (?, ?)",
            [(number, " ".join(_tokens_of(*each))) for number, each in enumerate(texts)],
        )
        for word, where in dict.fromkeys((each.word, each.where) for each in matches):
            rows = alone.execute(_FIND, (f'"{word}"', len(texts)))
            found += [
                (where, _excerpt(word, texts[number][1]))
                for (number,) in rows
                if texts[number][0] == where
            ]
        return tuple(dict.fromkeys(found))

    @cached_property
    def _index_in_memory(self) -> sqlite3.Connection:
        alone = sqlite3.connect(":memory:", isolation_level=None)
        alone.execute(MAKE_WORDS_INDEX)
        return alone

    def _sidecars_of(self, path: bytes) -> list[tuple[Where, str]]:
        rows = self._connection.execute(
            "SELECT substr(caption, 1, ?), substr(keywords, 1, ?) FROM sidecars"
            " WHERE path IN (?, ?)",
            (*[MOST_CHARACTERS] * 2, path + b".xmp", os.path.splitext(path)[0] + b".xmp"),
        )
        return [("sidecar", line) for each in rows for text in each for line in text.split("\n")]

    def _matching(self, word: str, most: int) -> list[WordMatches] | None:
        """Return where the word stands; None if it stands nearly everywhere."""
        import numpy as np

        rowids = self._column(_FIND, (f'"{word}"', most + 1))
        if len(rowids) > most:
            return None
        of_kind = [(rowids[rowids & 3 == kind] >> 2).tolist() for kind in range(len(KINDS))]
        found: dict[Where, list[int]] = {"name": of_kind[1]}
        for source, file_id in self._in(
            "SELECT source, file_id FROM words CROSS JOIN files USING (content_id) WHERE word_id",
            of_kind[0],
        ):
            found.setdefault(_WHERE[source], []).append(file_id)
        found["folder"] = self._in_folders(of_kind[2], most)
        found["sidecar"] = self._beside(of_kind[3])
        if sum(map(len, found.values())) > most:
            return None
        return [
            WordMatches(word, where, np.unique(np.array(file_ids, np.int64)))
            for where, file_ids in found.items()
            if file_ids
        ]

    def _in_folders(self, folder_ids: Sequence[int], most: int) -> list[int]:
        """Return the files in these folders and below, or somewhat more than `most` of them."""
        paths = sorted(
            path for (path,) in self._in("SELECT path FROM folders WHERE folder_id", folder_ids)
        )
        file_ids: list[int] = []
        end = b""
        for path in paths:
            if path < end:  # below the one before
                continue
            start, end = path + os.sep.encode(), path + bytes([os.sep.encode()[0] + 1])
            question = "SELECT file_id FROM files WHERE path >= ? AND path < ? LIMIT ?"
            file_ids += self._column(question, (start, end, most + 1)).tolist()
            if len(file_ids) > most:
                break
        return file_ids

    def _beside(self, sidecar_ids: Sequence[int]) -> list[int]:
        """Return the files that these sidecars lie beside: x.jpg of x.jpg.xmp, x.* of x.xmp."""
        file_ids: list[int] = []
        for (path,) in self._in("SELECT path FROM sidecars WHERE sidecar_id", sidecar_ids):
            stem = os.path.splitext(path)[0]
            rows = self._connection.execute(
                "SELECT file_id, path FROM files WHERE path = ? OR (path >= ? AND path < ?)",
                (stem, stem + b".", stem + b"/"),
            ).fetchall()
            exact = [file_id for file_id, each in rows if each == stem]
            same = [file_id for file_id, each in rows if os.path.splitext(each)[0] == stem]
            file_ids += exact or same
        return file_ids

    def _in(self, question: str, numbers: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        for first in range(0, len(numbers), _AT_ONCE):
            some = numbers[first : first + _AT_ONCE]
            yield from self._connection.execute(
                f"{question} IN ({','.join('?' * len(some))})", some
            )

    def _column(self, question: str, values: tuple[object, ...]) -> Rowids:
        import numpy as np

        rows = self._connection.execute(question, values)
        return np.fromiter((number for (number,) in rows), np.int64)


def has_fts(connection: Connection) -> bool:
    """Return whether SQLite has full-text indexes."""
    question = "SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"
    return connection.execute(question).fetchone() is not None


def has_index(connection: Connection) -> bool:
    """Return whether the index file has its full-text index."""
    question = "SELECT 1 FROM sqlite_master WHERE name = ?"
    return connection.execute(question, (WORDS_INDEX,)).fetchone() is not None


def make_index(connection: Connection) -> None:
    """Make an empty full-text index. The matrices do not depend on it and stay valid."""
    (before,) = connection.execute("PRAGMA schema_version").fetchone()
    connection.execute(MAKE_WORDS_INDEX)
    (after,) = connection.execute("PRAGMA schema_version").fetchone()
    connection.execute(
        "UPDATE matrices SET schema_version = ? WHERE schema_version = ?", (after, before)
    )


def _lines_of(source: Source, text: str) -> list[str]:
    return text.split("\n") if source == "keywords" else [text]


def _tokens_of(where: Where, text: str) -> list[str]:
    if where not in ("name", "folder"):
        return tokens(text)
    return tokens_of_name(os.fsencode(text), is_folder=where == "folder")


def _excerpt(word: str, text: str) -> str:
    """Return a text in one line; of a long one, the part around the word."""
    line = " ".join(text.split())
    if len(line) <= _LONGEST_SHOWN:
        return line
    start = max(0, line.casefold().find(word[:4]) - _LONGEST_SHOWN // 4)
    part = line[start : start + _LONGEST_SHOWN]
    return f"{'...' * (start > 0)}{part}{'...' * (start + len(part) < len(line))}"
