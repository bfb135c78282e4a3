"""Pruning that is killed, interrupted, out of room or searched beside: nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from index_states import ranked_both_ways
from processes import start
from small_index import fill

from rclip_like.store import Store
from rclip_like.store.matrix import stamp
from rclip_like.store.writing import Writer
from rclip_like.values import Root

COUNT = 12_000
FORGOTTEN = b"/a"


def make_index(database: Path, count: int = COUNT, dimension: int = 512) -> None:
    """Write an index of files that are not there, every second one in `/a`."""
    with Store.open(database, create=True) as store:
        names = [b"/%s/%06d.jpg" % (b"ab"[n % 2 :][:1], n) for n in range(count)]
        Writer(store).extend_matrix(fill(store, names, dimension=dimension))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "index.db"
    make_index(path)
    return path


@pytest.fixture
def database(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path / "index.db"))


# In many transactions, so that there is time to come amid them.
FORGETTING = """
import sys
from rclip_like import cli
from rclip_like.store import dropping
dropping._ROWS_A_TRANSACTION = 50
sys.exit(cli.main())
"""


def start_forgetting(database: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", FORGETTING]
        + ["forget", os.fsdecode(FORGOTTEN), "--db", str(database)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def wait_until(happens, process: subprocess.Popen[bytes]) -> bool:
    """Wait for a condition; return whether it came before the process ended."""
    while process.poll() is None:
        if happens():
            return True
        time.sleep(0.0005)
    return False


def log_of(database: Path) -> int:
    try:
        return database.with_name("index.db-wal").stat().st_size
    except OSError:
        return 0


def count_forgotten(database: Path) -> int:
    """Return how many files of `/a` are left, from a committed state."""
    with Store.open_readonly(database) as store:
        return store.count_files([Root(FORGOTTEN, FORGOTTEN)])


def assert_kept(database: Path) -> None:
    """Every file of `/b` is there with its embedding, every content has a file, all is whole."""
    with Store.open(database, create=False) as store:
        assert store.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert store.connection.execute("PRAGMA foreign_key_check").fetchall() == []
        kept = [
            file.path
            for rowids, _, embeddings in store.embeddings(1).scan(None)
            for file, row in zip(store.files(rowids), embeddings.astype(np.float32), strict=True)
            if abs(np.linalg.norm(row) - 1) < 0.01
        ]
        assert sum(path.startswith(b"/b/") for path in kept) == COUNT // 2
        assert len(kept) == store.count_files() == store.status().contents
        assert store.status().left_contents == 0


def finish(database: Path) -> None:
    """Let the next run end what was begun, and look at the result."""
    process = start("prune", "-q", "--db", database)
    assert process.wait() == 0
    process = start_forgetting(database)
    _, told = process.communicate()
    assert process.returncode in (0, 1), told
    assert_kept(database)
    assert count_forgotten(database) == 0
    assert database.stat().st_size < COUNT * 1024 * 0.75
    with Store.open(database, create=False) as store, store.writing(wait=False):
        Writer(store).extend_matrix(
            1
        )  # as the next run of the indexer does, where a kill left none
        is_trusted, by_search, by_rows = ranked_both_ways(store)
        assert is_trusted
        assert by_search == by_rows
        assert len(by_rows) == COUNT // 2
    assert len(stamp.files_of(database)) == 2


def killed_when(database: Path, is_time: Callable[[Path], bool]) -> None:
    process = start_forgetting(database)
    came = wait_until(lambda: is_time(database), process)
    process.kill()
    _, told = process.communicate()
    assert came, (process.returncode, told)
    assert process.returncode == -signal.SIGKILL
    assert_kept(database)
    finish(database)


def is_amid_dropping(database: Path) -> bool:
    return COUNT // 3 < count_forgotten(database) < COUNT // 2


def is_amid_writing_anew(database: Path) -> bool:
    with closing(sqlite3.connect(database)) as connection:
        question = "SELECT count(*) FROM settings WHERE name = 'unreclaimed'"
        is_on = connection.execute(question).fetchone()[0]
    return bool(is_on) and count_forgotten(database) == 0 and log_of(database) > 2_000_000


def test_a_kill_amid_dropping_loses_nothing_that_stays(database: Path) -> None:
    killed_when(database, is_amid_dropping)


def test_a_kill_amid_writing_anew_loses_nothing(database: Path) -> None:
    killed_when(database, is_amid_writing_anew)


def forget_for(database: Path, seconds: float | None) -> tuple[float, int]:
    """Forget, killed so long after the lock was there; return how long it took, and its status."""
    process = start_forgetting(database)
    wait_until(database.with_name("index.db.lock").exists, process)
    began = time.monotonic()
    if seconds is not None:
        time.sleep(seconds)
        process.kill()
    process.communicate()
    return time.monotonic() - began, process.returncode


@pytest.mark.long
def test_a_kill_at_any_moment_loses_nothing(made: Path, tmp_path: Path) -> None:
    database = tmp_path / "index.db"
    shutil.copy(made, database)
    lasts_seconds, status = forget_for(database, None)
    assert status == 0
    kills = 0
    for moment in np.random.default_rng(0).uniform(0, lasts_seconds, 40):
        for file in tmp_path.glob("index.db*"):
            file.unlink()
        shutil.copy(made, database)
        _, status = forget_for(database, float(moment))
        kills += status == -signal.SIGKILL
        assert_kept(database)
        finish(database)
    assert kills >= 20


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_a_signal_amid_writing_anew_ends_it_in_order(
    database: Path, number: signal.Signals, status: int
) -> None:
    process = start_forgetting(database)
    assert wait_until(lambda: count_forgotten(database) == 0, process)
    process.send_signal(number)
    _, told = process.communicate()
    assert process.returncode == status, told
    assert told.decode() == "clipfind: interrupted; what was finished is kept\n"
    assert log_of(database) == 0
    finish(database)


def count_found(database: Path) -> int:
    """Return how many rows a search sees, which are those that the index counts."""
    with Store.open(database, create=False) as store, store.snapshot():
        rows = sum(len(rowids) for rowids, _, _ in store.embeddings(1).scan(None))
        assert rows == store.count_files()
        return rows


@pytest.mark.parametrize("is_time", [is_amid_dropping, is_amid_writing_anew])
def test_searchers_see_committed_states_meanwhile(
    database: Path, is_time: Callable[[Path], bool]
) -> None:
    process = start_forgetting(database)
    came = wait_until(lambda: is_time(database), process)
    process.send_signal(signal.SIGSTOP)
    try:
        assert came
        seen = count_found(database)
    finally:
        process.send_signal(signal.SIGCONT)
    assert seen == COUNT // 2 if is_time is is_amid_writing_anew else COUNT // 2 < seen < COUNT
    while process.poll() is None:
        before, seen = seen, count_found(database)
        assert seen <= before
    _, told = process.communicate()
    assert process.returncode == 0, told
    assert_kept(database)


DISK = """
import os, sys
from pathlib import Path
import pytest
from rclip_like.errors import StoreError
from rclip_like.settings import PruneSettings
from rclip_like.store import Store, dropping
from rclip_like.upkeep.pruning import forget, prune
from small_index import fill

