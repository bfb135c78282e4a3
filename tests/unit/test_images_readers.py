"""Pictures read in worker processes: order, limits, crashes, hangs and the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3
from PIL import Image
from read_in_process import read_picture

from rclip_like.errors import ReaderError, Reason
from rclip_like.images import readers as readers_module
from rclip_like.images.products import model_products
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Preprocessing, Trouble

SMALL = Preprocessing(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
TWO = ReadSettings(workers=2, max_megapixels=500)

pytestmark = pytest.mark.skipif(
    not os.path.isdir("/proc/self/task"), reason="finds the worker processes in /proc"
)


def task(path: Path, *known: bytes) -> ReadTask:
    return ReadTask(os.fsencode(path), model_products(SMALL), known)


def paint(folder: Path, count: int) -> list[Path]:
    """Write this many pictures, each another one."""
    paths = [folder / f"{number:03}.png" for number in range(count)]
    for number, path in enumerate(paths):
        Image.new("RGB", (40, 40), (number, 255 - number, 7)).save(path)
    return paths


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a picture that takes seconds to decode."""
    path = tmp_path_factory.mktemp("slow") / "slow.png"
    Image.new("1", (22_000, 22_000)).save(path)
    return path


def children(pid: int | str = "self") -> list[int]:
    """Return the processes that a process started and that still run."""
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, listing.read_text().split())
    return [pid for pid in found if is_running(pid)]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(happened: object, seconds: float = 20) -> None:
    assert callable(happened)
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def by_name(results: Iterator[Picture | Trouble]) -> dict[str, Picture | Trouble]:
    return {os.path.basename(os.fsdecode(result.path)): result for result in results}


def test_workers_read_what_is_read_in_process(tmp_path: Path) -> None:
    paths = paint(tmp_path, 20)
    with Readers(TWO) as readers:
        found = by_name(readers.read_all(map(task, paths)))
    assert len(found) == 20
    for path in paths:
        expected = read_picture(os.fsencode(path), SMALL, TWO)
        result = found[path.name]
        assert isinstance(result, Picture)
        assert (result.digest, result.facts) == (expected.digest, expected.facts)
        assert (result.reader, result.pixels_digest) == (expected.reader, expected.pixels_digest)
        assert result.reader == "PNG 2"
        assert (result.parts[0] == expected.parts[0]).all()


def test_a_known_digest_comes_back_alone(tmp_path: Path) -> None:
    [path] = paint(tmp_path, 1)
    digest = read_picture(os.fsencode(path), SMALL, TWO).digest
    with Readers(TWO) as readers:
        [result] = readers.read_all([task(path, digest, b"\1" * 32)])
    size_bytes = path.stat().st_size
    assert result == Picture(os.fsencode(path), digest, None, size_bytes=size_bytes)


def test_a_bad_file_is_a_trouble_among_pictures(tmp_path: Path) -> None:
    good, bad = paint(tmp_path, 2)
    bad.write_bytes(good.read_bytes()[:60])
    with Readers(TWO) as readers:
        found = by_name(readers.read_all([task(bad), task(good)]))
    assert isinstance(found[good.name], Picture)
    trouble = found[bad.name]
    assert isinstance(trouble, Trouble)
    assert trouble.code is Reason.TRUNCATED


def test_names_of_any_bytes_reach_the_worker(tmp_path: Path) -> None:
    [plain] = paint(tmp_path, 1)
    odd = os.path.join(os.fsencode(tmp_path), b'a\nb\xff"\\ .png')
    os.rename(plain, odd)
    with Readers(TWO) as readers:
        [result] = readers.read_all([ReadTask(odd, model_products(SMALL))])
    assert isinstance(result, Picture)
    assert result.path == odd


