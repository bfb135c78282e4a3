"""Unchanged means unchanged: what size and mtime do not tell is never shown as fresh."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from small_index import make_picture, settle

from rclip_like.library import Library
from rclip_like.settings import IndexSettings, SearchSettings, WalkSettings
from rclip_like.walk.identity import Inodes

NUMBER = 20


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return a folder of pictures that all have the same size in bytes and the same mtime."""
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(NUMBER):
        make_picture(folder / f"{number:02}.bmp", number)
    return folder


@pytest.fixture
def library(album: Path, tiny_model: Path, tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "index.db", model=str(tiny_model)) as library:
        library.index([album])
        yield library


def scores(library: Library, query: Path, album: Path, **walk: object) -> dict[str, float]:
    """Return what a search of the index as it is shows: the score of each name."""
    settings = SearchSettings(top=0, walk=WalkSettings(**walk))
    report = library.search(query, [album], settings, update=None)
    return {os.path.basename(match.path): match.score for match in report.matches}


def replace(path: Path, seed: int) -> None:
    """Put another picture in a file's place as `exiftool -P` does: of its size and its mtime."""
    other = make_picture(path.with_name("new.bmp"), seed)
    assert other.stat().st_size == path.stat().st_size
    os.replace(other, path)


def rewrite(path: Path, seed: int) -> None:
    """Write another picture into a file and set its mtime back."""
    other = make_picture(path.with_name("new.bmp"), seed)
    path.write_bytes(other.read_bytes())
    other.unlink()
    settle(path)


@pytest.mark.parametrize("change", [replace, rewrite])
def test_a_file_replaced_in_place_is_left_out_until_it_is_read(
    library: Library, album: Path, change: Callable[[Path, int], None], tmp_path: Path
) -> None:
    query = shutil.copy(album / "03.bmp", tmp_path / "query.bmp")
    assert scores(library, query, album)["03.bmp"] > 0.999
    change(album / "03.bmp", 99)
    assert "03.bmp" not in scores(library, query, album)
    # What would have been shown without a look at inode and ctime:
    assert scores(library, query, album, inodes="unstable")["03.bmp"] > 0.999
    assert library.index([album]).encoded == 1
    assert scores(library, query, album)["03.bmp"] < 0.999


def test_two_files_that_swap_names_keep_their_pictures(
    library: Library, album: Path, tmp_path: Path
) -> None:
    query = shutil.copy(album / "03.bmp", tmp_path / "query.bmp")
    os.rename(album / "03.bmp", album / "x")
    os.rename(album / "04.bmp", album / "03.bmp")
    os.rename(album / "x", album / "04.bmp")
    assert {"03.bmp", "04.bmp"}.isdisjoint(scores(library, query, album))
    report = library.index([album])
    assert (report.encoded, report.reused) == (0, 2)
    assert scores(library, query, album)["04.bmp"] > 0.999


def test_other_rights_and_a_restore_hide_nothing_and_encode_nothing(
    library: Library, album: Path, tmp_path: Path
) -> None:
    query = shutil.copy(album / "00.bmp", tmp_path / "query.bmp")
    before = scores(library, query, album)
    assert len(before) == NUMBER
    for path in album.iterdir():
        path.chmod(0o640)
    assert scores(library, query, album) == before
    shutil.copytree(album, tmp_path / "copy")
    shutil.rmtree(album)
    shutil.copytree(tmp_path / "copy", album)
    assert scores(library, query, album) == before
    assert (library.index([album]).reused, library.index([album]).unchanged) == (NUMBER, NUMBER)


def test_rows_of_an_earlier_version_are_trusted_and_filled_in(
    library: Library, album: Path, tmp_path: Path
) -> None:
    change(tmp_path, "UPDATE files SET changed_ns = NULL")
    assert len(scores(library, album / "00.bmp", album)) == NUMBER - 1
    assert library.index([album]).unchanged == NUMBER
    assert ask(tmp_path, "SELECT count(*) FROM files WHERE changed_ns IS NULL") == 0
    os.utime(album / "05.bmp", ns=(0, (album / "05.bmp").stat().st_mtime_ns))
    assert library.index([album]).reused == 1


def test_a_file_system_without_stable_inodes_is_recognised_after_two_runs(
    library: Library, album: Path, tmp_path: Path
) -> None:
    found = []
    for _ in range(4):
        change(tmp_path, "UPDATE files SET inode = inode + 1, changed_ns = changed_ns + 1")
        found.append(library.index([album]).unchanged)
    assert found == [0, 0, NUMBER, NUMBER]
    assert len(scores(library, album / "00.bmp", album)) == NUMBER - 1
    # Where some file has kept its inode after all, all of them tell again.
    change(tmp_path, "UPDATE files SET changed_ns = changed_ns + 1")
    library.index([album])
    change(tmp_path, "UPDATE files SET inode = inode + 1")
    assert library.index([album]).unchanged == 0


@pytest.mark.parametrize("inodes", ["stable", "unstable"])
def test_who_knows_the_file_system_may_say_so(
    library: Library, album: Path, tmp_path: Path, inodes: str
) -> None:
    change(tmp_path, "UPDATE files SET inode = inode + 1")
    settings = IndexSettings(walk=WalkSettings(inodes=inodes))
    assert library.index([album], settings).unchanged == (0 if inodes == "stable" else NUMBER)


def test_files_that_were_really_replaced_make_no_file_system_unstable(
    library: Library, album: Path
) -> None:
    for seed in (100, 200, 300):
        for number, path in enumerate(sorted(album.glob("*.bmp"))):
            replace(path, seed + number)
        report = library.index([album])
        assert (report.unchanged, report.encoded) == (0, NUMBER)


def test_a_few_files_tell_nothing_of_their_file_system() -> None:
    inodes = Inodes({})
    for _ in range(15):
        inodes.note(b"/few", is_same=False)
    assert inodes.now([b"/few"]) == {}
    inodes.note(b"/few", is_same=False)
    assert inodes.now([b"/few"]) == {b"/few": 1}


def test_a_query_by_a_file_replaced_in_place_is_by_what_is_in_it_now(
    library: Library, album: Path
) -> None:
    before = scores(library, album / "03.bmp", album)
    replace(album / "03.bmp", 99)
    after = scores(library, album / "03.bmp", album)
    assert not np.isclose(before["05.bmp"], after["05.bmp"], atol=1e-4)


def change(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "index.db", isolation_level=None)) as connection:
        assert connection.execute(statement).rowcount > 0


def ask(folder: Path, question: str) -> int:
    with closing(sqlite3.connect(folder / "index.db")) as connection:
        return int(connection.execute(question).fetchone()[0])
