"""Whether the full-text index is whole and has the words of the rows, and what mends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_index import fill

from rclip_like.facts import places
from rclip_like.store import Store
from rclip_like.store.words import WordsRow
from rclip_like.store.writing import Writer
from rclip_like.upkeep.doctor import examine

NAMES = [b"/Denmark/red boat.jpg", b"/Denmark/dogs.jpg", b"/alps/snow.jpg"]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "index.db", create=True) as store:
        fill(store, NAMES)
        digest = store.digest_at(NAMES[0])
        assert digest is not None
        writer = Writer(store).words
        writer.put([WordsRow(digest, "caption", "a lighthouse at night", "captions 1")])
        while writer.index_some():
            pass
    return tmp_path / "index.db"


def change(database: Path, *statements: str) -> None:
    with Store.open(database, create=False) as store:
        for statement in statements:
            store.connection.execute(statement)


def states(database: Path) -> list[tuple[str, str]]:
    found = examine(database, None).findings
    return [(each.state, each.text) for each in found if each.check == "words"]


def test_a_sound_index_is_well_and_not_written_to(database: Path) -> None:
    before = database.read_bytes()
    assert states(database) == [("ok", "6 rows compared, all found by their words")]
    assert database.read_bytes() == before


def test_rows_after_the_last_run_only_wait(database: Path) -> None:
    with Store.open(database, create=False) as store:
        fill(store, [b"/alps/later.jpg"], seed=1)
    ((state, text),) = states(database)
    assert (state, "1 row waits for the next indexing" in text) == ("ok", True)


@pytest.mark.parametrize(
    "statements",
    [
        ("INSERT INTO words_index (words_index) VALUES ('delete-all')",),
        ("DELETE FROM words_index_data WHERE id > 10",),
        ("UPDATE words_index_data SET block = zeroblob(7) WHERE id > 10",),
        ("DELETE FROM words_index_data",),
        ("UPDATE words SET text = 'something else'",),
    ],
)
def test_doctor_finds_what_a_search_would_miss_and_mends_it(
    database: Path, statements: tuple[str, ...]
) -> None:
    change(database, *statements)
    ((state, _),) = states(database)
    assert state == "problem"
    report = examine(database, None, mend=True)
    assert any("index of words was damaged" in each for each in report.repaired)
    assert states(database)[0][0] == "ok"
    with Store.open(database, create=False) as store:
        assert len(store.words.matching(["denmark"])[0].file_ids) == 2


def test_an_index_without_words_yet_is_well(tmp_path: Path) -> None:
    Store.open(tmp_path / "index.db", create=True).close()
    assert states(tmp_path / "index.db")[0][0] == "ok"


def test_a_huge_text_of_a_hostile_index_is_read_in_part(database: Path) -> None:
    change(
        database,
        "INSERT INTO words (content_id, source, made_by, text) SELECT content_id, 'text', 'x',"
        " 'whale ' || hex(zeroblob(20000000)) FROM contents LIMIT 1",
        "INSERT INTO sidecars (path, size_bytes, mtime_ns, caption, keywords)"
        " VALUES (CAST('/alps/snow.xmp' AS BLOB), 1, 1, hex(zeroblob(20000000)), 'x')",
    )
    with Store.open(database, create=False) as store:
        while Writer(store).words.index_some():
            pass
        (found,) = store.words.matching(["whale"])
        (file,) = store.files(found.file_ids)
        assert all(len(text) < 200 for _, text in store.words.shown(file, [found]))
        assert max(map(len, store.words.text_of(file.digest).values())) == 20_000


@pytest.mark.skipif(not places.is_installed(), reason="needs the extra places")
def test_positions_that_are_not_on_earth_have_no_place() -> None:
    infinite = float("inf")
    odd = [(infinite, 0.0), (0.0, -infinite), (1e300, 1e300), (91.0, 0.0), (0.0, 181.0)]
    found = places.places_of([*odd, (55.675, 12.567)])
    assert found[:-1] == [None] * len(odd)
    assert found[-1] is not None
    assert found[-1].country == "Denmark"
    assert places.places_of(odd) == [None] * len(odd)