def test_workers_start_when_there_is_work_and_no_more_than_that(tmp_path: Path) -> None:
    [path] = paint(tmp_path, 1)
    before = set(children())
    with Readers(ReadSettings(workers=8)) as readers:
        assert set(children()) == before
        for _ in range(3):
            assert len(list(readers.read_all([task(path)]))) == 1
        assert len(set(children()) - before) <= 2
    assert set(children()) == before


def test_tasks_are_not_drawn_far_ahead_of_the_results(tmp_path: Path) -> None:
    paths = paint(tmp_path, 60)
    drawn = 0

    def tasks() -> Iterator[ReadTask]:
        nonlocal drawn
        for path in paths:
            drawn += 1
            yield task(path)

    with Readers(TWO) as readers:
        for taken, _ in enumerate(readers.read_all(tasks()), start=1):
            assert drawn - taken <= 8 * 2


def test_pictures_come_in_order_where_that_was_asked_for(tmp_path: Path) -> None:
    paths = paint(tmp_path, 40)
    Image.effect_noise((3000, 3000), 90).save(paths[0])
    (paths[7]).write_bytes(b"text")
    with Readers(TWO) as readers:
        found = list(readers.read_in_order(map(task, paths)))
    assert [Path(os.fsdecode(each.path)) for each in found] == paths
    assert [each.path for each in found if isinstance(each, Trouble)] == [os.fsencode(paths[7])]


@pytest.mark.parametrize(("most", "in_flight"), [(1 << 30, 16), (1000, 3), (10, 1)])
def test_contents_that_wait_for_a_worker_are_bounded(
    most: int, in_flight: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers_module, "most_bytes", lambda limits: most)
    [path] = paint(tmp_path, 1)
    content = path.read_bytes().ljust(300, b"\0")
    drawn = 0

    def tasks() -> Iterator[ReadTask]:
        nonlocal drawn
        for number in range(40):
            drawn += 1
            yield ReadTask(b"%d.png" % number, model_products(SMALL), content=content)

    with Readers(TWO) as readers:
        for taken, result in enumerate(readers.read_in_order(tasks())):
            assert isinstance(result, Picture)
            assert drawn - taken <= in_flight + 1
    assert drawn == 40


def test_a_picture_that_takes_too_long_costs_itself_only(slow: Path, tmp_path: Path) -> None:
    good = paint(tmp_path, 3)
    with Readers(ReadSettings(workers=1, max_seconds=0.3, max_megapixels=500)) as readers:
        found = by_name(readers.read_all(map(task, [good[0], slow, *good[1:]])))
    assert found.pop("slow.png") == Trouble(
        os.fsencode(slow), "took longer than 0.3 s", code=Reason.TOO_SLOW
    )
    assert all(isinstance(result, Picture) for result in found.values())


def a_second_of_work(folder: Path) -> Path:
    """Write a picture that takes about a second of a processor."""
    Image.new("1", (15_000, 15_000)).save(folder / "work.png")
    return folder / "work.png"


def test_a_pause_amid_decoding_costs_no_picture(tmp_path: Path) -> None:
    before = set(children())
    settings = ReadSettings(workers=1, max_seconds=4, max_megapixels=500)
    with Readers(settings) as readers, ThreadPoolExecutor(1) as thread:
        list(readers.read_all(map(task, paint(tmp_path, 1))))
        [worker] = set(children()) - before
        reading = thread.submit(lambda: list(readers.read_all([task(a_second_of_work(tmp_path))])))
        wait_until(lambda: seconds_of(worker) > 0.4)
        os.kill(worker, signal.SIGSTOP)
        time.sleep(4.5)
        assert not reading.done()
        os.kill(worker, signal.SIGCONT)
        [result] = reading.result()
    assert isinstance(result, Picture), result


