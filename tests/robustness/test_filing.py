"""Filing loses no picture: kills at every line and at random, full disks, lost disks, two runs."""

from __future__ import annotations

from pathlib import Path

import filing_runs
import pytest
from filing_runs import (
    assert_nothing_lost,
    kill_again_and_again,
    make_album,
    pictures_in,
    start,
    state_of,
    undo_all,
)
from private_mounts import needs_mounts, run_in_namespace, run_on_small_disk

PROGRAM = Path(filing_runs.__file__)


@needs_mounts
@pytest.mark.parametrize("how", ["copy", "link", "move", "move across"])
def test_a_kill_loses_nothing_and_is_taken_back(tmp_path: Path, how: str) -> None:
    assert int(run_in_namespace(PROGRAM, "kill_at_lines", how, "renaming", 37, tmp_path)) > 30


@needs_mounts
@pytest.mark.long
@pytest.mark.parametrize("how", ["copy", "link", "move", "move across"])
@pytest.mark.parametrize("way", ["renaming", "linking", "replacing"])
def test_a_kill_at_any_line_loses_nothing(tmp_path: Path, how: str, way: str) -> None:
    assert int(run_in_namespace(PROGRAM, "kill_at_lines", how, way, 1, tmp_path)) > 1000


@pytest.mark.parametrize("how", ["copy", "move"])
def test_runs_killed_at_random_moments_lose_nothing(tmp_path: Path, how: str) -> None:
    make_album(tmp_path / "album", 200)
    assert kill_again_and_again(tmp_path / "album", tmp_path / "filed", how, 9) >= 3


@pytest.mark.long
@pytest.mark.parametrize("how", ["copy", "move"])
def test_a_thousand_pictures_killed_a_hundred_times(tmp_path: Path, how: str) -> None:
    make_album(tmp_path / "album", 1000)
    assert kill_again_and_again(tmp_path / "album", tmp_path / "filed", how, 100) >= 60


@pytest.mark.parametrize("how", ["copy", "link", "move"])
def test_runs_at_the_same_time_lose_nothing(tmp_path: Path, how: str) -> None:
    album, folder = tmp_path / "album", tmp_path / "filed"
    make_album(album, 200)
    before = state_of(album)
    folder.mkdir()
    runs = [start("file-beside-others", str(album), str(folder), how) for _ in range(3)]
    for run in runs:
        run.communicate()
        assert run.returncode == 0
    assert_nothing_lost(before, album, folder)
    assert how != "move" or not list(pictures_in(album))
    undo_all(folder)  # a picture that another run took first is named
    assert state_of(album, hidden=True) == before
    # A folder that one run made stays while another's pictures are in it.
    assert not [path for path in folder.glob("*/*") if path.is_file() or path.is_symlink()]


@needs_mounts
@pytest.mark.parametrize("how", ["copy", "link", "move"])
def test_a_full_disk_stops_in_a_sentence_and_loses_nothing(tmp_path: Path, how: str) -> None:
    stopped = run_on_small_disk(tmp_path / "disk", "4m", PROGRAM, "full", how)
    assert int(stopped) >= (1 if how == "link" else 10)


@needs_mounts
@pytest.mark.parametrize("how", ["copy", "move"])
def test_a_disk_that_is_unmounted_stops_and_loses_nothing(tmp_path: Path, how: str) -> None:
    (tmp_path / "disk").mkdir()
    said = run_in_namespace(PROGRAM, "vanishing", how, tmp_path / "disk")
    assert "unmounted meanwhile; stopped after 20 pictures" in said


@needs_mounts
@pytest.mark.parametrize("how", ["copy", "move"])
def test_a_disk_that_takes_no_writes_is_named(tmp_path: Path, how: str) -> None:
    said = run_on_small_disk(tmp_path / "disk", "4m", PROGRAM, "read_only", how)
    assert "Read-only file system" in said
