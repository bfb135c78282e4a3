"""Opening an index: making one, and refusing what is not ours."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from small_index import fill

from rclip_like.errors import StoreError
from rclip_like.store import Store, opening
from rclip_like.store.schema import VERSION


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "index.db"
    with Store.open(path, create=True) as store:
        fill(store, [b"/1"])
    return path


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def assert_refused_untouched(path: Path, words: str) -> None:
    before = snapshot(path.parent)
    for create in (True, False):
        with pytest.raises(StoreError, match=words) as refusal:
            Store.open(path, create=create)
        assert str(path) in str(refusal.value)
    with pytest.raises(StoreError, match=words):
        Store.open_readonly(path)
    assert snapshot(path.parent) == before


def test_a_new_index_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    with Store.open(tmp_path / "index.db", create=True) as store, store.writing(wait=False):
        fill(store, [b"/1"])
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(
        ("index.db", "index.db-wal", "index.db-shm", "index.db.lock"), 0o600
    )


WITH_EVERY_FILE = """
import os, pathlib, sys
os.umask(int(sys.argv[2], 8))
from older_index import make_older
from small_index import fill
from rclip_like.store import Store
from rclip_like.store.matrix import stamp
stamp.FEWEST_ROWS = 1
folder = pathlib.Path(sys.argv[1])
make_older(folder / "older.db", 1)
Store.open(folder / "older.db", create=True).close()
with Store.open(folder / "index.db", create=True) as store, store.writing(wait=False) as writer:
    assert writer.extend_matrix(fill(store, [b"/1"]))
    os._exit(0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
@pytest.mark.parametrize("umask", ["000", "277", "777"])
def test_what_lies_beside_an_index_is_its_owners_alone_whatever_the_umask(
    tmp_path: Path, umask: str
) -> None:
    command = [sys.executable, "-c", WITH_EVERY_FILE, str(tmp_path), umask]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, check=True, env=environment)
    (tmp_path / "older.db").unlink()  # which a test made
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    kinds = {name.partition("-")[0] if ".db." in name else name for name in modes}
    assert kinds == {
        *("index.db", "index.db-wal", "index.db-shm", "index.db.lock", "index.db.rows"),
        *("index.db.order", "older.db.lock", "older.db.version"),
    }
    assert modes == dict.fromkeys(modes, 0o600)


def test_the_folders_above_a_new_index_are_made(tmp_path: Path) -> None:
    Store.open(tmp_path / "a" / "b" / "index.db", create=True).close()
    assert sorted(os.listdir(tmp_path / "a" / "b")) == ["index.db", "index.db.lock"]


def test_commits_are_synced_into_a_write_ahead_log(database: Path) -> None:
    with Store.open(database, create=False) as store:
        mode = store.connection.execute("PRAGMA journal_mode").fetchone()
        synchronous = store.connection.execute("PRAGMA synchronous").fetchone()
    assert (mode, synchronous) == (("wal",), (2,))


