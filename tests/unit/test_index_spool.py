"""The spool: any number of items in bounded memory, in order, from thread to thread."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pytest

from rclip_like.errors import StoreError
from rclip_like.index.spool import Spool


@pytest.fixture
def spool():
    spool: Spool[int] = Spool()
    yield spool
    spool.discard()


def test_items_come_out_in_the_order_they_went_in(spool: Spool[int]) -> None:
    for number in range(100_000):
        spool.put(number)
    spool.close()
    assert list(spool.items()) == list(range(100_000))


def test_a_reader_gets_items_while_the_writer_goes_on(spool: Spool[int]) -> None:
    items = spool.items()
    taken = threading.Event()

    def write() -> None:
        for number in range(10_000):
            spool.put(number)
            if number == 5_000:
                assert taken.wait(30)
        spool.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert next(items) == 0
    taken.set()
    assert list(items) == list(range(1, 10_000))
    writer.join()


def test_an_error_of_the_writer_comes_after_the_last_item(spool: Spool[int]) -> None:
    spool.put(1)
    spool.close(StoreError("the disk is gone"))
    items = spool.items()
    assert next(items) == 1
    with pytest.raises(StoreError, match="the disk is gone"):
        next(items)


def test_a_waiting_reader_may_leave(spool: Spool[int]) -> None:
    assert list(spool.items(is_over=lambda: True)) == []


class _Unpicklable:
    """Takes more memory to be pickled than there is."""

    def __reduce__(self) -> str:
        raise MemoryError


def test_a_reader_does_not_wait_for_a_writer_whose_memory_ran_out(spool: Spool[object]) -> None:
    spool.put(_Unpicklable())
    spool.close()
    with pytest.raises(MemoryError):
        list(spool.items())


def test_little_stays_in_memory(spool: Spool[int], tmp_path: Path) -> None:
    for number in range(1_000_000):
        spool.put(number)
    assert len(spool._written) <= 512
    assert spool._chunks.qsize() < 2_000
    assert spool._held_bytes <= 1 << 20
    assert spool._file is not None
    spool.close()
    assert sum(1 for _ in spool.items()) == 1_000_000


def test_a_full_temporary_folder_is_named(
    spool: Spool[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    # As where the only disk is full: not one of the folders that Python tries takes a file.
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "full")])
    monkeypatch.setenv("TMPDIR", str(tmp_path / "full"))
    with pytest.raises(StoreError, match=f"{tmp_path / 'full'}: the folder for temporary files"):
        fill(spool)


def fill(spool: Spool[bytes]) -> None:
    for _ in range(3000):
        spool.put(bytes(1000))
