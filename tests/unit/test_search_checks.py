"""What is about to be shown against its rows: all parts of a picture, and pages of many."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_index import YEARS_LATER_NS, facts_of, fill

from rclip_like.search.checks import RowCheck
from rclip_like.search.scoring import pages, score_all
from rclip_like.store import Batch, ContentRow, FileRow, Reading, Store
from rclip_like.store.matrix import stamp
from rclip_like.store.selection import Selection
from rclip_like.store.writing import Writer
from rclip_like.values import PictureFacts

DIMENSION = 8
QUERY = np.eye(DIMENSION, dtype=np.float32)[0]
FRAMES = np.eye(DIMENSION, dtype=np.float32)[[3, 0, 5]]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Give an index of 600 pictures with a matrix, one of them animated: its frame ranks first."""
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    with Store.open(tmp_path / "index.db", create=True) as store:
        fill(store, [b"/%04d" % number for number in range(599)])
        content = ContentRow(Reading(7, PictureFacts(4, 3)), dict(enumerate(FRAMES)))
        files = [FileRow(facts_of(b"/animated"), YEARS_LATER_NS, b"animated")]
        Writer(store).commit(1, Batch({b"animated": content}, files))
        assert Writer(store).extend_matrix(1)
        yield store


def held(store: Store, *, by_rows: bool = False) -> dict[bytes, str]:
    """Return what each path's row is found to be."""
    with store.snapshot():
        selection = store.select(1, None)
        scored = score_all(selection, QUERY, by_rows=by_rows)
        found = {}
        for page in pages(selection, scored):
            rows = RowCheck(selection, QUERY, page, by_matrix=scored.by_matrix)
            found.update((stored.path, rows.look_at(stored, value)) for stored, value in page)
        return found


def spoil_matrix(store: Store, before: np.ndarray, after: np.ndarray) -> None:
    (path,) = (path for path in stamp.files_of(store.path) if ".rows-" in path.name)
    content, times = path.read_bytes(), path.stat()
    old, new = (row.astype("<f2").tobytes() for row in (before, after))
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("by_rows", [False, True])
def test_all_of_a_sound_index_holds(store: Store, by_rows: bool) -> None:
    found = held(store, by_rows=by_rows)
    assert len(found) == 600
    assert set(found.values()) == {"sound"}
    assert next(iter(found)) == b"/animated"


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_a_frame_that_the_matrix_has_otherwise_disagrees(store: Store, frame: int) -> None:
    better = 0.9 * QUERY + np.sqrt(0.19) * np.eye(DIMENSION)[6] if frame == 1 else 1.5 * QUERY
    spoil_matrix(store, FRAMES[frame], better)
    if frame != 1:  # clipped to the score that another frame has: nothing wrong is shown
        assert set(held(store).values()) == {"sound"}
        return
    assert held(store)[b"/animated"] == "disagrees"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_picture_of_which_any_part_is_damaged_does_not_hold(store: Store, part: int) -> None:
    other = np.eye(DIMENSION)[7].astype("<f2").tobytes()
    change = "UPDATE embeddings SET embedding = ? WHERE content_id = 600 AND part = ?"
    store.connection.execute(change, (other, part))
    for by_rows in (False, True):
        found = held(store, by_rows=by_rows)
        assert [path for path, row in found.items() if row != "sound"] == [b"/animated"]
        assert found[b"/animated"] == "damaged"


@pytest.mark.parametrize("blob", [b"", b"\0", bytes(2 * DIMENSION), b"\xff" * 2 * DIMENSION])
def test_what_is_no_embedding_does_not_hold_without_a_digest_either(
    store: Store, blob: bytes
) -> None:
    change = "UPDATE embeddings SET embedding = ?, row_digest = NULL WHERE content_id = 600"
    store.connection.execute(change, (blob,))
    assert store.embeddings(1).sound_parts([600, 5]).damaged == {600}
    assert store.embeddings(1).sound_parts([600, 5]).content_ids.tolist() == [5]
    assert store.embeddings(1).sound_parts([600]).embeddings.shape[0] == 0


@pytest.mark.parametrize("by_rows", [False, True])
@pytest.mark.parametrize("one_in", [1, 50, 1000])
def test_paths_asked_all_at_once_give_what_each_asked_by_itself_does(
    store: Store, by_rows: bool, one_in: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wants(path: bytes) -> bool:
        return path == b"/0007" or (path != b"/animated" and int(path[1:]) % one_in == one_in - 1)

    times: list[int] = []
    plain_paths = Selection.paths
    with store.snapshot():
        selection = store.select(1, None)
        scored = score_all(selection, QUERY, by_rows=by_rows)
        every = [each for page in pages(selection, scored) for each in page]
        monkeypatch.setattr(Selection, "paths", lambda self: times.append(1) or plain_paths(self))
        found = [each for page in pages(selection, scored, wants) for each in page]
    assert found == [(stored, value) for stored, value in every if wants(stored.path)]
    assert len(times) == (one_in > 1)
