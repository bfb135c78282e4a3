"""Videos as pictures: which frames are chosen, what is read of the file, and what is refused."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from videos import SIDE, make_video, scene

from rclip_like.errors import Reason
from rclip_like.images.decoding import Decoded, Unreadable, decode_video
from rclip_like.images.products import Square, Thumbnail, model_products
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Preprocessing, Trouble

SMALL = Preprocessing(32, (0.0,) * 3, (1.0,) * 3)
LIMITS = ReadSettings(workers=1)


def decoded(path: Path) -> Decoded:
    with path.open("rb") as file:
        return decode_video(file, model_products(SMALL), LIMITS)


def shows(image: Image.Image, seed: int) -> bool:
    """Return whether a frame is of a scene, lossy coding aside."""
    wanted = np.asarray(scene(seed).resize(image.size), np.int16)
    return bool(np.abs(np.asarray(image, np.int16) - wanted).mean() < 20)


def frames_of(video: Decoded) -> list[Image.Image]:
    return [*video.products["square"], *video.products["frames"]]


def read(path: Path, *, limits: ReadSettings = LIMITS) -> Picture | Trouble:
    with Readers(limits) as readers:
        (outcome,) = readers.read_all([ReadTask(bytes(path), model_products(SMALL))])
    return outcome


def test_each_scene_has_a_frame_and_its_second(tmp_path: Path) -> None:
    video = decoded(make_video(tmp_path / "a.mp4", [1, 2, 3, 4, 5]))
    found = {
        seed: second
        for image, second in zip(frames_of(video), video.seconds, strict=True)
        for seed in range(1, 6)
        if shows(image, seed)
    }
    assert sorted(found) == [1, 2, 3, 4, 5]
    assert all(seed - 1 <= second < seed for seed, second in found.items())


def test_at_most_eight_frames_stand_for_a_video_and_the_further_ones_are_in_order(
    tmp_path: Path,
) -> None:
    video = decoded(make_video(tmp_path / "a.mp4", range(1, 13), seconds_each=0.5))
    assert len(video.seconds) == len(frames_of(video)) == 8
    assert list(video.seconds[1:]) == sorted(video.seconds[1:])


def test_a_video_that_stands_still_has_one_frame(tmp_path: Path) -> None:
    assert len(decoded(make_video(tmp_path / "a.mp4", [1, 1])).seconds) == 1


def test_black_frames_do_not_count(tmp_path: Path) -> None:
    video = decoded(make_video(tmp_path / "a.mp4", [-1, 1, 2, -1]))
    assert {round(second) // 1 for second in video.seconds} <= {1, 2, 3}
    assert all(shows(image, 1) or shows(image, 2) for image in frames_of(video))


def test_a_video_without_key_frames_after_the_first_is_decoded_throughout(tmp_path: Path) -> None:
    video = decoded(make_video(tmp_path / "a.mp4", [1, 2, 3], gop=1000))
    assert len(video.seconds) == 3


def test_a_video_is_read_the_same_each_time(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", [1, 2, 3])
    one, other = decoded(path), decoded(path)
    assert one.seconds == other.seconds
    assert [each.tobytes() for each in frames_of(one)] == [
        each.tobytes() for each in frames_of(other)
    ]


@pytest.mark.parametrize(
    "ending",
    ["mp4", "mov", "m4v", "mkv", "avi", "3gp", "mts", "m2ts", "mpg", "mpeg", "webm", "wmv"],
)
def test_every_container_is_read(ending: str, tmp_path: Path) -> None:
    container = {"webm": "mkv", "m2ts": "mts", "mpeg": "mpg"}.get(ending, ending)
    path = make_video(tmp_path / f"a.{container}", [1, 2])
    path = path.rename(tmp_path / f"a.{ending}")
    assert len(decoded(path).seconds) >= 2


def test_a_turned_video_is_shown_upright(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", [1], size=(96, 64), turned=-90)
    video = decoded(path)
    assert (video.facts.width, video.facts.height) == (64, 96)
    wanted = scene(1, (96, 64)).transpose(Image.Transpose.ROTATE_270)
    wanted = wanted.crop((0, 16, 64, 80)).resize((32, 32))
    found = np.asarray(video.products["square"][0], np.int16)
    assert np.abs(found - np.asarray(wanted, np.int16)).mean() < 20


def test_date_camera_and_position_come_from_the_file(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "a.mov",
        [1],
        metadata={
            "com.apple.quicktime.creationdate": "2023-05-01T12:34:56+0200",
            "com.apple.quicktime.make": "Apple",
            "com.apple.quicktime.model": "iPhone 12",
            "com.apple.quicktime.location.ISO6709": "+55.6761-012.5683+010.000/",
            "title": "The red boat",
        },
    )
    video = decoded(path)
    assert video.facts.taken_at == "2023-05-01T12:34:56+02:00"
    assert video.facts.camera == "Apple iPhone 12"
    assert (video.facts.latitude, video.facts.longitude) == (55.6761, -12.5683)
    assert video.words.caption == "The red boat"


def test_metadata_in_another_encoding_costs_no_video(tmp_path: Path) -> None:
    title = {"title": "Straße"}
    video = decoded(make_video(tmp_path / "a.avi", [1], metadata=title, encoding="latin-1"))
    assert video.words.caption == "Stra\N{REPLACEMENT CHARACTER}e"


def test_a_clock_that_nobody_set_is_no_date(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", [1], metadata={"creation_time": "1970-01-01T00:00:00Z"})
    assert decoded(path).facts.taken_at is None


def test_the_thumbnail_is_the_first_chosen_frame(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", [1, 2, 3])
    with path.open("rb") as file:
        square = Square.of(SMALL)
        made = decode_video(file, (square, Thumbnail(SIDE)), LIMITS).products
    assert made["thumbnail"][0].size == (SIDE, SIDE)
    seed = next(seed for seed in (1, 2, 3) if shows(made["square"][0], seed))
    assert shows(made["thumbnail"][0], seed)


@pytest.mark.parametrize(("second", "seed"), [(0.0, 1), (1.2, 2), (2.95, 3), (60.0, 3)])
@pytest.mark.parametrize("gop", [1000, 1])
def test_a_thumbnail_can_be_of_the_frame_at_a_moment(
    second: float, seed: int, gop: int, tmp_path: Path
) -> None:
    path = make_video(tmp_path / "a.mp4", [1, 2, 3], gop=gop)
    with path.open("rb") as file:
        made = decode_video(file, (Thumbnail(SIDE, second=second),), LIMITS)
    assert shows(made.products["thumbnail"][0], seed)


def test_the_moment_of_a_frame_is_the_one_at_which_it_is_shown(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", [1, 2, 3, 4], seconds_each=0.7, rate=30, gop=1)
    video = decoded(path)
    for image, second in zip(frames_of(video), video.seconds, strict=True):
        with path.open("rb") as file:
            made = decode_video(file, (Thumbnail(SIDE, second=second),), LIMITS)
        again = made.products["thumbnail"][0].resize(image.size)
        difference = np.asarray(again, np.int16) - np.asarray(image, np.int16)
        assert np.abs(difference).mean() < 5


def test_a_worker_reads_a_video_without_holding_its_file(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", [1, 2])
    with path.open("ab") as file:
        file.truncate(2 << 30)  # twice of what a worker may have
    found = read(path, limits=ReadSettings(workers=1, max_memory_bytes=1 << 30))
    assert isinstance(found, Picture)
    assert found.size_bytes == 2 << 30
    assert found.reader == "VIDEO 1"
    assert len(found.parts) == len(found.seconds) == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", Reason.BROKEN), (b"not a video", Reason.BROKEN), (b"\xff\xd8\xff\xe0", Reason.BROKEN)],
)
def test_what_is_no_video_costs_one_file(content: bytes, code: Reason, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    found = read(tmp_path / "a.mp4")
    assert isinstance(found, Trouble)
    assert found.code is code


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="holds no video"):
        decoded(make_video(tmp_path / "a.mp4", [], sound_alone=True))


def test_a_video_cut_short_is_known_by_what_is_there_or_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", range(1, 9))
    content = path.read_bytes()
    for share in (0.3, 0.6, 0.9):
        found = decode_video(
            BytesIO(content[: int(share * len(content))]), model_products(SMALL), LIMITS
        )
        assert found.seconds
    path = make_video(tmp_path / "b.mp4", [1, 2])
    with pytest.raises(Unreadable, match="broken"):
        decode_video(BytesIO(path.read_bytes()[:-200]), model_products(SMALL), LIMITS)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "webm"])
def test_a_playlist_opens_nothing(ending: str, tmp_path: Path) -> None:
    other = make_video(tmp_path / "other.mp4", [1])
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{other}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {other}\n",
    ):
        path = tmp_path / f"a.{ending}"
        path.write_text(text)
        with pytest.raises(Unreadable):
            decoded(path)


def test_a_video_with_too_many_pixels_is_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", [1])
    with path.open("rb") as file, pytest.raises(Unreadable) as caught:
        decode_video(file, model_products(SMALL), ReadSettings(max_megapixels=0.001))
    assert caught.value.code is Reason.TOO_LARGE


def test_damaged_videos_end_within_the_limits(tmp_path: Path) -> None:
    content = make_video(tmp_path / "a.mp4", [1, 2, 3]).read_bytes()
    chance = np.random.default_rng(0)
    for number in range(30):
        damaged = bytearray(content)
        for position in chance.integers(0, len(content), 20).tolist():
            damaged[position] = int(chance.integers(256))
        (tmp_path / f"{number}.mp4").write_bytes(damaged)
    tasks = [
        ReadTask(bytes(tmp_path / f"{number}.mp4"), model_products(SMALL)) for number in range(30)
    ]
    with Readers(LIMITS) as readers:
        outcomes = list(readers.read_all(tasks))
    assert len(outcomes) == 30
    assert all(each.code for each in outcomes if isinstance(each, Trouble))


def test_a_video_that_takes_too_long_costs_its_worker_alone(tmp_path: Path) -> None:
    slow = make_video(tmp_path / "slow.mp4", range(1, 5), size=(1280, 720))
    limits = ReadSettings(workers=1, max_seconds=0.01)
    with Readers(limits) as readers:
        (outcome,) = readers.read_all([ReadTask(bytes(slow), model_products(SMALL))])
    assert isinstance(outcome, Trouble)
    assert outcome.code is Reason.TOO_SLOW


def test_a_video_without_its_reader_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(tmp_path / "a.mp4", [1])
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "rclip_like.images.video", raising=False)
    with pytest.raises(Unreadable, match="pip install av") as caught:
        decoded(path)
    assert caught.value.code is Reason.NEEDS_PACKAGE
