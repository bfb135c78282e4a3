"""Pictures built to hurt: nested, looping, inflating, calling for programs.

Each costs at most itself, in bounded time and memory, and the good picture beside it is read.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from rclip_like.errors import Remedy
from rclip_like.images.products import model_products
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, PictureFacts, Preprocessing, Trouble

SMALL = Preprocessing(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
BOUNDS = ReadSettings(workers=1, max_megapixels=500, max_seconds=20, max_memory_bytes=1 << 30)
TIGHT = BOUNDS._replace(max_memory_bytes=160 << 20)
XMP = b"http://ns.adobe.com/xap/1.0/\0"


def read_beside_a_good_one(
    folder: Path, files: dict[str, bytes], bounds: ReadSettings = BOUNDS
) -> dict[str, Picture | Trouble]:
    """Return what became of the files; fail if the good picture among them was not read."""
    tasks = []
    for name, data in {**files, "good.png": saved("PNG")}.items():
        (folder / name).write_bytes(data)
        path = os.fsencode(folder / name)
        tasks.append(ReadTask(path, model_products(SMALL)))
    with Readers(bounds) as readers:
        found = {
            os.path.basename(os.fsdecode(result.path)): result for result in readers.read_all(tasks)
        }
    assert isinstance(found.pop("good.png"), Picture)
    assert found.keys() == files.keys()
    return found


def outcome(folder: Path, name: str, data: bytes, bounds: ReadSettings = BOUNDS) -> str:
    """Return the reason why a file was refused, '' if it was read as 64 by 48 pixels."""
    result = read_beside_a_good_one(folder, {name: data}, bounds)[name]
    if isinstance(result, Trouble):
        return result.sentence
    assert result.facts is not None
    assert (result.facts.width, result.facts.height) == (64, 48)
    return ""


def saved(kind: str, **options: object) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, **options)
    return file.getvalue()


def png_with(kind: bytes, content: bytes) -> bytes:
    """Return a good PNG with one more chunk behind its header."""
    whole = saved("PNG")
    chunk = struct.pack(">I", len(content)) + kind + content
    return whole[:33] + chunk + struct.pack(">I", zlib.crc32(kind + content)) + whole[33:]


def jpeg_with(*segments: bytes, marker: bytes = b"\xff\xe1") -> bytes:
    """Return a good JPEG with more segments behind its first marker."""
    more = b"".join(marker + struct.pack(">H", len(each) + 2) + each for each in segments)
    whole = saved("JPEG")
    return whole[:2] + more + whole[2:]


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


@pytest.mark.parametrize("name", ["a.jpg", "a.tif", "a.png", "a.nef"])
def test_no_picture_starts_ghostscript(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "was started"
    (tmp_path / "bin").mkdir()
    for program in ("gs", "gswin32c", "gswin64c", "dcraw", "exiftool"):
        fake = tmp_path / "bin" / program
        fake.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
        fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert os.system("gs") == 0
    assert mark.exists()
    mark.unlink()
    postscript = saved("EPS")
    assert postscript.startswith(b"%!PS")
    assert outcome(tmp_path, name, postscript)
    assert not mark.exists()


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_text_that_inflates_is_bounded(kind: bytes, tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(200 << 20), 1)
    head = {b"zTXt": b"key\0\0", b"iTXt": b"key\0\1\0\0\0", b"iCCP": b"name\0\0"}[kind]
    reason = outcome(tmp_path, "a.png", png_with(kind, head + bomb), TIGHT)
    assert reason == "broken: Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK"


def test_many_texts_that_inflate_a_little_are_bounded(tmp_path: Path) -> None:
    text = b"key\0\0" + zlib.compress(bytes(1_000_000), 9)
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + text))
    whole = saved("PNG")
    reason = outcome(tmp_path, "a.png", whole[:33] + chunk * 2000 + whole[33:], TIGHT)
    assert reason.startswith("broken: Too much memory used in text chunks")


@pytest.mark.parametrize(
    "packet", [b"", b"<", b"<x:xmpmeta" * 5000, b"\xff\0" * 9000, b'tiff:Orientation="99"']
)
def test_broken_xmp_costs_nothing(packet: bytes, tmp_path: Path) -> None:
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + packet
    files = {"a.jpg": jpeg_with(XMP + packet), "a.png": png_with(b"iTXt", text)}
    files["a.webp"] = saved("WEBP", xmp=packet)
    files["a.tif"] = saved("TIFF", tiffinfo={700: packet or b"\0"})
    for result in read_beside_a_good_one(tmp_path, files).values():
        assert isinstance(result, Picture), result
        assert result.facts == PictureFacts(64, 48)


def test_damaged_profiles_cost_nothing(tmp_path: Path) -> None:
    whole = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    files = {}
    for seed in range(30):
        draw = np.random.default_rng(seed)
        profile = bytearray(whole.replace(b"s\0R\0G\0B", b"o\0t\0h\0r"))
        for place in draw.integers(128, len(profile), 1 + seed):
            profile[place] = draw.integers(256)
        files[f"{seed}.jpg"] = saved("JPEG", icc_profile=bytes(profile))
    for result in read_beside_a_good_one(tmp_path, files).values():
        assert isinstance(result, Picture), result


def looping_tiff(tag: int) -> bytes:
    """Return a good TIFF whose directory is its own child by this tag, and its own successor."""
    whole = bytearray(saved("TIFF", tiffinfo={tag: 1}))
    (start,) = struct.unpack_from("<I", whole, 4)
    (count,) = struct.unpack_from("<H", whole, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", whole, place) == (tag,):
            struct.pack_into("<HHII", whole, place, tag, 4, 1, start)
            break
    else:
        raise AssertionError("the tag was not written")
    struct.pack_into("<I", whole, start + 2 + 12 * count, start)
    return bytes(whole)


@pytest.mark.parametrize("tag", [330, 34665, 34853])  # pictures, EXIF and places within
def test_directories_that_loop_end(tag: int, tmp_path: Path) -> None:
    assert outcome(tmp_path, "a.tif", looping_tiff(tag)) == ""


def test_an_icon_in_an_icon_is_refused(tmp_path: Path) -> None:
    data = saved("PNG")
    for _ in range(200):
        entry = struct.pack("<BBBBHHII", 64, 48, 0, 0, 1, 32, len(data), 22)
        data = struct.pack("<HHH", 0, 1, 1) + entry + data
    assert outcome(tmp_path, "a.ico", data)


@pytest.mark.parametrize("brand", [b"heic", b"avif", b"crx "])
def test_boxes_in_boxes_are_refused(brand: bytes, tmp_path: Path) -> None:
    data = b""
    for _ in range(5000):
        data = box(b"meta", bytes(4) + box(b"iprp", box(b"ipco", data)))
    head = box(b"ftyp", brand + bytes(4) + brand)
    assert outcome(tmp_path, "a.heic", head + data)


@pytest.mark.parametrize(
    ("segment", "marker", "count"),
    [
        (b"Exif\0\0" + b"x" * 1000, b"\xff\xe1", 1_000),  # more cost the time allowed
        (XMP, b"\xff\xe1", 20_000),
        (b"", b"\xff\xfe", 20_000),
        (b"ICC_PROFILE\0\1\1" + b"x" * 1000, b"\xff\xe2", 20_000),
        (b"MPF\0", b"\xff\xe2", 20_000),
    ],
)
def test_thousands_of_segments_are_passed_over(
    segment: bytes, marker: bytes, count: int, tmp_path: Path
) -> None:
    data = jpeg_with(*[segment] * count, marker=marker)
    assert outcome(tmp_path, "a.jpg", data) == ""


def test_a_huge_canvas_with_tiny_frames_is_refused(tmp_path: Path) -> None:
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, 1, 1) + b"\0\2\2\x44\1\0"
    screen = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0" + bytes(6)
    reason = outcome(tmp_path, "a.gif", screen + frame * 1000 + b";")
    assert reason == f"has more than 500 megapixels; {Remedy.RAISE_PIXELS}"
