"""Disks that take no writes or vanish: the one with the index, and the one with the pictures."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import vanishing_disk
from index_states import integrity, state_of
from private_mounts import needs_mounts, run_in_namespace
from small_clipfind import COMMAND
from small_index import fill, make_pictures

from rclip_like.errors import StoreError
from rclip_like.store import Store


@needs_mounts
@pytest.mark.parametrize(
    "scene", ["read_only_index", "index_that_vanishes", "pictures_that_vanish"]
)
def test_a_disk_that_fails_costs_nothing_that_was_finished(
    tmp_path: Path, tiny_model: Path, scene: str
) -> None:
    run_in_namespace(Path(vanishing_disk.__file__), scene, tiny_model, tmp_path)


def test_nothing_is_committed_to_an_index_that_is_gone_from_its_place(tmp_path: Path) -> None:
    with Store.open(tmp_path / "index.db", create=True) as store:
        fill(store, [b"/1"])
        (tmp_path / "index.db").rename(tmp_path / "elsewhere.db")
        with pytest.raises(StoreError, match=r"index\.db: the index is gone from its place"):
            fill(store, [b"/2"])
        assert store.count_files() == 1


@pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace to make calls fail with")
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
def test_a_disk_with_errors_ends_a_run_in_a_sentence(
    tmp_path: Path, tiny_model: Path, call: str
) -> None:
    make_pictures(tmp_path / "album", 12)
    words = ["index", "-q", str(tmp_path / "album"), "--db", str(tmp_path / "index.db")]
    command = [*COMMAND, *words, "--model", str(tiny_model)]
    with Store.open(tmp_path / "index.db", create=True):  # so that all of the calls are commits
        failing = [
            "-o",
            "/dev/null",
            "-e",
            f"trace={call}",
            "-e",
            f"inject={call}:error=EIO:when=9+",
        ]
        done = subprocess.run(["strace", "-f", *failing, *command], capture_output=True, text=True)
        if "Operation not permitted" in done.stderr:
            pytest.skip(f"nothing can be traced here: {done.stderr}")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done
        assert f"{tmp_path / 'index.db'}: the disk with the index failed" in done.stderr
    assert integrity(tmp_path / "index.db") == "ok"
    subprocess.run(command, check=True)
    assert len(state_of(tmp_path / "index.db")) == 12
