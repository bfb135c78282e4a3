"""Searching a real index of real files with the tiny model."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raw_files import dng
from small_index import RefusingModel

from rclip_like.errors import PictureError, RootError, UsageError
from rclip_like.library import Library
from rclip_like.query import Query
from rclip_like.query.embedding import TEMPLATES
from rclip_like.settings import (
    EncoderSettings,
    IndexSettings,
    ReadSettings,
    SearchSettings,
    WalkSettings,
)
from rclip_like.store import Store
from rclip_like.store.matrix import stamp
from rclip_like.store.writing import Writer
from rclip_like.values import SearchReport

NAMES = ("a.png", "b.png", "sub/c.png", "sub/d.png", "sub/deep/e.png")
FP32 = EncoderSettings(precision="fp32")


def paint(path: Path, seed: int) -> None:
    """Write a picture of coloured noise that no other seed gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((80, 60), Image.Resampling.NEAREST).save(path)
    # Older than the clock's grain, or the index would not yet trust it to be unchanged.
    os.utime(path, (1_600_000_000 + seed,) * 2)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> tuple[Path, Path]:
    """Return a folder of five photos and a database in which they are indexed."""
    home = tmp_path_factory.mktemp("indexed")
    for seed, name in enumerate(NAMES):
        paint(home / "photos" / name, seed)
    with Library(home / "index.db", model=str(tiny_model), encoder=FP32) as library:
        assert library.index([home / "photos"]).encoded == len(NAMES)
    return home / "photos", home / "index.db"


