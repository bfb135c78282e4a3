"""Thumbnails: what they show, and how the cache keeps, checks and bounds them."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from blake3 import blake3
from colour_profiles import ADOBE_RGB, profile, with_primaries
from PIL import Image, ImageCms
from private_mounts import needs_mounts, run_in_namespace
from raw_files import dng
from turned import ORIENTATIONS, turned
from written_tiff import written

from rclip_like.images.thumbnails import ThumbnailCache, Wanted, thumbnails
from rclip_like.settings import ReadSettings
from rclip_like.values import Trouble

LIMITS = ReadSettings(workers=1)
ROOM = 256 * 100_000
RED, BLUE = (220, 20, 20), (20, 20, 220)
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
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    image.save(path, **options)
    return path


def test_thumbnails_of_all_kinds_of_pictures_are_upright_in_srgb_and_bare(tmp_path: Path) -> None:
    paths = all_kinds(tmp_path)
    wanted = [Wanted(os.fsencode(path), digest_of(path)) for path in paths]
    made = list(thumbnails(wanted, 64, ThumbnailCache(0, tmp_path / "cache"), LIMITS))
    for path, webp in zip(paths, made, strict=True):
        small = opened(webp)
        assert (path.name, small.format, small.size, small.mode) == (
            *(path.name, "WEBP", (64, 32), "RGB"),
        )
        pixels = np.asarray(small).astype(int)
        for column, colour in ((16, RED), (48, BLUE)):
            difference = np.abs(pixels[16, column] - colour).max()
            assert difference < (60 if path.suffix in (".dng", ".tif") else 16), path.name
        assert not small.getexif()
        assert not {"icc_profile", "exif", "xmp"} & set(small.info)
        assert getattr(small, "n_frames", 1) == 1


def all_kinds(folder: Path) -> list[Path]:
    """Write the same picture, red at the left and blue at the right, in ways that need care."""
    pillow_heif.register_heif_opener()
    image, paths = Image.open(halves(folder / "plain.png")), [folder / "plain.png"]

    def save(name: str, image: Image.Image, **options: Any) -> None:
        image.save(folder / name, **options)
        paths.append(folder / name)

    for orientation in ORIENTATIONS:
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = orientation, "a camera"
        save(f"turned-{orientation}.jpg", turned(image, orientation), exif=exif, quality=95)
    save("cmyk.tif", image.convert("CMYK"))
    save("alpha.png", image.convert("RGBA"), icc_profile=profile("sRGB"))
    save("animation.gif", image, save_all=True, append_images=[image.rotate(180)])
    save("picture.heic", image, quality=95)
    adobe_rgb = with_primaries(ADOBE_RGB)
    srgb, wide = (ImageCms.ImageCmsProfile(BytesIO(each)) for each in (profile("sRGB"), adobe_rgb))
    stored = ImageCms.profileToProfile(image, srgb, wide)
    assert stored is not None
    assert np.abs(np.asarray(stored).astype(int) - image).max() > 10
    save("wide.png", stored, icc_profile=adobe_rgb)
    for name, content in (
        ("deep.tif", written(np.asarray(image).astype(np.uint16) * 257)),
        ("raw.dng", dng(image)),
    ):
        (folder / name).write_bytes(content)
        paths.append(folder / name)
    return paths


def test_a_small_picture_keeps_its_size_and_a_long_one_a_pixel(tmp_path: Path) -> None:
    cache = ThumbnailCache(0, tmp_path / "cache")
    assert opened(make(halves(tmp_path / "a.png", (20, 10)), cache)).size == (20, 10)
    assert opened(make(halves(tmp_path / "b.png", (900, 2)), cache)).size == (64, 1)


def test_noise_gets_a_lower_quality_so_that_a_sheet_of_a_thousand_stays_small(
    tmp_path: Path,
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    (webp,) = thumbnails(
        [Wanted(os.fsencode(tmp_path / "a.png"), digest_of(tmp_path / "a.png"))],
        *(256, ThumbnailCache(0, tmp_path / "cache"), LIMITS),
    )
    assert isinstance(webp, bytes)
    assert len(webp) * 4 / 3 + 1500 < 25_000


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


def test_the_cache_may_lie_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk" / "readers-of-old").mkdir(parents=True)
    (tmp_path / "disk" / "readers-of-old" / "thumbnail.webp").touch()
    (tmp_path / "cache").symlink_to("disk")
    cache = ThumbnailCache(ROOM, tmp_path / "cache")
    cache.add(DIGEST, 64, b"thumbnail")
    assert cache.find(DIGEST, 64) == b"thumbnail"
    assert cache.usage().number == cache.clear().number == 1
    assert cache.usage().number == 0
    assert (tmp_path / "cache").is_symlink()


ON_READ_ONLY_DISK = """
import subprocess, sys
from pathlib import Path
from rclip_like.images.thumbnails import ThumbnailCache
folder = sys.argv[1]
for options in ("--bind", folder), ("-o", "remount,ro,bind"):
    if subprocess.run(["mount", *options, folder]).returncode:
        sys.exit(77)
assert ThumbnailCache(10_000_000, Path(folder)).find(bytes(32), 64) == b"thumbnail"
"""


@needs_mounts
def test_a_cache_on_a_read_only_disk_is_used(tmp_path: Path) -> None:
    cache = ThumbnailCache(ROOM, tmp_path / "cache")
    cache.add(bytes(32), 64, b"thumbnail")
    for path in (tmp_path / "cache").rglob("*.webp"):
        os.utime(path, (0, 0))
    (tmp_path / "program.py").write_text(ON_READ_ONLY_DISK)
    run_in_namespace(tmp_path / "program.py", tmp_path / "cache")


def test_a_cache_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = ThumbnailCache(ROOM, tmp_path / "file" / "cache")
    assert opened(make(halves(tmp_path / "a.png"), cache)).size == (64, 32)
