"""An index of as many made-up pictures as wanted, written through SQL in seconds."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from rclip_like.models.fingerprint import PREPROCESSING_VERSION
from rclip_like.models.specification import ModelSpecification
from rclip_like.store import Store
from rclip_like.store.rows import row_digest
from rclip_like.store.writing import Writer

SEED = 0
_CHUNK = 20_000
_FILES_A_FOLDER = 1000
_LONG_AGO_NS = 1_500_000_000 * 10**9
_YEARS_LATER_NS = 1_700_000_000 * 10**9


def build_index(
    database: Path, album: Path, num_rows: int, specification: ModelSpecification
) -> None:
    """Write a new index of `num_rows` pictures under `album`, each with an embedding of its own.

    Every path can be looked up and is as the index says, as a search does for what it shows, but
    there are only a thousand files: all folders, in up to ten years that can be roots of their
    own, hold further names of them. An album that is there is used again, so that the indexes of
    several models may share it. The embeddings are random unit rows; the folders were met in
    random order. The matrix that a run of the indexer keeps beside the index is there, too. A
    million rows of 256 take a minute or two.
    """
    folders = _make_album(album, -(-num_rows // _FILES_A_FOLDER))
    with Store.open(database, create=True) as store:
        model_id = Writer(store).add_model(
            specification.name,
            specification.fingerprint,
            preprocessing_version=PREPROCESSING_VERSION,
            dimension=specification.dimension,
        )
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        # Nobody misses it when it is lost half-way.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
            connection.execute(f"PRAGMA {pragma}")
        _fill(connection, folders, num_rows, (model_id, specification.dimension))
        connection.execute("PRAGMA journal_mode = WAL")
    with Store.open(database, create=False) as store, store.writing(wait=True):
        Writer(store).extend_matrix(model_id)


def _make_album(album: Path, num_folders: int) -> list[bytes]:
    real = album / "all"
    years = [f"{2010 + number * 10 // num_folders}" for number in range(num_folders)]
    folders = [album / year / f"{number:05}" for number, year in enumerate(years)]
    if not real.exists():
        real.mkdir(parents=True)
        for number in range(_FILES_A_FOLDER):
            path = real / f"{number:03}.jpg"
            path.write_bytes(b"made up")
            os.utime(path, ns=(_LONG_AGO_NS, _LONG_AGO_NS))
        for folder in folders:
            folder.mkdir(parents=True)
            for path in real.iterdir():
                os.link(path, folder / path.name)
    random = np.random.default_rng(SEED)
    return [os.fsencode(folders[number]) for number in random.permutation(num_folders)]


def _fill(
    connection: sqlite3.Connection, folders: list[bytes], num_rows: int, model: tuple[int, int]
) -> None:
    random = np.random.default_rng(SEED)
    inodes = [os.stat(_path(folders, number)).st_ino for number in range(_FILES_A_FOLDER)]
    connection.execute("BEGIN")
    for first in range(0, num_rows, _CHUNK):
        numbers = range(first, min(first + _CHUNK, num_rows))
        ids = range(first + 1, first + 1 + len(numbers))
        connection.executemany(
            "INSERT INTO contents (content_id, digest, size_bytes, width, height)"
            " VALUES (?, ?, 7, 4000, 3000)",
            [(each, random.bytes(32)) for each in ids],
        )
        connection.executemany(
            "INSERT INTO files (file_id, path, size_bytes, mtime_ns, device, inode, read_at_ns,"
            f" content_id) VALUES (?, ?, 7, {_LONG_AGO_NS}, 1, ?, {_YEARS_LATER_NS}, ?)",
            [
                (each, _path(folders, number), inodes[number % _FILES_A_FOLDER], each)
                for each, number in zip(ids, numbers, strict=True)
            ],
        )
        connection.executemany(
            "INSERT INTO embeddings (model_id, part, content_id, embedding, row_digest)"
            " VALUES (?, 0, ?, ?, ?)",
            [
                (model[0], each, row, row_digest(row))
                for each, row in zip(ids, _embeddings(random, len(ids), model[1]), strict=True)
            ],
        )
    connection.execute("COMMIT")


def _path(folders: list[bytes], number: int) -> bytes:
    return b"%s/%03d.jpg" % (folders[number // _FILES_A_FOLDER], number % _FILES_A_FOLDER)


def _embeddings(random: np.random.Generator, count: int, dimension: int) -> Iterator[bytes]:
    rows = random.standard_normal((count, dimension), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return (row.tobytes() for row in rows.astype("<f2"))
