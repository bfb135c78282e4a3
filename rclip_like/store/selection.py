"""The pictures under some roots that pass some filters: row numbers, facts and embeddings.

`stretches` may come from another store of embeddings. An engine that answers with the nearest rows
by itself would stand in the place of `score_all` and `pages` in search/scoring.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rclip_like.store.embeddings import are_sound, stacked
from rclip_like.store.filters import conditions, conditions_on_names
from rclip_like.store.matrix.mapped import Matrix, Slots, look_up, open_matrix
from rclip_like.store.reading import dimension_of, file_columns, stored_file
from rclip_like.store.rows import STORED_DTYPE, ranges_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.settings import Filters
    from rclip_like.store.embeddings import ContentIds, Rowids, StoredEmbeddings
    from rclip_like.store.reading import Reader
    from rclip_like.store.rows import StoredFile
    from rclip_like.values import NameGlobs, Root

_SAMPLE = 64
_FEW = 32
"""Where more than one in so many passes, the best are found sooner row by row."""
_PAGE = 4096


class Stretch(NamedTuple):
    """Some of the pictures, in order of path bytes, and the embeddings behind them.

    rowids: (n,). slots: which row of `rows` is each one's, (n,). rows: unit float16 (N, D),
    perhaps mapped from a file, and more than are asked for. further_parts: pairs (f, 2) of the row
    of a further part of a picture and the row it counts for. content_ids: (n,), of pictures whose
    content another stretch may have, too; else None, and equal content has the same slot.
    """

    rowids: Rowids
    slots: Slots
    rows: StoredEmbeddings
    further_parts: Slots
    content_ids: ContentIds | None = None


class Page(NamedTuple):
    """Some pictures in order of path bytes: files, embeddings float16 (n, D), and which are sound.

    One that is not sound (n,) is not as it was written, and its row is zero.
    """

    files: list[StoredFile]
    embeddings: StoredEmbeddings
    is_sound: npt.NDArray[np.bool_]


class Selection:
    """The pictures under some roots (None: all) that a model has encoded and that pass the filters.

    To be asked and used within one `snapshot`.
    """

    def __init__(
        self,
        store: Reader,
        model_id: int,
        roots: Sequence[Root] | None,
        filters: Filters,
        globs: NameGlobs,
    ) -> None:
        self.embeddings = store.embeddings(model_id)
        """What the model has encoded, whatever the filters."""
        self._store = store
        self._connection = store.connection
        self._model_id = model_id
        self._roots = roots
        asked = list(conditions(store.connection, filters))
        self._has_facts = bool(asked)
        asked += conditions_on_names(filters, globs)
        self.is_filtered = bool(asked)
        self._where = "".join(f" AND {sql}" for sql, _ in asked)
        self._values = tuple(value for _, values in asked for value in values)

    @cached_property
    def matrix(self) -> Matrix | None:
        """The mapped embeddings and files in the ranges, whatever the filters; None without."""
        return open_matrix(self._connection, self._model_id, ranges_of(self._roots))

    @property
    def is_in_order(self) -> bool:
        """Whether all stretches together are in order of path bytes."""
        return self.matrix is None or not (len(self._newer[0]) or len(self._extended))

    @cached_property
    def _newer(self) -> tuple[Rowids, ContentIds, Slots]:
        assert self.matrix is not None
        return self.matrix.newer_files()

    @cached_property
    def _extended(self) -> ContentIds:
        """The contents of which the matrix lacks a part."""
        assert self.matrix is not None
        if not self.embeddings.has_further_parts:
            return np.empty(0, np.int64)
        return self.matrix.extended_contents()

    def stretches(self, *, by_rows: bool = False) -> Iterator[Stretch]:
        """Yield the embeddings, from the matrix where there is one, else from the rows.

        From the matrix come all that it has at once, and then, behind them, those that are newer;
        with `by_rows`, or without a matrix, some thousands after one another. Files that are gone,
        or do not pass the filters, may be among them: `files` leaves those out.
        """
        if by_rows or self.matrix is None:
            yield from self._scanned()
            return
        passing = self._passing()
        for stretch in self._mapped(self.matrix):
            if passing is None:
                yield stretch
            else:
                passes = np.isin(stretch.rowids, passing)
                yield stretch._replace(rowids=stretch.rowids[passes], slots=stretch.slots[passes])

    def paths(self) -> Iterator[tuple[int, bytes]]:
        """Yield row number and path of all that pass."""
        yield from self._asked("file_id, path")

    def files(self, rowids: Sequence[int]) -> list[StoredFile]:
        """Return the files with these row numbers in the order asked, those that pass alone."""
        return self._store.files(rowids, self._where, self._values)

    def count(self) -> int:
        """Return how many files pass."""
        return sum(number for (number,) in self._asked("count(*)"))

    def sample(self, number: int) -> StoredEmbeddings:
        """Return embeddings of about so many pictures of the index, float16 (n, D), or of all.

        They are evenly spaced, and of the whole index, whatever the roots and the filters.
        """
        if self.matrix is not None:
            rows = self.matrix.rows
            return np.array(rows[:: 1 + len(rows) // number])
        step = 1 + self._store.count_files() // number
        dimension = dimension_of(self._connection, self._model_id)
        none = np.empty((0, dimension), np.dtype(STORED_DTYPE))
        return np.concatenate([none, *(rows[::step] for _, _, rows in self.embeddings.scan(None))])

    def pages(self) -> Iterator[Page]:
        """Yield all in order of path bytes, each with the embedding of the whole picture."""
        dimension = dimension_of(self._connection, self._model_id)
        for start, end in ranges_of(self._roots):
            found = self._connection.execute(
                f"SELECT embedding, row_digest, {file_columns(self._connection)} FROM files"
                " CROSS JOIN contents USING (content_id) CROSS JOIN embeddings"
                " ON model_id = ? AND part = 0 AND embeddings.content_id = files.content_id"
                f" WHERE path >= ? AND path < ?{self._where} ORDER BY path",
                (self._model_id, start, end, *self._values),
            )
            while chunk := found.fetchmany(_PAGE):
                is_sound = are_sound([row[:2] for row in chunk], dimension)
                blobs = [
                    row[0] if sound else bytes(2 * dimension)
                    for row, sound in zip(chunk, is_sound, strict=True)
                ]
                yield Page([stored_file(row[2:]) for row in chunk], stacked(blobs), is_sound)

    def _passing(self) -> Rowids | None:
        """Return all that pass, None where a sample says that too many do to look them up first.

        The best of those are found sooner by asking the files that rank first.
        """
        assert self.matrix is not None
        file_ids = self.matrix.file_ids
        sample = file_ids[:: 1 + len(file_ids) // _SAMPLE].tolist()
        if not self._where or not sample:
            return None
        marks = ",".join("?" * len(sample))
        (number,) = self._connection.execute(
            "SELECT count(*) FROM files CROSS JOIN contents USING (content_id)"
            f" WHERE file_id IN ({marks}){self._where}",
            (*sample, *self._values),
        ).fetchone()
        if number * _FEW > len(sample):
            return None
        return np.array([rowid for (rowid,) in self._asked("file_id")], dtype=np.int64)

    def _asked(self, columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield columns of all files that pass, in order of path bytes unless facts are asked."""
        if not self._has_facts:
            source = "files"
        elif self.matrix and len(self.matrix.file_ids) * _FEW > len(self.matrix.rows):
            source = "contents CROSS JOIN files USING (content_id)"
        else:
            source = "files CROSS JOIN contents USING (content_id)"
        for one in ranges_of(self._roots):
            yield from self._connection.execute(
                f"SELECT {columns} FROM {source} WHERE path >= ? AND path < ?{self._where}",
                (*one, *self._values),
            )

    def _mapped(self, matrix: Matrix) -> Iterator[Stretch]:
        rowids, slots = matrix.file_ids, matrix.slots
        newer, contents, known = self._newer
        is_copy = known >= 0
        if is_copy.any():
            rowids = np.concatenate([rowids, newer[is_copy]])
            slots = np.concatenate([slots, known[is_copy]])
        newer, contents = newer[~is_copy], contents[~is_copy]
        if not len(newer) and not len(self._extended):
            yield Stretch(rowids, slots, matrix.rows, matrix.order.further_parts)
            return
        found = [*matrix.newer_embeddings()]
        if len(self._extended):
            owners = matrix.order.slots_of(self._extended)
            of_file = look_up(slots.astype(np.int64), *_by_slot(owners))
            is_here = of_file >= 0
            newer = np.concatenate([newer, rowids[is_here]])
            contents = np.concatenate([contents, self._extended[of_file[is_here]]])
            rowids, slots = rowids[~is_here], slots[~is_here]
            of_part = look_up(matrix.order.further_parts[:, 1].astype(np.int64), *_by_slot(owners))
            further = matrix.order.further_parts[of_part >= 0, 0]
            found.append((self._extended, matrix.rows[owners]))
            found.append((self._extended[of_part[of_part >= 0]], matrix.rows[further]))
        yield Stretch(rowids, slots, matrix.rows, matrix.order.further_parts)
        numbers, rows = _joined(found, matrix.rows.shape[1])
        yield _stretch(newer, contents, numbers, rows)

    def _scanned(self) -> Iterator[Stretch]:
        dimension = dimension_of(self._connection, self._model_id)
        of_further, further = _joined([*self.embeddings.scan_further_parts()], dimension)
        for rowids, content_ids, found in self.embeddings.scan(
            self._roots, self._where, self._values
        ):
            is_here = np.isin(of_further, content_ids)
            numbers = np.concatenate([content_ids, of_further[is_here]])
            every = np.concatenate([found, further[is_here]]) if is_here.any() else found
            yield _stretch(rowids, content_ids, numbers, every)