def seconds_of(pid: int) -> float:
    """Return the time of a processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_pause_that_outlasts_all_patience_says_nothing_of_the_picture(tmp_path: Path) -> None:
    before = set(children())
    settings = ReadSettings(workers=1, max_megapixels=500, max_wait_seconds=1.5)
    work = a_second_of_work(tmp_path)
    with Readers(settings) as readers, ThreadPoolExecutor(1) as thread:
        list(readers.read_all(map(task, paint(tmp_path, 1))))
        [worker] = set(children()) - before
        started = seconds_of(worker)
        reading = thread.submit(lambda: list(readers.read_all([task(work)])))
        wait_until(lambda: seconds_of(worker) > started + 0.1)
        os.kill(worker, signal.SIGSTOP)
        time.sleep(2)
        os.kill(worker, signal.SIGCONT)
        [result] = reading.result()
        assert isinstance(result, Trouble)
        assert (result.lasting, result.code) == (False, Reason.STALLED)
        assert len(list(readers.read_all(map(task, paint(tmp_path, 1))))) == 1


def test_a_worker_that_stays_stopped_is_ended_and_costs_one_picture(tmp_path: Path) -> None:
    before = set(children())
    [path] = paint(tmp_path, 1)
    with Readers(ReadSettings(workers=1, max_wait_seconds=0.5)) as readers:
        list(readers.read_all([task(path)]))
        [worker] = set(children()) - before
        os.kill(worker, signal.SIGSTOP)
        [result] = readers.read_all([task(path)])
        assert isinstance(result, Trouble)
        assert (result.lasting, result.code) == (False, Reason.STALLED)
        [again] = readers.read_all([task(path)])
        assert isinstance(again, Picture)


def slow_disk(folder: Path, path: Path, seconds: float) -> str:
    """Return a Python whose reads of this path take so long each, as strace makes them."""
    script = folder / "python"
    script.write_text(
        f"#!/bin/sh\nexec strace -D -f -qq -o /dev/null -P '{path}' -e trace=read"
        f" -e inject=read:delay_exit={int(seconds * 1e6)} '{sys.executable}' \"$@\"\n"
    )
    script.chmod(0o755)
    works = subprocess.run([script, "-c", "print(1)"], capture_output=True, text=True)
    if works.stdout != "1\n":
        pytest.skip("needs strace, and the right to trace")
    return str(script)


def test_the_time_limit_counts_decoding_and_not_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [path] = paint(tmp_path, 1)
    monkeypatch.setattr(sys, "executable", slow_disk(tmp_path, path, 0.8))
    with Readers(ReadSettings(workers=1, max_seconds=0.6)) as readers:
        started = time.monotonic()
        [result] = readers.read_all([task(path)])
    assert time.monotonic() - started > 0.7
    assert isinstance(result, Picture), result


def test_a_disk_that_does_not_answer_says_nothing_of_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [path] = paint(tmp_path, 1)
    monkeypatch.setattr(sys, "executable", slow_disk(tmp_path, path, 3))
    with Readers(ReadSettings(workers=1, max_wait_seconds=0.5)) as readers:
        [result] = readers.read_all([task(path)])
    reason = "took too long to read: the disk or the machine stood still"
    assert result == Trouble(os.fsencode(path), reason, lasting=False, code=Reason.STALLED)


def test_a_video_may_take_long_to_read_as_long_as_its_disk_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, content = tmp_path / "a.mp4", bytes(14 << 20)
    path.write_bytes(content)
    monkeypatch.setattr(sys, "executable", slow_disk(tmp_path, path, 0.1))
    with Readers(ReadSettings(workers=1, max_wait_seconds=0.5)) as readers:
        [result] = readers.read_all([task(path, blake3(content).digest())])
    assert isinstance(result, Picture), result


def test_the_models_own_preprocessing_is_no_fault_of_the_picture(tmp_path: Path) -> None:
    wide = tmp_path / "wide.png"
    Image.new("RGB", (40, 20)).save(wide)
    for broken in (SMALL._replace(interpolation="sharp"), SMALL._replace(fill_color="white")):
        products = model_products(broken._replace(resize_mode="longest"))
        with Readers(TWO) as readers:
            [result] = readers.read_all([ReadTask(os.fsencode(wide), products)])
        assert isinstance(result, Trouble), broken
        assert (result.lasting, result.code) == (False, Reason.MODEL)
        assert result.reason.startswith("the model's preprocessing fails: ")


@pytest.mark.parametrize(
    ("deadly", "reason", "lasting", "code"),
    [
        (signal.SIGSEGV, "the decoder crashed", True, Reason.CRASHED),
        (signal.SIGABRT, "the decoder crashed", True, Reason.CRASHED),
        (signal.SIGKILL, "the decoder was killed", False, Reason.KILLED),
    ],
)
def test_a_decoder_that_dies_costs_its_file_only(
    deadly: signal.Signals, reason: str, lasting: bool, code: Reason, slow: Path, tmp_path: Path
) -> None:
    good = paint(tmp_path, 3)
    before = set(children())
    with Readers(ReadSettings(workers=1, max_megapixels=500)) as readers:
        results = readers.read_all(map(task, [good[0], slow, *good[1:]]))
        assert isinstance(next(results), Picture)
        [worker] = set(children()) - before
        threading.Timer(0.3, os.kill, (worker, deadly)).start()
        found = by_name(results)
    assert found.pop("slow.png") == Trouble(os.fsencode(slow), reason, lasting, code)
    assert [type(result) for result in found.values()] == [Picture, Picture]


def test_a_worker_that_died_idle_costs_no_file(tmp_path: Path) -> None:
    paths = paint(tmp_path, 2)
    before = set(children())
    with Readers(ReadSettings(workers=1, max_megapixels=500)) as readers:
        list(readers.read_all([task(paths[0])]))
        [worker] = set(children()) - before
        os.kill(worker, signal.SIGKILL)
        # Not its state: that is Z while its last threads still leave, and nobody can wait for it.
        wait_until(lambda: os.waitid(os.P_PID, worker, os.WEXITED | os.WNOHANG | os.WNOWAIT))
        [result] = readers.read_all([task(paths[1])])
    assert isinstance(result, Picture)


def test_a_picture_that_needs_too_much_memory_costs_itself_only(slow: Path, tmp_path: Path) -> None:
    [good] = paint(tmp_path, 1)
    settings = ReadSettings(workers=1, max_memory_bytes=400 << 20, max_megapixels=500)
    with Readers(settings) as readers:
        found = by_name(readers.read_all([task(slow), task(good)]))
    assert found["slow.png"] == Trouble(
        os.fsencode(slow), "needs more than 0.4 GiB of memory", code=Reason.TOO_MUCH_MEMORY
    )
    assert isinstance(found[good.name], Picture)


def test_an_error_inside_ends_the_workers_at_once(slow: Path, tmp_path: Path) -> None:
    before = set(children())
    with pytest.raises(KeyboardInterrupt), Readers(TWO) as readers:  # noqa: PT012
        for _ in readers.read_all(map(task, [*paint(tmp_path, 1), slow])):
            started = time.monotonic()
            raise KeyboardInterrupt
    assert time.monotonic() - started < 1
    assert set(children()) == before


def test_close_from_another_thread_ends_the_reading(slow: Path, tmp_path: Path) -> None:
    paths = [slow, *paint(tmp_path, 3)]
    readers = Readers(ReadSettings(workers=1, max_megapixels=500))
    threading.Timer(0.5, readers.close).start()
    started = time.monotonic()
    assert list(readers.read_all(map(task, paths))) == []
    assert time.monotonic() - started < 2.5
    readers.close()


def test_two_threads_may_close_at_once(tmp_path: Path) -> None:
    pictures = paint(tmp_path, 4)
    for _ in range(5):
        with ThreadPoolExecutor(4) as threads, Readers(TWO) as readers:
            assert len(list(readers.read_all(map(task, pictures)))) == 4
            closing = [threads.submit(readers.close) for _ in range(4)]
            assert [each.result() for each in closing] == [None] * 4


def run_program(program: str, *arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


READ_ALL = """
import os, sys
from rclip_like.images.products import model_products
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.settings import ReadSettings
from rclip_like.values import Preprocessing
paths = map(os.fsencode, sys.argv[1:])
model = model_products(Preprocessing(32, (0.0,) * 3, (1.0,) * 3))
tasks = [ReadTask(path, model) for path in paths]
with Readers(ReadSettings(workers=2)) as readers:
    for _ in readers.read_all(tasks):
        print("read", flush=True)
