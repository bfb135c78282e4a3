"""Videos from the folder to the matches: walked, indexed, found with the second, counted once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from older_index import make_as_before
from PIL import Image
from small_index import SmallIndex, settle
from videos import make_video, scene

from rclip_like import values
from rclip_like.duplicates.settings import DuplicatesSettings
from rclip_like.errors import UsageError
from rclip_like.facts.typed import endings_of
from rclip_like.library import Library
from rclip_like.library.browsing import PageRequest
from rclip_like.output.matches import as_object, moment
from rclip_like.output.reports import left_out_sentences, status_lines, video_sentences
from rclip_like.page.items import item_of
from rclip_like.page.sheet import entry_of
from rclip_like.query import Query, parse
from rclip_like.settings import EncoderSettings, IndexSettings, SearchSettings, WalkSettings
from rclip_like.store import Store
from rclip_like.store.schema import FRAMES_SINCE, OLDEST_READ
from rclip_like.upkeep.repair import repair
from rclip_like.values import Match, opened_extensions
from rclip_like.walk import resolve_roots, walk_pages
from rclip_like.walk.scope import Scope

FP32 = EncoderSettings(precision="fp32", device="cpu")
SCHEMA = Path(__file__).parents[2] / "rclip_like/output/schemas/search.json"


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return a folder with a video of four scenes, and a picture of a fifth."""
    folder = tmp_path / "album"
    folder.mkdir()
    make_video(folder / "film.mp4", [1, 2, 3, 4])
    scene(5).save(folder / "still.png")
    settle(folder / "still.png")
    return folder


@pytest.fixture
def library(tmp_path: Path, tiny_model: Path) -> Iterator[Library]:
    with Library(tmp_path / "index.db", model=str(tiny_model), encoder=FP32) as library:
        yield library


def found(library: Library, folder: Path, seed: int) -> list[Match]:
    asked = folder.parent / "asked.png"
    scene(seed).save(asked)
    return list(library.search(str(asked), [folder], SearchSettings(), update=None).matches)


def walked(folder: Path, settings: WalkSettings | None = None) -> list[str]:
    pages = walk_pages(resolve_roots([bytes(folder)]), settings or WalkSettings())
    return [Path(str(seen[0], "utf-8")).name for page in pages for seen in page]


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_video_is_found_with_the_second_of_the_scene(
    library: Library, album: Path, seed: int
) -> None:
    library.index([album])
    best, other = found(library, album, seed)
    assert Path(best.path).name == "film.mp4"
    assert best.score > 0.95
    assert best.second is not None
    assert seed - 1 <= best.second < seed
    assert other.second is None
    shown = json.loads(json.dumps(as_object(best)))
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(shown)
    assert shown["second"] == best.second
    assert "second" not in as_object(other)
    assert entry_of(best).second == best.second


def test_pages_of_results_have_the_second(library: Library, album: Path) -> None:
    library.index([album])
    scene(3).save(album.parent / "asked.png")
    terms = parse(Query(str(album.parent / "asked.png")))
    browsing = library.browse(resolve_roots([bytes(album)]))
    page = browsing.ranked(terms, {}, PageRequest(0, 5))
    assert page.matches[0].second is not None
    assert 2 <= page.matches[0].second < 3
    assert item_of(page.matches[0], 0)["second"] == page.matches[0].second
    assert item_of(page.matches[0], 0)["is_video"] is True
    assert item_of(page.matches[1], 0)["is_video"] is False


def test_a_video_is_one_content_and_goes_with_its_frames(library: Library, album: Path) -> None:
    library.index([album])
    assert library.forget([album / "film.mp4"]).embeddings == 4
    assert [Path(match.path).name for match in found(library, album, 1)] == ["still.png"]


def test_a_second_run_reads_no_video_again(album: Path, tmp_path: Path, tiny_model: Path) -> None:
    index = SmallIndex(tmp_path / "index.db", tiny_model, plain=True)
    assert index.update(album).encoded == 2
    assert index.update_without_encoder(album).unchanged == 2
    rows = index.store.connection.execute("SELECT part, second FROM frames ORDER BY part")
    assert [part for part, _ in rows.fetchall()] == [0, 1, 2, 3]


@pytest.fixture
def _without_reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    find = values.PathFinder.find_spec
    monkeypatch.setattr(
        values.PathFinder,
        "find_spec",
        lambda name, *more: None if name == "av" else find(name, *more),
    )
    opened_extensions.cache_clear()
    yield
    opened_extensions.cache_clear()


@pytest.mark.usefixtures("_without_reader")
def test_without_the_extra_videos_are_not_walked(album: Path) -> None:
    assert walked(album) == ["still.png"]


