"""The Library: what it opens, when, and which model it uses."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_pairs import draw_picture
from PIL import Image
from tiny_model import make_tiny_model

import rclip_like
from rclip_like.errors import ModelError, RootError, UsageError
from rclip_like.index import survey
from rclip_like.library import Library
from rclip_like.settings import (
    Filters,
    IndexSettings,
    ReadSettings,
    SearchSettings,
    WalkSettings,
)
from rclip_like.store import Store
from rclip_like.walk import walk_pages


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of three pictures, one of them hidden, older than the clock's grain."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, name in enumerate(("red.png", "green.png", ".hidden.png")):
        noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((64, 64)).save(folder / name)
        os.utime(folder / name, (1_600_000_000, 1_600_000_000))
    return folder


@pytest.fixture
def library(tmp_path: Path, tiny_model: Path) -> Library:
    return Library(tmp_path / "index.db", model=str(tiny_model))


def test_the_package_names_the_library_without_loading_it() -> None:
    code = "import rclip_like, sys; print('numpy' in sys.modules, rclip_like.Library.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "Library"]
    for name in rclip_like.__all__:
        assert getattr(rclip_like, name)
    with pytest.raises(AttributeError, match="Librarian"):
        rclip_like.Librarian  # noqa: B018


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    Library(tmp_path / "no" / "index.db", model="no-such-model").close()
    assert list(tmp_path.iterdir()) == []


def test_search_brings_the_index_up_to_date_first(library: Library, photos: Path) -> None:
    with library:
        report = library.search("red", [photos])
        assert report.index is not None
        assert (report.index.encoded, len(report.matches), report.missing) == (2, 2, 0)
        again = library.search("red", [photos])
        assert again.index is not None
        assert (again.index.encoded, again.index.unchanged) == (0, 2)
        assert again.matches == report.matches


def test_a_path_is_a_picture_whatever_its_name(
    library: Library, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(photos / "red.png", "2:red")
    with library:
        matches = library.search(Path("2:red"), [photos]).matches
    assert os.path.basename(matches[0].path) == "red.png"
    assert matches[0].score > 0.9999


def test_search_while_another_process_indexes_answers_from_what_is_committed(
    library: Library, photos: Path
) -> None:
    with library:
        library.index([photos / "red.png"])
        with Store.open(library.database, create=False) as other, other.writing(wait=False):
            report = library.search("red", [photos])
        assert [os.path.basename(match.path) for match in report.matches] == ["red.png"]
        assert report.index is None
        assert any("what it has finished" in note for note in report.notes)


def test_hidden_rows_are_shown_only_when_asked_for(library: Library, photos: Path) -> None:
    everything = WalkSettings(hidden=True)
    with library:
        assert library.index([photos], IndexSettings(walk=everything)).encoded == 3
        assert len(library.search("red", [photos], update=None).matches) == 2
        shown = library.search("red", [photos], SearchSettings(walk=everything), update=None)
        assert len(shown.matches) == 3


def test_excluded_rows_are_not_shown_and_not_deleted(library: Library, photos: Path) -> None:
    without_red = WalkSettings(exclude=("red*",))
    with library:
        library.index([photos])
        hidden = library.search(
            "x", [photos], SearchSettings(walk=without_red), update=IndexSettings(walk=without_red)
        )
        assert [os.path.basename(match.path) for match in hidden.matches] == ["green.png"]
        assert len(library.search("x", [photos], update=None).matches) == 2


def test_everywhere_searches_what_is_indexed_without_looking_for_more(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with library:
        library.index([photos / "red.png"])
        monkeypatch.chdir(photos)
        assert len(library.search("x", settings=SearchSettings(everywhere=True)).matches) == 1


def test_no_path_means_the_current_folder(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    with library:
        paths = {match.path for match in library.search("x").matches}
    assert paths == {"red.png", "green.png"}


def test_status_covers_what_it_is_asked_for(library: Library, photos: Path) -> None:
    with library:
        library.index([photos])
        assert library.status().files == 2
        assert library.status([photos / "red.png"]).files == 1
        assert library.status(["no-such", photos]).unknown == (b"no-such",)


def test_a_default_model_is_remembered_by_the_index(
    tmp_path: Path, tiny_model: Path, photos: Path
) -> None:
    with Library(tmp_path / "index.db") as first:
        first.use_model(str(tiny_model))
    with Library(tmp_path / "index.db") as second:
        assert second.specification.folder == tiny_model
        assert second.index([photos]).encoded == 2


def test_a_model_that_is_not_there_does_not_become_the_default(tmp_path: Path) -> None:
    with Library(tmp_path / "index.db") as library, pytest.raises(ModelError, match="no-such"):
        library.use_model(str(tmp_path / "no-such"))
    assert not (tmp_path / "index.db").exists()


def test_another_model_adds_rows_and_leaves_the_old_ones(
    tmp_path: Path, tiny_model: Path, photos: Path
) -> None:
    other = make_tiny_model(tmp_path / "other", seed=1)
    with Library(tmp_path / "index.db", model=str(tiny_model)) as library:
        first = (library.index([photos]), library.search("x", [photos], update=None))[1]
    with Library(tmp_path / "index.db", model=str(other)) as library:
        assert library.search("x", [photos], update=None).matches == ()
        assert library.index([photos]).encoded == 2
    with Library(tmp_path / "index.db", model=str(tiny_model)) as library:
        assert library.index([photos]).unchanged == 2
        assert library.search("x", [photos], update=None).matches == first.matches


def test_a_hint_is_new_once_an_index(library: Library, photos: Path) -> None:
    with library:
        library.index([photos])
        assert library.is_first_time("a hint")
        assert not library.is_first_time("a hint")
        assert library.is_first_time("another hint")


def test_queries_may_be_typed_text_alone_and_empty_ones_are_refused(
    library: Library, photos: Path
) -> None:
    with library, pytest.raises(UsageError, match="empty"):
        library.search(" ", [photos])
    assert not library.database.exists()


def test_a_default_model_is_found_from_another_folder(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_model.parent)
    with Library(tmp_path / "index.db") as first:
        first.use_model(f"./{tiny_model.name}")
    monkeypatch.chdir(tmp_path)
    with Library(tmp_path / "index.db") as second:
        assert second.specification.folder == tiny_model


def test_a_model_that_has_encoded_nothing_here_gives_a_hint(
    tmp_path: Path, tiny_model: Path, photos: Path
) -> None:
    other = make_tiny_model(tmp_path / "other", seed=1)
    with Library(tmp_path / "index.db", model=str(tiny_model)) as library:
        library.index([photos])
        assert library.search("x", [photos], SearchSettings(min_score=1.0), update=None).notes == ()
    with Library(tmp_path / "index.db", model=str(other)) as library:
        (here,) = library.search("x", [photos], update=None).notes
        (anywhere,) = library.search("x", settings=SearchSettings(everywhere=True)).notes
    assert here.startswith("nothing is indexed here yet")
    assert anywhere.startswith("nothing is indexed for this model yet")


def test_pictures_are_indexed_within_the_librarys_own_limits(
    tmp_path: Path, tiny_model: Path, photos: Path
) -> None:
    tight = ReadSettings(max_megapixels=0.001)
    with Library(tmp_path / "index.db", model=str(tiny_model), read=tight) as library:
        assert library.index([photos]).failed == 2
        roomy = IndexSettings(read=ReadSettings(), retry=True)
        assert library.index([photos], roomy).encoded == 2


def test_a_tilde_in_a_path_is_there_also_beside_one_that_is_not(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(photos.parent))
    (photos / "sub").mkdir()
    (photos / "green.png").rename(photos / "sub/green.png")
    with library:
        library.index(["~/photos"])
        (photos / "sub").rename(photos.parent / "away")
        report = library.search("x", ["~/photos", photos / "sub"], update=None)
    assert [os.path.basename(match.path) for match in report.matches] == ["red.png"]
    assert ["sub: not there now" in note for note in report.notes] == [True]


def unmount(library: Library, folder: Path) -> None:
    """Let a folder look as if the disk it was indexed on were not mounted now."""
    with closing(sqlite3.connect(library.database)) as connection, connection:
        changed = connection.execute(
            "UPDATE roots SET device = device + 1 WHERE path = ?", (os.fsencode(folder.resolve()),)
        )
        assert changed.rowcount == 1
    for path in folder.iterdir():
        path.unlink()


def test_a_folder_whose_disk_is_not_mounted_is_noted_beside_the_rest(
    library: Library, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    (photos / "green.png").rename(tmp_path / "disk/green.png")
    with library:
        for folder in (photos, tmp_path / "disk"):
            library.index([folder])
        unmount(library, tmp_path / "disk")
        for update in (None, IndexSettings()):
            report = library.search("x", [photos, tmp_path / "disk"], update=update)
            assert (len(report.matches), report.stale) == (1, 0)
            assert ["disk: not there now" in note for note in report.notes] == [True]


def test_a_folder_whose_disk_is_not_mounted_is_an_error_alone(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with library:
        library.index([photos])
        unmount(library, photos)
        with pytest.raises(RootError, match="is the disk mounted"):
            library.search("x", [photos], update=None)
        monkeypatch.chdir(photos)
        with pytest.raises(RootError, match=r"^\.: not there now"):
            library.search("x")
        assert library.status().files == 2


def test_a_search_without_time_for_the_walk_says_so(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*arguments: Any) -> Iterator[Any]:
        time.sleep(0.5)
        yield from walk_pages(*arguments)

    with library:
        library.index([photos])
        monkeypatch.setattr(survey, "walk_pages", slowly)
        report = library.search("x", [photos], update=IndexSettings(max_seconds=0.01))
    assert (len(report.matches), report.missing) == (2, 0)
    assert ["time limit" in note for note in report.notes] == [True]


def test_files_that_are_not_there_now_are_noted_in_one_line(library: Library, photos: Path) -> None:
    for name in ("blue.png", "grey.png"):
        (photos / "red.png").with_name(name).write_bytes((photos / "red.png").read_bytes())
    with library:
        library.index([photos])
        for name in ("blue.png", "grey.png"):
            (photos / name).unlink()
        named = [photos / name for name in ("red.png", "blue.png", "grey.png")]
        report = library.search("x", named, update=None)
        assert [os.path.basename(match.path) for match in report.matches] == ["red.png"]
        (note,) = report.notes
        assert "blue.png and 1 more: not there now" in note
        with pytest.raises(RootError, match=r"new\.png: no such"):
            library.search("x", [photos / "red.png", photos / "new.png"], update=None)


def test_status_names_what_cannot_be_read(library: Library, photos: Path) -> None:
    (photos / "words.jpg").write_text("not a picture")
    with library:
        library.index([photos])
        status = library.status()
    assert [os.path.basename(trouble.path) for trouble in status.unreadable] == [b"words.jpg"]
    assert list(status.failures.values()) == [1]


def test_a_folder_that_cannot_be_listed_is_an_error_of_the_search(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def refuse(path: bytes) -> object:
        if os.fsencode(path).rstrip(b"/") == os.fsencode(photos):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with library, pytest.raises(RootError, match="Permission denied"):
        library.search("x", [photos])


def test_a_selection_needs_no_query_and_holds_what_is_still_as_it_was(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.index([photos])
    monkeypatch.chdir(photos.parent)
    every = library.select(["photos"])
    assert [picture.path for picture in every.pictures] == ["photos/green.png", "photos/red.png"]
    assert [picture.facts.width for picture in every.pictures] == [64, 64]
    rows, is_indexed = library.embeddings([photos / "green.png", "photos/red.png"])
    assert is_indexed.all()
    np.testing.assert_allclose(every.embeddings, rows, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert library.select(filters=Filters(min_pixels=64 * 64 + 1)).pictures == ()
    (photos / "red.png").write_bytes(b"changed")
    left = library.select([photos])
    assert [picture.absolute for picture in left.pictures] == [str(photos / "green.png")]
    assert (left.stale, left.damaged) == (1, 0)
    rows, is_indexed = library.embeddings([photos / "red.png", photos / "green.png", "none.png"])
    assert (is_indexed.tolist(), rows.any(axis=1).tolist()) == ([False, True, False],) * 2
    with closing(sqlite3.connect(library.database)) as connection, connection:
        connection.execute("UPDATE embeddings SET row_digest = x'00'")
    left = library.select([photos])
    assert (left.embeddings.shape[0], left.stale, left.damaged) == (0, 1, 1)


def test_without_an_index_nothing_is_selected(library: Library, photos: Path) -> None:
    found = library.select()
    assert (found.pictures, len(found.embeddings)) == ((), 0)
    assert not library.embeddings([photos / "red.png"])[1].any()
    assert not library.database.exists()


def test_pictures_are_drawn_by_a_seed(library: Library, photos: Path) -> None:
    for number in range(9):
        (photos / f"{number}.png").write_bytes(draw_picture(number))
    (photos / "same.png").write_bytes(draw_picture(0))
    library.index([photos])
    drawn = library.draw(5, 1)
    assert len(drawn) == 5
    assert drawn == library.draw(5, 1) != library.draw(5, 2)
    every = {Path(path).name for path in library.draw(100)}
    assert len(every) == 11
    assert len(every & {"0.png", "same.png"}) == 1
    (photos / "1.png").write_bytes(b"changed")
    (photos / "2.png").unlink()
    assert {Path(path).name for path in library.draw(100)} == every - {"1.png", "2.png"}
    assert library.draw(100, outside=photos) == []
    assert len(library.draw(100, outside=photos.with_name("phot"))) == 9


def test_nothing_is_drawn_without_an_index(library: Library) -> None:
    assert library.draw(5) == []
    assert not library.database.exists()


def test_a_search_heeds_filters(library: Library, photos: Path) -> None:
    assert len(library.search("cat", [photos]).matches) == 2
    for min_pixels, count in ((64 * 64, 2), (64 * 64 + 1, 0)):
        settings = SearchSettings(filters=Filters(min_pixels=min_pixels))
        assert len(library.search("cat", [photos], settings, update=None).matches) == count


def test_a_selection_leaves_out_what_the_librarys_settings_exclude(
    library: Library, photos: Path
) -> None:
    library.index([photos])
    assert len(library.select([photos]).pictures) == 2
    walk = WalkSettings(exclude=("red.png",))
    searching = library.settings.searching._replace(walk=walk)
    library.settings = library.settings._replace(searching=searching)
    left = [picture.absolute for picture in library.select([photos]).pictures]
    assert left == [str(photos / "green.png")]


def test_an_index_that_was_replaced_is_opened_anew(library: Library, photos: Path) -> None:
    library.index([photos])
    assert library.search("cat", [photos], update=False).matches
    copy = library.database.with_name("other.db")
    with Library(copy, model=library.model) as other:
        other.index([photos / "red.png"])
    for path in library.database.parent.glob("index.db-*"):
        path.unlink()
    os.replace(copy, library.database)
    assert library.num_pictures() == 1
