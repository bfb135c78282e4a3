"""`clipfind prune` and `clipfind forget`: what they say, and their exit status."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from processes import ODD_NAMES, run, write_pictures

from rclip_like.store import Store


@pytest.fixture
def album(tiny: Path, database: Path, pictures: Path, tmp_path: Path) -> Path:
    """Return an indexed folder of three pictures that a test may delete."""
    folder = write_pictures(tmp_path / "album")
    finished = run("index", folder)
    assert finished.returncode == 0, finished.stderr
    return folder


def test_a_dry_run_lists_the_folders_and_the_run_says_what_went(album: Path) -> None:
    shutil.rmtree(album)
    dry = run("prune", "--dry-run")
    assert dry.stdout.decode().splitlines() == [f"2  {album}", f"1  {album / 'deep'}"]
    assert b"would be dropped: 3 files, 1 walked folder, 3 contents" in dry.stderr
    real = run("prune")
    assert (real.returncode, real.stdout) == (0, b"")
    assert b"dropped: 3 files, 1 walked folder, 3 contents" in real.stderr
    assert b"dropped: nothing" in run("prune").stderr


def test_verbose_names_every_file_and_json_counts_them(album: Path) -> None:
    (album / "one.png").unlink()
    finished = run("prune", "--dry-run", "--json", "-v")
    assert f"clipfind: {album / 'one.png'}\n".encode() in finished.stderr
    described = json.loads(finished.stdout)
    assert (described["files"], described["contents"], described["is_dry_run"]) == (1, 1, True)
    assert described["folders"] == [{"path": str(album), "files": 1}]


def test_forget_leaves_the_pictures_alone(album: Path) -> None:
    before = {path: path.read_bytes() for path in album.rglob("*") if path.is_file()}
    assert len(before) == 3
    finished = run("forget", album / "deep")
    assert finished.returncode == 0
    assert b"dropped: 1 file, 1 content" in finished.stderr
    assert {path: path.read_bytes() for path in album.rglob("*") if path.is_file()} == before
    assert b"2 files" in run("status").stdout


@pytest.mark.parametrize("command", ["prune", "forget"])
def test_what_is_not_indexed_exits_with_one_unless_another_path_is(
    album: Path, command: str
) -> None:
    finished = run(command, album.parent / "never")
    assert (finished.returncode, finished.stdout) == (1, b"")
    assert b"never: nothing is indexed there" in finished.stderr
    assert run(command, "-q", album.parent / "never", album).returncode == 0


def test_a_dry_run_promises_no_room_that_a_small_index_does_not_free(album: Path) -> None:
    dry = run("forget", "--dry-run", album)
    assert b"; little or nothing would come free" in dry.stderr
    assert b"; 0 B freed" in run("forget", album).stderr


def test_forget_wants_a_path(tiny: Path) -> None:
    finished = run("forget")
    assert finished.returncode == 2
    assert b"forget needs PATH" in finished.stderr


def test_odd_names_can_be_forgotten(tiny: Path, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "odd", ODD_NAMES)
    run("index", folder)
    for left, name in zip((4, 3, 2, 1, 0), ODD_NAMES, strict=True):
        path = str(folder).encode() + b"/" + name
        assert run("forget", "-q", path).returncode == 0
        with Store.open(tiny, create=False) as store:
            assert store.count_files() == left


def test_no_wait_leaves_a_busy_index_to_the_other_run(album: Path, tiny: Path) -> None:
    with Store.open(tiny, create=False) as store, store.writing(wait=False):
        pruned = run("prune", "--no-wait")
        assert (pruned.returncode, pruned.stderr.count(b"\n")) == (0, 1)
        assert b"nothing was pruned" in pruned.stderr
        assert run("forget", "--no-wait", album).returncode == 2
        assert store.count_files() == 3


def test_a_model_that_has_encoded_nothing_here_drops_no_other(album: Path) -> None:
    finished = run("prune", "--models", "--model", "builtin")
    assert finished.returncode == 2
    assert b"builtin has encoded nothing" in finished.stderr
    assert b"nothing" in run("prune", "--models").stderr
    assert b"3 files" in run("status").stdout


def test_keep_without_models_is_refused(tiny: Path) -> None:
    assert b"--keep has no effect without --models" in run("prune", "--keep", "x").stderr
