"""Results page by page: what a search finds, in pieces, while files and index change."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_index import make_picture, make_pictures, settle, shared_model

from rclip_like.errors import RootError, UsageError
from rclip_like.library import Library
from rclip_like.library.browsing import Browsing, PageRequest
from rclip_like.query import Kind, Query, Term, parse
from rclip_like.settings import EncoderSettings, ReadSettings, SearchSettings, WalkSettings
from rclip_like.store import Store
from rclip_like.store.matrix import stamp
from rclip_like.store.writing import Writer
from rclip_like.values import Match
from rclip_like.walk import resolve_roots


def make_album(folder: Path) -> None:
    """Write 20 different pictures into two folders, most of them in both, and an animation."""
    make_pictures(folder / "a", 12)
    make_pictures(folder / "b", 20)
    for number in (3, 5):
        settle_copy(folder / "a" / f"{number:04}.jpg", folder / "b" / f"copy {number}.jpg")
        settle_copy(folder / "a" / f"{number:04}.jpg", folder / f"copy {number}.jpg")
    frames = [Image.effect_noise((64, 64), 30 * number + 9).convert("RGB") for number in range(5)]
    path = folder / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    settle(path)


def settle_copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    settle(target)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Return a folder with an album and an index of it, which stay as they are."""
    folder = tmp_path_factory.mktemp("indexed").resolve()
    make_album(folder / "album")
    model = shared_model(tiny_model, EncoderSettings(precision="fp32"))
    with Library(folder / "index.db", model=model) as library:
        library.index([folder / "album"])
    return folder


@pytest.fixture
def album(indexed: Path) -> Path:
    """Return the indexed folder."""
    return indexed / "album"


@pytest.fixture
def changing(album: Path, tmp_path: Path) -> Iterator[Path]:
    """Return the indexed folder for a test that changes it; the files themselves come back."""
    shutil.copytree(album, tmp_path / "now")
    os.rename(album, tmp_path / "kept")
    os.rename(tmp_path / "now", album)
    yield album
    shutil.rmtree(album)
    os.rename(tmp_path / "kept", album)


@pytest.fixture
def library(
    request: pytest.FixtureRequest, indexed: Path, tmp_path: Path, tiny_model: Path
) -> Library:
    """Return a library on its own copy of the index; the parameter puts a matrix beside it."""
    database = tmp_path / "index.db"
    for path in indexed.glob("index.db*"):  # with its log, if a connection is still open
        shutil.copy(path, tmp_path)
    if getattr(request, "param", "rows") == "matrix":
        with pytest.MonkeyPatch.context() as patch, Store.open(database, create=False) as store:
            patch.setattr(stamp, "FEWEST_ROWS", 0)
            assert Writer(store).extend_matrix(1)
    model = shared_model(tiny_model, EncoderSettings(precision="fp32"))
    return Library(database, model=model, read=ReadSettings(workers=1))


IN_BOTH_FORMS = pytest.mark.parametrize("library", ["rows", "matrix"], indirect=True)


def browse(library: Library, *folders: Path, **settings: Any) -> Browsing:
    roots = resolve_roots([os.fsencode(folder) for folder in folders]) if folders else None
    return library.browse(roots, SearchSettings(**settings))


def in_pages(browsing: Browsing, terms: Sequence[Term], size: int, **shown: Any) -> list[Match]:
    """Return all matches, asked for in pages of a size."""
    found: list[Match] = []
    start: int | None = 0
    while start is not None:
        page = browsing.ranked(terms, {}, PageRequest(start, size, **shown))
        assert len(page.matches) <= size
        found += page.matches
        start = page.following
    assert page.total == len(found)
    return found


def searched(library: Library, query: Query, folder: Path, **settings: Any) -> list[Match]:
    chosen = SearchSettings(top=0, collapse=True, cache_texts=False, **settings)
    return list(library.search(query, [folder], chosen, update=False).matches)


def same(found: Sequence[Match], expected: Sequence[Match]) -> bool:
    assert expected
    return [(m.absolute_bytes, m.score, m.rank, m.version, m.taken_at) for m in found] == [
        (m.absolute_bytes, m.score, m.rank, m.version, m.taken_at) for m in expected
    ]


