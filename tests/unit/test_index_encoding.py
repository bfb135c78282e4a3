"""The encoder's thread: it works while batches are committed, and ends with the run."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_index import PlainModel, SmallIndex, make_pictures, settle

from rclip_like.errors import Interrupted, ModelError
from rclip_like.settings import ReadSettings

PATIENCE = 20.0
"""Seconds; what is waited for comes within a few milliseconds, or never."""


class WatchedModel(PlainModel):
    """Calls `on_batch` with the batch's number, from 1 on, before it encodes the batch."""

    def __init__(self, index: SmallIndex, on_batch: Callable[[int], None]) -> None:
        super().__init__(index.specification, batch_size=4)
        self.sizes: list[int] = []
        self._on_batch = on_batch

    def pictures(self, pixels_NHWC: np.ndarray) -> np.ndarray:
        self.sizes.append(len(pixels_NHWC))
        self._on_batch(len(self.sizes))
        return super().pictures(pixels_NHWC)


@pytest.fixture
def index(tmp_path: Path, tiny_model: Path) -> Iterator[SmallIndex]:
    make_pictures(tmp_path / "album", 20)
    index = SmallIndex(tmp_path / "index.db", tiny_model, plain=True)
    yield index
    index.store.close()


def watch(index: SmallIndex, on_batch: Callable[[int], None]) -> WatchedModel:
    index.model = model = WatchedModel(index, on_batch)
    return model


def join_encoders() -> None:
    """Wait until the threads that encoded are over; fail where one goes on."""
    for thread in threading.enumerate():
        if thread.name == "encoder":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def draw_slow_picture(folder: Path) -> Path:
    """Write a picture that takes a processor about a second, the last one of its folder."""
    Image.new("1", (15_000, 15_000)).save(folder / "slow.png")
    return folder / "slow.png"


def committed(index: SmallIndex) -> int:
    """Return how many rows anyone else sees."""
    with closing(sqlite3.connect(index.store.path)) as connection:
        number: int = connection.execute("SELECT count(*) FROM files").fetchone()[0]
    return number


def test_the_next_batch_is_encoded_while_one_is_committed(
    index: SmallIndex, tmp_path: Path
) -> None:
    second_begun = threading.Event()
    watch(index, lambda number: second_begun.set() if number == 2 else None)
    waits: list[bool] = []

    def hold(statement: str) -> None:
        if statement == "COMMIT" and not waits and index.store.count_files():
            waits.append(second_begun.wait(PATIENCE))

    index.store.connection.set_trace_callback(hold)
    assert index.update(tmp_path / "album").encoded == 20
    assert waits == [True]


def test_no_batch_is_begun_before_the_second_last_is_committed(
    index: SmallIndex, tmp_path: Path
) -> None:
    seen: list[int] = []
    encoder = watch(index, lambda number: seen.append(committed(index)))
    index.update(tmp_path / "album")
    assert encoder.sizes == [4] * 5
    assert all(rows >= 4 * (number - 2) for number, rows in enumerate(seen, start=1))


def test_what_is_encoded_is_committed_while_a_slow_read_keeps_all_waiting(
    index: SmallIndex, tmp_path: Path
) -> None:
    settle(draw_slow_picture(tmp_path / "album"))
    seen: list[int] = []
    watch(index, lambda number: seen.append(committed(index)))
    index.update(tmp_path / "album", read=ReadSettings(workers=1, max_megapixels=500))
    assert seen[-1] == 20


def test_what_the_encoder_raises_ends_the_run_and_what_was_encoded_is_kept(
    index: SmallIndex, tmp_path: Path
) -> None:
    def fail(number: int) -> None:
        if number == 3:
            raise ModelError("the third batch is too much")

    watch(index, fail)
    with pytest.raises(ModelError, match="third batch"):
        index.update(tmp_path / "album")
    assert len(index.names()) == 8
    join_encoders()
    watch(index, lambda number: None)
    assert index.update(tmp_path / "album").encoded == 12


def test_a_signal_waits_for_no_encoder_and_what_was_encoded_is_kept(
    index: SmallIndex, tmp_path: Path
) -> None:
    released = threading.Event()

    def hold(number: int) -> None:
        if number == 3:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            released.wait(PATIENCE)

    watch(index, hold)
    started = time.monotonic()
    with pytest.raises(Interrupted, match="is kept; 12 not indexed yet"):
        index.update(tmp_path / "album")
    assert time.monotonic() - started < PATIENCE / 2
    assert len(index.names()) == 8
    released.set()
    join_encoders()
    assert len(index.names()) == 8


def test_a_copy_of_a_picture_that_is_being_encoded_is_not_encoded_again(
    index: SmallIndex, tmp_path: Path
) -> None:
    for number in range(8):
        shutil.copy2(tmp_path / "album" / "0000.jpg", tmp_path / "album" / f"000{number}b.jpg")
    encoder = watch(index, lambda number: None)
    report = index.update(tmp_path / "album")
    assert (sum(encoder.sizes), report.encoded, report.reused) == (20, 20, 8)
    assert len(index.names()) == 28