@pytest.mark.usefixtures("_without_reader")
def test_without_the_extra_videos_are_counted_and_named_once(
    library: Library, album: Path, tmp_path: Path
) -> None:
    scene(6).save(album / "live.jpg")
    for name in ("live.mov", "Other.MPEG", ".hidden.mp4", "talk.mp3"):
        (album / name).write_bytes(b"x")
    report = library.index([album])
    assert (report.seen, report.unread_videos, report.unread_formats) == (2, 2, {})
    assert list(video_sentences(report)) == [
        "2 videos left out; to include videos: python -m pip install av, then index again"
    ]
    assert list(left_out_sentences(report)) == []
    (album / "film.mp4").unlink()
    (album / "Other.MPEG").unlink()
    assert list(video_sentences(library.index([album]))) == []


def test_status_says_how_many_videos_there_are(library: Library, album: Path) -> None:
    make_video(album / "second.mp4", [7, 8])
    shutil.copy(album / "film.mp4", album / "copy.mp4")
    library.index([album])
    report = library.status()
    assert (report.videos, report.video_frames) == (2, 6)
    assert "2 videos, found by 6 frames" in list(status_lines(report))
    assert library.status([album / "still.png"]).videos == 0
    assert "video" not in "".join(status_lines(library.status([album / "still.png"])))


def test_with_the_extra_videos_are_walked(album: Path) -> None:
    assert walked(album) == ["film.mp4", "still.png"]


@pytest.mark.parametrize(
    ("picture", "video"),
    [
        ("IMG_1.HEIC", "IMG_1.MOV"),
        ("IMG_1.jpg", "IMG_1.mov"),
        ("IMG_1.heic", "IMG_1.MP4"),
        ("IMG_1.HEIC", "IMG_1_HEVC.MOV"),
    ],
)
def test_a_live_photo_counts_once(picture: str, video: str, tmp_path: Path) -> None:
    (tmp_path / picture).write_bytes(b"x")
    (tmp_path / video).write_bytes(b"x")
    (tmp_path / "IMG_2.MOV").write_bytes(b"x")
    for settings in (WalkSettings(), WalkSettings(raw_pairs=True)):
        assert sorted(walked(tmp_path, settings)) == sorted([picture, "IMG_2.MOV"])
        scope = Scope(resolve_roots([bytes(tmp_path)]), settings)
        assert bytes(tmp_path / video) not in scope
        assert bytes(tmp_path / "IMG_2.MOV") in scope


def test_a_long_video_with_the_name_of_a_picture_is_no_live_photo(tmp_path: Path) -> None:
    (tmp_path / "wedding.jpg").write_bytes(b"x")
    with (tmp_path / "wedding.mov").open("wb") as file:
        file.truncate(30 << 20)
    assert walked(tmp_path) == ["wedding.jpg", "wedding.mov"]
    scope = Scope(resolve_roots([bytes(tmp_path)]), WalkSettings())
    assert bytes(tmp_path / "wedding.mov") in scope


def test_a_video_beside_a_png_is_walked(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "a.mov").write_bytes(b"x")
    assert walked(tmp_path) == ["a.mov", "a.png"]


