"""Hiding from Python: paths and digests, without a model."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

import pytest
from small_index import SmallIndex, make_picture, make_pictures

from rclip_like.errors import RootError, StoreError
from rclip_like.library import Library
from rclip_like.library.hiding import Hiding
from rclip_like.values import Trouble


@pytest.fixture
def pictures(tmp_path: Path, tiny_model: Path) -> list[Path]:
    """Return three indexed pictures."""
    made = make_pictures(tmp_path / "album", 3)
    index = SmallIndex(tmp_path / "index.db", tiny_model, plain=True)
    index.update(tmp_path / "album")
    index.store.close()
    return made


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Return a library whose model is not there: none of this needs one."""
    return Library(tmp_path / "index.db", model="no-such-model")


def test_paths_are_strings_bytes_or_paths_one_or_several(
    library: Library, pictures: list[Path]
) -> None:
    first, second, third = pictures
    assert library.hide(str(first)) == Hiding(1)
    assert library.hide([os.fsencode(second), third, third]) == Hiding(2)
    assert [picture.path for picture in library.hidden()] == [
        os.fsencode(path) for path in pictures
    ]
    assert library.unhide(first) == Hiding(1)
    assert library.unhide_all() == 2
    assert library.hidden() == []


def test_what_is_not_indexed_is_a_trouble_and_the_rest_are_done(
    library: Library, pictures: list[Path], tmp_path: Path
) -> None:
    new = make_picture(tmp_path / "new.png", seed=9)
    done = library.hide([tmp_path / "no.png", pictures[0], b"a\0b", new])
    assert done.num_changed == 1
    assert [(each.path, each.sentence) for each in done.troubles] == [
        (os.fsencode(tmp_path / "no.png"), "neither on the disk nor in the index"),
        (b"a\0b", "neither on the disk nor in the index"),
        (os.fsencode(new), "not indexed; call Library.index"),
    ]
    assert all(isinstance(each, Trouble) for each in done.troubles)
    with pytest.raises(RootError, match="the path is empty"):
        library.hide("")


def test_contents_are_hidden_by_their_digests(library: Library, pictures: list[Path]) -> None:
    library.hide(pictures[0])
    (picture,) = library.hidden()
    unknown = bytes(32)
    assert library.hide_contents([picture.digest, unknown]) == 1
    assert {each.digest for each in library.hidden()} == {picture.digest, unknown}
    assert library.unhide_contents({picture.digest}) == 1
    assert [each.digest for each in library.hidden()] == [unknown]


def test_other_threads_hide_too(library: Library, pictures: list[Path]) -> None:
    threads = [Thread(target=library.hide, args=(path,)) for path in pictures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(library.hidden()) == 3


def test_without_an_index_nothing_is_hidden_and_none_is_made(library: Library) -> None:
    assert library.hidden() == []
    for change in (library.hide, library.unhide, library.hide_contents):
        with pytest.raises(StoreError, match="there is no index yet"):
            change([])
    assert not library.database.exists()
