"""What a reader made that was mended since is read again, and encoded where it looks otherwise."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from older_index import make_as_before
from small_index import SmallIndex, make_picture, make_pictures
from tiny_model import make_tiny_model

from rclip_like.index import run
from rclip_like.settings import ReadSettings
from rclip_like.values import READER_VERSIONS

MENDED = ("BMP", "DIB", "HEIF", "PNG", "TGA", "TIFF")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return a folder with four JPEGs, three PNGs and a BMP."""
    make_pictures(tmp_path / "album", 4)
    for name in ("a.png", "b.PNG", "c.png", "d.bmp"):
        make_picture(tmp_path / "album" / name, sum(name.encode()))
    return tmp_path / "album"


@pytest.fixture
def index(album: Path, tiny_model: Path) -> Iterator[SmallIndex]:
    index = SmallIndex(album.parent / "index.db", tiny_model, plain=True)
    index.update(album)
    yield index
    index.store.close()


@pytest.fixture
def other(index: SmallIndex, album: Path, tmp_path: Path) -> Iterator[SmallIndex]:
    """Return the same index for another model, which has encoded all of the album, too."""
    other_model = make_tiny_model(tmp_path / "other", seed=1)
    other = SmallIndex(tmp_path / "index.db", other_model, plain=True)
    assert other.update(album).encoded == 8
    yield other
    other.store.close()


def as_if_read_before(index: SmallIndex, name: str) -> None:
    """Let a format's pictures have been read by an earlier reader, and what it saw be unknown."""
    changed = index.store.connection.execute(
        "UPDATE readings SET reader = ?, pixels = x'00' WHERE reader LIKE ?",
        (f"{name} 0", f"{name} %"),
    )
    assert changed.rowcount
    index.store.connection.execute("DELETE FROM settings WHERE name LIKE 'readers of%'")


def test_a_format_whose_reader_was_mended_is_encoded_again_and_once(
    index: SmallIndex, album: Path
) -> None:
    before = index.rows()
    as_if_read_before(index, "PNG")
    index.store.connection.execute("UPDATE embeddings SET embedding = zeroblob(64)")
    report = index.update(album)
    assert (report.encoded, report.reread, report.unchanged, report.failed) == (3, 3, 5, 0)
    after = index.rows()
    for path, row in after.items():
        name = os.path.basename(path).lower()
        assert np.allclose(row, before[path], atol=1e-3) == name.endswith(b".png"), name
    assert index.update_without_encoder(album).unchanged == 8


def test_what_looks_as_before_is_not_encoded(index: SmallIndex, album: Path) -> None:
    with index.store.connection as connection:
        connection.execute("UPDATE readings SET reader = 'PNG 0' WHERE reader LIKE 'PNG %'")
        connection.execute("DELETE FROM settings WHERE name LIKE 'readers of%'")
    report = index.update_without_encoder(album)
    assert (report.encoded, report.reread, report.reused, report.unchanged) == (0, 3, 3, 5)
    assert index.update_without_encoder(album).unchanged == 8


def test_another_models_rows_wait_for_their_own_run(
    index: SmallIndex, other: SmallIndex, album: Path
) -> None:
    as_if_read_before(index, "PNG")
    assert index.update(album).encoded == 3
    assert index.update_without_encoder(album).unchanged == 8
    assert other.update(album).encoded == 3
    assert other.update_without_encoder(album).unchanged == 8


def test_another_models_run_amid_the_rereading_settles_nothing_for_this_model(
    index: SmallIndex, other: SmallIndex, album: Path
) -> None:
    as_if_read_before(index, "PNG")
    assert not index.update_without_encoder(album, max_seconds=0).finished
    assert other.update(album).encoded == 3
    assert index.update(album).encoded == 3
    assert index.update_without_encoder(album).unchanged == 8


def test_what_a_mended_reader_refuses_leaves_all_models(
    index: SmallIndex, other: SmallIndex, album: Path
) -> None:
    as_if_read_before(index, "PNG")
    refusing = ReadSettings(workers=2, max_megapixels=1e-6)
    assert len(index.update(album, read=refusing).failures) == 3
    assert len(index.rows()) == len(other.rows()) == 5
    assert other.update_without_encoder(album, read=refusing).failed_before == 3


def test_a_content_that_comes_back_is_read_by_the_mended_reader(
    index: SmallIndex, album: Path
) -> None:
    aside = album.parent / "aside.png"
    (album / "a.png").rename(aside)
    assert index.update(album).removed == 1
    as_if_read_before(index, "PNG")
    assert index.update(album).encoded == 2
    aside.rename(album / "a.png")
    assert index.update(album).encoded == 1
    assert index.update_without_encoder(album).unchanged == 8


def test_a_run_that_is_cut_short_leaves_the_rest_to_the_next(
    index: SmallIndex, album: Path
) -> None:
    as_if_read_before(index, "PNG")
    assert not index.update_without_encoder(album, max_seconds=0).finished
    assert index.update(album).encoded == 3


def test_a_rising_version_marks_that_format_alone(
    index: SmallIndex, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    risen = {f"{name} {number + (name == 'BMP')}" for name, number in READER_VERSIONS.items()}
    monkeypatch.setattr(run, "_READERS", frozenset(risen))
    assert index.update_without_encoder(album).unchanged == 7


def test_an_index_of_the_version_before_is_brought_up_and_reads_mended_formats_again(
    index: SmallIndex, album: Path
) -> None:
    before = index.rows()
    index.store.close()
    database = album.parent / "index.db"
    make_as_before(database, version=2)
    index = SmallIndex(database, index.specification.folder, plain=True)
    assert index.rows().keys() == before.keys()
    assert all(np.array_equal(row, before[path]) for path, row in index.rows().items())
    report = index.update(album)
    assert (report.unchanged, report.encoded + report.reused) == (4, 4)
    assert index.update_without_encoder(album).unchanged == 8
    with closing(sqlite3.connect(database)) as connection:
        (unnoted,) = connection.execute(
            "SELECT count(*) FROM files WHERE changed_ns IS NULL"
        ).fetchone()
    assert unnoted == 0
    index.store.close()
