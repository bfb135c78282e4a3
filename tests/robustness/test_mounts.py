"""Disks that take no writes or vanish: the one with the index, and the one with the pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import vanishing_disk
from private_mounts import needs_mounts, run_in_namespace
from small_index import fill

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
