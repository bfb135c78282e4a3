"""Parts of a content in the index: written, read, scored and dropped by their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_index import YEARS_LATER_NS, facts_of, fill

from rclip_like.search.scoring import score_all
from rclip_like.store import Batch, ContentRow, FileRow, Reading, Store
from rclip_like.store.matrix import stamp
from rclip_like.store.rows import EVERYTHING
from rclip_like.store.writing import Writer
from rclip_like.values import PictureFacts

PARTS = (0, 1, 1000, 1003)
ROWS = np.eye(8, dtype=np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an index of a plain picture, content 1, and of one with a frame and tiles, content 2."""
    with Store.open(tmp_path / "index.db", create=True) as store:
        fill(store, [b"/1"])
        write(store, dict(zip(PARTS, ROWS, strict=False)))
        yield store


def write(store: Store, embeddings: dict[int, np.ndarray]) -> None:
    content = ContentRow(Reading(7, PictureFacts(4, 3), "GIF 1"), embeddings)
    file = FileRow(facts_of(b"/tiled"), YEARS_LATER_NS, b"tiled")
    Writer(store).commit(1, Batch({b"tiled": content}, [file]))


def parts_of_tiled(store: Store) -> list[int]:
    return store.embeddings(1).sound_parts([2]).parts.tolist()


def test_parts_come_back_under_the_numbers_they_were_written_with(store: Store) -> None:
    parts = store.embeddings(1).sound_parts([1, 2])
    assert parts.content_ids.tolist() == [1, 2, 2, 2, 2]
    assert parts.parts.tolist() == [0, *PARTS]
    np.testing.assert_array_equal(parts.embeddings[1:], ROWS[:4])
    assert store.embeddings(1).sound_parts([2]).damaged == set()


@pytest.mark.parametrize("number", range(4))
def test_a_picture_scores_by_the_best_of_its_parts(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    assert Writer(store).extend_matrix(1)
    with store.snapshot():
        selection = store.select(1, None)
        assert selection.matrix is not None
        assert selection.matrix.order.further_parts.tolist() == [[2, 1], [3, 1], [4, 1]]
        for by_rows in (False, True):
            scored = score_all(selection, ROWS[number], by_rows=by_rows)
            assert scored.by_matrix is not by_rows
            assert dict(zip(scored.rowids.tolist(), scored.scores, strict=True))[2] == 1.0


def test_parts_of_a_mended_reader_take_the_place_of_all_before(store: Store) -> None:
    assert Writer(store).mark_outdated(1, ["GIF 2"]) == 1
    write(store, {0: ROWS[5], 1001: ROWS[6]})
    assert parts_of_tiled(store) == [0, 1001]
    np.testing.assert_array_equal(store.embeddings(1).sound_parts([2]).embeddings, ROWS[5:7])


def test_parts_go_with_their_content(store: Store) -> None:
    with store.removal() as removal:
        for files in removal.files([EVERYTHING]):
            removal.mark_files([file for file in files if file.path == b"/tiled"])
        removal.mark_contents(everywhere=True)
        assert removal.count().embeddings == len(PARTS)
        removal.drop(Writer(store))
    assert parts_of_tiled(store) == []
    assert store.embeddings(1).sound_parts([1]).parts.tolist() == [0]