@IN_BOTH_FORMS
@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize(
    "query", [Query("red"), Query("2:red", ["cat"], ["0.5:blue"]), Query("x", ["a picture"])]
)
def test_pages_together_are_what_a_search_finds(
    library: Library, album: Path, query: Query, size: int
) -> None:
    if "a picture" in query.add:
        query = Query(str(album / "a" / "0003.jpg"))
    found = in_pages(browse(library, album), parse(query), size)
    assert same(found, searched(library, query, album))
    assert len({match.version for match in found}) == len(found)


@pytest.mark.parametrize("size", [2, 50])
def test_a_folder_is_searched_as_if_it_was_named(library: Library, album: Path, size: int) -> None:
    folder = os.fsencode(album / "b")
    found = in_pages(browse(library, album), parse(Query("red")), size, folder=folder)
    assert same(found, searched(library, Query("red"), album / "b"))


@IN_BOTH_FORMS
def test_thresholds_and_patterns_hold_for_pages(library: Library, album: Path) -> None:
    query, walk = Query("red"), WalkSettings(exclude=("*3.jpg",))
    every = searched(library, query, album, walk=walk)
    for limits in ({"min_score": every[7].score}, {"within": every[0].score - every[5].score}):
        found = in_pages(browse(library, album, walk=walk, **limits), parse(query), 3)
        assert same(found, searched(library, query, album, walk=walk, **limits))
        assert len(found) < len(every)


def test_hidden_pictures_are_shown_when_asked_for(library: Library, album: Path) -> None:
    query = Query("red")
    first, second = searched(library, query, album)[:2]
    library.hide([first.absolute_bytes])
    browsing = browse(library, album)
    assert same(in_pages(browsing, parse(query), 3), searched(library, query, album))
    shown = in_pages(browsing, parse(query), 3, all_hidden=True)
    assert same(shown, searched(library, query, album, all_hidden=True))
    assert [match.is_hidden for match in shown[:2]] == [True, False]
    for page in (
        browsing.ranked(parse(query), {}, PageRequest(0, 2)),
        browsing.unranked(PageRequest(0, 2)),
    ):
        assert page.total == len(shown) - 1
    library.hide([second.absolute_bytes])  # known to the next first page
    assert in_pages(browsing, parse(query), 3)[0] != second


def test_the_newest_with_hidden_ones_do_not_disturb_the_pages_without(
    library: Library, album: Path
) -> None:
    browsing = browse(library, album)
    newest = browsing.unranked(PageRequest(0, 1)).matches[0]
    library.hide([newest.absolute_bytes])
    first = browsing.unranked(PageRequest(0, 3))
    with_hidden = browsing.unranked(PageRequest(0, 3, all_hidden=True))
    second = browsing.unranked(PageRequest(3, 3))
    assert [match.is_hidden for match in with_hidden.matches] == [True, False, False]
    assert len({match.version for match in (*first.matches, *second.matches)}) == 6


def test_files_that_changed_since_are_left_out_of_later_pages(
    library: Library, changing: Path
) -> None:
    album = changing
    query = Query("red")
    browsing = browse(library, album)
    first = browsing.ranked(parse(query), {}, PageRequest(0, 5))
    left = searched(library, query, album)[5:]
    copies = browsing.ranked(parse(query), {}, PageRequest(5, 9)).copies
    alone = [match for match, number in zip(left, copies, strict=False) if number == 0]
    os.unlink(alone[0].absolute_bytes)
    make_picture(Path(alone[1].absolute), 999)
    second = browsing.ranked(parse(query), {}, PageRequest(5, 5))
    assert second.stale == 2
    gone = {match.absolute_bytes for match in alone[:2]}
    expected = [match for match in left if match.absolute_bytes not in gone][:5]
    assert [m.absolute_bytes for m in second.matches] == [m.absolute_bytes for m in expected]
    assert [match.rank for match in second.matches] == [6, 7, 8, 9, 10]
    assert same(in_pages(browsing, parse(query), 5), searched(library, query, album))
    assert first.matches == browsing.ranked(parse(query), {}, PageRequest(0, 5)).matches