def test_a_motion_photo_is_its_picture(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "phone"
    folder.mkdir()
    film = make_video(tmp_path / "film.mp4", [1, 2, 3]).read_bytes()
    scene(5).save(folder / "PXL_1.MP.jpg", quality=95)
    with (folder / "PXL_1.MP.jpg").open("ab") as file:
        file.write(film)
    settle(folder / "PXL_1.MP.jpg")
    assert library.index([folder]).encoded == 1
    (only,) = found(library, folder, 5)
    assert only.score > 0.95
    assert only.second is None
    assert found(library, folder, 2)[0].score < 0.95


def test_a_video_can_be_the_query(library: Library, album: Path) -> None:
    library.index([album])
    asked = make_video(album.parent / "asked.mp4", [5])
    best, _ = library.search(str(asked), [album], SearchSettings(), update=None).matches
    assert Path(best.path).name == "still.png"


def test_wide_videos_get_tiles_of_their_first_frame(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "wide"
    folder.mkdir()
    make_video(folder / "wide.mp4", [1, 2], size=(256, 64))
    assert library.index([folder], IndexSettings(tiles=True)).encoded == 1
    assert library.index([folder], IndexSettings(tiles=True)).tiled == 0
    corner = scene(1, (256, 64)).crop((0, 0, 64, 64))
    corner.save(tmp_path / "asked.png")
    (match,) = library.search(str(tmp_path / "asked.png"), [folder], update=None).matches
    assert match.second is not None


@pytest.mark.parametrize(
    ("second", "text"), [(0.4, "0:00"), (65.9, "1:05"), (3723, "1:02:03"), (600, "10:00")]
)
def test_moments_are_written_as_people_do(second: float, text: str) -> None:
    assert moment(second) == text


def test_pictures_without_videos_have_no_second(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "stills"
    folder.mkdir()
    Image.new("RGB", (64, 64), "red").save(folder / "a.png")
    settle(folder / "a.png")
    library.index([folder])
    assert [match.second for match in found(library, folder, 1)] == [None]


@pytest.mark.parametrize("version", [OLDEST_READ, FRAMES_SINCE - 1])
def test_an_older_index_is_searched_without_seconds(
    album: Path, tmp_path: Path, tiny_model: Path, version: int
) -> None:
    index = SmallIndex(tmp_path / "index.db", tiny_model, plain=True)
    index.update(album)
    content_ids = [1, 2]
    assert len(index.store.embeddings(1).frame_seconds(content_ids)) == 4
    index.store.close()
    make_as_before(tmp_path / "index.db", version=version)
    with Store.open_readonly(tmp_path / "index.db") as store:
        assert store.connection.version == version
        assert store.embeddings(1).frame_seconds(content_ids) == {}


def test_moments_that_a_hostile_index_makes_up_are_not_shown(
    album: Path, tmp_path: Path, tiny_model: Path
) -> None:
    index = SmallIndex(tmp_path / "index.db", tiny_model, plain=True)
    index.update(album)
    for second in ("9e999", "-9e999", "-1"):
        with index.store.connection.transaction():
            index.store.connection.execute(f"UPDATE frames SET second = {second} WHERE part = 1")
        assert len(index.store.embeddings(1).frame_seconds([1, 2])) == 3


def test_an_export_takes_the_moments_along(
    library: Library, album: Path, tmp_path: Path, tiny_model: Path
) -> None:
    library.index([album])
    wanted = {match.path: match.second for match in found(library, album, 2)}
    library.export_parquet(tmp_path / "parts")
    with Library(tmp_path / "other.db", model=str(tiny_model), encoder=FP32) as other:
        other.import_parquet([tmp_path / "parts"])
        other.index([album])
        assert {match.path: match.second for match in found(other, album, 2)} == wanted


def test_moments_that_refer_to_nothing_are_mended(
    library: Library, album: Path, tmp_path: Path
) -> None:
    library.index([album])
    with Store.open(tmp_path / "index.db", create=False) as store:
        store.connection.execute("PRAGMA foreign_keys = OFF")
        store.connection.execute("INSERT INTO frames (content_id, part, second) VALUES (99, 0, 1)")
    assert any("1 row dropped" in sentence for sentence in repair(tmp_path / "index.db"))
    with Store.open_readonly(tmp_path / "index.db") as store:
        assert store.connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert store.connection.execute("SELECT count(*) FROM frames").fetchall() == [(4,)]


@pytest.mark.parametrize("command", ["prune", "forget"])
def test_videos_that_are_dropped_leave_no_moments(
    library: Library, album: Path, tmp_path: Path, command: str
) -> None:
    library.index([album])
    (album / "film.mp4").unlink()
    library.prune() if command == "prune" else library.forget([album])
    with Store.open_readonly(tmp_path / "index.db") as store:
        assert store.connection.execute("SELECT count(*) FROM frames").fetchall() == [(0,)]
        assert store.connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_videos_are_copies_only_if_their_files_are_equal(
    library: Library, album: Path, tmp_path: Path
) -> None:
    make_video(album / "beginning.mp4", [1])
    make_video(album / "longer.mp4", [1, 2, 3, 4, 5])
    scene(1).save(album / "frame.png")
    shutil.copy(album / "film.mp4", album / "the same.mp4")
    scene(5).save(album / "still again.webp", lossless=True)
    groups = library.duplicates([album], DuplicatesSettings(threshold=0.5)).groups
    names = [
        sorted(Path(each.path).name for each in (group.first, *(m.picture for m in group.members)))
        for group in groups
    ]
    assert names == [["film.mp4", "the same.mp4"], ["still again.webp", "still.png"]]


def test_types_name_videos(tmp_path: Path) -> None:
    assert endings_of(["mp4"]) == (b".mp4",)
    assert set(endings_of(["video"])) == values.VIDEO_EXTENSIONS


@pytest.mark.usefixtures("_without_reader")
def test_without_the_extra_videos_are_no_type() -> None:
    for name in ("video", "mp4"):
        with pytest.raises(UsageError, match="no pictures of the type"):
            endings_of([name])
