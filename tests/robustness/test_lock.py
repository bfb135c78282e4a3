"""Several indexers and searchers at once on one index."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from lockless import needs_filter, without_locks
from small_clipfind import COMMAND
from small_index import SmallIndex, make_picture, make_pictures, start_indexing, wait_for_lines

from rclip_like.store import Store
from rclip_like.store.opening import BUSY_SECONDS


def test_two_indexers_at_once_do_the_work_once(tmp_path: Path, tiny_model: Path) -> None:
    make_pictures(tmp_path / "album", 30)
    processes = [
        start_indexing(tmp_path / "1.db", tiny_model, tmp_path / "album", plain=True)
        for _ in range(2)
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(int(output.split()[1]) for output in outputs) == 30


def test_a_searcher_sees_committed_states_and_never_waits_while_an_indexer_writes(
    tmp_path: Path, tiny_model: Path
) -> None:
    album, log = tmp_path / "album", tmp_path / "log"
    make_pictures(album, 100)
    process = start_indexing(tmp_path / "1.db", tiny_model, album, log=log, plain=True)
    wait_for_lines(process, log, 2)
    index = SmallIndex(tmp_path / "1.db", tiny_model)
    model_id = index.store.model_id(index.specification.fingerprint)
    assert model_id is not None
    text, counts = np.ones(32, dtype=np.float32), []
    while process.poll() is None:
        with index.store.snapshot():
            counts.append(len(index.names()))
            assert index.store.count_files() == counts[-1]
        index.store.embeddings(model_id).cache_text(f"cat {len(counts)}", text, tokenizer="t")
    output, errors = process.communicate()
    assert (process.returncode, output) == (0, "encoded 100\n"), errors
    assert counts == sorted(counts)
    assert len(set(counts)) > 1, "nothing was written meanwhile"
    assert len(index.names()) == 100
    index.store.close()


@pytest.mark.parametrize("is_alive", [False, True], ids=["dead", "of another program"])
def test_a_lock_file_left_by_a_process_stops_nobody(
    tmp_path: Path, tiny_model: Path, is_alive: bool
) -> None:
    make_pictures(tmp_path / "album", 2)
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
    holder = os.getpid() if is_alive else process.pid
    (tmp_path / "index.db.lock").write_text(str(holder))
    done = call("index", tmp_path / "album", "--no-wait", folder=tmp_path, model=tiny_model)
    assert done.returncode == 0
    assert "2 encoded" in done.stderr


def test_a_second_run_waits_with_a_line_and_goes_on(tmp_path: Path, tiny_model: Path) -> None:
    make_pictures(tmp_path / "album", 2)
    with Store.open(tmp_path / "index.db", create=True) as store:
        with store.writing(wait=False):
            words = ("index", str(tmp_path / "album"), "--model", str(tiny_model))
            command = [*COMMAND, *words, "--db", str(tmp_path / "index.db")]
            process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            assert process.stderr is not None
            assert "another run is indexing; waiting" in process.stderr.readline()
            assert process.poll() is None
        _, errors = process.communicate()
        assert (process.returncode, errors.count("\n")) == (0, 1), errors
        assert store.count_files() == 2


def test_an_index_has_one_lock_by_whatever_name_it_is_called(
    tmp_path: Path, tiny_model: Path
) -> None:
    make_pictures(tmp_path / "album", 2)
    (tmp_path / "place").mkdir()
    (tmp_path / "other").symlink_to("place")
    (tmp_path / "index.db").symlink_to("other/real.db")
    with (
        Store.open(tmp_path / "place" / "real.db", create=True) as store,
        store.writing(wait=False),
    ):
        words = ("index", tmp_path / "album", "--no-wait")
        done = call(*words, folder=tmp_path, model=tiny_model)
        assert (done.returncode, store.count_files()) == (0, 0)
        assert f"process {os.getpid()} is indexing into {tmp_path}/place/real.db" in done.stderr
    done = call(*words, folder=tmp_path, model=tiny_model)
    assert "2 encoded" in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["album", "index.db", "other", "place"]
    assert sorted(os.listdir(tmp_path / "place")) == ["real.db", "real.db.lock"]


@pytest.mark.parametrize("words", [("index", "album"), ("search", "cat", "-n"), ("doctor",)])
def test_a_link_that_leads_nowhere_is_told_and_leaves_nothing(
    tmp_path: Path, tiny_model: Path, words: tuple[str, ...]
) -> None:
    make_pictures(tmp_path / "album", 1)
    (tmp_path / "folder").mkdir()
    for name, target in (("index.db", "missing/index.db"), ("loop", "loop"), ("to", "folder")):
        (tmp_path / name).symlink_to(target)
    before = sorted(tmp_path.rglob("*"))
    for name, sentence in (
        ("index.db", "index.db: this link leads to nothing"),
        ("loop", "loop: the index cannot be reached (Too many levels of symbolic links)"),
        ("to", "folder: this is not a file"),
    ):
        command = [*COMMAND, *words, "--db", name]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=20)
        assert done.returncode == 2
        assert sentence in done.stdout + done.stderr
        assert done.stderr.count("\n") == (words != ("doctor",))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_is_a_link_to_nothing_is_named(tmp_path: Path, tiny_model: Path) -> None:
    make_pictures(tmp_path / "album", 1)
    (tmp_path / "disk").symlink_to("missing")
    done = call("index", tmp_path / "album", folder=tmp_path / "disk", model=tiny_model)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    told = f"cannot be made here ({tmp_path}/disk: a link that leads to no folder)"
    assert f"{tmp_path}/disk/index.db: the index {told}" in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["album", "disk"]


@needs_filter
@pytest.mark.parametrize(
    ("error", "kinds"),
    [("ENOLCK", ("flock",)), ("ENOLCK", ("record",))]
    + [(error, ("flock", "record")) for error in ("ENOLCK", "EOPNOTSUPP", "EINVAL", "ENOSYS")],
)
def test_an_index_where_nothing_can_be_locked_is_searched_and_nothing_added(
    tmp_path: Path, tiny_model: Path, error: str, kinds: tuple[str, ...]
) -> None:
    make_pictures(tmp_path / "album", 2)
    words = {"folder": tmp_path, "model": tiny_model}
    assert call("index", tmp_path / "album", **words).returncode == 0
    make_picture(tmp_path / "album" / "new.jpg", 9)
    words["before"] = without_locks(error, *kinds)
    indexed = call("index", tmp_path / "album", **words)
    skip_unfiltered(indexed)
    reason = os.strerror(getattr(errno, error))
    told = f"{tmp_path}/index.db: the file system has no locks ({reason})"
    assert (indexed.returncode, indexed.stdout, indexed.stderr.count("\n")) == (2, "", 1)
    assert told in indexed.stderr
    for no_index in ((), ("-n",)):
        started = time.monotonic()
        found = call("search", "cat", tmp_path / "album", *no_index, **words)
        assert (found.returncode, found.stdout.count("\n")) == (0, 2), found.stderr
        assert (told in found.stderr) == (not no_index)
        assert time.monotonic() - started < BUSY_SECONDS, "it was waited for a lock"
    with Store.open(tmp_path / "index.db", create=False) as store:
        assert store.count_files() == 2


@needs_filter
@pytest.mark.parametrize("kind", ["flock", "record"])
def test_where_nothing_can_be_locked_no_index_is_begun(
    tmp_path: Path, tiny_model: Path, kind: str
) -> None:
    make_pictures(tmp_path / "album", 2)
    (tmp_path / "place").mkdir()
    before = without_locks("ENOLCK", kind)
    words = ("index", tmp_path / "album")
    done = call(*words, folder=tmp_path / "place", model=tiny_model, before=before)
    skip_unfiltered(done)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "the file system has no locks" in done.stderr
    assert os.listdir(tmp_path / "place") == ["index.db.lock"]


@needs_filter
def test_rows_that_are_in_the_log_alone_are_not_left_out_where_nothing_can_be_locked(
    tmp_path: Path, tiny_model: Path
) -> None:
    make_pictures(tmp_path / "album", 2)
    words = {"folder": tmp_path, "model": tiny_model}
    with Store.open(tmp_path / "index.db", create=True):  # so that its log stays
        assert call("index", tmp_path / "album", **words).returncode == 0
        words["before"] = without_locks("ENOLCK", "record")
        found = call("search", "cat", tmp_path / "album", "-n", **words)
    skip_unfiltered(found)
    assert (found.returncode, found.stdout, found.stderr.count("\n")) == (2, "", 1)
    assert "the file system has no locks" in found.stderr


def skip_unfiltered(done: subprocess.CompletedProcess[str]) -> None:
    if "the filter is refused" in done.stderr:
        pytest.skip(f"no locks can be taken away here: {done.stderr}")


def call(
    *words: object, folder: Path, model: Path, before: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Call the command line on the index in a folder."""
    database = str(folder / "index.db")
    command = [*before, *COMMAND, *map(str, words), "--model", str(model), "--db", database]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)
