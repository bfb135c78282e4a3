"""JPEG and PNG files that are not quite right: what viewers read past, what is really missing."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import skimage
from PIL import Image
from read_in_process import read_picture

from rclip_like.errors import PictureError, Reason
from rclip_like.settings import ReadSettings
from rclip_like.values import Preprocessing

MODEL = Preprocessing(64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), resize_mode="squash")
LIMITS = ReadSettings()
TOLERANCE = 2
"""In levels: what is shown of a picture whose last bits are missing, beside the whole one."""


def shown(data: bytes, folder: Path) -> npt.NDArray[np.int_] | Reason | None:
    """Return the pixels, or the reason why there are none."""
    (folder / "a").write_bytes(data)
    try:
        picture = read_picture(os.fsencode(folder / "a"), MODEL, LIMITS)
    except PictureError as error:
        return error.code
    assert picture.parts
    return picture.parts[0].astype(int)


def assert_shows(data: bytes, whole: bytes, folder: Path, tolerance: int = 0) -> None:
    found, expected = shown(data, folder), shown(whole, folder)
    assert isinstance(expected, np.ndarray)
    assert isinstance(found, np.ndarray), found
    assert np.abs(found - expected).max() <= tolerance


def cat(**options: object) -> bytes:
    """Return a photo of 150 by 100 pixels in the format and kind that the options name."""
    with Image.open(Path(skimage.__file__).parent / "data" / "chelsea.png") as image:
        small = image.resize((150, 100)).convert(str(options.pop("mode", "RGB")))
    file = io.BytesIO()
    small.save(file, **{"format": "JPEG", **options})
    return file.getvalue()


KINDS = {
    "baseline": cat(),
    "full colour": cat(subsampling=0, quality=95),
    "optimised": cat(optimize=True),
    "progressive": cat(progressive=True),
    "restarting": cat(restart_marker_blocks=3),
    "grey": cat(mode="L"),
    "inks": cat(mode="CMYK"),
    "progressive grey": cat(mode="L", progressive=True),
}
END = b"\xff\xd9"
jpegs = pytest.mark.parametrize("whole", KINDS.values(), ids=KINDS)


@jpegs
@pytest.mark.parametrize("end", [b"", b"\0", bytes(4096), b"\xff", b"\xff\xff\xff"])
def test_a_photo_that_lacks_its_end_marker_alone_is_read(
    end: bytes, whole: bytes, tmp_path: Path
) -> None:
    assert whole.endswith(END)
    assert_shows(whole[:-2] + end, whole, tmp_path)


@jpegs
@pytest.mark.parametrize("end", [bytes(4096), b"\xff" * 9, b"SEFT and more of a camera's own"])
def test_what_comes_after_a_photo_costs_nothing(end: bytes, whole: bytes, tmp_path: Path) -> None:
    assert_shows(whole + end, whole, tmp_path)


@jpegs
@pytest.mark.parametrize("filling", [b"", bytes(4096)])
def test_a_photo_cut_anywhere_is_whole_to_the_eye_or_truncated(
    filling: bytes, whole: bytes, tmp_path: Path
) -> None:
    refused, read = 0, 0
    for place in {*range(len(whole) - 202, len(whole) - 2), *range(100, len(whole) - 202, 97)}:
        cut = whole[:place]
        assert not cut.endswith(END)
        found = shown(cut + filling, tmp_path)
        if isinstance(found, np.ndarray):
            read += 1
            assert place > len(whole) - 20
            assert_shows(cut + filling, whole, tmp_path, TOLERANCE)
        else:
            refused += 1
            assert found is Reason.TRUNCATED
    assert refused > 190
    assert read <= 10


def test_a_progressive_photo_cut_between_its_scans_is_truncated(tmp_path: Path) -> None:
    whole = KINDS["progressive"]
    scans = [place for place in range(len(whole)) if whole.startswith(b"\xff\xda", place)]
    tables = [place for place in range(len(whole)) if whole.startswith(b"\xff\xc4", place)]
    assert len(scans) > 5
    for place in [*scans[1:], *(each for each in tables if each > scans[0])]:
        assert shown(whole[:place], tmp_path) is Reason.TRUNCATED


def segment_of_kind(marker: int, whole: bytes) -> int:
    place = whole.index(bytes((0xFF, marker)))
    assert place > 0
    return place


@jpegs
@pytest.mark.parametrize(
    "loose",
    [
        b"abc",
        b"\xff\x9a",
        b"\xff\x02",
        b"\xff\x01",
        b"\xff\xff\xff",
        b"\xff\0\xff\0",
        b"\xff\x9a\x12\xff\xbf\xff",
        b"\xff\xf7",
        b"\0" * 50,
    ],
    ids=bytes.hex,
)
def test_loose_bytes_before_the_picture_are_passed_over(
    loose: bytes, whole: bytes, tmp_path: Path
) -> None:
    frame = 0xC2 if b"\xff\xc2" in whole else 0xC0
    for marker in (0xDB, frame, 0xC4, 0xDA):
        place = segment_of_kind(marker, whole)
        assert_shows(whole[:place] + loose + whole[place:], whole, tmp_path)


def test_a_photo_with_loose_bytes_and_no_end_is_read(tmp_path: Path) -> None:
    whole = KINDS["baseline"]
    place = segment_of_kind(0xC0, whole)
    assert_shows(whole[:place] + b"\xff\x9a" + whole[place:-2], whole, tmp_path)
    assert shown(whole[:place] + b"\xff\x9a" + whole[place:-100], tmp_path) is Reason.TRUNCATED


def chunk(kind: bytes, content: bytes, *, wrong: bool = False) -> bytes:
    checksum = zlib.crc32(kind + content) ^ wrong
    return len(content).to_bytes(4, "big") + kind + content + checksum.to_bytes(4, "big")


def png() -> bytes:
    return cat(format="PNG")


UNNEEDED = {
    b"tEXt": b"Comment\0hello",
    b"iTXt": b"XML:com.adobe.xmp\0\0\0\0\0<x/>",
    b"zTXt": b"Comment\0\0" + zlib.compress(b"hello"),
    b"pHYs": bytes((0, 0, 11, 19, 0, 0, 11, 19, 1)),
    b"tIME": bytes((7, 227, 7, 14, 18, 5, 9)),
    b"gAMA": bytes((0, 0, 177, 143)),
    b"iCCP": b"name\0\0" + zlib.compress(b"no profile"),
    b"eXIf": b"II*\0\x08\0\0\0\0\0",
    b"vpAg": b"private",
}


@pytest.mark.parametrize("kind", UNNEEDED, ids=bytes.decode)
@pytest.mark.parametrize("before", [b"IDAT", b"IEND"], ids=bytes.decode)
def test_a_wrong_checksum_of_what_is_not_needed_costs_nothing(
    before: bytes, kind: bytes, tmp_path: Path
) -> None:
    whole = png()
    place = whole.index(before) - 4
    wrong = chunk(kind, UNNEEDED[kind], wrong=True)
    assert_shows(whole[:place] + wrong + whole[place:], whole, tmp_path)


def test_wrong_checksums_of_many_chunks_cost_nothing(tmp_path: Path) -> None:
    whole = png()
    first, last = whole.index(b"IDAT") - 4, whole.index(b"IEND") - 4
    some = b"".join(chunk(kind, content, wrong=True) for kind, content in UNNEEDED.items())
    end = whole[last:-4] + b"oops"
    assert_shows(whole[:first] + some + whole[first:last] + some + end, whole, tmp_path)


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tRNS", b"IDAT"], ids=bytes.decode)
def test_a_wrong_checksum_of_what_makes_the_pixels_is_refused(kind: bytes, tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(png())).quantize(50).save(file, "PNG", transparency=3)
    whole = file.getvalue()
    assert isinstance(shown(whole, tmp_path), np.ndarray)
    place = whole.rindex(kind) - 4
    end = place + 8 + int.from_bytes(whole[place : place + 4], "big")
    damaged = whole[:end] + bytes((whole[end] ^ 1,)) + whole[end + 1 :]
    assert shown(damaged, tmp_path) is Reason.BROKEN


def test_an_animation_with_a_wrong_checksum_is_still_a_picture(tmp_path: Path) -> None:
    file = io.BytesIO()
    still = Image.open(io.BytesIO(png()))
    still.save(file, "PNG", save_all=True, append_images=[still.rotate(180)])
    animated = file.getvalue()
    for kind in (b"acTL", b"fcTL", b"fdAT"):
        place = animated.rindex(kind) - 4
        end = place + 8 + int.from_bytes(animated[place : place + 4], "big")
        damaged = animated[:end] + bytes((animated[end] ^ 1,)) + animated[end + 1 :]
        assert_shows(damaged, png(), tmp_path)
