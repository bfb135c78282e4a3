"""The lock of the one indexer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from older_index import make_older

from rclip_like.errors import IndexLocked, StoreError
from rclip_like.store import IndexLock, Store

SOMEBODY = 65_533
HOLDER = """
import sys, pathlib
from rclip_like.store import IndexLock
with IndexLock(pathlib.Path(sys.argv[1])).held(wait=True):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


@pytest.fixture
def holder(database: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_held_lock_is_refused_naming_its_holder(database: Path, holder) -> None:
    with (
        pytest.raises(IndexLocked, match=f"process {holder.pid} "),
        IndexLock(database).held(wait=False),
    ):
        pass


def test_a_lock_dies_with_its_process(database: Path, holder) -> None:
    holder.kill()
    holder.wait()
    with IndexLock(database).held(wait=False):
        pass


def test_waiting_tells_once_and_ends_when_the_lock_is_free(database: Path, holder) -> None:
    waits = []

    def release() -> None:
        waits.append(holder.pid)
        holder.stdin.close()

    with IndexLock(database).held(wait=True, on_wait=release):
        assert waits == [holder.pid]


def test_who_opens_an_older_index_is_told_that_it_waits(database: Path, holder) -> None:
    make_older(database, 1)
    with Store.open(database, create=True, on_wait=holder.stdin.close) as store:
        assert holder.stdin.closed
        assert store.count_files() > 0


def test_a_free_lock_tells_nobody(database: Path) -> None:
    with IndexLock(database).held(wait=True, on_wait=lambda: pytest.fail("it is free")):
        pass


def test_a_lock_is_free_after_its_block(database: Path) -> None:
    for _ in range(2):
        with IndexLock(database).held(wait=False):
            pass
    assert os.listdir(database.parent) == ["index.db.lock"]


def test_a_lock_that_cannot_be_made_is_named_with_a_remedy_for_every_command(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(
            StoreError,
            match=r"index\.db\.lock: .*permissions of the folder, or name another database$",
        ),
        IndexLock(tmp_path / "file" / "index.db").held(wait=False),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no owners as numbers")
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
)
def test_another_users_lock_is_refused_but_in_their_folder_and_beside_their_index(
    database: Path,
) -> None:
    lock = IndexLock(database).path
    lock.touch()
    os.chown(lock, SOMEBODY, SOMEBODY)
    for attempt in (IndexLock(database).held(wait=False).__enter__, IndexLock(database).holder):
        with pytest.raises(StoreError, match=r"index\.db\.lock: this is another user's file"):
            attempt()
    for place in (database, database.parent):
        place.touch()
        os.chown(place, SOMEBODY, SOMEBODY)
        with IndexLock(database).held(wait=False):
            assert lock.read_text() == str(os.getpid())
        os.chown(place, 0, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file sizes")
def test_a_full_disk_does_not_keep_the_lock_from_being_held(database: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with IndexLock(database).held(wait=False):
            written = IndexLock(database).path.stat().st_size
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert written == 0
