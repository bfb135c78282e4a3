"""Copies of an index that is being written to, and exports that are killed."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from subprocess import Popen

import pytest
from interchanged import Picture, contents_of, exported, imported, make_index
from small_index import fill, make_pictures, start_indexing, wait_for_lines

from rclip_like.errors import InterchangeError
from rclip_like.store import Store
from rclip_like.store.copying import copy_index

WITH_TESTS = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
COPY = """
import sys
from pathlib import Path
from rclip_like.store import Store
from rclip_like.store.copying import copy_index
copy_index(Store.open_readonly(Path(sys.argv[1])), Path(sys.argv[2]))
"""


def num_rows(copy: Path) -> int:
    """Return how many files a copy has, once SQLite and the references of its rows are right."""
    with closing(sqlite3.connect(copy)) as rows:
        assert rows.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert rows.execute("PRAGMA foreign_key_check").fetchall() == []
        question = "SELECT count(*), count(embedding) FROM files LEFT JOIN embeddings"
        files, embeddings = rows.execute(f"{question} USING (content_id)").fetchone()
    assert files == embeddings
    return int(files)


def test_twenty_copies_taken_while_a_run_indexes_are_each_whole(
    tmp_path: Path, tiny_model: Path
) -> None:
    make_pictures(tmp_path / "album", 240)
    log = tmp_path / "batches"
    run = start_indexing(tmp_path / "db", tiny_model, tmp_path / "album", log=log, plain=True)
    wait_for_lines(run, log, 1)
    numbers = []
    with Store.open_readonly(tmp_path / "db") as store:
        for number in range(20):
            copy_index(store, tmp_path / f"copy{number}")
            numbers.append(num_rows(tmp_path / f"copy{number}"))
            if run.poll() is None:
                wait_for_lines(run, log, min(len(log.read_text().splitlines()) + 3, 110))
    said = run.communicate()
    assert run.returncode == 0, said
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 10, "nobody wrote meanwhile"
    assert numbers[0] < 240


def test_a_copy_that_is_killed_leaves_no_index_and_the_next_one_is_whole(tmp_path: Path) -> None:
    with Store.open(tmp_path / "db", create=True) as store:
        fill(store, [b"/p/%05d" % number for number in range(20_000)], dimension=64)
        draft = tmp_path / "copy.copy"
        num_killed = 0
        for least_bytes in (0, 1, 1 << 20, 4 << 20):
            process = Popen(
                [sys.executable, "-c", COPY, str(tmp_path / "db"), str(draft.with_suffix(""))]
            )
            while process.poll() is None:
                if draft.exists() and draft.stat().st_size >= least_bytes:
                    os.kill(process.pid, signal.SIGKILL)
                    break
                time.sleep(0.0005)
            num_killed += process.wait() == -signal.SIGKILL
            if process.returncode:
                assert not (tmp_path / "copy").exists()
            (tmp_path / "copy").unlink(missing_ok=True)
        assert num_killed, "every copy was faster"
        copy_index(store, tmp_path / "copy")
    assert num_rows(tmp_path / "copy") == 20_000
    assert not draft.exists()


def test_the_log_of_an_index_that_was_there_is_not_played_into_the_copy(tmp_path: Path) -> None:
    with Store.open(tmp_path / "db", create=True) as store:
        fill(store, [b"/p/1"])
        (tmp_path / "copy-wal").write_bytes(b"of another index")
        copy_index(store, tmp_path / "copy")
    assert num_rows(tmp_path / "copy") == 1


EXPORT = """
import sys
from pathlib import Path
from interchanged import exported
exported(Path(sys.argv[1]), Path(sys.argv[2]))
"""
IMPORT = """
import sys
from pathlib import Path
from interchanged import imported
imported(Path(sys.argv[1]), Path(sys.argv[2]))
"""
PICTURES = [
    Picture(b"/p/%04d.jpg" % number, number, words=(("text", f"word{number}"),), num_parts=2)
    for number in range(400)
]


def test_an_export_that_is_killed_leaves_no_folder_and_the_next_one_is_whole(
    tmp_path: Path,
) -> None:
    database = make_index(tmp_path / "db", PICTURES)
    draft = tmp_path / ".parts.part"
    num_killed = 0
    for waited in ("", "facts", "embeddings", "words", "files"):
        process = Popen(
            [sys.executable, "-c", EXPORT, str(database), str(tmp_path / "parts")],
            env=WITH_TESTS,
        )
        while process.poll() is None:
            if (draft / waited).exists():
                process.kill()
                break
        num_killed += process.wait() == -signal.SIGKILL
        assert not (tmp_path / "parts").exists() or not process.returncode
        shutil.rmtree(tmp_path / "parts", ignore_errors=True)
    assert num_killed >= 3
    exported(database, tmp_path / "parts")
    assert not draft.exists()
    imported(tmp_path / "new", tmp_path / "parts")
    assert len(contents_of(tmp_path / "new")["embeddings"]) == 800


def test_an_import_that_is_killed_leaves_sound_rows_and_the_next_one_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rclip_like.interchange.exporting._PART_ROWS", 50)
    exported(make_index(tmp_path / "db", PICTURES), tmp_path / "parts")
    imported(tmp_path / "whole", tmp_path / "parts")
    wanted = contents_of(tmp_path / "whole")
    seen = set()
    for table in ("contents", "embeddings", "words", "files"):
        new = tmp_path / f"new-{table}"
        Store.open(new, create=True).close()
        process = Popen(
            [sys.executable, "-c", IMPORT, str(new), str(tmp_path / "parts")], env=WITH_TESTS
        )
        with closing(sqlite3.connect(new)) as rows:
            while process.poll() is None:
                if rows.execute(f"SELECT count(*) FROM {table}").fetchone()[0]:
                    process.kill()
                    break
        process.wait()
        rows_left = contents_of(new)
        seen.add(tuple(map(len, rows_left.values())))
        for kind, values in rows_left.items():
            assert set(values) <= set(wanted[kind])
        imported(new, tmp_path / "parts")
        assert contents_of(new) == wanted
    assert len(seen) >= 3, "the kills came at the same moment"


@pytest.mark.parametrize("kind", ["parts", "copy"])
def test_a_second_export_to_one_place_is_refused_and_the_first_is_whole(
    tmp_path: Path, kind: str
) -> None:
    database = make_index(tmp_path / "db", PICTURES[:60])
    target = tmp_path / kind
    program, draft = (EXPORT, ".parts.part") if kind == "parts" else (COPY, "copy.copy")
    command = [sys.executable, "-c", program, str(database), str(target)]
    first = Popen(command, env=WITH_TESTS)
    while not (tmp_path / draft).exists():
        time.sleep(0.0005)
    first.send_signal(signal.SIGSTOP)
    assert not target.exists(), "the first one was faster"
    second = subprocess.run(command, env=WITH_TESTS, capture_output=True, text=True)
    assert second.returncode
    assert f"{target}: another " in second.stderr
    assert "wait until it is done" in second.stderr
    first.send_signal(signal.SIGCONT)
    assert first.wait() == 0
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".parts")]
    if kind == "parts":
        imported(tmp_path / "new", target)
        assert len(contents_of(tmp_path / "new")["embeddings"]) == 120
    else:
        assert num_rows(target) == 120


def test_exports_started_at_once_into_one_folder_leave_one_that_is_whole(tmp_path: Path) -> None:
    database = make_index(tmp_path / "db", PICTURES[:60])
    command = [sys.executable, "-c", EXPORT, str(database), str(tmp_path / "parts")]
    processes = [Popen(command, env=WITH_TESTS, stderr=subprocess.PIPE) for _ in range(3)]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes].count(0) == 1, said
    imported(tmp_path / "new", tmp_path / "parts")
    assert len(contents_of(tmp_path / "new")["embeddings"]) == 120
    assert {path.name for path in tmp_path.iterdir() if "parts" in path.name} == {"parts"}


def test_an_export_that_was_moved_away_when_a_kill_came_gets_its_name_again(
    tmp_path: Path,
) -> None:
    database = make_index(tmp_path / "db", PICTURES[:3])
    exported(database, tmp_path / "parts")
    (tmp_path / "parts").rename(tmp_path / ".parts.before")
    with pytest.raises(InterchangeError, match="exists already"):
        exported(database, tmp_path / "parts")
    imported(tmp_path / "new", tmp_path / "parts")
    assert len(contents_of(tmp_path / "new")["files"]) == 3
    (tmp_path / "parts").rename(tmp_path / ".parts.before")
    exported(database, tmp_path / "parts", replace=True)
    assert not (tmp_path / ".parts.before").exists()
