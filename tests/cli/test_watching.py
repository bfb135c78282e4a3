"""`clipfind index --watch`: the index follows the folders until a signal ends it."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from changing_album import ChangingAlbum
from index_states import assert_same, paths_in, state_of
from processes import Word, run, start, write_pictures

PATIENCE_SECONDS = 60


@contextmanager
def watching(*arguments: Word, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that watches, from when it says so."""
    with log.open("wb") as talk:
        process = start("index", "--watch", *arguments, stderr=talk)
        try:
            wait_until(lambda: b"watching " in log.read_bytes() or process.poll() is not None)
            yield process
        finally:
            process.kill()
            process.wait()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return once it is so; fail where it takes far too long."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.1)


def ended(process: subprocess.Popen[bytes], number: int) -> int:
    """Send a signal, and return the exit status."""
    process.send_signal(number)
    return process.wait(timeout=30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_new_picture_is_indexed_and_a_signal_ends_the_watch(
    tiny: Path, tmp_path: Path, number: int
) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    with watching(pictures, log=tmp_path / "log") as process:
        write_pictures(pictures, (b"new/one.png",), seed=1)
        wait_until(lambda: len(state_of(tiny)) == 4)
        assert ended(process, number) == 0
    talk = (tmp_path / "log").read_text()
    assert f"watching {pictures}; Ctrl-C ends it" in talk
    assert "no longer watching" in talk
    assert "Traceback" not in talk


def test_what_is_watched_ends_up_as_a_new_index_would_have_it(tiny: Path, tmp_path: Path) -> None:
    album = ChangingAlbum(tmp_path / "album", seed=2)
    for _ in range(10):
        album.add()
    with watching(album.top, log=tmp_path / "log") as process:
        until = time.monotonic() + 8
        while time.monotonic() < until:
            album.change()
            time.sleep(0.05)
        album.burst(30)
        album.end()
        # What was written less than two seconds before it was read is read again.
        time.sleep(2)
        album.add()
        last = max(album.top.rglob("*.*g"), key=lambda each: each.stat().st_mtime_ns)
        wait_until(lambda: str(last) in paths_in(state_of(tiny)))
        time.sleep(2)
        assert ended(process, signal.SIGTERM) == 0
    run("index", album.top, "--db", tmp_path / "fresh.db")
    assert_same(state_of(tiny), state_of(tmp_path / "fresh.db"))


def test_another_run_may_index_between_two_of_the_watch(tiny: Path, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    other = write_pictures(tmp_path / "other", seed=1)
    with watching(pictures, log=tmp_path / "log") as process:
        assert b"3 encoded" in run("index", "--no-wait", other).stderr
        assert ended(process, signal.SIGTERM) == 0


def test_an_index_in_the_watched_folder_does_not_wake_the_watch(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    monkeypatch.setenv("CLIPFIND_DB", str(pictures / "index.db"))
    with watching(pictures, log=tmp_path / "log") as process:
        (pictures / "list.txt").write_text("no picture")
        time.sleep(4)
        assert ended(process, signal.SIGTERM) == 0
    assert (tmp_path / "log").read_text().count("pictures, ") == 1


@pytest.mark.skipif(not Path("/proc/sys/fs/inotify").exists(), reason="needs inotify")
def test_more_changes_than_the_kernel_keeps_lead_to_a_walk(tiny: Path, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    kept = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with watching(pictures, log=tmp_path / "log") as process:
        time.sleep(1)
        process.send_signal(signal.SIGSTOP)
        for number in range(kept // 2):  # each is at least created and closed
            (pictures / f"{number}.txt").touch()
        write_pictures(pictures, (b"late/one.png",), seed=1)  # which the kernel does not tell of
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: len(state_of(tiny)) == 4)
        write_pictures(pictures, (b"late/two.png",), seed=2)
        wait_until(lambda: len(state_of(tiny)) == 5)
        assert ended(process, signal.SIGTERM) == 0


@pytest.mark.parametrize("option", ["--strict", "--no-wait", "--verify", "--retry"])
def test_options_that_make_no_sense_with_a_watch_are_refused(tiny: Path, option: str) -> None:
    finished = run("index", "--watch", option)
    assert finished.returncode == 2
    assert f"{option} has no effect together with --watch".encode() in finished.stderr


def test_a_file_cannot_be_watched(tiny: Path, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    finished = run("index", "--watch", pictures / "one.png")
    assert finished.returncode == 2
    assert b"--watch takes folders" in finished.stderr
