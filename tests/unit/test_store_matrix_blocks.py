"""Digests of a matrix by blocks: of what was written, and looked at in shares."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import blake3
import pytest
from small_index import fill, models_with_matrix

from rclip_like.store import Store
from rclip_like.store.matrix import blocks, stamp
from rclip_like.store.matrix.blocks import CHECK_AGAIN_NS, Block, BlockWriter
from rclip_like.store.writing import Writer

ROW_BYTES = 16


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4 * ROW_BYTES)
    with Store.open(tmp_path / "index.db", create=True) as store:
        model_id = fill(store, [b"/%d" % number for number in range(10)])
        assert Writer(store).extend_matrix(model_id)
        yield store


def rows_of(store: Store) -> list[tuple]:
    """Return start, size, digest and time of each block of the rows."""
    return store.connection.execute(
        "SELECT start, size_bytes, digest, checked_at_ns FROM matrix_blocks"
        " WHERE name LIKE 'rows-%' ORDER BY start"
    ).fetchall()


def spoil(store: Store, name: str, place: int) -> None:
    """Change a byte of a file of the matrix, so that no time of it tells."""
    (path,) = (path for path in stamp.files_of(store.path) if name in path.name)
    content, times = bytearray(path.read_bytes()), path.stat()
    content[place] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("lengths", [[], [0], [3], [8], [9, 0, 1], [1] * 17, [100, 3]])
def test_blocks_are_those_of_what_lies_in_the_file(
    lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8)
    file = io.BytesIO()
    file.write(b"header")
    writer = BlockWriter(file, "name")
    for length in lengths:
        writer.write(os.urandom(length))
    content, start = file.getvalue(), len(b"header")
    expected = [
        Block("name", at, len(part := content[at : at + 8]), blake3.blake3(part).digest())
        for at in range(start, len(content), 8)
    ]
    assert writer.blocks() == expected


def test_what_is_added_has_blocks_of_its_own_and_the_others_stay(store: Store) -> None:
    before = rows_of(store)
    assert [row[:2] for row in before] == [(64, 64), (128, 64), (192, 32)]
    fill(store, [b"/x%d" % number for number in range(6)], seed=7)
    assert Writer(store).extend_matrix(1)
    after = rows_of(store)
    assert after[:3] == before
    assert [row[:2] for row in after[3:]] == [(224, 64), (288, 32)]
    assert not Writer(store).repair.forget_damaged_matrix(1, at_once=True)


def test_a_sound_matrix_that_was_looked_at_is_not_written_of(store: Store) -> None:
    before = store.connection.total_changes
    assert not Writer(store).repair.forget_damaged_matrix(1)
    assert store.connection.total_changes == before


def test_a_run_looks_at_a_share_of_what_is_due_the_oldest_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "_MOST_BYTES_A_RUN", 64)
    now_ns = time.time_ns()
    for start, age_ns in ((64, 2), (128, 3), (192, 0)):
        store.connection.execute(
            "UPDATE matrix_blocks SET checked_at_ns = ? WHERE start = ? AND name LIKE 'rows-%'",
            (now_ns - age_ns * CHECK_AGAIN_NS, start),
        )
    for is_recent in ([False, True, True], [True, True, True]):
        assert not Writer(store).repair.forget_damaged_matrix(1)
        assert [row[3] > now_ns - CHECK_AGAIN_NS for row in rows_of(store)] == is_recent


@pytest.mark.parametrize(("name", "place"), [("rows", 64), ("rows", 223), ("order", 64)])
def test_one_changed_bit_makes_the_matrix_forgotten(store: Store, name: str, place: int) -> None:
    spoil(store, name, place)
    assert store.select(1, None).matrix is not None
    ((_, check),) = store.checkup.matrices()
    assert not check.is_sound
    assert check.num_blocks - len(check.sound) == 1
    assert Writer(store).repair.forget_damaged_matrix(1, at_once=True)
    assert store.select(1, None).matrix is None
    assert store.connection.execute("SELECT count(*) FROM matrix_blocks").fetchone() == (0,)
    assert Writer(store).extend_matrix(1)
    assert not Writer(store).repair.forget_damaged_matrix(1, at_once=True)


def test_a_matrix_without_all_of_its_digests_counts_as_damaged(store: Store) -> None:
    store.connection.execute("DELETE FROM matrix_blocks WHERE start = 128")
    assert Writer(store).repair.forget_damaged_matrix(1)


def test_a_matrix_that_is_not_there_is_no_damage(store: Store) -> None:
    for path in stamp.files_of(store.path):
        path.unlink()
    assert not Writer(store).repair.forget_damaged_matrix(1, at_once=True)
    assert store.checkup.matrices() == []


def test_another_model_keeps_its_digests(store: Store) -> None:
    other = Writer(store).add_model("other", "e" * 64, preprocessing_version="1", dimension=8)
    store.connection.execute(
        "INSERT INTO embeddings SELECT ?, part, content_id, embedding, row_digest FROM embeddings",
        (other,),
    )
    assert Writer(store).extend_matrix(other)
    spoil(store, store.connection.execute("SELECT rows_name FROM matrices").fetchone()[0], 70)
    assert Writer(store).repair.forget_damaged_matrix(1, at_once=True)
    assert not Writer(store).repair.forget_damaged_matrix(other, at_once=True)
    assert models_with_matrix(store) == [other]
