"""One Library, many threads: searches at once, and beside an indexing run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rclip_like.library import Library
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.settings import EncoderSettings, IndexSettings, ReadSettings

THREADS = 4


def write(folder: Path, start: int, stop: int) -> None:
    folder.mkdir(exist_ok=True)
    for seed in range(start, stop):
        noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((48, 48)).save(folder / f"{seed:02}.png")
        os.utime(folder / f"{seed:02}.png", (1_600_000_000, 1_600_000_000))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write(tmp_path / "photos", 0, 8)
    return tmp_path / "photos"


@pytest.fixture
def library(tmp_path: Path, tiny_model: Path) -> Library:
    exact, read = EncoderSettings(precision="fp32"), ReadSettings(workers=1)
    return Library(tmp_path / "index.db", model=str(tiny_model), encoder=exact, read=read)


def at_once(work: Callable[[int], object]) -> list[object]:
    """Return what each thread's call came to, all begun together."""
    begin = threading.Barrier(THREADS)

    def begun(number: int) -> object:
        begin.wait(timeout=60)
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begun, range(THREADS)))


def test_threads_search_at_once_and_find_what_one_finds(library: Library, photos: Path) -> None:
    library.index(photos)
    words = ["cat", "red car", "a tree", "the sea"]
    alone = [library.search(each, photos, update=None).matches for each in words]

    def search(number: int) -> object:
        return [library.search(words[number], photos, update=None).matches for _ in range(5)]

    assert at_once(search) == [[each] * 5 for each in alone]
    library.close()


def test_threads_search_while_another_indexes(library: Library, photos: Path) -> None:
    library.index(photos)
    write(photos, 8, 24)
    done = threading.Event()

    def work(number: int) -> object:
        if number == 0:
            report = library.index(photos)
            done.set()
            return report.encoded
        counts = []
        while not done.is_set():
            counts.append(len(library.search("cat", photos, update=None).matches))
        counts.append(len(library.search("cat", photos, update=None).matches))
        return counts

    encoded, *counts = at_once(work)
    assert encoded == 16
    for each in counts:
        assert isinstance(each, list)
        assert each == sorted(each)
        assert each[-1] == 10
    library.close()


def test_threads_that_all_bring_the_index_up_to_date_do_the_work_once(
    library: Library, photos: Path
) -> None:
    reports = at_once(lambda number: library.index(photos, IndexSettings(wait=True)))
    assert sum(report.encoded for report in reports) == 8  # type: ignore[attr-defined]
    assert library.num_pictures() == 8
    library.close()


def test_libraries_share_a_model_that_is_loaded_once(
    tmp_path: Path, tiny_model: Path, photos: Path
) -> None:
    model = Model(resolve(str(tiny_model)), EncoderSettings(precision="fp32"))
    libraries = [Library(tmp_path / f"{number}.db", model=model) for number in range(THREADS)]

    def scores(number: int) -> dict[bytes, float]:
        matches = libraries[number].search("cat", photos).matches
        return {match.path_bytes: match.score for match in matches}

    # A slow reader splits a batch, and torch's sums of another batch differ in the last bits.
    first, *others = at_once(scores)
    assert others == [pytest.approx(first, abs=1e-6)] * (THREADS - 1)
    assert all(library.model is model for library in libraries)


def test_closing_ends_the_connections_of_all_threads(library: Library, photos: Path) -> None:
    library.index(photos)
    at_once(lambda number: library.num_pictures())
    opened = Path("/proc/self/fd")
    if opened.exists():
        assert str(library.database) in _open_files(opened)
    library.close()
    if opened.exists():
        assert str(library.database) not in _open_files(opened)
    assert library.num_pictures() == 8  # opened again
    library.close()


def test_closing_amid_what_other_threads_do_breaks_nothing(library: Library, photos: Path) -> None:
    """SQLite would end the process: so a process of its own looks whether it does."""
    library.index(photos)
    library.close()
    script = f"""
import threading, time
from rclip_like import Library
from rclip_like.errors import StoreError
library = Library({str(library.database)!r}, model={library.specification.name!r})
end = time.monotonic() + 2
def search():
    while time.monotonic() < end:
        try:
            found = library.search(str(time.monotonic()), {str(photos)!r}, update=False)
            assert len(found.matches) == 8
        except StoreError:
            pass
threads = [threading.Thread(target=search) for _ in range({THREADS})]
for thread in threads:
    thread.start()
while time.monotonic() < end:
    library.close()
    time.sleep(0.001)
for thread in threads:
    thread.join()
assert library.num_pictures() == 8
"""
    finished = subprocess.run(
        [sys.executable, "-c", script], cwd=photos, capture_output=True, text=True, timeout=120
    )
    assert (finished.returncode, finished.stderr) == (0, "")


def test_a_thread_that_ended_leaves_no_connection(library: Library, photos: Path) -> None:
    library.index(photos)
    for _ in range(20):
        thread = threading.Thread(target=library.num_pictures)
        thread.start()
        thread.join()
    assert len(library._index._stores) <= 2
    library.close()


def _open_files(folder: Path) -> list[str]:
    found = []
    for each in os.listdir(folder):
        try:
            found.append(os.readlink(folder / each))
        except OSError:
            continue
    return found
