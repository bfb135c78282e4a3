"""Thumbnails on demand: made once, newest first, bounded, dropped with their client, closed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import wait
from io import BytesIO
from pathlib import Path

import pytest
from blake3 import blake3
from PIL import Image

from rclip_like.errors import Reason
from rclip_like.images.thumbnails import LARGE, SMALL, ThumbnailCache, Wanted
from rclip_like.page.thumbnails import ThumbnailMaker
from rclip_like.settings import ReadSettings
from rclip_like.values import Trouble

LIMITS = ReadSettings(workers=1)
ROOM = 256 * 1_000_000


def picture(path: Path, red: int = 9, size: tuple[int, int] = (80, 40)) -> tuple[bytes, bytes]:
    """Write a picture and return its path and its digest."""
    Image.new("RGB", size, (red, 90, 200)).save(path)
    return os.fsencode(path), blake3(path.read_bytes()).digest()


@pytest.fixture
def cache(tmp_path: Path) -> ThumbnailCache:
    return ThumbnailCache(ROOM, tmp_path / "cache")


@pytest.fixture
def maker(cache: ThumbnailCache) -> Iterator[ThumbnailMaker]:
    with ThumbnailMaker(cache, LIMITS) as made:
        yield made


def size_of(webp: bytes | Trouble) -> tuple[int, int]:
    assert isinstance(webp, bytes)
    return Image.open(BytesIO(webp)).size


def occupy(maker: ThumbnailMaker, folder: Path) -> None:
    """Give the only process a picture that takes it a while."""
    path = folder / "slow.png"
    Image.new("1", (6000, 6000)).save(path)
    maker.request(Wanted(os.fsencode(path), blake3(path.read_bytes()).digest()), SMALL)


def test_a_large_thumbnail_leaves_the_small_one_in_the_cache(
    maker: ThumbnailMaker, cache: ThumbnailCache, tmp_path: Path
) -> None:
    path, digest = picture(tmp_path / "a.png", size=(2000, 1000))
    assert size_of(maker.make(Wanted(path, digest), LARGE)) == (1024, 512)
    os.unlink(path)
    assert size_of(maker.make(Wanted(path, digest), SMALL)) == (256, 128)
    assert cache.find(digest, LARGE)


def test_a_file_that_holds_another_picture_gives_none(
    maker: ThumbnailMaker, cache: ThumbnailCache, tmp_path: Path
) -> None:
    path, digest = picture(tmp_path / "a.png")
    _, other = picture(tmp_path / "a.png", red=80)
    made = maker.make(Wanted(path, digest), SMALL)
    assert isinstance(made, Trouble)
    assert made.code is Reason.CHANGED
    assert cache.find(digest, SMALL) is None
    assert cache.find(other, SMALL)


def test_what_cannot_be_read_says_why_and_is_not_read_again(
    maker: ThumbnailMaker, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no picture")
    made = maker.make(Wanted(os.fsencode(path), bytes(32)), SMALL)
    assert isinstance(made, Trouble)
    assert made.sentence == "not a picture in a known format"
    path.unlink()
    assert maker.make(Wanted(os.fsencode(path), bytes(32)), SMALL) == made


def test_a_moment_of_a_video_that_cannot_be_read_says_nothing_of_the_others(
    maker: ThumbnailMaker, tmp_path: Path
) -> None:
    path, digest = picture(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[:40])
    assert isinstance(maker.make(Wanted(path, digest, 4.5), SMALL), Trouble)
    (tmp_path / "a.png").write_bytes(whole)
    assert isinstance(maker.make(Wanted(path, digest, 9.0), SMALL), bytes)


def test_many_requests_for_one_picture_read_it_once_and_are_all_answered(
    maker: ThumbnailMaker, tmp_path: Path
) -> None:
    occupy(maker, tmp_path)
    path, digest = picture(tmp_path / "a.png")
    answers = [maker.request(Wanted(path, digest), SMALL) for _ in range(20)]
    assert len({id(each.result(60)) for each in answers}) == 1


def test_the_newest_request_comes_first(maker: ThumbnailMaker, tmp_path: Path) -> None:
    occupy(maker, tmp_path)
    order: list[int] = []
    answers = []
    for number in range(5):
        path, digest = picture(tmp_path / f"{number}.png", number)
        answers.append(maker.request(Wanted(path, digest), SMALL))
        answers[-1].add_done_callback(lambda _, number=number: order.append(number))
    wait(answers, 60)
    assert order == [4, 3, 2, 1, 0]


def test_what_nobody_waits_for_is_not_made(
    maker: ThumbnailMaker, cache: ThumbnailCache, tmp_path: Path
) -> None:
    occupy(maker, tmp_path)
    gone, there = picture(tmp_path / "a.png", 1), picture(tmp_path / "b.png", 2)
    last = maker.request(Wanted(*there), SMALL)
    assert maker.request(Wanted(*gone), SMALL).cancel()
    assert isinstance(last.result(60), bytes)
    assert cache.find(gone[1], SMALL) is None


def test_of_too_many_requests_the_oldest_is_refused(cache: ThumbnailCache, tmp_path: Path) -> None:
    with ThumbnailMaker(cache, LIMITS, most_waiting=3) as maker:
        occupy(maker, tmp_path)
        pictures = [picture(tmp_path / f"{number}.png", number) for number in range(5)]
        made = [
            each.result(60) for each in [maker.request(Wanted(*each), SMALL) for each in pictures]
        ]
    refused = [each for each in made if isinstance(each, Trouble)]
    assert refused == made[:2]
    assert not refused[0].lasting


def test_idle_processes_end_and_others_start_when_needed(
    cache: ThumbnailCache, tmp_path: Path
) -> None:
    with ThumbnailMaker(cache, LIMITS, idle_seconds=0.05) as maker:
        maker.make(Wanted(*picture(tmp_path / "a.png", 1)), SMALL)
        while maker._readers._workers:
            time.sleep(0.01)
        assert isinstance(maker.make(Wanted(*picture(tmp_path / "b.png", 2)), SMALL), bytes)


def test_closing_ends_at_once_and_cancels_what_waits(cache: ThumbnailCache, tmp_path: Path) -> None:
    maker = ThumbnailMaker(cache, LIMITS)
    path = tmp_path / "slow.png"
    Image.new("1", (22_000, 22_000)).save(path)
    reading = maker.request(Wanted(os.fsencode(path), bytes(32)), SMALL)
    waiting = maker.request(Wanted(*picture(tmp_path / "a.png")), SMALL)
    time.sleep(0.3)
    started = time.monotonic()
    maker.close()
    assert time.monotonic() - started < 2
    assert reading.cancelled()
    assert waiting.cancelled()
    assert maker.request(Wanted(*picture(tmp_path / "a.png")), SMALL).cancelled()