def _by_slot(slots: Slots) -> tuple[ContentIds, Slots]:
    """Return different slots in ascending order, and the position of each."""
    ascending = np.argsort(slots)
    return slots[ascending].astype(np.int64), ascending.astype(np.int32)


def _stretch(
    rowids: Rowids, content_ids: ContentIds, numbers: ContentIds, rows: StoredEmbeddings
) -> Stretch:
    """Return files with the embeddings of contents, of which each may have several.

    content_ids: of the files (n,); those of which there is no embedding are left out. numbers: the
    content of each embedding (m,). The first one of a content is its own, all others count for it.
    """
    different, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    owners = first.astype(np.int32)[inverse]
    places = np.arange(len(rows), dtype=np.int32)
    further_parts = np.stack([places, owners], axis=1)[places != owners]
    slots = look_up(content_ids, different, first.astype(np.int32))
    has_row = slots >= 0
    return Stretch(rowids[has_row], slots[has_row], rows, further_parts, content_ids[has_row])


def _joined(
    chunks: Sequence[tuple[ContentIds, StoredEmbeddings]], dimension: int
) -> tuple[ContentIds, StoredEmbeddings]:
    """Return the content of each embedding and the embeddings of all chunks, if any."""
    numbers, rows = np.empty(0, np.int64), np.empty((0, dimension), np.dtype(STORED_DTYPE))
    return (
        np.concatenate([numbers, *(each for each, _ in chunks)]),
        np.concatenate([rows, *(each for _, each in chunks)]),
    )
