"""Faults of rclip 4.0.8 while it indexes, by their numbers, at the real command line."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from damaged_pictures import MAKERS, whole
from processes import run, start, write_pictures
from small_index import settle
from witness import Witness

from rclip_like.store import Store

TESTS = Path(__file__).parents[1]

# Where each fault is met, beside the tests of this file and of test_peer_faults.py.
ELSEWHERE = {
    1: ("robustness/test_interrupt.py", "test_a_signal_ends_indexing_soon_and_keeps_what_is_done"),
    2: ("agreement/test_peer_faults.py", "test_odd_names_keep_their_bytes_in_a_pipe"),
    3: ("unit/test_walk.py", "test_a_link_to_the_parent_folder_multiplies_nothing"),
    4: ("robustness/test_pictures.py", "test_pictures_that_differ_in_the_middle_only_have"),
    5: ("robustness/test_lock.py", "test_two_indexers_at_once_do_the_work_once"),
    6: ("robustness/test_pictures.py", "test_sixteen_bit_grey_keeps_its_gradient"),
    7: ("agreement/test_preprocessing.py", "test_absurd_shapes_need_little_memory"),
    8: ("agreement/test_peer_faults.py", "test_a_time_of_day_is_words_and_a_weight_is_a_weight"),
    9: ("unit/test_walk.py", "test_a_folder_is_excluded_in_every_spelling"),
    10: ("agreement/test_peer_faults.py", "test_a_closed_pipe_is_silent"),
    11: ("agreement/test_peer_faults.py", "test_odd_names_harm_no_terminal"),
    12: ("cli/test_search.py", "test_a_terminal_gets_a_table_without_copies"),
    13: ("unit/test_images_picture.py", "test_a_truncated_file_is_refused"),
    14: ("agreement/test_peer_faults.py", "test_scores_of_sums_are_cosines"),
    15: ("unit/test_index.py", "test_another_model_adds_rows_and_deletes_none"),
}


@pytest.mark.parametrize("number", range(1, 16))
def test_every_fault_has_a_test(number: int) -> None:
    file, name = ELSEWHERE[number]
    assert f"def {name}" in (TESTS / file).read_text()


def _indexed(database: Path) -> int:
    with Store.open_readonly(database) as store:
        return store.count_files()


def _without_encoder(folder: Path, content: bytes = b"no picture") -> Path:
    """Return a folder whose only picture cannot be read, so that a run loads no model."""
    folder.mkdir()
    (folder / "broken.png").write_bytes(content)
    settle(folder / "broken.png")
    return folder


# 5: a second indexer that dies.


def test_a_second_indexer_says_that_it_waits_and_then_does_its_own_folder(
    tiny: Path, tmp_path: Path
) -> None:
    folder = _without_encoder(tmp_path / "album")
    with Store.open(tiny, create=True) as store, store.writing(wait=False):
        process = start("index", folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stderr is not None
        assert b"another run is indexing; waiting" in process.stderr.readline()
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, b"")
    assert b"broken.png" in errors


# 9: patterns that exclude nothing, and replace the defaults.


@pytest.mark.parametrize("pattern", ["deep", "deep/", "{}/deep", "de*"])
def test_a_folder_is_left_out_of_a_search_however_it_is_spelt(indexed: Path, pattern: str) -> None:
    exclude = pattern.format(indexed)
    finished = run("blue", "pictures", "-nf", "--exclude", exclude)
    assert set(finished.stdout.split()) == {b"pictures/one.png", b"pictures/two.png"}


def test_a_pattern_that_matches_nothing_is_named(tiny: Path, tmp_path: Path) -> None:
    finished = run("index", _without_encoder(tmp_path / "album"), "--exclude", "holidays/")
    assert (finished.returncode, b"'holidays/' matched nothing" in finished.stderr) == (0, True)


def test_a_pattern_adds_to_the_folders_that_are_always_left_out(tiny: Path, tmp_path: Path) -> None:
    album = _without_encoder(tmp_path / "album")
    shutil.copytree(album, album / "node_modules")
    finished = run("index", album, "--exclude", "holidays/")
    assert b"1 unreadable" in finished.stderr


# 11: broken files told in every run.


def test_a_broken_file_is_named_in_the_first_run_only(tiny: Path, tmp_path: Path) -> None:
    folder = _without_encoder(tmp_path / "album")
    told = [run("index", folder).stderr.count(b"broken.png") for _ in range(3)]
    assert told == [1, 0, 0]


# 12: rows of deleted files that stay, paths that are not there.


def test_deleted_files_lose_their_rows_and_moved_ones_are_not_shown_where_they_were(
    tiny: Path, tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "album")
    assert run("index", folder).returncode == 0
    (folder / "one.png").unlink()
    (folder / "two.png").rename(folder / "moved.png")
    shown = run("blue", folder, "-nf").stdout.splitlines()
    assert shown == [os.fsencode(folder / "deep/three.jpg")]
    assert run("index", folder).returncode == 0
    assert _indexed(tiny) == 2


# 13: formats known by their names alone, half files taken for whole.


def _write_all(folder: Path, endings: Sequence[str]) -> None:
    folder.mkdir()
    for seed, ending in enumerate(endings):
        made_as = {"jfif": "jpg", "jpe": "jpg", "heif": "heic"}.get(ending, ending)
        (folder / f"a.{ending}").write_bytes(whole(made_as, seed))


def test_every_format_is_indexed_under_all_its_endings_and_half_a_file_is_not(
    tiny: Path, tmp_path: Path
) -> None:
    endings = (*MAKERS, "jfif", "jpe", "heif")
    _write_all(tmp_path / "album", endings)
    photo = whole("jpg", 99)
    (tmp_path / "album/half.jpg").write_bytes(photo[: len(photo) // 2])
    # All have one name before the ending, which of a raw file and its JPEG leaves one.
    finished = run("index", tmp_path / "album", "--raw-pairs")
    assert b"half.jpg: truncated" in finished.stderr
    assert _indexed(tiny) == len(endings)


# 15: a tree walked twice, and a question for each file.


def _watched(folder: Path, log: Path) -> Witness:
    """Index an unchanged folder, noted as a root before, and return what was seen."""
    for number in (0, 1):
        witness = Witness(log.with_suffix(f".{number}"))
        finished = run("index", folder, env=os.environ | witness.environment)
        assert finished.returncode == 0
    return witness


def test_an_unchanged_tree_is_walked_once_with_no_question_for_a_single_file(
    indexed: Path, tmp_path: Path
) -> None:
    few, more = indexed / "deep", indexed.parent
    one_file = _watched(few, tmp_path / "few").statements("SELECT")
    witness = _watched(more, tmp_path / "more")
    assert {witness.folders(more)[str(each)] for each in (indexed, few, more / "odd")} == {1}
    assert 0 < len(witness.statements("SELECT")) <= len(one_file)
