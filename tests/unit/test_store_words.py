"""Words of pictures in the index: rows, the full-text index made of them, and where a word is."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from small_index import fill

from rclip_like.errors import StoreError
from rclip_like.store import Store, words
from rclip_like.store.matrix import stamp
from rclip_like.store.rows import EVERYTHING
from rclip_like.store.words import WordsRow, tokens, tokens_of_name
from rclip_like.store.writing import Writer

pytestmark = pytest.mark.light

BOAT, SNOW, CAT = b"/p/Denmark 2018/IMG_2019-redBoat.jpg", b"/p/alps/2.jpg", b"/p/alps/cat.jpg"
"""`fill` gives each path itself as the digest of its content."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "index.db", create=True) as store:
        fill(store, [BOAT, SNOW, CAT])
        yield store


def bring_up(store: Store) -> None:
    while Writer(store).words.index_some():
        pass


def found(store: Store, *asked: str) -> list[tuple[str, str, list[bytes]]]:
    """Return word, where, and the paths, of all matches."""
    return [
        (match.word, match.where, [file.path for file in store.files(match.file_ids)])
        for match in store.words.matching(asked)
    ]


def test_words_are_compared_without_case_and_accents_and_numbers_apart() -> None:
    assert tokens("Crème-Brûlée, 2019! STRASSE straße_ﬁne") == [
        *("creme", "brulee", "2019", "strasse", "strasse", "fine")
    ]
    assert tokens('NEAR(a b) AND "c" * -d ^e :f \'') == [*("near", "a", "b", "and"), *"cdef"]


def test_names_are_taken_apart_at_capitals_and_numbers() -> None:
    assert tokens_of_name(BOAT) == ["img", "2019", "redboat", "img", "2019", "red", "boat"]
    assert tokens_of_name(b"/a/Denmark.2018", is_folder=True) == ["denmark", "2018"]
    assert tokens_of_name(b"/a/caf\xe9 \xff.jpg") == ["caf"]


def test_names_of_files_and_folders_are_found_without_any_reading(store: Store) -> None:
    bring_up(store)
    assert found(store, "boat") == [("boat", "name", [BOAT])]
    assert found(store, "denmark") == [("denmark", "folder", [BOAT])]
    assert found(store, "alps") == [("alps", "folder", [SNOW, CAT])]


def test_plurals_meet_singulars(store: Store) -> None:
    Writer(store).words.put([WordsRow(SNOW, "caption", "two skiers", "1")])
    bring_up(store)
    assert found(store, "skier") == [("skier", "caption", [SNOW])]
    assert found(store, "boats") == [("boats", "name", [BOAT])]


def test_newer_words_take_the_place_of_older_ones_of_their_source(store: Store) -> None:
    for text in ("winter", "summer"):
        Writer(store).words.put([WordsRow(SNOW, "caption", text, "1")])
        bring_up(store)
    Writer(store).words.put([WordsRow(SNOW, "text", "winter", "reader 2")])
    bring_up(store)
    assert found(store, "summer") == [("summer", "caption", [SNOW])]
    assert found(store, "winter") == [("winter", "text", [SNOW])]
    assert store.words.text_of(SNOW) == {"caption": "summer", "text": "winter"}


def test_an_empty_text_is_remembered_for_its_reader_alone(store: Store) -> None:
    Writer(store).words.put([WordsRow(SNOW, "text", "", "reader 2")])
    unread = store.words.unread
    assert [path for _, path in unread("text", "reader 2", EVERYTHING)] == [BOAT, CAT]
    assert [path for _, path in unread("text", "reader 3", EVERYTHING)] == [BOAT, SNOW, CAT]


def test_words_of_a_file_that_is_gone_are_not_found(store: Store) -> None:
    bring_up(store)
    store.connection.execute("DELETE FROM files WHERE path = ?", (CAT,))
    assert found(store, "cat") == [("cat", "name", [])]
    Writer(store).words.rebuild()
    assert found(store, "cat") == []
    assert found(store, "alps") == [("alps", "folder", [SNOW])]


def test_a_word_that_most_files_have_says_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "_MANY", 1)
    bring_up(store)
    assert found(store, "alps", "boat") == [("boat", "name", [BOAT])]


def test_words_leave_a_matrix_valid(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    assert Writer(store).extend_matrix(1)
    bring_up(store)
    with store.snapshot():
        assert store.select(1, None).matrix is not None


def test_a_python_without_fts5_keeps_words_for_one_that_has_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setattr(words, "has_fts", lambda connection: False)
        Writer(store).words.put([WordsRow(SNOW, "caption", "skiers", "1")])
        bring_up(store)
        assert not store.words.is_searchable
        assert found(store, "skier") == []
    bring_up(store)
    assert found(store, "skier") == [("skier", "caption", [SNOW])]


def test_what_no_database_takes_as_text_is_kept_without_it(store: Store) -> None:
    text = "zero\0 lone \ud800 boat"
    Writer(store).words.put([WordsRow(SNOW, "caption", text, "1")])
    bring_up(store)
    assert found(store, "lone") == [("lone", "caption", [SNOW])]


@pytest.mark.parametrize(
    "planted",
    [
        "CREATE VIEW words_index AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n)"
        " SELECT i AS words FROM n",
        "CREATE VIRTUAL TABLE words_index USING fts5(words, content='files')",
        "CREATE VIEW words_index_idx AS SELECT 1",
        "CREATE TABLE words_index_idx (segid, term, pgno AS (abs(segid)))",
    ],
)
def test_another_table_in_the_place_of_the_full_text_index_is_refused(
    tmp_path: Path, planted: str
) -> None:
    database = tmp_path / "index.db"
    Store.open(database, create=True).close()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(planted)
    with pytest.raises(Exception, match="was not made by clipfind"):
        Store.open(database, create=False)


def test_a_folder_counts_with_all_below_it(tmp_path: Path) -> None:
    below = [os.fsencode(f"/p/Denmark/day {day}/Denmark {day}/{day}.jpg") for day in range(3)]
    with Store.open(tmp_path / "index.db", create=True) as store:
        fill(store, [*below, b"/p/Denmarkets.jpg"])
        bring_up(store)
        assert found(store, "denmark") == [("denmark", "folder", below)]


def test_a_damaged_full_text_index_is_made_anew_from_the_rows(store: Store) -> None:
    Writer(store).words.put([WordsRow(SNOW, "caption", "skiers", "1")])
    bring_up(store)
    assert not Writer(store).words.mend()
    store.connection.execute("UPDATE words_index_data SET block = x'ffffffffff' WHERE id > 10")
    with pytest.raises(StoreError, match="damaged"):
        found(store, "skier")
    assert Writer(store).words.mend()
    assert found(store, "skier") == [("skier", "caption", [SNOW])]
    assert found(store, "alps") == [("alps", "folder", [SNOW, CAT])]
