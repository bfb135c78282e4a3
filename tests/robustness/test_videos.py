"""Odd and hostile videos: each is found by what can be decoded, or costs one file alone."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from videos import make_long, make_video, scene, write_frames

from rclip_like.errors import Reason
from rclip_like.images.decoding import Decoded, decode_video
from rclip_like.images.products import model_products
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Preprocessing, Trouble

SMALL = Preprocessing(32, (0.0,) * 3, (1.0,) * 3)
LIMITS = ReadSettings(workers=1)


class Counted(io.FileIO):
    """A file that counts the bytes that are read of it."""

    num_read = 0

    def readinto(self, buffer: Any) -> int | None:
        read = super().readinto(buffer)
        self.num_read += read or 0
        return read

    def read(self, *size: int) -> Any:
        content = super().read(*size)
        self.num_read += len(content)
        return content


def decoded(path: Path) -> Decoded:
    with path.open("rb") as file:
        return decode_video(file, model_products(SMALL), LIMITS)


def read(path: Path, limits: ReadSettings = LIMITS) -> Picture | Trouble:
    with Readers(limits) as readers:
        (outcome,) = readers.read_all([ReadTask(bytes(path), model_products(SMALL))])
    return outcome


def scenes_in(video: Decoded, seeds: range) -> set[int]:
    """Return which of the scenes the frames are of, lossy coding aside."""
    frames = [*video.products["square"], *video.products["frames"]]
    return {
        seed
        for seed in seeds
        for frame in frames
        if np.abs(pixels(frame) - pixels(scene(seed).resize(frame.size))).mean() < 20
    }


def pixels(image: Image.Image) -> Any:
    return np.asarray(image, np.int16)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mts"])
def test_three_hours_are_looked_up_and_not_decoded(ending: str, tmp_path: Path) -> None:
    path = make_long(tmp_path / f"long.{ending}", range(1, 8), 3)
    began = time.process_time()
    with Counted(path) as file:
        video = decode_video(file, model_products(SMALL), LIMITS)
        assert file.num_read < path.stat().st_size / 2
    assert time.process_time() - began < 2
    assert scenes_in(video, range(1, 8)) == set(range(1, 8))
    assert max(video.seconds) > 3600


def test_a_video_of_one_frame_is_found_by_it(tmp_path: Path) -> None:
    for name in ("one.mp4", "one.mkv", "one.mov"):
        video = decoded(write_frames(tmp_path / name, [1]))
        assert (video.seconds, scenes_in(video, range(1, 3))) == ((0.0,), {1})


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_frames_at_uneven_times_keep_their_times(ending: str, tmp_path: Path) -> None:
    times = [*range(0, 1000, 100), 20_000, 60_000, *range(90_000, 91_500, 50)]
    path = write_frames(tmp_path / f"a.{ending}", [1] * 10 + [2] * 2 + [3] * 30, times_ms=times)
    assert {0.0, 20.0, 90.0} == set(decoded(path).seconds)


def test_ten_bits_and_transparent_videos_are_read(tmp_path: Path) -> None:
    deep = write_frames(
        tmp_path / "a.mp4",
        [1, 1, 2, 2],
        codec="libx265",
        pixel_format="yuv420p10le",
        options={"x265-params": "log-level=none:pools=1:colorprim=bt2020:transfer=smpte2084"},
    )
    assert scenes_in(decoded(deep), range(1, 3)) == {1, 2}
    clear = write_frames(tmp_path / "a.webm", [1, 2], codec="libvpx-vp9", pixel_format="yuva420p")
    assert scenes_in(decoded(clear), range(1, 3)) == {1, 2}


def test_what_comes_after_a_damaged_middle_is_found(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", range(1, 9))
    content = bytearray(path.read_bytes())
    first, last = len(content) * 3 // 10, len(content) * 6 // 10
    content[first:last] = np.random.default_rng(0).bytes(last - first)
    path.write_bytes(content)
    assert {1, 8} <= scenes_in(decoded(path), range(1, 9))


def test_a_huge_frame_is_refused_within_the_memory(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "a.mp4", [1], size=(5120, 4096), options={"preset": "ultrafast"})
    trouble = read(path, ReadSettings(workers=1, max_memory_bytes=1 << 30))
    assert isinstance(trouble, Trouble)
    assert trouble.code in (Reason.TOO_LARGE, Reason.TOO_MUCH_MEMORY)


@pytest.mark.parametrize(
    "content",
    [
        b"<html><video src='http://127.0.0.1:9/a.mp4'>",
        b"PK\x03\x04" + bytes(999),
        bytes(99_999),
        b"\0\0\0\x20ftypisom" + bytes(9999),
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5000 RTP/AVP 96\n",
        b"RIFF\xff\xff\xff\xffAVI LIST" + b"\xff" * 999,
        b"\x1a\x45\xdf\xa3" + b"\xff" * 999,
        b"\0\0\0\x08ftyp" + b"\0\0\0\x08moov" * 5000,
    ],
)
def test_what_only_says_it_is_a_video_costs_one_file(content: bytes, tmp_path: Path) -> None:
    for ending in ("mp4", "avi", "mkv"):
        (tmp_path / f"a.{ending}").write_bytes(content)
        outcome = read(tmp_path / f"a.{ending}")
        assert isinstance(outcome, Trouble)
        assert outcome.code is Reason.BROKEN


def test_a_picture_named_as_a_video_is_refused(tmp_path: Path) -> None:
    for format_ in ("PNG", "JPEG", "GIF", "TIFF"):
        scene(1).save(tmp_path / "a.mp4", format_)
        assert isinstance(read(tmp_path / "a.mp4"), Trouble)


def test_a_pipe_named_as_a_video_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    outcome = read(tmp_path / "a.mp4")
    assert isinstance(outcome, Trouble)
    assert outcome.code is Reason.NOT_A_FILE
