"""The words of pictures: captions, keywords, recognised text, and the names of files and folders.

They are rows of tables, and a full-text index says in which rows a word stands. It is made of the
rows alone, behind each run, so a Python whose SQLite lacks FTS5 can still write them.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rclip_like.store.schema import MAKE_WORDS_INDEX, WORDS_INDEX, WORDS_SINCE

if TYPE_CHECKING:
    from rclip_like.store.connection import Connection
    from rclip_like.store.embeddings import Rowids
    from rclip_like.store.rows import PathRange

Source = Literal["caption", "keywords", "text"]
"""Where words of a content come from; `text` was recognised in the picture."""
Where = Literal["caption", "keyword", "text", "file", "folder", "sidecar"]
"""Where a word was found; `file` and `folder` are names."""

_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_CAPITAL = re.compile(r"(?<=[^\W\d_])(?=[A-Z][a-z])")
_ROWS_A_TRANSACTION = 4096
_AT_ONCE = 500
_MANY = 1000
_KINDS = ("words", "files", "folders", "sidecars")
"""By the last two bits of a row number in the full-text index: the table that has the row."""
_NEW = (
    "SELECT word_id, text FROM words WHERE word_id > ? ORDER BY word_id LIMIT ?",
    "SELECT file_id, path FROM files WHERE file_id > ? ORDER BY file_id LIMIT ?",
    "SELECT folder_id, path FROM folders WHERE folder_id > ? ORDER BY folder_id LIMIT ?",
    "SELECT sidecar_id, caption || char(10) || keywords FROM sidecars WHERE sidecar_id > ?"
    " ORDER BY sidecar_id LIMIT ?",
)
_WHERE: dict[str, Where] = {"caption": "caption", "keywords": "keyword", "text": "text"}


class WordsRow(NamedTuple):
    """What is written in a picture: its content's digest, the source, the text, what read it.

    Keywords stand in lines of their own. An empty text says that there is none.
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
    """What is asked of the words of one index. Methods raise StoreError as those of a Reader."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def has_table(self) -> bool:
        """Whether the index is of a form that holds words."""
        return self._connection.version >= WORDS_SINCE

    @property
    def are_searched(self) -> bool:
        """Whether words can be looked up: there is a full-text index, and SQLite can read it."""
        return self.has_table and has_fts(self._connection) and has_index(self._connection)

    def matching(self, words: Sequence[str]) -> list[WordMatches]:
        """Return in which files each word stands, and where; plurals meet their singulars.

        words: as `tokens` gives them. A word that more than half of all files have says nothing
        and is left out.
        """
        if not self.are_searched:
            return []
        (last,) = self._connection.execute("SELECT coalesce(max(file_id), 0) FROM files").fetchone()
        most = max(_MANY, last // 2)
        return [found for word in words for found in self._matching(word, most) or ()]

    def unread(
        self, source: Source, made_by: str, within: PathRange
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield digest and path of the contents in a range that have no such words by this reader.

        Each content once, with the first of its files by path, ascending.
        """
        seen: set[int] = set()
        question = (
            "SELECT files.content_id, digest, path FROM files CROSS JOIN contents"
            " USING (content_id) WHERE path >= ? AND path < ? AND NOT EXISTS (SELECT 1 FROM words"
            " WHERE words.content_id = files.content_id AND source = ? AND made_by = ?)"
            f" ORDER BY path LIMIT {_ROWS_A_TRANSACTION}"
        )
        after, end = within
        while page := self._connection.execute(question, (after, end, source, made_by)).fetchall():
            for content_id, digest, path in page:
                if content_id not in seen:
                    seen.add(content_id)
                    yield digest, path
            after = page[-1][2] + b"\0"

    def text_of(self, digest: bytes) -> dict[Source, str]:
        """Return all words of a content by their source."""
        rows = self._connection.execute(
            "SELECT source, text FROM words JOIN contents USING (content_id) WHERE digest = ?",
            (digest,),
        )
        return dict(rows.fetchall()) if self.has_table else {}

    def _matching(self, word: str, most: int) -> list[WordMatches] | None:
        """Return where the word stands; None if it stands nearly everywhere."""
        import numpy as np

        rowids = self._column(
            f"SELECT rowid FROM {WORDS_INDEX} WHERE {WORDS_INDEX} MATCH ? LIMIT ?",
            (f'"{word}"', most + 1),
        )
        if len(rowids) > most:
            return None
        of_kind = [(rowids[rowids & 3 == kind] >> 2).tolist() for kind in range(len(_KINDS))]
        found: dict[Where, list[int]] = {"file": of_kind[1]}
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


