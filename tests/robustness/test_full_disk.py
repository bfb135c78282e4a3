"""Full disks: named in a sentence, nothing that was finished is lost, and the next run goes on."""

from __future__ import annotations

from pathlib import Path

import full_disk
import pytest
from interchanged import Picture, make_index
from private_mounts import needs_mounts, run_on_small_disk
from small_index import make_pictures

PROGRAM = Path(full_disk.__file__)


def count_full(folder: Path, model: Path, first: int, last: int) -> int:
    """Let a disk run full at these moments; return how many of the runs that stopped."""
    make_pictures(folder / "album", 30)
    counted = run_on_small_disk(
        folder / "disk", "4m", PROGRAM, "moments", model, folder / "album", first, last
    )
    return int(counted)


@needs_mounts
def test_a_disk_that_runs_full_amid_indexing_loses_nothing(
    tmp_path: Path, tiny_model: Path
) -> None:
    assert count_full(tmp_path, tiny_model, 0, 4) >= 3


@needs_mounts
@pytest.mark.long
def test_a_disk_that_runs_full_at_fifty_moments_loses_nothing(
    tmp_path: Path, tiny_model: Path
) -> None:
    assert count_full(tmp_path, tiny_model, 4, 84) >= 50


@needs_mounts
def test_a_full_temporary_folder_is_named_and_the_next_run_goes_on(
    tmp_path: Path, tiny_model: Path
) -> None:
    run_on_small_disk(tmp_path / "disk", "4m", PROGRAM, "spool", tiny_model, tmp_path / "album")


@needs_mounts
def test_a_relocation_without_room_says_so_and_moves_nothing(tmp_path: Path) -> None:
    assert int(run_on_small_disk(tmp_path / "disk", "4m", PROGRAM, "relocated")) > 40_000


@needs_mounts
def test_an_export_without_room_names_the_disk_that_is_full(tmp_path: Path) -> None:
    pictures = [Picture(b"/p/%d.jpg" % number, number, num_parts=400) for number in range(20)]
    database = make_index(tmp_path / "index.db", pictures)
    run_on_small_disk(tmp_path / "disk", "4m", PROGRAM, "exported", database)
