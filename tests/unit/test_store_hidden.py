"""The list of hidden pictures: by content, whatever becomes of files and rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_index import fill

from rclip_like.errors import StoreError
from rclip_like.store import Store
from rclip_like.values import Root

pytestmark = pytest.mark.light

ONE, OTHER, NOWHERE = b"/1", b"/2", b"/3"
"""`fill` gives each path itself as the digest of its content."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "index.db", create=True) as store:
        fill(store, [ONE, OTHER])
        yield store


def test_hiding_again_changes_nothing_and_counts_nothing(store: Store) -> None:
    assert store.hidden.add([ONE, OTHER, ONE]) == 2
    assert store.hidden.add([ONE, OTHER]) == 0
    assert len(store.hidden.pictures()) == 2
    assert store.hidden.remove([ONE]) == 1
    assert store.hidden.remove([ONE, NOWHERE]) == 0
    assert store.hidden.add([]) == store.hidden.remove([]) == 0
    assert store.hidden.clear() == 1
    assert len(store.hidden.pictures()) == 0


def test_what_is_not_indexed_can_be_hidden_by_its_digest(store: Store) -> None:
    assert store.hidden.add([NOWHERE]) == 1
    (picture,) = store.hidden.pictures()
    assert (picture.digest, picture.path) == (NOWHERE, None)


def test_hidden_pictures_come_by_path_and_last_those_without_a_file(store: Store) -> None:
    store.hidden.add([NOWHERE, OTHER, ONE])
    pictures = store.hidden.pictures()
    assert [picture.path for picture in pictures] == [b"/1", b"/2", None]
    assert all(len(picture.hidden_at) == len("2026-11-30 08:15:00") for picture in pictures)


def test_a_file_says_whether_its_content_is_hidden(store: Store) -> None:
    store.hidden.add([ONE])
    assert [file.is_hidden for file in store.files(store.rowids())] == [True, False]
    with store.snapshot():
        (page,) = store.select(1, [Root(b"/", b"/")]).pages()
    assert [file.is_hidden for file in page.files] == [True, False]


def test_a_hidden_picture_stays_so_when_its_rows_are_dropped(store: Store) -> None:
    store.hidden.add([ONE])
    for table in ("embeddings", "files", "contents"):
        store.connection.execute(f"DELETE FROM {table}")
    assert [picture.digest for picture in store.hidden.pictures()] == [ONE]


def test_hiding_waits_for_a_run_that_commits_and_then_says_who_holds_the_index(
    store: Store,
) -> None:
    with sqlite3.connect(store.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        store.connection.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(StoreError, match="another program holds the index; try again"):
            store.hidden.add([ONE])
        other.execute("COMMIT")
        assert store.hidden.add([ONE]) == 1
    other.close()


def test_an_index_opened_to_be_read_refuses_to_hide(store: Store) -> None:
    with store.another() as reader, pytest.raises(StoreError, match="cannot be written"):
        reader.hidden.add([ONE])
