"""An album of many small photos, each a file with a content of its own, and its index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from blake3 import blake3
from served import Album
from small_index import LONG_AGO, YEARS_LATER_NS, SmallIndex

from bench.data import need, photos
from bench.peer import FOLDER
from rclip_like.models.fingerprint import PREPROCESSING_VERSION
from rclip_like.store import Batch, ContentRow, FileRow, Reading, Store
from rclip_like.store.writing import Writer
from rclip_like.values import FileFacts, PictureFacts

SIZE = (480, 360)
_NUM_PHOTOS = 500
_FILES_A_FOLDER = 1000
_FOLDERS_A_YEAR = 10
_A_BATCH = 5_000
_BYTES_A_FILE = 40_000
_NOISE = 0.6
"""The length of the noise that is added to a photo's unit row."""


class _Photo(NamedTuple):
    content: bytes
    embedding: np.ndarray


def many_photos(count: int) -> Album:
    """Return an album of so many files in folders of a thousand, indexed with `builtin`.

    The pixels are those of 500 photos, the embeddings theirs with noise; a number behind the end
    of each JPEG makes a content of its own of it, with a thumbnail of its own. Made once and kept.
    """
    home = FOLDER / "page" / str(count)
    album = Album(home / "album", home)
    if not (home / "ready").exists():
        need(count * _BYTES_A_FILE)
        (home / "data").mkdir(parents=True, exist_ok=True)
        few = _few_photos(home)
        random = np.random.default_rng(0)
        numbers = iter(range(count))
        with Store.open(home / "data" / "index.db", create=True) as store, store.writing(wait=True):
            writer = Writer(store)
            specification = few.index.specification
            model_id = writer.add_model(
                specification.name,
                specification.fingerprint,
                preprocessing_version=PREPROCESSING_VERSION,
                dimension=specification.dimension,
            )
            while some := list(islice(numbers, _A_BATCH)):
                writer.commit(model_id, _batch(album.folder, few.photos, some, random))
            writer.extend_matrix(model_id)
        (home / "ready").touch()
    return album


class _Few(NamedTuple):
    index: SmallIndex
    photos: Sequence[_Photo]


def _few_photos(home: Path) -> _Few:
    """Return the photos that the album is made of, with their embeddings."""
    folder = photos(_NUM_PHOTOS, SIZE)
    index = SmallIndex(home / "few.db", Path("builtin"), batch_size=32)
    index.update(folder)
    rows = index.rows()
    return _Few(index, [_Photo(Path(os.fsdecode(path)).read_bytes(), rows[path]) for path in rows])


def _batch(
    album: Path, few: Sequence[_Photo], numbers: Sequence[int], random: np.random.Generator
) -> Batch:
    contents, files = {}, []
    for number in numbers:
        photo = few[number % len(few)]
        path = _write(album, number, photo.content)
        digest = blake3(path.read_bytes()).digest()
        noise = random.standard_normal(len(photo.embedding), dtype=np.float32)
        row = photo.embedding + noise * (_NOISE / np.linalg.norm(noise))
        facts = FileFacts.of(os.fsencode(path), path.stat())
        picture = PictureFacts(*SIZE)
        contents[digest] = ContentRow(
            Reading(facts.size_bytes, picture), {0: row / np.linalg.norm(row)}
        )
        files.append(FileRow(facts, YEARS_LATER_NS, digest))
    return Batch(contents, files)


def _write(album: Path, number: int, content: bytes) -> Path:
    folder = number // _FILES_A_FOLDER
    path = album / f"{2010 + folder // _FOLDERS_A_YEAR}" / f"{folder:03}" / f"{number:06}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content + number.to_bytes(4))
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path