@IN_BOTH_FORMS
def test_a_copy_takes_the_place_of_a_file_that_is_gone(library: Library, changing: Path) -> None:
    album = changing
    browsing, terms = browse(library, album), parse(Query("red"))
    (copied,) = [m for m in in_pages(browsing, terms, 9) if m.path.endswith("a/0003.jpg")]
    os.unlink(copied.absolute_bytes)
    page = browsing.ranked(terms, {}, PageRequest(0, 100))
    (other,) = [m for m in page.matches if m.version.digest == copied.version.digest]
    assert other.path_bytes == os.fsencode(album / "b" / "0003.jpg")
    number = page.matches.index(other)
    assert page.copies[number] == 3  # beside this one, as the index has it


@IN_BOTH_FORMS
def test_damaged_rows_are_left_out(library: Library, album: Path) -> None:
    query = Query("red")
    third = searched(library, query, album)[2]
    store = library._index.open()
    store.connection.execute(
        "UPDATE embeddings SET embedding = zeroblob(length(embedding)) WHERE content_id ="
        " (SELECT content_id FROM contents WHERE digest = ?)",
        (third.version.digest,),
    )
    page = browse(library, album).ranked(parse(query), {}, PageRequest(0, 100))
    assert page.damaged > 0
    assert same(page.matches, searched(library, query, album))


@pytest.mark.parametrize("library", ["matrix"], indirect=True)
def test_a_matrix_that_disagrees_is_not_believed(library: Library, album: Path) -> None:
    (rows,) = library.database.parent.glob("index.db.rows-*")
    status = rows.stat()
    content = np.fromfile(rows, np.uint8)
    content[64:] = np.roll(content[64:], 1000)
    rows.write_bytes(content.tobytes())
    os.utime(rows, ns=(status.st_atime_ns, status.st_mtime_ns))
    browsing = browse(library, album)
    page = browsing.ranked(parse(Query("red")), {}, PageRequest(0, 100))
    assert "disagrees" in page.notes[0]
    assert same(page.matches, searched(library, Query("red"), album))
    assert same(in_pages(browsing, parse(Query("red")), 4), page.matches)


@IN_BOTH_FORMS
def test_rows_written_meanwhile_begin_with_the_next_first_page(
    library: Library, changing: Path
) -> None:
    album = changing
    browsing, terms = browse(library, album), parse(Query("red"))
    first = browsing.ranked(terms, {}, PageRequest(0, 5))
    for number in range(5):
        make_picture(album / "a" / f"new {number}.jpg", 100 + number)
    library.index([album])
    rest = browsing.ranked(terms, {}, PageRequest(5, 100))
    assert len(first.matches) + len(rest.matches) == first.total
    assert not any("new" in match.path for match in rest.matches)
    anew = in_pages(browsing, terms, 4)
    assert same(anew, searched(library, Query("red"), album))
    assert len(anew) == first.total + 5


@IN_BOTH_FORMS
def test_a_content_that_was_encoded_anew_is_ranked_anew(library: Library, album: Path) -> None:
    browsing, terms = browse(library, album), parse(Query("red"))
    browsing.ranked(terms, {}, PageRequest(0, 5))
    last = searched(library, Query("red"), album)[-1]
    connection = library._index.open().connection
    connection.execute(
        "UPDATE embeddings SET (embedding, row_digest) = (SELECT embedding, row_digest FROM"
        " embeddings WHERE content_id = (SELECT content_id FROM contents WHERE digest = ?))"
        " WHERE part = 0",
        (last.version.digest,),
    )
    rest = browsing.ranked(terms, {}, PageRequest(5, 100))
    assert same(rest.matches, searched(library, Query("red"), album)[5:])


def test_nothing_is_written_by_looking(library: Library, album: Path) -> None:
    def rows() -> list[Any]:
        store = library._index.open()
        return [store.connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables]

    tables = ("texts", "settings", "files", "contents", "roots")
    before = rows()
    browsing = browse(library, album)
    browsing.ranked(parse(Query("never asked before")), {}, PageRequest())
    browsing.unranked(PageRequest())
    browsing.folders()
    assert rows() == before


def test_pictures_in_memory_are_terms_by_their_embedding(library: Library, album: Path) -> None:
    path = album / "a" / "0007.jpg"
    embedding = library.embed_pictures([path])[0]
    term = Term(1.0, Kind.PIXELS, "id", "id")
    page = browse(library, album).ranked([term], {"id": embedding}, PageRequest(0, 1))
    assert page.matches[0].version.digest in library.browse().files(
        [page.matches[0].version.digest]
    )
    assert page.matches[0].score > 0.99
    opposite = Term(-1.0, Kind.PIXELS, "id", "id")
    with pytest.raises(UsageError, match="cancel out"):
        browse(library, album).ranked([term, opposite], {"id": embedding}, PageRequest())