disk = Path(sys.argv[1])
database = disk / "index.db"
filler = disk / "filler"

def fill_up(left):
    filler.unlink(missing_ok=True)
    room = os.statvfs(disk)
    filler.write_bytes(bytes(max(0, room.f_bavail * room.f_frsize - left)))
    return os.statvfs(disk).f_bavail * room.f_frsize
"""
FORGET_ON_FULL_DISK = """
with Store.open(database, create=False) as store:
    size = database.stat().st_size
    fill_up(12_000_000)
    # Not even tried where there is no room; and where another program takes it meanwhile:
    with pytest.raises(StoreError, match="make room and call Library.prune"):
        forget(store, [b"/a"])
    free = fill_up(3_000_000)
    dropping.Removal._refuse_without_room = lambda self, needed_bytes: None
    with pytest.raises(StoreError, match="the disk"):
        forget(store, [b"/a"])
    assert store.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert store.count_files() == 6000
    assert database.stat().st_size >= size
    assert os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize >= free - 100_000
    filler.unlink()
    assert forget(store, [b"/a"]).is_short
    assert database.stat().st_size < 0.7 * size
    assert store.count_files() == 6000
"""


PRUNE_ON_FULL_DISK = """
with Store.open(database, create=False) as store:
    store.connection.execute("PRAGMA wal_autocheckpoint = 0")
    fill(store, [b"/b/new%d.jpg" % number for number in range(2000)], dimension=512)
    fill_up(0)
    with pytest.raises(StoreError, match="the disk is full"):
        prune(store, [], PruneSettings())
    filler.unlink()
    assert prune(store, [], PruneSettings()).is_short
    assert store.count_files() == 14000
"""


@pytest.mark.parametrize("program", [FORGET_ON_FULL_DISK, PRUNE_ON_FULL_DISK])
@pytest.mark.skipif(not shutil.which("unshare"), reason="there is no unshare to mount with")
def test_a_full_disk_is_told_and_costs_only_the_smaller_file(
    made: Path, tmp_path: Path, program: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    # In a mount namespace of its own: the disk goes with the process, whatever happens to it.
    script = (
        'mount -t tmpfs -o size=48m tmpfs "$0" || exit 77;'
        ' cp "$1" "$0/index.db" || exit 1; shift; exec "$@" "$0"'
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(disk), str(made)]
        + [sys.executable, "-c", DISK + program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stderr
