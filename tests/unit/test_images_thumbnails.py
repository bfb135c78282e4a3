"""Thumbnails: what they show, and how the cache keeps, checks and bounds them."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
from blake3 import blake3
from PIL import Image

from rclip_like.images.thumbnails import ThumbnailCache, Wanted, thumbnails
from rclip_like.settings import ReadSettings
from rclip_like.values import Trouble

LIMITS = ReadSettings(workers=1)
ROOM = 256 * 100_000
DIGEST = bytes(range(32))


def opened(webp: bytes | Trouble) -> Image.Image:
    assert isinstance(webp, bytes)
    return Image.open(BytesIO(webp))


def digest_of(path: Path) -> bytes:
    return blake3(path.read_bytes()).digest() if path.exists() else DIGEST


def make(path: Path, cache: ThumbnailCache, digest: bytes | None = None) -> bytes | Trouble:
    digest = digest or digest_of(path)
    (found,) = thumbnails([Wanted(os.fsencode(path), digest)], 64, cache, LIMITS)
    return found


def halves(path: Path, size: tuple[int, int] = (200, 100), **options: object) -> Path:
    """Write a picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", size, (220, 20, 20))
    image.paste((20, 20, 220), (size[0] // 2, 0, *size))
    image.save(path, **options)
    return path


def test_a_thumbnail_is_upright_small_and_bears_no_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"  # turned to the right to be seen
    path = halves(tmp_path / "a.jpg", exif=exif)
    small = opened(make(path, ThumbnailCache(ROOM, tmp_path / "cache")))
    assert (small.format, small.size) == ("WEBP", (32, 64))
    pixels = np.asarray(small.convert("RGB"))
    assert pixels[5, 16, 0] > 180 > 80 > pixels[5, 16, 2]
    assert pixels[-5, 16, 2] > 180
    assert not small.getexif()
    assert "icc_profile" not in small.info


def test_a_small_picture_keeps_its_size_and_a_long_one_a_pixel(tmp_path: Path) -> None:
    cache = ThumbnailCache(0, tmp_path / "cache")
    assert opened(make(halves(tmp_path / "a.png", (20, 10)), cache)).size == (20, 10)
    assert opened(make(halves(tmp_path / "b.png", (900, 2)), cache)).size == (64, 1)


def test_a_thumbnail_is_made_once(tmp_path: Path) -> None:
    cache = ThumbnailCache(ROOM, tmp_path / "cache")
    path = halves(tmp_path / "a.png")
    made = make(path, cache)
    (found,) = [each for each in (tmp_path / "cache").rglob("*") if each.is_file()]
    digest = bytes.fromhex(found.name.partition("-")[0])
    assert found.stat().st_mode & 0o077 == 0
    path.unlink()
    assert make(path, cache, digest) == made
    assert isinstance(make(path, cache), Trouble)


def test_a_damaged_thumbnail_counts_as_missing(tmp_path: Path) -> None:
    cache = ThumbnailCache(ROOM, tmp_path / "cache")
    cache.add(DIGEST, 64, b"thumbnail")
    assert cache.find(DIGEST, 64) == b"thumbnail"
    assert cache.find(DIGEST, 256) is None
    (path,) = [each for each in (tmp_path / "cache").rglob("*") if each.is_file()]
    for damaged in (path.read_bytes()[:-3], b"other" + path.read_bytes()[5:], b""):
        path.write_bytes(damaged)
        assert cache.find(DIGEST, 64) is None


def test_thumbnails_come_in_order_with_reasons_between_them(tmp_path: Path) -> None:
    cache = ThumbnailCache(ROOM, tmp_path / "cache")
    good = [halves(tmp_path / f"{number}.png", (60 + number, 30)) for number in range(4)]
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8 no picture")
    cache.add(DIGEST, 64, b"kept")
    paths = [good[0], tmp_path / "bad.jpg", tmp_path / "kept", good[1], good[2], tmp_path / "kept"]
    wanted = [Wanted(os.fsencode(path), digest_of(path)) for path in paths]
    found = list(thumbnails(wanted, 64, cache, LIMITS))
    assert [found[number] for number in (2, 5)] == [b"kept", b"kept"]
    assert [opened(found[number]).width for number in (0, 3, 4)] == [60, 61, 62]
    assert isinstance(found[1], Trouble)
    assert found[1].reason


def test_a_file_that_holds_another_picture_gives_none(tmp_path: Path) -> None:
    cache = ThumbnailCache(ROOM, tmp_path / "cache")
    path = halves(tmp_path / "a.png")
    found = make(path, cache, DIGEST)
    assert isinstance(found, Trouble)
    assert found.sentence == "changed since it was indexed"
    assert cache.find(DIGEST, 64) is None
    assert cache.find(digest_of(path), 64)


def test_those_used_least_recently_go_first(tmp_path: Path) -> None:
    cache = ThumbnailCache(256 * 1000, tmp_path / "cache")
    digests = [b"\0" + bytes([number]) * 31 for number in range(5)]
    for number, digest in enumerate(digests):
        cache.add(digest, 64, bytes(200))
        (path,) = (tmp_path / "cache").rglob(f"{digest.hex()}*")
        os.utime(path, (number, number))
        if number == 3:
            assert cache.find(digests[0], 64)  # used again, so that the second is the oldest
    kept = [digest for digest in digests if cache.find(digest, 64)]
    assert digests[0] in kept
    assert digests[4] in kept
    assert digests[1] not in kept
    size = sum(each.stat().st_size for each in (tmp_path / "cache").rglob("*") if each.is_file())
    assert size <= 1000


def test_a_cache_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = ThumbnailCache(ROOM, tmp_path / "file" / "cache")
    assert opened(make(halves(tmp_path / "a.png"), cache)).size == (64, 32)