def test_a_folder_elsewhere_is_refused(library: Library, album: Path) -> None:
    browsing = browse(library, album / "a")
    for folder in (album / "b", album / "ab", Path("/etc")):
        with pytest.raises(RootError):
            browsing.unranked(PageRequest(folder=os.fsencode(folder)))
    names_nothing = os.fsencode(f"{album}/a/../b")
    assert browsing.unranked(PageRequest(folder=names_nothing)).matches == ()
    for above in (album, Path("/")):
        found = browsing.unranked(PageRequest(folder=os.fsencode(above))).matches
        assert {os.path.dirname(match.path) for match in found} == {str(album / "a")}


def test_a_folder_holds_of_its_pictures_those_that_are_served(
    library: Library, album: Path
) -> None:
    named = [album / "a" / "0001.jpg", album / "a" / "0002.jpg", album / "moving.gif"]
    browsing = browse(library, *named)
    assert [(each.path, each.number) for each in browsing.folders()] == [
        (os.fsencode(album), 3),
        (os.fsencode(album / "a"), 2),
    ]
    for folder, paths in ((album, named), (album / "a", named[:2])):
        page = browsing.unranked(PageRequest(folder=os.fsencode(folder)))
        assert sorted(match.path for match in page.matches) == sorted(map(str, paths))
    with pytest.raises(RootError):
        browsing.unranked(PageRequest(folder=os.fsencode(album / "b")))


def test_the_newest_come_first_by_the_date_that_is_shown(library: Library, changing: Path) -> None:
    album = changing
    for number in range(20):
        settle(album / "b" / f"{number:04}.jpg", 1_600_000_000 + number)
    exif = Image.Exif()
    exif[0x0132] = "2020:09:13 12:26:50"
    Image.new("RGB", (9, 9), "red").save(album / "dated.jpg", exif=exif)
    settle(album / "dated.jpg")
    library.index([album])
    browsing = browse(library, album)
    pages = [browsing.unranked(PageRequest(start, 7)) for start in (0, 7, 14, 21)]
    every = [match for page in pages for match in page.matches]
    dates = [match.taken_at or "" for match in every]
    assert dates == sorted(dates, reverse=True)
    assert len({match.version.digest for match in every}) == len(every) == pages[-1].total == 22
    assert [match.rank for match in every] == [*range(1, 23)]
    assert pages[-1].following is None
    assert any(match.path.endswith("dated.jpg") for match in every)


def test_folders_are_counted_with_what_lies_below(library: Library, album: Path) -> None:
    found = browse(library, album).folders()
    shown = [(os.fsdecode(each.path), each.number, each.depth) for each in found]
    assert shown == [(str(album), 37, 0), (str(album / "a"), 12, 1), (str(album / "b"), 22, 1)]
    assert browse(library).folders() == found
    inside = browse(library, album / "b").folders()
    assert [(each.number, each.depth) for each in inside] == [(22, 0)]


def test_what_is_not_under_the_roots_is_not_found(library: Library, changing: Path) -> None:
    album = changing
    (match,) = [m for m in searched(library, Query("red"), album) if "moving" in m.path]
    digest = match.version.digest
    assert [each.path for each in browse(library, album).files([digest])[digest]] == [
        match.absolute_bytes
    ]
    assert browse(library, album / "a").files([digest]) == {}
    os.rename(match.absolute_bytes, album / "elsewhere.gif")
    assert browse(library, album).files([digest]) == {}


def test_without_an_index_there_is_nothing(tmp_path: Path, tiny_model: Path) -> None:
    browsing = browse(Library(tmp_path / "none.db", model=str(tiny_model)))
    assert "nothing is indexed" in browsing.ranked(parse(Query("red")), {}, PageRequest()).notes[0]
    assert browsing.unranked(PageRequest()).matches == ()
    assert (browsing.folders(), browsing.files([b"x" * 32]), browsing.count()) == ([], {}, 0)
    assert not (tmp_path / "none.db").exists()