def test_opening_a_current_index_imports_sqlite3_alone(database: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from rclip_like.store import Store\n"
        "store = Store.open(pathlib.Path(sys.argv[1]), create=True)\n"
        "assert store.count_files() == 1\n"
        "print(sorted({'sqlite_utils', 'torch', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(database)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_there_are_as_many_migrations_as_versions() -> None:
    from rclip_like.store.migrations import migrations

    with closing(sqlite3.connect(":memory:")) as connection:
        from sqlite_utils import Database

        assert len(migrations.pending(Database(connection))) == VERSION


def test_an_empty_file_becomes_an_index(tmp_path: Path) -> None:
    (tmp_path / "index.db").touch()
    with Store.open(tmp_path / "index.db", create=True) as store:
        assert store.count_files() == 0


def test_a_missing_index_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no index yet"):
        Store.open(tmp_path / "index.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_an_index_of_a_newer_version_is_refused_untouched(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    assert_refused_untouched(database, "newer clipfind")


def test_garbage_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(os.urandom(10_000))
    assert_refused_untouched(tmp_path / "index.db", "not an index")


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_the_database_of_another_program_is_refused_untouched(tmp_path: Path, mode: str) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE moz_places (url TEXT)")
    assert_refused_untouched(tmp_path / "other.db", "another program")


def test_a_folder_in_place_of_the_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a file"):
        Store.open(tmp_path, create=True)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be made here") as refusal:
        Store.open(tmp_path / "file" / "index.db", create=True)
    assert str(tmp_path / "file" / "index.db") in str(refusal.value)


@pytest.mark.parametrize("name", ["100%.db", "a?b#c.db", "sp ace.db", "ü.db", "%3f.db"])
def test_any_name_will_do_for_an_index(tmp_path: Path, name: str) -> None:
    for _ in range(2):
        Store.open(tmp_path / name, create=True).close()
    assert sorted(os.listdir(tmp_path)) == [name, f"{name}.lock"]


KILLED = """
import os, pathlib, sys
from rclip_like.store import Store
Store.open(pathlib.Path(sys.argv[1]), create=True).set_default_model("the old one")
os._exit(0)
"""


def test_a_new_index_takes_nothing_over_from_one_that_was_deleted(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=True)
    assert path.with_name("index.db-wal").stat().st_size
    path.unlink()
    with Store.open(path, create=True) as store:
        assert store.default_model() is None


def test_processes_that_make_one_index_at_once_share_it(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from rclip_like.store import Store\n"
        "store = Store.open(pathlib.Path(sys.argv[1]), create=True)\n"
        "with store.writing(wait=True) as writer:\n"
        "    name = sys.argv[2]\n"
        "    writer.add_model(name, name, preprocessing_version='1', dimension=8)\n"
    )
    path = tmp_path / "index.db"
    makers = [
        subprocess.Popen([sys.executable, "-c", program, str(path), str(number)])
        for number in range(4)
    ]
    assert [maker.wait() for maker in makers] == [0] * 4
    with Store.open(path, create=False) as store:
        assert sorted(model["name"] for model in store.status().models) == list("0123")
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


READ_ONLY = """
import sys, pathlib
import numpy as np, pytest
from rclip_like.errors import StoreError
from rclip_like.store import Store
path = pathlib.Path(sys.argv[1]) / "index.db"
for store in (Store.open(path, create=False), Store.open_readonly(path)):
    with store:
        assert store.count_files() == 1
        unit = np.ones(8, dtype=np.float32)
        assert not store.embeddings(1).cache_text("cat", unit, tokenizer="t")
        with pytest.raises(StoreError, match="cannot be written"):
            store.set_default_model("x")
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="there is no unshare to mount with")
def test_an_index_on_a_read_only_medium_can_be_searched(database: Path) -> None:
    # A mount namespace of its own: the mount goes with the process, whatever happens to it.
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 77; exec "$@" "$0"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(database.parent)]
        + [sys.executable, "-c", READ_ONLY],
        capture_output=True,
        text=True,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stderr


def write(store: Store, name: str) -> None:
    store.set_default_model(name)
    store.connection.execute("PRAGMA wal_checkpoint")


def test_a_reader_without_locks_notices_that_another_process_wrote(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(database, create=False) as writer:
        monkeypatch.setattr("rclip_like.store.opening._is_on_readonly_medium", lambda path: True)
        os.utime(database, ns=(0, 0))
        with Store.open_readonly(database) as reader:
            assert reader.default_model() is None
            write(writer, "x")
            with reader.snapshot():  # which must not see what was read before
                assert reader.default_model() == "x"
            os.utime(database, ns=(0, 0))
            with (
                pytest.raises(StoreError, match="another process wrote"),
                reader.snapshot(),
            ):
                write(writer, "y")
            with reader.snapshot():
                assert reader.default_model() == "y"


def test_a_second_look_for_another_thread_reads_and_cannot_write(database: Path) -> None:
    with Store.open(database, create=False) as store, store.another() as reader:
        assert reader.count_files() == 1
        with pytest.raises(StoreError, match="cannot be written"):
            reader.set_default_model("x")


def test_who_makes_an_index_too_late_does_not_wait_for_the_run_of_the_first(
    tmp_path: Path,
) -> None:
    path = tmp_path / "index.db"
    with Store.open(path, create=True) as first, first.writing(wait=False):
        opening._make(path)  # as a process does that looked before the first was done
        first.set_default_model("still the first one's index")
        with Store.open(path, create=False) as second:
            assert second.default_model() == "still the first one's index"


def test_an_empty_file_is_no_index_until_something_is_indexed(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    path.touch()
    with pytest.raises(StoreError, match="no index yet"):
        Store.open(path, create=False)
    assert path.stat().st_size == 0
    with Store.open(path, create=True) as store:
        assert store.count_files() == 0


def test_an_index_whose_checkpoint_was_killed_half_way_is_opened(database: Path) -> None:
    log = database.with_name("index.db-wal")
    with Store.open(database, create=False) as store:
        fill(store, [b"/more/%d" % number for number in range(500)])
        before, waiting = database.read_bytes(), log.read_bytes()
    after = database.read_bytes()
    assert len(after) > len(before)
    # The first page is written, and counts pages that are only in the log yet.
    database.write_bytes(after[:8192] + before[8192:])
    log.write_bytes(waiting)
    with Store.open(database, create=False) as store:
        assert store.count_files() == 501


def test_a_link_is_opened_as_what_it_leads_to(database: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    link = tmp_path / "other" / "named.db"
    link.symlink_to("../index.db")
    for store in (Store.open(link, create=True), Store.open_readonly(link)):
        with store:
            assert (store.path, store.count_files()) == (database, 1)
    with Store.open(link, create=False) as store, store.writing(wait=False):
        assert os.listdir(link.parent) == ["named.db"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives links away"
)
def test_a_link_of_another_user_is_not_followed(database: Path, tmp_path: Path) -> None:
    link = tmp_path / "named.db"
    link.symlink_to(database)
    os.lchown(link, 65_533, 65_533)
    for create in (True, False):
        with pytest.raises(
            StoreError, match=r"named\.db: this is another user's link; name another"
        ):
            Store.open(link, create=create)


def test_an_index_of_two_names_is_refused_and_one_of_them_is_no_loss(
    database: Path, tmp_path: Path
) -> None:
    os.link(database, tmp_path / "too.db")
    for path in (database, tmp_path / "too.db"):
        assert_refused_untouched(path, "this file has another name, too")
    (tmp_path / "too.db").unlink()
    with Store.open(database, create=False) as store:
        assert store.count_files() == 1


def test_an_index_that_is_held_is_waited_for(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        with monkeypatch.context() as patch:
            patch.setattr(opening, "BUSY_SECONDS", 0.1)
            with pytest.raises(StoreError, match="another program holds the index"):
                Store.open(database, create=False)
        release = threading.Timer(0.2, other.close)
        release.start()
        with Store.open(database, create=False) as store:
            assert store.count_files() == 1
        release.join()
