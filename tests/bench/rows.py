"""Indexes of made-up rows: of many pictures, and of files that nobody has touched since.

Both tools get the same paths and embeddings, so that their answers can be compared.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
from small_index import YEARS_LATER_NS

from bench.data import need
from bench.peer import FOLDER
from bench.synthetic import build_index
from bench.tools import Clipfind, Rclip
from rclip_like.models.fingerprint import PREPROCESSING_VERSION
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.store import Batch, ContentRow, FileRow, Reading, Store
from rclip_like.store.writing import Writer
from rclip_like.values import FileFacts, PictureFacts

SEED = 0
_A_BATCH = 10_000
_BYTES_A_ROW = 8_000
_MAKE_TABLES = "import sys; from rclip.db import DB; DB(sys.argv[1]).close()"


def clipfind_rows(count: int, model: str | Path, precision: str = "auto") -> tuple[Clipfind, Path]:
    """Return clipfind with an index of so many pictures by the model, and the pictures' folder."""
    specification = resolve(str(model))
    home = FOLDER / "rows" / f"{count}-{specification.fingerprint[:12]}"
    tool = Clipfind(home, model, precision)
    album = (FOLDER / "rows" / f"album-{count}").resolve()
    if not (home / "ready").exists():
        need(count * _BYTES_A_ROW)
        _remove(tool.database)
        if not any(
            (FOLDER / "rows").glob(f"{count}-*/ready")
        ):  # else another model's rows are of it
            shutil.rmtree(album, ignore_errors=True)
        build_index(tool.database, album, count, specification)
        (home / "ready").touch()
    with closing(sqlite3.connect(tool.database)) as connection:
        connection.execute("DELETE FROM texts")  # asked in an earlier run
        connection.commit()
    return tool, album


def rclip_rows(ours: Clipfind, count: int) -> Rclip:
    """Return the peer with the rows of our index."""
    tool = Rclip(FOLDER / "rows" / f"{count}-rclip")
    if not (tool.home / "ready").exists():
        _remove(tool.database)
        _copy_rows(ours.database, tool)
        (tool.home / "ready").touch()
    return tool


def index_files(database: Path, folder: Path, specification: ModelSpecification) -> int:
    """Write a new index of the files under the folder as they are; return how many there are."""
    paths = sorted(folder.resolve().glob("*/*"))
    _fill(database, (FileFacts.of(os.fsencode(path), path.stat()) for path in paths), specification)
    return len(paths)


def _fill(database: Path, facts: Iterator[FileFacts], specification: ModelSpecification) -> None:
    random = np.random.default_rng(SEED)
    with Store.open(database, create=True) as store:
        model_id = Writer(store).add_model(
            specification.name,
            specification.fingerprint,
            preprocessing_version=PREPROCESSING_VERSION,
            dimension=specification.dimension,
        )
        while some := list(islice(facts, _A_BATCH)):
            Writer(store).commit(model_id, _batch(some, random, specification.dimension))


def _batch(some: Sequence[FileFacts], random: np.random.Generator, dimension: int) -> Batch:
    rows = random.standard_normal((len(some), dimension), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    digests = [random.bytes(32) for _ in some]
    pictures = PictureFacts(4000, 3000)
    contents = {
        digest: ContentRow(Reading(each.size_bytes, pictures), {0: row})
        for digest, each, row in zip(digests, some, rows, strict=True)
    }
    read = [
        FileRow(each, YEARS_LATER_NS, digest) for each, digest in zip(some, digests, strict=True)
    ]
    return Batch(contents, read)


def _copy_rows(database: Path, tool: Rclip) -> None:
    """Give the peer the paths and embeddings of our index, in tables that it made itself."""
    subprocess.run([tool.peer.python, "-c", _MAKE_TABLES, tool.database], check=True)
    with closing(sqlite3.connect(database)) as ours, closing(sqlite3.connect(tool.database)) as its:
        found = ours.execute(
            "SELECT path, mtime_ns / 1e9, size_bytes, embedding"
            " FROM files JOIN embeddings USING (content_id) WHERE part = 0"
        )
        its.executemany(
            "INSERT INTO images (filepath, modified_at, size, vector) VALUES (?, ?, ?, ?)",
            ((os.fsdecode(path), *facts, _as_float32(row)) for path, *facts, row in found),
        )
        its.commit()


def _as_float32(stored: bytes) -> bytes:
    return np.frombuffer(stored, "<f2").astype("<f4").tobytes()


def _remove(database: Path) -> None:
    """Remove an index and all that lies beside it."""
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()
