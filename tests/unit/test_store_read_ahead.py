"""Rows that another process reads ahead are those that are read here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_index import YEARS_LATER_NS, facts_of, fill

from rclip_like import settings
from rclip_like.store import Batch, FailureRow, FileRow, Store
from rclip_like.store.rows import IndexedFacts
from rclip_like.store.writing import Writer
from rclip_like.values import Root

NUMBER = 18_000
"""More than four pages, of which the first two are read here."""
ROOT = Root(b"/in", b"/in")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where an index lies that remembers something of each kind, also beside the root."""
    place = tmp_path_factory.mktemp("index")
    with Store.open(place / "index.db", create=True) as store:
        paths = [b"/in/\xff %05d.jpg" % number for number in range(NUMBER)]
        model_id = fill(store, [b"/before.jpg", *paths, b"/in.jpg", b"/jn/after.jpg"])
        assert model_id == 1
        changed = FileRow(
            facts_of(b"/in/\xff 16000.jpg", mtime_ns=YEARS_LATER_NS), YEARS_LATER_NS, b"/in.jpg"
        )
        broken = FailureRow(
            facts_of(b"/in/\xff 17000x.jpg"), YEARS_LATER_NS, "is broken", "readers of old"
        )
        Writer(store).commit(model_id, Batch(files=[changed], failures=[broken]))
    return place


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store.open_readonly(folder / "index.db") as store:
        yield store


@pytest.fixture
def plain(store: Store) -> list[IndexedFacts]:
    """Return the rows as they are read here alone."""
    with pytest.MonkeyPatch.context() as alone:
        alone.setattr(settings, "num_processors", lambda: 1)
        return rows_of(store)


def rows_of(store: Store) -> list[IndexedFacts]:
    return [row for page in store.indexed_facts(1, [ROOT]) for row in page]


def test_rows_read_ahead_are_those_read_here(
    store: Store, plain: list[IndexedFacts], feeders: list[subprocess.Popen[bytes]]
) -> None:
    questions: list[str] = []
    store.connection.set_trace_callback(questions.append)
    assert rows_of(store) == plain
    assert len(plain) == NUMBER + 1
    unsettled = [row[0] for row in plain if row[4] is None]
    assert unsettled == [b"/in/\xff 16000.jpg", b"/in/\xff 17000x.jpg"]
    assert [process.poll() for process in feeders] == [0]
    assert len(questions) == 3  # the first pages, and whether anything follows the last


def test_one_processor_reads_alone(
    store: Store,
    plain: list[IndexedFacts],
    feeders: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "num_processors", lambda: 1)
    assert rows_of(store) == plain
    assert not feeders


def test_a_few_rows_need_no_process(store: Store, feeders: list[subprocess.Popen[bytes]]) -> None:
    outside = [Root(path, path, is_file=True) for path in (b"/before.jpg", b"/in.jpg")]
    assert [len(page) for page in store.indexed_facts(1, outside)] == [1, 1]
    assert not feeders


def test_a_process_that_dies_costs_no_row(
    store: Store, plain: list[IndexedFacts], feeders: list[subprocess.Popen[bytes]]
) -> None:
    pages = store.indexed_facts(1, [ROOT])
    rows = [row for _ in range(3) for row in next(pages)]
    (process,) = feeders
    process.kill()  # amid its next page: a pipe holds less than one
    process.wait()
    rows += [row for page in pages for row in page]
    assert rows == plain
    assert process.poll() == -signal.SIGKILL


@pytest.mark.parametrize("program", [None, "/is/not/there", "/bin/false", "/bin/echo"])
def test_without_an_interpreter_the_rows_are_read_here(
    store: Store,
    plain: list[IndexedFacts],
    feeders: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    program: str | None,
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    assert rows_of(store) == plain


def test_closing_ends_the_process(store: Store, feeders: list[subprocess.Popen[bytes]]) -> None:
    pages = store.indexed_facts(1, [ROOT])
    for _ in range(3):
        next(pages)
    (process,) = feeders
    assert process.poll() is None
    pages.close()
    assert process.poll() is not None


_KILLED = """
import os, subprocess, sys
from pathlib import Path
from rclip_like import settings
from rclip_like.store import Store
from rclip_like.values import Root
settings.num_processors = lambda: 2
start = subprocess.Popen
def remember(*arguments, **options):
    process = start(*arguments, **options)
    print(process.pid, flush=True)
    return process
subprocess.Popen = remember
pages = Store.open_readonly(Path(sys.argv[1])).indexed_facts(1, [Root(b"/in", b"/in")])
for _ in range(3):
    next(pages)
os.kill(os.getpid(), 9)
"""


def test_a_killed_run_leaves_no_process(folder: Path) -> None:
    command = [sys.executable, "-c", _KILLED, str(folder / "index.db")]
    killed = subprocess.run(command, capture_output=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    pid = int(killed.stdout)
    until = time.monotonic() + 20
    while _runs(pid):
        assert time.monotonic() < until, "it is still there"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    """Return whether a process is there and no zombie that waits for its new parent."""
    try:
        os.kill(pid, 0)
        return b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    except (ProcessLookupError, FileNotFoundError):
        return False
