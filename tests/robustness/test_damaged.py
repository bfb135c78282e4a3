"""Damaged and full indexes: a sentence, never a traceback, and nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from small_index import SmallIndex, fill, make_pictures

from rclip_like.errors import ClipfindError, StoreError
from rclip_like.store import Store


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "index.db"
    with Store.open(path, create=True) as store:
        fill(store, [b"/%05d.jpg" % number for number in range(3000)])
    return path


def use(database: Path) -> int:
    """Read all of an index through every question."""
    with Store.open(database, create=False) as store:
        store.status()
        for rowids, _, _ in store.embeddings(1).scan(None):
            store.files(rowids)
        return sum(map(len, store.indexed_facts(1, None)))


@pytest.mark.parametrize("seed", range(5))
def test_an_index_with_scrambled_pages_is_refused_in_a_sentence(database: Path, seed: int) -> None:
    data = bytearray(database.read_bytes())
    before = bytes(data)
    random = np.random.default_rng(seed)
    for page in range(1, len(data) // 8192, 2):
        data[page * 8192 : page * 8192 + 4096] = random.bytes(4096)
    assert data != before
    database.write_bytes(data)
    with pytest.raises(StoreError, match=str(database)):
        use(database)


def test_a_cut_index_is_refused_in_a_sentence(database: Path) -> None:
    size = database.stat().st_size
    os.truncate(database, size // 3)
    with pytest.raises(StoreError, match="damaged"):
        use(database)


def test_a_log_full_of_garbage_does_no_harm(database: Path) -> None:
    database.with_name("index.db-wal").write_bytes(os.urandom(100_000))
    assert use(database) == 3000


def test_a_full_index_keeps_what_was_committed(database: Path) -> None:
    with Store.open(database, create=False) as store:
        (pages,) = store.connection.execute("PRAGMA page_count").fetchone()
        store.connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="the disk is full"):
            fill(store, [b"/more/%05d.jpg" % number for number in range(3000)], seed=1)
        assert store.count_files() == 3000
    assert use(database) == 3000


def test_garbage_in_place_of_the_index_ends_indexing_in_a_sentence(
    tmp_path: Path, tiny_model: Path
) -> None:
    make_pictures(tmp_path / "album", 1)
    (tmp_path / "1.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(ClipfindError, match=r"1\.db: this is not an index"):
        SmallIndex(tmp_path / "1.db", tiny_model)
    assert (tmp_path / "1.db").read_bytes() == b"garbage" * 1000
