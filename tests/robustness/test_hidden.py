"""Hiding pictures while others write, when killed, and where nothing can be written."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import vanishing_disk
from index_states import integrity
from private_mounts import needs_mounts, run_in_namespace, run_on_small_disk
from processes import run
from small_index import make_pictures, start_indexing, wait_for_lines

from rclip_like.store import Store

MANY = 200_000
HIDE_MANY = f"""
import sys
from pathlib import Path
from rclip_like.store import Store
with Store.open(Path(sys.argv[1]), create=True) as store:
    digests = [number.to_bytes(32, "big") for number in range({MANY})]
    print("now", flush=True)
    store.hidden.add(digests)
    print("done", flush=True)
"""


def test_pictures_are_hidden_while_a_run_indexes(tmp_path: Path, tiny_model: Path) -> None:
    database, log = tmp_path / "1.db", tmp_path / "log"
    pictures = make_pictures(tmp_path / "album", 600)
    process = start_indexing(database, tiny_model, tmp_path / "album", log=log, plain=True)
    wait_for_lines(process, log, 2)
    with Store.open(database, create=False) as store:
        number = 0
        while process.poll() is None:
            store.hidden.add([b"%d" % number])
            number += 1
        assert process.communicate()[0] == "encoded 600\n"
        assert len(store.hidden.pictures()) == number > 1
    assert run("hide", *pictures, "--db", database).returncode == 0
    again = run("index", tmp_path / "album", "--db", database, "--model", tiny_model, "-v")
    assert b"0 encoded" in again.stderr
    with Store.open(database, create=False) as store:
        assert len(store.hidden.pictures()) == number + len(pictures)


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.1, 0.3])
def test_a_kill_leaves_all_of_them_hidden_or_none(tmp_path: Path, seconds: float) -> None:
    database = tmp_path / "index.db"
    command = [sys.executable, "-c", HIDE_MANY, str(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        time.sleep(seconds)
        process.kill()
        is_done = process.stdout.read() == "done\n"
    assert integrity(database) == "ok"
    with Store.open(database, create=False) as store:
        assert len(store.hidden.pictures()) in ((MANY,) if is_done else (0, MANY))


def test_two_processes_hide_at_once(tmp_path: Path) -> None:
    database = tmp_path / "index.db"
    Store.open(database, create=True).close()
    command = [sys.executable, "-c", HIDE_MANY, str(database)]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    with Store.open(database, create=False) as store:
        assert len(store.hidden.pictures()) == MANY


@needs_mounts
@pytest.mark.parametrize(
    "scene", ["hidden_pictures_that_cannot_be_written", "older_index_that_cannot_be_written"]
)
def test_an_index_on_a_read_only_disk_is_searched_and_says_that_it_takes_no_changes(
    tmp_path: Path, tiny_model: Path, scene: str
) -> None:
    run_in_namespace(Path(vanishing_disk.__file__), scene, tiny_model, tmp_path)


FULL = """
import os, subprocess, sys
from pathlib import Path
from rclip_like.store import Store
disk = Path(sys.argv[-1])
database, filler = disk / "index.db", disk / "filler"
digests = [number.to_bytes(32, "big") for number in range(50_000)]
with Store.open(database, create=True) as store:
    assert store.hidden.add(digests[:10]) == 10
    room = os.statvfs(disk)
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - 300_000)
    try:
        store.hidden.add(digests)
    except Exception as error:
        assert type(error).__name__ == "StoreError" and "the disk is full" in str(error), error
    else:
        sys.exit("it had room")
    assert len(store.hidden.pictures()) == 10
    filler.unlink()
    assert store.hidden.add(digests) == len(digests) - 10
"""


@needs_mounts
def test_a_full_disk_hides_nothing_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "full.py").write_text(FULL)
    run_on_small_disk(tmp_path / "disk", "16m", tmp_path / "full.py")
