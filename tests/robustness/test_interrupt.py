"""Ctrl-C, SIGTERM and a closed terminal: over within two seconds, and what is done is kept."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from index_states import integrity, paths_in, state_of
from small_clipfind import COMMAND
from small_index import SmallIndex, batches, make_pictures, start_indexing, wait_for_lines
from tiny_model import make_tiny_model
from witness import logging_batches

from rclip_like.errors import Interrupted
from rclip_like.index.stopping import Stopping

# Two on quiet cores. What the signals break off takes a minute or leaves another exit status.
SECONDS = 30.0

INSTALLED = (sys.executable, "-m", "rclip_like")


def end_by(process: subprocess.Popen[str], number: int) -> float:
    """Send a signal and return how many seconds the process took to end."""
    started = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=60)
    return time.monotonic() - started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_indexing_soon_and_keeps_what_is_done(
    tmp_path: Path, tiny_model: Path, number: signal.Signals
) -> None:
    album, log = tmp_path / "album", tmp_path / "log"
    make_pictures(album, 150)
    process = start_indexing(tmp_path / "1.db", tiny_model, album, log=log)
    wait_for_lines(process, log, 10)
    seconds = end_by(process, number)
    assert process.returncode == 128 + number
    assert seconds < SECONDS
    index = SmallIndex(tmp_path / "1.db", tiny_model)
    # Each line was written before its batch was encoded: all but the last one are committed.
    assert sum(len(batch) for batch in batches(log)[:-1]) <= len(index.names()) < 150
    assert index.update(album).finished
    assert len(index.names()) == 150
    index.store.close()


LOADING = """
import sys
from pathlib import Path
import small_index
{how}
class LoadingModel(small_index.Model):
    batch_size = property(load)
small_index.shared_model = lambda folder, settings: LoadingModel(
    small_index.resolve(str(folder)), settings
)
small_index.leave(small_index.main(*sys.argv[1:]))
"""
REAL = """
def load(model):
    print("loading", flush=True)
    return model._torch_tower().batch_size
"""
SWALLOWING = """
import time
def load(model):
    print("loading", flush=True)
    for _ in range(3):
        try:
            time.sleep(60)
        except BaseException:
            pass
    time.sleep(60)
