"""Embed a labelled or captioned set; embeddings that are in the index are not computed again.

Shape suffixes: N pictures, D embedding, F features.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from rclip_like.data.examples import Example, PictureSet
from rclip_like.data.reading import read_examples
from rclip_like.errors import DataError
from rclip_like.images.products import Square
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Trouble

if TYPE_CHECKING:
    from rclip_like.models.model import Model
    from rclip_like.store.embeddings import IndexedPicture, ModelEmbeddings
    from rclip_like.values import Pixels

OnProgress: TypeAlias = "Callable[[int, int | None], None]"
"""Called with the number of examples done and the number of all, which is None if unknown."""

_AT_ONCE = 512
"""The number of files looked up in the index at a time."""
_BLOCK = 4096


class EmbeddedSet(NamedTuple):
    """The embeddings of the pictures of a set that could be used, in the order of the set.

    labels: as in PictureSet. names: of the examples, (N,); digests: BLAKE3 of their contents, (N,).
    rows: unit embeddings float32 (N, D), or features (N, F). label_numbers: int64 (N,) into
    `labels`, -1 for no label. captions: of each picture, (N,). troubles: the pictures and files
    that could not be used, in no order. num_encoded: how many pictures the model encoded;
    num_from_index: how many embeddings came from the index. notes: sentences for the user.
    """

    name: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    digests: tuple[bytes, ...]
    rows: npt.NDArray[np.float32]
    label_numbers: npt.NDArray[np.int64]
    captions: tuple[tuple[str, ...], ...]
    troubles: tuple[Trouble, ...]
    num_encoded: int
    num_from_index: int
    notes: tuple[str, ...] = ()


def embed_set(
    pictures: PictureSet,
    model: Model,
    stored: ModelEmbeddings | None,
    read: ReadSettings,
    *,
    features: Literal["index", "tower"] = "index",
    on_progress: OnProgress | None = None,
) -> EmbeddedSet:
    """Return the set with one embedding per picture; an animation has that of its first frame.

    stored: the model's embeddings in the index. A picture whose file or content is there is not
    encoded; its row has the precision of float16. With None, or with features="tower", all pictures
    are encoded; "tower" gives the features of the image tower instead of embeddings. Equal contents
    are encoded once. Nothing is written. Raises DataError if there are pictures and none can be
    used, ModelError, ReaderError and StoreError.
    """
    gathered = _Gathered(pictures, stored if features == "index" else None, on_progress)
    square = Square.of(model.specification.preprocessing, is_exact=stored is None)
    encode = model.pictures if features == "index" else model.features
    waiting: dict[bytes, tuple[list[int], Pixels]] = {}  # by digest, with the slots of its pictures
    with closing(read_examples(gathered.to_read(), (square,), read)) as found:
        for slot, picture in gathered.to_encode(found):
            slots, _ = waiting.setdefault(picture.digest, ([], picture.products[square.name][0]))
            slots.append(slot)
            if len(waiting) >= model.batch_size:
                gathered.put_encoded(waiting, encode)
    if waiting:
        gathered.put_encoded(waiting, encode)
    return gathered.finished(model.specification.dimension)


class _Gathered:
    """The part of a set embedded so far. Each example has a slot, in order; some stay empty."""

    def __init__(
        self, pictures: PictureSet, stored: ModelEmbeddings | None, on_progress: OnProgress | None
    ) -> None:
        self._set, self._stored = pictures, stored
        self._report = on_progress or (lambda done, total: None)
        self._names: list[str] = []
        self._labels: list[str | None] = []
        self._captions: list[tuple[str, ...]] = []
        self._digests: list[bytes | None] = []
        self._rows = _Rows()
        self._slots_read: deque[int] = deque()
        self._slot_of: dict[bytes, int] = {}
        self._troubles: list[Trouble] = []
        self._num_done = self._num_encoded = self._num_from_index = 0

    def to_read(self) -> Iterator[Example]:
        """Yield the examples whose files are not indexed, and fill the slots of the others."""
        files: list[tuple[int, Example]] = []
        for example in self._set.examples():
            if isinstance(example, Trouble):
                self._fail(example)
                continue
            slot = len(self._names)
            self._names.append(example.name)
            self._labels.append(example.label)
            self._captions.append(example.captions)
            self._digests.append(None)
            if self._stored is None or example.content is not None:
                self._slots_read.append(slot)
                yield example
                continue
            files.append((slot, example))
            if len(files) == _AT_ONCE:
                yield from self._not_indexed(files)
                files = []
        yield from self._not_indexed(files)

    def to_encode(
        self, results: Iterable[tuple[Example, Picture] | Trouble]
    ) -> Iterator[tuple[int, Picture]]:
        """Yield each picture that must be encoded, with its slot; fill the slots of the others.

        results: the examples of `to_read`, read in their order.
        """
        for result in results:
            slot = self._slots_read.popleft()
            if isinstance(result, Trouble):
                self._fail(result)
                continue
            _, picture = result
            same = self._slot_of.get(picture.digest)
            indexed = None
            if same is None and self._stored is not None:
                (indexed,) = self._stored.of_digests([picture.digest])
            if same is not None:
                self._put(slot, picture.digest, self._rows.row(same))
            elif indexed is not None:
                self._put_indexed(slot, indexed)
            else:
                yield slot, picture

    def put_encoded(
        self,
        waiting: dict[bytes, tuple[list[int], Pixels]],
        encode: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]],
    ) -> None:
        """Encode the waiting pictures, fill their slots, and clear `waiting`."""
        rows_ND = encode(np.stack([pixels for _, pixels in waiting.values()]))
        self._num_encoded += len(rows_ND)
        for (digest, (slots, _)), row in zip(waiting.items(), rows_ND, strict=True):
            for slot in slots:
                self._put(slot, digest, row)
        waiting.clear()

    def finished(self, dimension: int) -> EmbeddedSet:
        """Return the set without the slots that stayed empty.

        dimension: the width of the rows if there are none. Raises DataError if no picture of a set
        with pictures could be used.
        """
        slots = [slot for slot, digest in enumerate(self._digests) if digest is not None]
        if not slots and self._troubles:
            path, reason = os.fsdecode(self._troubles[0].path), self._troubles[0].reason
            raise DataError(
                f"{self._set.name}: no picture can be used; the first is {path}: {reason}"
            )
        numbers = {label: number for number, label in enumerate(self._set.labels)}
        digests = tuple(digest for digest in self._digests if digest is not None)
        labels = [self._labels[slot] for slot in slots]
        return EmbeddedSet(
            self._set.name,
            self._set.labels,
            tuple(self._names[slot] for slot in slots),
            digests,
            self._rows.taken(slots, dimension),
            np.array([-1 if label is None else numbers[label] for label in labels], np.int64),
            tuple(self._captions[slot] for slot in slots),
            tuple(self._troubles),
            self._num_encoded,
            self._num_from_index,
            _notes(digests, labels),
        )

    def _not_indexed(self, files: Sequence[tuple[int, Example]]) -> Iterator[Example]:
        assert self._stored is not None or not files
        paths = [example.name for _, example in files]
        found = self._stored.of_paths(paths) if self._stored is not None else []
        for (slot, example), indexed in zip(files, found, strict=True):
            if indexed is None:
                self._slots_read.append(slot)
                yield example
            else:
                self._put_indexed(slot, indexed)

    def _put_indexed(self, slot: int, indexed: IndexedPicture) -> None:
        self._num_from_index += 1
        self._put(slot, indexed.digest, indexed.embedding)

    def _put(self, slot: int, digest: bytes, row: npt.NDArray[np.float32]) -> None:
        self._digests[slot] = digest
        self._slot_of.setdefault(digest, slot)
        self._rows.put(slot, row)
        self._advance()

    def _fail(self, trouble: Trouble) -> None:
        self._troubles.append(trouble)
        self._advance()

    def _advance(self) -> None:
        self._num_done += 1
        self._report(self._num_done, self._set.total)


class _Rows:
    """Rows by slot, in blocks, so that growing copies nothing."""

    def __init__(self) -> None:
        self._blocks: list[npt.NDArray[np.float32]] = []

    def put(self, slot: int, row: npt.NDArray[np.float32]) -> None:
        """Write one row; all rows have the same length."""
        block, at = divmod(slot, _BLOCK)
        while len(self._blocks) <= block:
            self._blocks.append(np.zeros((_BLOCK, len(row)), np.float32))
        self._blocks[block][at] = row

    def row(self, slot: int) -> npt.NDArray[np.float32]:
        """Return a row that was put."""
        block, at = divmod(slot, _BLOCK)
        row: npt.NDArray[np.float32] = self._blocks[block][at]
        return row

    def taken(self, slots: Sequence[int], width: int) -> npt.NDArray[np.float32]:
        """Return the rows of these ascending slots, and drop all rows; width is for no rows."""
        width = self._blocks[0].shape[1] if self._blocks else width
        rows_ND = np.empty((len(slots), width), np.float32)
        blocks, ascending = np.divmod(np.asarray(slots, np.int64), _BLOCK)
        for number in range(len(self._blocks)):
            rows_ND[blocks == number] = self._blocks[number][ascending[blocks == number]]
            self._blocks[number] = np.empty((0, width), np.float32)
        return rows_ND


def _notes(digests: Sequence[bytes], labels: Sequence[str | None]) -> tuple[str, ...]:
    labels_of: dict[bytes, set[str | None]] = {}
    for digest, label in zip(digests, labels, strict=True):
        labels_of.setdefault(digest, set()).add(label)
    count = sum(len(labels_of[digest]) > 1 for digest in digests)
    if not count:
        return ()
    return (f"pictures identical to a picture with another label: {count:,}",)