@pytest.fixture
def photos(
    indexed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Return the indexed folder, as the current one; what a test does to it is undone."""
    kept = tmp_path / "kept"
    shutil.copytree(indexed[0], kept)
    monkeypatch.chdir(indexed[0])
    yield indexed[0]
    for name in NAMES:
        shutil.copy2(kept / name, indexed[0] / name)


@pytest.fixture(params=["rows", "matrix"])
def library(
    request: pytest.FixtureRequest, indexed: tuple[Path, Path], tmp_path: Path, tiny_model: Path
) -> Iterator[Library]:
    """Return a library on its own copy of the database, also with a matrix beside it."""
    database = tmp_path / "index.db"
    shutil.copy(indexed[1], database)
    if request.param == "matrix":
        with pytest.MonkeyPatch.context() as patch, Store.open(database, create=False) as store:
            patch.setattr(stamp, "FEWEST_ROWS", 0)
            assert Writer(store).extend_matrix(1)
            assert store.select(1, None).matrix is not None
    with Library(database, model=str(tiny_model), encoder=FP32) as library:
        yield library


def find(
    library: Library, query: str | Query, *paths: Path | str, **settings: object
) -> SearchReport:
    return library.search(query, paths, SearchSettings(**settings), update=None)  # type: ignore[arg-type]


def shown(report: SearchReport) -> list[str]:
    return [match.path for match in report.matches]


def test_search_ranks_as_the_encoder_alone_does(photos: Path, library: Library) -> None:
    from read_in_process import read_picture

    from rclip_like.models.towers.torch_tower import load_torch_tower

    tower = load_torch_tower(library.specification, FP32)
    pixels = [
        read_picture(
            os.fsencode(photos / name), library.specification.preprocessing, ReadSettings()
        )
        for name in NAMES
    ]
    rows = tower.pictures(np.stack([p.parts[0] for p in pixels]))
    scores = dict(zip(NAMES, rows @ tower.texts(["a cat"])[0], strict=True))
    matches = find(library, "a cat").matches
    assert sorted(match.score for match in matches)[::-1] == [match.score for match in matches]
    assert sorted(match.path for match in matches) == sorted(NAMES)
    for match in matches:
        assert match.score == pytest.approx(scores[match.path], abs=2e-3)


def test_search_skips_files_deleted_since_indexing_and_moves_up_the_rest(
    photos: Path, library: Library
) -> None:
    before = shown(find(library, "cat"))
    (photos / before[0]).unlink()
    after = find(library, "cat", top=2)
    assert shown(after) == before[1:3]
    assert [match.rank for match in after.matches] == [1, 2]
    assert after.stale == 1


def test_search_skips_files_changed_since_indexing(photos: Path, library: Library) -> None:
    first = shown(find(library, "cat"))[0]
    paint(photos / first, seed=99)
    report = find(library, "cat")
    assert first not in shown(report)
    assert report.stale == 1


def test_a_picture_query_leaves_itself_out_but_not_its_copies(
    photos: Path, library: Library
) -> None:
    shutil.copy(photos / "a.png", photos / "copy.png")
    library.index([photos])
    report = find(library, "./a.png", top=1)
    (photos / "copy.png").unlink()
    assert shown(report) == ["copy.png"]
    assert report.matches[0].score == pytest.approx(1.0, abs=1e-3)


def test_a_picture_query_leaves_itself_out_under_every_name(photos: Path, library: Library) -> None:
    (photos / "link").symlink_to("sub/deep")
    following = WalkSettings(follow=True)
    try:
        library.index([photos], IndexSettings(walk=following))
        assert len(find(library, "noise", walk=following).matches) == len(NAMES) + 1
        found = shown(find(library, "link/e.png", walk=following))
    finally:
        (photos / "link").unlink()
    assert sorted(found) == sorted(set(NAMES) - {"sub/deep/e.png"})


def test_an_indexed_picture_query_loads_no_model(
    photos: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.index([photos])  # its files have been copied back since
    monkeypatch.setattr(library, "_model", RefusingModel(library.specification))
    assert len(shown(find(library, "./a.png"))) == len(NAMES) - 1


def test_a_picture_query_from_elsewhere_is_encoded(
    photos: Path, library: Library, tmp_path: Path
) -> None:
    with Image.open(photos / "b.png") as picture:
        picture.save(tmp_path / "elsewhere.jpg", quality=95)
    assert shown(find(library, str(tmp_path / "elsewhere.jpg"), top=1)) == ["b.png"]


def test_a_picture_query_that_is_no_picture_names_the_file(
    photos: Path, library: Library, tmp_path: Path
) -> None:
    (tmp_path / "words.jpg").write_text("not a picture")
    with pytest.raises(PictureError, match=r"words\.jpg"):
        find(library, str(tmp_path / "words.jpg"))


def test_thresholds_cut_before_the_number_of_results(photos: Path, library: Library) -> None:
    every = find(library, "cat").matches
    third = every[2].score
    assert shown(find(library, "cat", min_score=third, top=4)) == [m.path for m in every[:3]]
    assert find(library, "cat", min_score=1.0).matches == ()


def test_within_counts_from_the_best(photos: Path, library: Library) -> None:
    every = find(library, "cat").matches
    width = every[0].score - every[1].score
    assert len(find(library, "cat", within=width + 1e-6).matches) == 2
    assert len(find(library, "cat", within=0.0).matches) == 1


def test_zero_means_all(photos: Path, library: Library) -> None:
    assert len(find(library, "cat", top=0).matches) == len(NAMES)
    assert len(find(library, "cat", top=2).matches) == 2


def test_sorting_reorders_those_kept_and_keeps_their_ranks(photos: Path, library: Library) -> None:
    best = find(library, "cat", top=3)
    by_path = find(library, "cat", top=3, sort="path")
    assert shown(by_path) == sorted(shown(best))
    assert {m.path: m.rank for m in by_path.matches} == {m.path: m.rank for m in best.matches}


def test_sorting_by_date_puts_the_newest_first(photos: Path, library: Library) -> None:
    for place, name in enumerate(reversed(NAMES)):
        os.utime(photos / name, (1_000_000_000 + place, 1_000_000_000 + place))
    library.index([photos])
    assert shown(find(library, "cat", sort="date")) == list(NAMES)


def test_copies_are_collapsed_only_when_asked(photos: Path, library: Library) -> None:
    shutil.copy(photos / "b.png", photos / "z-copy.png")
    library.index([photos])
    every, collapsed = shown(find(library, "cat")), shown(find(library, "cat", collapse=True))
    (photos / "z-copy.png").unlink()
    assert every.index("z-copy.png") == every.index("b.png") + 1
    assert sorted(collapsed) == sorted(NAMES)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [((), "sub/c.png"), ((".",), "./sub/c.png"), (("sub",), "sub/c.png"), (("sub/",), "sub/c.png")],
)
def test_paths_come_out_as_they_were_typed(
    photos: Path, library: Library, typed: tuple[str, ...], expected: str
) -> None:
    assert expected in shown(find(library, "cat", *typed))


def test_a_folder_limits_the_results_and_a_file_stands_for_itself(
    photos: Path, library: Library
) -> None:
    assert sorted(shown(find(library, "cat", "sub/deep", "a.png"))) == ["a.png", "sub/deep/e.png"]


def test_absolute_in_absolute_out_and_links_in_the_root_are_kept_as_typed(
    photos: Path, library: Library, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(photos)
    assert sorted(shown(find(library, "cat", tmp_path / "link"))) == sorted(
        str(tmp_path / "link" / name) for name in NAMES
    )


def test_everywhere_shows_absolute_paths_wherever_one_stands(
    photos: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert sorted(shown(find(library, "cat", everywhere=True))) == sorted(
        str(photos / name) for name in NAMES
    )


def test_everywhere_heeds_patterns_and_shows_what_is_hidden(
    photos: Path, library: Library, tmp_path: Path
) -> None:
    paint(tmp_path / ".hidden/f.png", seed=9)
    library.index([tmp_path / ".hidden"])
    without_sub = WalkSettings(exclude=("deep/", "a.png"))
    found = shown(find(library, "cat", everywhere=True, walk=without_sub))
    assert {path.rpartition("/")[2] for path in found} == {"b.png", "c.png", "d.png", "f.png"}
    in_sub = find(library, "cat", everywhere=True, walk=WalkSettings(glob=("**/sub/*.png",)))
    assert len(in_sub.matches) == 2


def test_a_hidden_folder_named_beside_the_one_it_lies_in_is_shown(
    photos: Path, library: Library, tmp_path: Path
) -> None:
    paint(tmp_path / "own/.hidden/f.png", seed=9)
    paint(tmp_path / "own/g.png", seed=10)
    roots = (tmp_path / "own", tmp_path / "own/.hidden")
    library.index(roots)
    assert {match.path for match in find(library, "cat", *roots).matches} == {
        str(tmp_path / "own/.hidden/f.png"),
        str(tmp_path / "own/g.png"),
    }


def test_what_an_ignore_file_leaves_out_is_not_shown_and_not_deleted(
    photos: Path, library: Library
) -> None:
    ignore = photos / ".clipfindignore"
    ignore.write_text("sub/\n")
    try:
        library.index([photos])
        assert sorted(shown(find(library, "cat"))) == ["a.png", "b.png"]
        assert len(find(library, "cat", "sub").matches) == 3
        assert len(find(library, "cat", "sub/c.png").matches) == 1
        anyway = find(library, "cat", walk=WalkSettings(ignore_files=False))
        assert len(anyway.matches) == len(NAMES)
    finally:
        ignore.unlink()
    assert len(find(library, "cat").matches) == len(NAMES)


def test_a_raw_file_is_not_shown_beside_its_picture(photos: Path, library: Library) -> None:
    (photos / "raw.dng").write_bytes(dng(Image.effect_noise((64, 64), 60)))
    library.index([photos])
    names = [*sorted(NAMES), "raw.dng"]
    assert sorted(shown(find(library, "cat"))) == sorted(names)
    (photos / "RAW.JPG").write_bytes(b"")
    try:
        assert sorted(shown(find(library, "cat"))) == sorted(NAMES)
        assert "raw.dng" not in "".join(shown(find(library, "cat", everywhere=True)))
        assert shown(find(library, "cat", "raw.dng")) == ["raw.dng"]
        anyway = find(library, "cat", walk=WalkSettings(raw_pairs=True))
        assert sorted(shown(anyway)) == sorted(names)
    finally:
        (photos / "RAW.JPG").unlink()
        (photos / "raw.dng").unlink()


def test_names_with_wildcards_do_not_match_their_neighbours(
    library: Library, tmp_path: Path
) -> None:
    for seed, folder in enumerate(("a%b", "aXb", "a_b", "a[b]c")):
        paint(tmp_path / folder / "x.png", 50 + seed)
    library.index([tmp_path])
    for folder in ("a%b", "a_b", "a[b]c"):
        assert shown(find(library, "cat", tmp_path / folder)) == [str(tmp_path / folder / "x.png")]


def test_a_score_of_a_sum_is_a_cosine(photos: Path, library: Library) -> None:
    report = find(library, Query("3:./a.png", add=("5:./b.png",), subtract=("cat",)))
    assert all(-1 <= match.score <= 1 for match in report.matches)
    heavier = find(library, Query("6:./a.png", add=("10:./b.png",), subtract=("2:cat",)))
    assert shown(heavier) == shown(report)
    np.testing.assert_allclose(
        [m.score for m in heavier.matches], [m.score for m in report.matches], atol=1e-5
    )


def test_terms_that_cancel_out_are_an_error(photos: Path, library: Library) -> None:
    with pytest.raises(UsageError, match="cancel out"):
        find(library, Query("cat", subtract=("cat",)))


def test_an_explanation_gives_the_score_of_each_term_alone(photos: Path, library: Library) -> None:
    report = find(library, Query("cat", subtract=("dog",)), explain=True)
    alone = {m.path: m.score for m in find(library, "dog").matches}
    for match in report.matches:
        assert [typed for typed, _ in match.terms] == ["cat", "-dog"]
        assert match.terms[1][1] == pytest.approx(alone[match.path], abs=1e-4)


def test_templates_are_averaged_in_embedding_space(photos: Path, library: Library) -> None:
    prompts = [each.format("cat") for each in TEMPLATES["all"]]
    mean = library.model.texts(prompts).mean(axis=0)
    plain = {m.path: m.score for m in find(library, "cat", template="all").matches}
    row = find(library, "cat", template="all", explain=True).matches[0]
    assert row.terms[0][1] == pytest.approx(plain[row.path], abs=1e-4)
    assert len(prompts) == 7
    assert np.linalg.norm(mean) < 1


def test_a_text_asked_before_needs_no_text_tower(
    photos: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = find(library, "a wording of its own")
    monkeypatch.setattr(library, "_model", RefusingModel(library.specification))
    assert find(library, "a wording of its own").matches == first.matches


def test_texts_are_not_cached_when_that_is_not_wanted(photos: Path, library: Library) -> None:
    find(library, "a secret", cache_texts=False)
    find(library, "no secret")
    content = b"".join(p.read_bytes() for p in library.database.parent.glob("index.db*"))
    assert b"a secret" not in content
    assert b"no secret" in content


def test_of_a_text_too_long_only_the_beginning_counts_and_that_is_said_each_time(
    photos: Path, library: Library
) -> None:
    long = Query("dog " * 40, add=["cat " * 10_000, "cat"])
    for _ in range(2):  # what is cached is not told again
        report = find(library, long)
        (note,) = report.notes
        assert note.startswith("'dog dog")
        assert "...' and 1 more: longer than " in note
        assert "(32 tokens" in note
        assert len(note) < 250
    assert find(library, long, everywhere=True).notes == report.notes
    short = find(library, Query("dog " * 30, add=["cat " * 30, "cat"]))
    assert (short.matches, short.notes) == (report.matches, ())


def test_a_sentence_around_the_words_counts_for_their_length(
    photos: Path, library: Library
) -> None:
    assert find(library, "cat " * 30).notes == ()
    assert len(find(library, "cat " * 30, template="all").notes) == 1


def test_a_path_that_is_not_there_is_an_error(photos: Path, library: Library) -> None:
    with pytest.raises(RootError, match="no-such-folder"):
        find(library, "cat", "no-such-folder")


def test_an_indexed_folder_that_is_not_there_now_is_noted_beside_the_rest(
    photos: Path, library: Library
) -> None:
    (photos / "sub").rename(photos / "away")
    try:
        report = find(library, "cat", "sub", "a.png")
        with pytest.raises(RootError, match="sub"):
            find(library, "cat", "sub")
    finally:
        (photos / "away").rename(photos / "sub")
    assert shown(report) == ["a.png"]
    assert any("sub: not there now" in note for note in report.notes)


def test_a_folder_never_indexed_gives_a_hint_and_nothing_else(
    library: Library, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    report = find(library, "cat", tmp_path / "new")
    assert report.matches == ()
    assert any("nothing is indexed here" in note for note in report.notes)


def test_search_without_a_database_makes_none(tmp_path: Path, tiny_model: Path) -> None:
    with Library(tmp_path / "no.db", model=str(tiny_model)) as library:
        assert find(library, "cat", tmp_path).matches == ()
    assert not (tmp_path / "no.db").exists()


@pytest.mark.parametrize("nonsense", [{"template": "haiku"}, {"sort": "size"}, {"top": -1}])
def test_settings_that_make_no_sense_are_refused(
    photos: Path, library: Library, nonsense: dict[str, object]
) -> None:
    with pytest.raises(UsageError, match=str(next(iter(nonsense.values())))):
        find(library, "cat", **nonsense)


def test_a_query_that_is_not_utf8_is_searched_for(photos: Path, library: Library) -> None:
    assert len(find(library, "caf\udce9").matches) == len(NAMES)


def test_hidden_pictures_are_left_out_counted_and_shown_when_asked_for(
    photos: Path, library: Library
) -> None:
    before = shown(find(library, "cat"))
    assert library.hide([photos / before[0], photos / before[3]]) == (2, ())
    after = find(library, "cat", top=2)
    assert (shown(after), after.hidden) == (before[1:3], 1)
    assert [match.rank for match in after.matches] == [1, 2]
    assert find(library, "cat").hidden == 2
    every = find(library, "cat", all_hidden=True)
    assert (shown(every), every.hidden) == (before, 0)
    assert [match.is_hidden for match in every.matches] == [True, False, False, True, False]
    assert library.unhide([photos / before[0], photos / before[3]]) == (2, ())
    assert shown(find(library, "cat")) == before


def test_a_hidden_picture_is_not_the_best_that_thresholds_speak_of(
    photos: Path, library: Library
) -> None:
    first, second, *others = find(library, "cat").matches
    library.hide(photos / first.path)
    found = find(library, "cat", within=0.0)
    assert (shown(found), found.best, found.hidden) == ([second.path], second.score, 1)
    library.hide([photos / match.path for match in others])
    assert find(library, "cat", min_score=second.score).hidden == 1


def test_copies_of_a_hidden_picture_are_hidden_and_counted_as_they_would_be_shown(
    photos: Path, library: Library
) -> None:
    shutil.copy(photos / "b.png", photos / "z-copy.png")
    library.index([photos])
    library.hide(photos / "b.png")
    every, collapsed = find(library, "cat"), find(library, "cat", collapse=True)
    (photos / "z-copy.png").unlink()
    assert len(every.matches) == len(collapsed.matches) == len(NAMES) - 1
    assert (every.hidden, collapsed.hidden, collapsed.copies) == (2, 1, 0)


def test_hidden_pictures_are_selected_as_all_others(photos: Path, library: Library) -> None:
    library.hide(photos / "a.png")
    assert len(library.select(photos).pictures) == len(NAMES)