"""


@pytest.mark.parametrize("how", [REAL, SWALLOWING], ids=["torch", "swallows signals"])
def test_ctrl_c_while_the_encoder_is_imported_ends_soon(
    tmp_path: Path, tiny_model: Path, how: str
) -> None:
    make_pictures(tmp_path / "album", 3)
    program = LOADING.format(how=how)
    arguments = [str(tmp_path / "1.db"), str(tiny_model), str(tmp_path / "album"), "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    time.sleep(0.3)
    seconds = end_by(process, signal.SIGINT)
    assert process.returncode == 130
    assert seconds < SECONDS


def test_ctrl_c_while_waiting_for_another_indexer_ends_soon(
    tmp_path: Path, tiny_model: Path
) -> None:
    make_pictures(tmp_path / "album", 1)
    index = SmallIndex(tmp_path / "1.db", tiny_model)
    with index.store.writing(wait=False):
        process = start_indexing(tmp_path / "1.db", tiny_model, tmp_path / "album")
        time.sleep(4)
        assert process.poll() is None
        assert end_by(process, signal.SIGINT) < SECONDS
    assert process.returncode == 130
    index.store.close()


def test_signals_at_random_moments_lose_nothing_and_tell_it_in_a_line(
    tmp_path: Path, tiny_model: Path
) -> None:
    draw = random.Random(0)
    album, log, database = tmp_path / "album", tmp_path / "log", tmp_path / "1.db"
    make_pictures(album, 150)
    known: set[str] = set()
    struck = 0
    for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP] * 2:
        begun = len(batches(log))
        process = start_small_clipfind("index", album, "--db", database, model=tiny_model, log=log)
        if draw.random() < 0.5:
            time.sleep(draw.uniform(0, 0.5))
        else:
            while process.poll() is None and len(batches(log)) < begun + 4:
                time.sleep(0.001)
        process.send_signal(number)
        _, errors = process.communicate()
        # Before the run begins, a terminal that is closed ends the process by itself.
        silent = (-signal.SIGHUP,) if number == signal.SIGHUP else ()
        assert process.returncode in (0, 128 + number, *silent), errors
        struck += process.returncode != 0
        assert errors.count("\n") == (process.returncode >= 0), errors
        assert integrity(database) == "ok" if database.exists() else not known
        assert not known & {path for batch in batches(log)[begun:] for path in batch}
        assert known <= set(paths_in(state_of(database)))
        known = set(paths_in(state_of(database)))
    assert struck >= 3


def test_impatient_ctrl_c_while_pictures_are_encoded_ends_in_order(tmp_path: Path) -> None:
    # A picture of 2,117 tokens takes a thread about a second, which nobody is to wait for.
    model = make_tiny_model(tmp_path / "model", image_size=736, layers=12)
    make_pictures(tmp_path / "album", 40)
    log = tmp_path / "log"
    process = subprocess.Popen(
        [*INSTALLED, "index", str(tmp_path / "album"), "--model", str(model)],
        env={**os.environ, **logging_batches(log), "CLIPFIND_PRECISION": "fp32"},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_lines(process, log, 1)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    _, told = process.communicate(timeout=60)
    kept = r"clipfind: interrupted; what was finished is kept(; (\d+) not indexed yet)?\n"
    said = re.fullmatch(kept, told)
    assert said
    assert said[2] is None or 0 < int(said[2]) <= 40
    assert process.returncode == 130


def start_small_clipfind(*words: object, model: Path, log: Path) -> subprocess.Popen[str]:
    """Start the command line in small batches, and return when it is at work."""
    ready = log.with_name("ready")
    process = subprocess.Popen(
        [*COMMAND, *map(str, words), "--model", str(model)],
        env={**os.environ, **logging_batches(log), "SMALL_READY": str(ready)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not ready.exists():
        assert process.poll() is None
        time.sleep(0.001)
    ready.unlink()
    return process


def test_handlers_are_restored_and_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        interrupt = signal.getsignal(signal.SIGINT)
        with Stopping():
            assert signal.getsignal(signal.SIGINT) is not interrupt
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is interrupt
    finally:
        signal.signal(signal.SIGHUP, before)


def raise_and_go_on(number: signal.Signals, done: list[str]) -> None:
    with Stopping() as stopping:
        signal.raise_signal(number)
        done.append("the transaction")
        with stopping.breakable():
            done.append("the next batch")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_outside_a_breakable_block_waits_for_the_next(
    number: signal.Signals, status: int
) -> None:
    done: list[str] = []
    with pytest.raises(Interrupted) as interruption:
        raise_and_go_on(number, done)
    assert done == ["the transaction"]
    assert interruption.value.exit_status == status


def raise_within_a_breakable_block(done: list[str]) -> None:
    with Stopping() as stopping, stopping.breakable():
        signal.raise_signal(signal.SIGINT)
        done.append("more")


def test_a_signal_inside_a_breakable_block_breaks_it_off() -> None:
    done: list[str] = []
    with pytest.raises(Interrupted):
        raise_within_a_breakable_block(done)
    assert done == []


def raise_within_a_shielded_block(done: list[str]) -> None:
    with Stopping() as stopping, stopping.breakable():
        with stopping.shielded():
            signal.raise_signal(signal.SIGINT)
            done.append("the transaction")
        done.append("more")


def test_a_signal_inside_a_shielded_block_waits_for_its_end() -> None:
    done: list[str] = []
    with pytest.raises(Interrupted):
        raise_within_a_shielded_block(done)
    assert done == ["the transaction"]


def test_a_signal_at_the_very_end_still_counts() -> None:
    with pytest.raises(Interrupted), Stopping():
        signal.raise_signal(signal.SIGINT)


def convert() -> None:
    with Stopping() as stopping, stopping.breakable():
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException as error:
            raise RuntimeError("the extension could not be loaded") from error


def test_an_error_made_of_a_signal_is_told_as_the_signal() -> None:
    with pytest.raises(Interrupted):
        convert()
