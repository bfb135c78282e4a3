"""Searches under names in the index, and what each has shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from rclip_like.errors import StoreError
from rclip_like.store import Store, saved
from rclip_like.store.saved import SavedSearch

pytestmark = pytest.mark.light


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "index.db", create=True) as store:
        yield store


def digests(*numbers: int) -> list[bytes]:
    return [number.to_bytes(32, "little") for number in numbers]


def test_a_search_keeps_its_words_whatever_they_are(store: Store) -> None:
    words = ("--top=3", "--", "it's \udcff\n", "", "\N{SNOWMAN}")
    assert store.saved.put("odd", words)
    found = store.saved.find("odd")
    assert found is not None
    assert (found.name, found.arguments, found.num_seen) == ("odd", words, None)
    assert len(found.saved_at) == len("2026-11-30 08:15:00")
    assert store.saved.every() == [found]
    assert store.saved.find("other") is None


def test_a_name_is_taken_until_it_is_replaced_or_removed(store: Store) -> None:
    assert store.saved.put("x", ["--", "cat"])
    assert not store.saved.put("x", ["--", "dog"])
    assert store.saved.put("x", ["--", "dog"], replace=True)
    assert [each.arguments for each in store.saved.every()] == [("--", "dog")]
    assert store.saved.remove("x")
    assert not store.saved.remove("x")


def _saved(store: Store) -> SavedSearch:
    store.saved.put("x", ["--", "cat"])
    found = store.saved.find("x")
    assert found is not None
    return found


def test_what_was_seen_is_not_new_and_stays_known(store: Store) -> None:
    search = _saved(store)
    assert store.saved.unseen("x", digests(1, 2)) == {*digests(1, 2)}
    store.saved.add_seen(search, digests(1, 2))
    store.saved.add_seen(search, digests(3))
    assert store.saved.unseen("x", digests(1, 3, 4)) == {*digests(4)}
    assert [each.num_seen for each in store.saved.every()] == [3]
    store.saved.put("x", search.arguments, replace=True)
    assert [each.num_seen for each in store.saved.every()] == [3]
    store.saved.put("x", ["--", "dog"], replace=True)
    assert [each.num_seen for each in store.saved.every()] == [None]


def test_a_search_that_was_removed_or_replaced_meanwhile_remembers_nothing(store: Store) -> None:
    search = _saved(store)
    store.saved.put("x", ["--", "dog"], replace=True)
    store.saved.add_seen(search, digests(1))
    assert [each.num_seen for each in store.saved.every()] == [None]
    store.saved.remove("x")
    store.saved.add_seen(search, digests(1))
    assert store.saved.every() == []


def test_those_that_matched_last_are_remembered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "MOST_SEEN", 3)
    search = _saved(store)
    store.saved.add_seen(search, digests(1, 2, 3))
    store.saved.add_seen(search, digests(4, 1))
    assert store.saved.unseen("x", digests(1, 2, 3, 4)) == {*digests(3)}


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[" * 100_000])
def test_a_damaged_search_is_named_and_can_be_removed(store: Store, text: str) -> None:
    store.connection.execute("INSERT INTO saved (name, arguments) VALUES ('x', ?)", (text,))
    with pytest.raises(StoreError, match="'x' is damaged; remove it"):
        store.saved.every()
    assert store.saved.remove("x")


def test_saving_waits_for_a_run_that_commits_and_then_says_who_holds_the_index(
    store: Store,
) -> None:
    with sqlite3.connect(store.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        store.connection.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(StoreError, match="another program holds the index; try again"):
            store.saved.put("x", ["--", "cat"])
        other.execute("COMMIT")
        assert store.saved.put("x", ["--", "cat"])
    other.close()


def test_an_index_opened_to_be_read_says_that_it_takes_no_changes(store: Store) -> None:
    search = _saved(store)
    with store.another() as reader:
        assert reader.saved.every() == [search]
        with pytest.raises(StoreError, match="cannot be written"):
            reader.saved.refuse_unwritable()