"""


def test_workers_do_not_outlive_a_parent_that_is_killed(slow: Path, tmp_path: Path) -> None:
    [good] = paint(tmp_path, 1)
    with run_program(READ_ALL, good, slow, slow) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "read\n"
        workers = children(parent.pid)
        assert workers
        parent.kill()
    wait_until(lambda: not any(map(is_running, workers)))


def test_a_worker_imports_nothing_but_what_decodes(tmp_path: Path) -> None:
    [path] = paint(tmp_path, 1)
    program = (
        "import os, sys\n"
        "from rclip_like.images.products import Square\n"
        "from rclip_like.images.worker import answer\n"
        "from rclip_like.settings import ReadSettings\n"
        "from rclip_like.values import Preprocessing\n"
        "model = Preprocessing(32, (0.0,) * 3, (1.0,) * 3)\n"
        "products = [Square.of(model).description()]\n"
        "request = {'path': sys.argv[1], 'known': [], 'products': products}\n"
        "line, pixels = answer(request, None, ReadSettings(max_memory_bytes=1 << 30))\n"
        "assert len(pixels) == line['num_bytes'] == 32 * 32 * 3\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    with run_program(program, path) as process:
        assert process.stdout is not None
        loaded = set(process.stdout.read().split())
    assert {"PIL", "blake3"} <= loaded
    heavy = {"torch", "numpy", "typer", "rich", "sqlite3", "open_clip", "platformdirs", "pathspec"}
    assert not heavy & loaded


def test_workers_that_cannot_start_are_no_fault_of_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = paint(tmp_path, 2)
    for executable in ("/bin/false", "/nowhere/python"):
        monkeypatch.setattr(sys, "executable", executable)
        with Readers(TWO) as readers, pytest.raises(ReaderError, match="no process"):
            list(readers.read_all(map(task, paths)))


def test_frames_come_after_the_picture_they_belong_to(tmp_path: Path) -> None:
    first, second, third = (Image.new("RGB", (40, 40), (shade,) * 3) for shade in (10, 90, 200))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second, third])
    with Readers(TWO) as readers:
        [result] = readers.read_all([task(tmp_path / "a.gif")])
    expected = read_picture(os.fsencode(tmp_path / "a.gif"), SMALL, TWO)
    assert isinstance(result, Picture)
    assert (result.parts[0] == expected.parts[0]).all()
    assert [part[0, 0, 0] for part in result.products["frames"]] == [90, 200]
    np.testing.assert_array_equal(result.products["frames"], expected.products["frames"])


def test_pixels_may_be_written_to(tmp_path: Path) -> None:
    with Readers(TWO) as readers:
        [result] = readers.read_all(map(task, paint(tmp_path, 1)))
    assert isinstance(result, Picture)
    assert result.parts
    assert result.parts[0].dtype == np.uint8
    assert result.parts[0].flags.writeable


@pytest.mark.parametrize("has_timers", [True, False])
def test_a_worker_that_told_of_a_failure_may_wait_for_the_next_picture(has_timers: bool) -> None:
    script = (
        "import time\n"
        "from contextlib import suppress\n"
        "from rclip_like.images import worker\n"
        f"worker._HAS_TIMERS = {has_timers}\n"
        "with suppress(ValueError), worker.limited(0.2):\n"
        "    raise ValueError\n"
        "time.sleep(0.6)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