class WordsWriter(Words):
    """What writes words, while the indexer's lock is held: see `Writer.words`."""

    def put(self, rows: Iterable[WordsRow]) -> None:
        """Write words of indexed contents in one transaction, in place of those of their source."""
        with self._connection.transaction():
            for row in rows:
                self._put(row)

    def _put(self, row: WordsRow) -> None:
        self._connection.execute(
            "DELETE FROM words WHERE source = ?"
            " AND content_id = (SELECT content_id FROM contents WHERE digest = ?)",
            (row.source, row.digest),
        )
        self._connection.execute(
            "INSERT INTO words (content_id, source, made_by, text)"
            " SELECT content_id, ?, ?, ? FROM contents WHERE digest = ?",
            (row.source, row.made_by, storable(row.text), row.digest),
        )

    def index_some(self) -> bool:
        """Bring some thousand new rows into the full-text index; return whether there were any.

        Makes that index where it is missing. Does nothing where SQLite lacks FTS5.
        """
        if not has_fts(self._connection):
            return False
        if not has_index(self._connection):
            with self._connection.transaction():
                make_index(self._connection)
        return any(self._index_kind(kind) for kind in range(len(_KINDS)))

    def rebuild(self) -> None:
        """Make the full-text index anew, without what is gone; in transactions of their own."""
        if has_fts(self._connection) and has_index(self._connection):
            with self._connection.transaction():
                self._connection.execute(
                    f"INSERT INTO {WORDS_INDEX} ({WORDS_INDEX}) VALUES ('delete-all')"
                )
                self._connection.execute("DELETE FROM folders")
                self._forget_marks()
            while self.index_some():
                pass

    def _forget_marks(self) -> None:
        for kind in _KINDS:
            self._connection.execute("DELETE FROM settings WHERE name = ?", (_mark(kind),))

    def _index_kind(self, kind: int) -> bool:
        name = _mark(_KINDS[kind])
        found = self._connection.execute("SELECT value FROM settings WHERE name = ?", (name,))
        after = int((found.fetchone() or ("0",))[0])
        rows = self._connection.execute(_NEW[kind], (after, _ROWS_A_TRANSACTION)).fetchall()
        if not rows:
            return False
        is_name, is_folder = kind in (1, 2), kind == 2
        texts = (
            " ".join(tokens_of_name(each, is_folder=is_folder) if is_name else tokens(each))
            for _, each in rows
        )
        with self._connection.transaction():
            self._connection.executemany(
                f"INSERT INTO {WORDS_INDEX} (rowid, words) VALUES (?, ?)",
                [(row[0] << 2 | kind, text) for row, text in zip(rows, texts, strict=True) if text],
            )
            if kind == 1:
                self._connection.executemany(
                    "INSERT OR IGNORE INTO folders (path) VALUES (?)",
                    [(path,) for path in sorted(_folders_above(path for _, path in rows))],
                )
            self._connection.execute(
                "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)",
                (name, str(rows[-1][0])),
            )
        return True


def has_fts(connection: Connection) -> bool:
    """Return whether SQLite has full-text indexes."""
    question = "SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"
    return connection.execute(question).fetchone() is not None


def has_index(connection: Connection) -> bool:
    """Return whether the index has one."""
    question = "SELECT 1 FROM sqlite_master WHERE name = ?"
    return connection.execute(question, (WORDS_INDEX,)).fetchone() is not None


def make_index(connection: Connection) -> None:
    """Make an empty full-text index, of which the matrices do not speak: they stay valid."""
    (before,) = connection.execute("PRAGMA schema_version").fetchone()
    connection.execute(MAKE_WORDS_INDEX)
    (after,) = connection.execute("PRAGMA schema_version").fetchone()
    connection.execute(
        "UPDATE matrices SET schema_version = ? WHERE schema_version = ?", (after, before)
    )


def storable(text: str) -> str:
    """Return a text without what SQLite takes for its end, or for bytes that are no text."""
    return text.encode(errors="replace").decode().replace("\0", " ")


def _mark(table: str) -> str:
    return f"words up to {table}"


def _folders_above(paths: Iterable[bytes]) -> set[bytes]:
    folders: set[bytes] = set()
    for path in paths:
        folder = os.path.dirname(path)
        while folder not in folders and os.path.basename(folder):
            folders.add(folder)
            folder = os.path.dirname(folder)
    return folders
