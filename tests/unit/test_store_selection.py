"""Selections of pictures: filters as SQL and as a mask, whichever way they are looked up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from small_index import YEARS_LATER_NS, facts_of

from rclip_like.search.scoring import pages, score_all
from rclip_like.settings import Filters
from rclip_like.store import Batch, ContentRow, FileRow, Reading, Store, selection
from rclip_like.store.filters import conditions, conditions_on_names
from rclip_like.store.matrix import stamp
from rclip_like.store.writing import Writer
from rclip_like.values import NameGlobs, PictureFacts, Root

DIMENSION = 8
QUERY = np.eye(DIMENSION, dtype=np.float32)[0]
NUM_PICTURES = 300


def facts_by_number(number: int) -> PictureFacts:
    taken_at = f"{2010 + number % 10}-{1 + number % 12:02}-05T10:00:00" if number % 7 else None
    camera = ("Leica M10", "Apple iPhone 12", None)[number % 3]
    # Along the equator, across the line of dates, and some without coordinates.
    where = (0.5 * (number % 3), 179.0 + number % 5 - 360 * (number % 5 > 1))
    latitude, longitude = where if number % 4 else (None, None)
    return PictureFacts(
        100 * (1 + number % 40), 1000, taken_at, camera, latitude=latitude, longitude=longitude
    )


def path_of(number: int) -> bytes:
    return b"/p/%d/%03d.%s" % (number % 5, number, b"png" if number % 50 == 0 else b"jpg")


def commit(store: Store, numbers: range) -> None:
    random = np.random.default_rng(numbers.start)
    rows = random.standard_normal((len(numbers), DIMENSION)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    contents = {
        b"%d" % number: ContentRow(Reading(7, facts_by_number(number)), {0: row})
        for number, row in zip(numbers, rows, strict=True)
    }
    files = [
        FileRow(facts_of(path_of(number)), YEARS_LATER_NS, b"%d" % number) for number in numbers
    ]
    # The last one is a copy of the first.
    files.append(FileRow(facts_of(b"/p/9/copy.jpg"), YEARS_LATER_NS, b"%d" % numbers.start))
    Writer(store).commit(1, Batch(contents, files))


@pytest.fixture(params=["rows", "matrix", "newer"])
def store(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """Give an index without a matrix, with one, and with one that lacks a part."""
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    with Store.open(tmp_path / "index.db", create=True) as store:
        Writer(store).add_model("m", "f", preprocessing_version="1", dimension=DIMENSION)
        if request.param == "rows":
            commit(store, range(NUM_PICTURES))
        else:
            last = NUM_PICTURES if request.param == "matrix" else NUM_PICTURES - 40
            commit(store, range(last))
            assert Writer(store).extend_matrix(1)
            if last < NUM_PICTURES:
                commit(store, range(last, NUM_PICTURES))
        yield store


def passes(path: bytes, facts: PictureFacts, filters: Filters) -> bool:
    """Say it once more, without SQL."""
    day, camera = facts.taken_at, facts.camera
    return (
        (filters.endings is None or path[path.rindex(b".") :].lower() in filters.endings)
        and (filters.taken_from is None or (day is not None and day >= filters.taken_from))
        and (filters.taken_before is None or (day is not None and day < filters.taken_before))
        and (
            filters.camera is None
            or (camera is not None and filters.camera.lower() in camera.lower())
        )
        and (filters.min_pixels is None or facts.width * facts.height >= filters.min_pixels)
        and (filters.orientation is None or has_shape(facts, filters.orientation))
        and (filters.min_sides is None or fits(facts, *filters.min_sides))
        and (filters.near is None or is_near(facts, *filters.near))
    )


def has_shape(facts: PictureFacts, orientation: str) -> bool:
    ratio = facts.width / facts.height
    if orientation == "panorama":
        return ratio >= 2 or ratio <= 0.5
    is_square = 1 / 1.05 <= ratio <= 1.05
    return (
        is_square
        if orientation == "square"
        else (ratio > 1.05) == (orientation[0] == "l") and (not is_square)
    )


def fits(facts: PictureFacts, shorter: int, longer: int) -> bool:
    sides = sorted((facts.width, facts.height))
    return sides[0] >= shorter and sides[1] >= longer


def is_near(facts: PictureFacts, latitude: float, longitude: float, within_km: float) -> bool:
    """Compare by vectors from the middle of the earth."""
    if facts.latitude is None or facts.longitude is None:
        return False
    here, there = (
        np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        for lat, lon in np.radians([(latitude, longitude), (facts.latitude, facts.longitude)])
    )
    return bool(2 * np.arcsin(np.linalg.norm(here - there) / 2) * 6371.0088 <= within_km)


FILTERS = st.builds(
    Filters,
    place=st.none(),  # see test_store_places.py
    taken_from=st.sampled_from([None, "2012", "2019-12", "2030"]),
    taken_before=st.sampled_from([None, "2010-05", "2013-02-05T11", "1990"]),
    camera=st.sampled_from([None, "leica m10", "APPLE", "i", "none"]),
    min_pixels=st.sampled_from([None, 1, 2_000_000, 3_900_000, 10**9]),
    orientation=st.sampled_from([None, None, "portrait", "landscape", "square", "panorama"]),
    min_sides=st.sampled_from([None, None, (600, 1200), (1000, 1000), (2000, 2000)]),
    endings=st.sampled_from([None, None, (b".png",), (b".jpeg", b".jpg", b".heic"), (b".heic",)]),
    near=st.sampled_from([None, None, (0, 180, 80), (0.2, -179.5, 150), (50, 8, 10)]),
)
ROOTS = st.sampled_from([None, [b"/p"], [b"/p/1", b"/p/3"], [b"/none"]])
FEW = st.sampled_from([1, 10**9])
"""Whether what passes is looked up beforehand whenever anything is asked, or only if nothing."""


def ranked(store: Store, roots: list[bytes] | None, filters: Filters, *, by_rows: bool) -> list:
    with store.snapshot():
        found = store.select(1, roots and [Root(each, each) for each in roots], filters)
        scored = score_all(found, QUERY, by_rows=by_rows)
        return [
            (file.path, file.facts, pytest.approx(value, abs=1e-6))
            for page in pages(found, scored)
            for file, value in page
        ]


@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # nothing writes to it
)
@given(roots=ROOTS, filters=FILTERS, few=FEW, data=st.data())
def test_a_filter_gives_what_is_left_of_all_when_each_is_asked(
    store: Store, roots: list[bytes] | None, filters: Filters, few: int, data: st.DataObject
) -> None:
    every = ranked(store, roots, Filters(), by_rows=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "_FEW", few)
        found = ranked(store, roots, filters, by_rows=data.draw(st.booleans()))
    assert found == [each for each in every if passes(*each[:2], filters)]


def test_pages_hold_all_in_order_of_path_and_say_what_is_damaged(store: Store) -> None:
    change = "UPDATE embeddings SET row_digest = x'00' WHERE content_id = 4"
    store.connection.execute(change)
    with store.snapshot():
        every = [*store.select(1, None, Filters(camera="Leica M10")).pages()]
    files = [file for page in every for file in page.files]
    assert [file.path for file in files] == sorted(file.path for file in files)
    rows = np.concatenate([page.embeddings for page in every])
    is_sound = np.concatenate([page.is_sound for page in every])
    assert {file.content_id for file, is_so in zip(files, is_sound, strict=True) if not is_so} == {
        4
    }
    assert not rows[~is_sound].any()
    np.testing.assert_allclose(np.linalg.norm(rows[is_sound].astype(float), axis=1), 1, atol=1e-2)
    assert {file.facts.camera for file in files} == {"Leica M10"}
    assert len(files) >= NUM_PICTURES // 3


@pytest.mark.parametrize("few", [1, 10**9])
def test_globs_leave_out_what_the_patterns_do(
    store: Store, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "_FEW", few)
    with store.snapshot():
        for globs, has_ending in (
            (NameGlobs(any_of=(b"*.png*",)), b".png"),
            (NameGlobs(none_of=(b"*.png", b"*copy.jpg")), b".jpg"),
        ):
            found = store.select(1, None, globs=globs)
            stretches = [*found.stretches()]
            rowids = np.concatenate([stretch.rowids for stretch in stretches]).tolist()
            paths = {file.path for file in found.files(rowids)}
            assert paths == {path for _, path in found.paths()}
            expected = {
                path for path in map(path_of, range(NUM_PICTURES)) if path.endswith(has_ending)
            }
            assert paths == expected


def test_few_that_pass_are_all_that_is_scored(store: Store) -> None:
    with store.snapshot():
        found = store.select(1, None, Filters(taken_from="2030"))
        assert sum(len(stretch.rowids) for stretch in found.stretches()) == 0


EACH = Filters(
    "2012", "2019", "leica", 10, "square", (10, 10), (0, 180, 80), (b".png", b".jpeg"), "denmark"
)


def test_every_field_of_the_filters_is_asked_in_sql(store: Store) -> None:
    for name in Filters._fields:
        alone = Filters()._replace(**{name: getattr(EACH, name)})
        asked = [*conditions(store.connection, alone), *conditions_on_names(alone, NameGlobs())]
        assert len(asked) == 1


def test_a_filter_reads_an_index_of_its_columns_alone(store: Store) -> None:
    for condition, values in conditions(store.connection, EACH._replace(place=None)):
        question = f"EXPLAIN QUERY PLAN SELECT content_id FROM contents WHERE {condition}"
        ((*_, plan),) = store.connection.execute(question, values)
        assert "USING COVERING INDEX" in plan, condition


def test_what_ranks_first_is_looked_up_by_its_number_whatever_the_filter(store: Store) -> None:
    asked: list[str] = []
    found = store.select(1, None, Filters(camera="Leica M10"))
    store.connection.set_trace_callback(asked.append)
    assert found.files([1, 2, 3])
    store.connection.set_trace_callback(None)
    ((*_, plan), *_) = store.connection.execute(f"EXPLAIN QUERY PLAN {asked[0]}")
    assert plan == "SEARCH files USING INTEGER PRIMARY KEY (rowid=?)"
