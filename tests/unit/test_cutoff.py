"""Whether pictures seem to show what words say, with a threshold that finds itself."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small_index import RefusingModel

from rclip_like import Library, SearchSettings
from rclip_like.query import Query
from rclip_like.search import cutoff
from rclip_like.search.asking import NO_CUTOFF
from rclip_like.search.cutoff import LEAST_PRESENCE, Background, everyday_words
from rclip_like.settings import EncoderSettings, Filters
from rclip_like.store import Store
from rclip_like.store.matrix import stamp
from rclip_like.store.writing import Writer
from rclip_like.values import SearchReport

FP32 = EncoderSettings(precision="fp32")
AUTO = SearchSettings(top=0, min_score="auto")
NUM_PICTURES = 40
scores = st.lists(st.floats(-1, 1), min_size=1, max_size=3).map(lambda some: sorted(some)[::-1])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures of coloured noise."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(NUM_PICTURES):
        noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        path = folder / f"{seed or 'walrus'}.png"
        Image.fromarray(noise).resize((80, 60), Image.Resampling.NEAREST).save(path)
        os.utime(path, (1_600_000_000 + seed,) * 2)
    return folder


@pytest.fixture
def library(photos: Path, tmp_path: Path, tiny_model: Path) -> Iterator[Library]:
    """Return a library of the pictures with a model that knows nothing."""
    with Library(tmp_path / "index.db", model=str(tiny_model), encoder=FP32) as library:
        library.index(photos)
        yield library


def find(library: Library, query: str | Path, settings: SearchSettings) -> SearchReport:
    return library.search(query, settings=settings._replace(everywhere=True), update=False)


@given(scores, st.integers(1, 10_000_000), st.floats(0.01, 100), st.floats(-100, 100))
def test_another_models_scale_changes_nothing(
    leading: list[float], number: int, factor: float, offset: float
) -> None:
    presence, lowest = Background(0.1, 0.2).cut(leading, number)
    scaled = Background(0.1 * factor + offset, 0.2 * factor)
    other = scaled.cut([score * factor + offset for score in leading], number)
    assert other.presence == pytest.approx(presence, abs=1e-6)
    if not math.isinf(lowest) and not math.isinf(other.lowest):
        assert other.lowest == pytest.approx(lowest * factor + offset, abs=1e-4)


@given(scores, st.integers(1, 10_000_000))
def test_nothing_is_cut_off_above_the_best_unless_all_is(leading: list[float], number: int) -> None:
    presence, lowest = Background(0.1, 0.2).cut(leading, number)
    assert 0 <= presence <= 1
    assert math.isinf(lowest) if presence < LEAST_PRESENCE else lowest <= leading[0] + 1e-6


def test_the_best_of_more_pictures_must_be_better() -> None:
    presences = [
        Background(0.0, 0.1).cut([0.36, 0.35, 0.35], number).presence for number in (100, 100_000)
    ]
    assert presences[0] > 0.5 > LEAST_PRESENCE > presences[1]


@pytest.mark.parametrize(
    ("leading", "is_shown"),
    [((5.8, 0.9, 0.9), True), ((3.5, 1.7, 1.7), True), ((3.2, 1.7, 1.7), False)],
)
def test_one_picture_far_above_all_others_is_shown_alone(
    leading: tuple[float, ...], is_shown: bool
) -> None:
    presence, lowest = Background(0.0, 1.0).cut(leading, 300)  # the best by chance is about 3.4
    assert (presence >= LEAST_PRESENCE) == is_shown
    assert leading[1] < lowest


def test_no_picture_shows_nothing() -> None:
    assert Background(0.0, 0.1).cut([], 0) == (0.0, math.inf)
    assert Background(0.0, 0.0).cut([0.5], 1) == (0.0, math.inf)


def test_of_few_pictures_the_best_alone_decides() -> None:
    background = Background(0.0, 0.1)
    assert background.cut([0.3, -0.9, -0.9], 3) == background.cut([0.3], 3)


@pytest.mark.parametrize("words", ["a cat", "red", "zzxq"])
def test_the_leading_pictures_are_shown_or_none(words: str, library: Library) -> None:
    every = find(library, words, SearchSettings(top=0))
    cut = find(library, words, AUTO)
    number = len(cut.matches)
    assert number < NUM_PICTURES
    assert [m.path for m in cut.matches] == [m.path for m in every.matches[:number]]
    assert cut.presence is not None
    assert (cut.presence >= LEAST_PRESENCE) == (number > 0)
    assert {match.presence for match in cut.matches} <= {cut.presence}
    assert every.presence is None
    assert cut.best == every.best


def test_everyday_words_are_encoded_once(
    library: Library, tiny_model: Path, tmp_path: Path
) -> None:
    first = find(library, "a cat", AUTO._replace(cache_texts=False))
    find(library, "a cat", AUTO)
    refusing = RefusingModel(library.specification, FP32)
    with Library(tmp_path / "index.db", model=refusing) as again:
        assert find(again, "a cat", AUTO).presence == first.presence


def test_an_index_that_cannot_be_written_is_searched_all_the_same(
    library: Library, tmp_path: Path
) -> None:
    path = tmp_path / "index.db"
    path.chmod(stat.S_IRUSR)
    try:
        presence = find(library, "a cat", AUTO).presence
    finally:
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert presence == find(library, "a cat", AUTO).presence


def test_a_filter_counts_what_passes(library: Library) -> None:
    every = find(library, "a cat", AUTO)
    few = find(library, "a cat", AUTO._replace(filters=Filters(endings=(b".png",))))
    assert few.presence == every.presence
    assert find(library, "a cat", AUTO._replace(filters=Filters(endings=(b".gif",)))).presence == 0


def test_a_picture_has_no_cutoff(library: Library, photos: Path) -> None:
    found = find(library, photos / "1.png", AUTO)
    assert len(found.matches) == NUM_PICTURES - 1
    assert found.presence is None
    assert NO_CUTOFF in found.notes


def test_what_is_found_by_words_alone_is_shown_where_no_picture_fits(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutoff, "LEAST_PRESENCE", 1.1)
    assert find(library, "walrus", AUTO).matches == ()
    (match,) = find(library, "walrus", AUTO._replace(words="on")).matches
    assert match.path_bytes == os.fsencode(photos / "walrus.png")
    assert match.by_words


def test_a_matrix_gives_the_same_as_the_rows(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_rows = find(library, "a cat", AUTO)
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    with Store.open(tmp_path / "index.db", create=False) as store:
        assert Writer(store).extend_matrix(1)
        assert store.select(1, None).matrix is not None
    by_matrix = find(library, "a cat", AUTO)
    assert by_matrix.presence == pytest.approx(by_rows.presence, abs=1e-3)
    assert [m.path for m in by_matrix.matches] == [m.path for m in by_rows.matches]


def test_a_template_is_that_of_the_everyday_words_too(library: Library) -> None:
    plain = find(library, "a cat", AUTO).presence
    assert find(library, "a cat", AUTO._replace(template="photo")).presence != plain


def test_a_page_shows_everything_and_writes_nothing(library: Library, tmp_path: Path) -> None:
    from rclip_like.library.browsing import PageRequest
    from rclip_like.query import parse

    before = (tmp_path / "index.db").stat().st_mtime_ns
    page = library.browse(settings=AUTO).ranked(parse(Query("a cat")), {}, PageRequest())
    assert page.total == NUM_PICTURES
    assert (tmp_path / "index.db").stat().st_mtime_ns == before


def test_scores_that_hardly_differ_give_a_cutoff() -> None:
    assert Background(0.9, 1e-6).cut([0.5], 1) == (pytest.approx(0), math.inf)


def test_everyday_words_are_many_and_different() -> None:
    words = everyday_words()
    assert len(words) == len(set(words)) > 100
