"""Reading one file: digest, formats by content, refusals with their reasons."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from blake3 import blake3
from damaged_pictures import ENDINGS, whole
from PIL import Image
from read_in_process import read_picture
from written_tiff import written

from rclip_like.errors import PictureError, Reason, Remedy
from rclip_like.images import heif
from rclip_like.images.decoding import Unreadable, decode
from rclip_like.images.formats import FORMATS
from rclip_like.images.products import Square
from rclip_like.images.support import reader_versions
from rclip_like.settings import ReadSettings
from rclip_like.values import (
    PICTURE_EXTENSIONS,
    VIDEO_EXTENSIONS,
    Picture,
    PictureFacts,
    Preprocessing,
    opened_extensions,
)

SMALL = Preprocessing(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
LIMITS = ReadSettings()

# Pillow's name for the writer, the file's ending, the mode written, the largest error in levels.
WRITTEN = (
    ("JPEG", "jpg", "RGB", 3),
    ("JPEG", "jpe", "L", 3),
    ("MPO", "mpo", "RGB", 3),
    ("PNG", "png", "RGB", 0),
    ("PNG", "apng", "RGBA", 0),
    ("WEBP", "webp", "RGB", 4),
    ("GIF", "gif", "P", 40),
    ("TIFF", "tif", "RGB", 0),
    ("TIFF", "tiff", "CMYK", 1),
    ("BMP", "bmp", "RGB", 0),
    ("DIB", "dib", "RGB", 0),
    ("JPEG2000", "jp2", "RGB", 1),
    ("JPEG2000", "j2k", "RGB", 1),
    ("PPM", "ppm", "RGB", 0),
    ("PPM", "pgm", "L", 0),
    ("TGA", "tga", "RGB", 0),
    ("ICO", "ico", "RGBA", 0),
    ("AVIF", "avif", "RGB", 6),
    ("HEIF", "heic", "RGB", 6),
)


def gradient(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Return a smooth picture that looks different from each side."""
    width, height = size
    across = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    down = np.linspace(255, 0, height)[:, None].repeat(width, 1)
    return Image.fromarray(np.dstack([across, down, across / 2 + 60]).astype(np.uint8))


def saved(path: Path, image: Image.Image | None = None, **options: object) -> bytes:
    """Write the picture, a gradient unless told, and return the file's path."""
    (image or gradient()).save(path, **options)
    return os.fsencode(path)


def read(path: bytes, limits: ReadSettings = LIMITS) -> Picture:
    return read_picture(path, SMALL, limits)


def refusal(path: bytes | Path, limits: ReadSettings = LIMITS) -> str:
    with pytest.raises(PictureError) as caught:
        read(os.fsencode(path), limits)
    assert caught.value.path == os.fsencode(path)
    return caught.value.reason


@pytest.mark.parametrize(("name", "ending", "mode", "tolerance"), WRITTEN)
def test_every_format_is_read_with_its_colours(
    name: str, ending: str, mode: str, tolerance: int, tmp_path: Path
) -> None:
    pillow_heif.register_heif_opener()
    picture = gradient((64, 64)).convert(mode)
    path = saved(tmp_path / f"a.{ending}", picture, format=name)
    expected = read(saved(tmp_path / "expected.png", picture.convert("RGB"))).parts[0]
    found = read(path).parts[0]
    assert found.shape == (32, 32, 3)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).mean() <= tolerance


def test_a_walk_proposes_every_ending_of_the_table_and_no_other() -> None:
    endings = {b"." + ending.encode() for known in FORMATS for ending in known.endings}
    assert endings == PICTURE_EXTENSIONS | VIDEO_EXTENSIONS == opened_extensions()


def test_no_reader_is_enabled_that_starts_programs() -> None:
    assert not {"EPS", "PDF", "WMF", "PSD", "FITS", "GRIB"} & {known.name for known in FORMATS}


def test_the_content_decides_and_not_the_extension(tmp_path: Path) -> None:
    path = saved(tmp_path / "really-a-png.jpg", format="PNG")
    assert read(path).facts == PictureFacts(64, 48)


@pytest.mark.parametrize("ending", ["jpg", "eps", "tif"])
def test_postscript_is_never_opened(ending: str, tmp_path: Path) -> None:
    path = saved(tmp_path / f"a.{ending}", format="EPS")
    assert refusal(path) == "not a picture in a known format"


def test_digest_is_blake3_of_the_whole_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png")
    assert read(path).digest == blake3((tmp_path / "a.png").read_bytes()).digest()


def test_a_known_digest_spares_the_decoding_and_the_pixels(tmp_path: Path) -> None:
    (tmp_path / "no-picture.jpg").write_bytes(b"text")
    digest = blake3(b"text").digest()
    path = os.fsencode(tmp_path / "no-picture.jpg")
    expected = Picture(path, digest, facts=None, size_bytes=4)
    assert read_picture(path, SMALL, LIMITS, known=[digest]) == expected


@pytest.mark.parametrize(
    ("ending", "reader"),
    [("jpg", "JPEG 1"), ("tif", "TIFF 2"), ("heic", "HEIF 2"), ("dib", "DIB 2")],
)
def test_a_picture_says_what_read_it(ending: str, reader: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(whole(ending))
    assert read(os.fsencode(tmp_path / "a")).reader == reader


def test_a_photo_with_another_behind_it_is_of_a_format_too(tmp_path: Path) -> None:
    gradient().save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[gradient()])
    assert read(os.fsencode(tmp_path / "a.jpg")).reader == "MPO 1"


def test_every_format_has_a_version_of_its_reader(tmp_path: Path) -> None:
    for ending in ENDINGS:
        (tmp_path / f"a.{ending}").write_bytes(whole(ending))
        assert (read(os.fsencode(tmp_path / f"a.{ending}")).reader or " 0")[-1] in "12"


def test_pixels_are_digested_with_their_frames(tmp_path: Path) -> None:
    first, second, third = (Image.new("RGB", (32, 32), (shade,) * 3) for shade in (10, 90, 200))
    for name, frames in {"a.png": [], "b.webp": [], "c.gif": [second], "d.gif": [third]}.items():
        first.save(tmp_path / name, lossless=True, save_all=bool(frames), append_images=frames)
    a, b, c, d = (read(os.fsencode(each)) for each in sorted(tmp_path.iterdir()))
    assert a.parts
    assert a.pixels_digest == blake3(a.parts[0].tobytes()).digest()
    assert a.digest != b.digest
    assert a.pixels_digest == b.pixels_digest
    assert len({a.pixels_digest, c.pixels_digest, d.pixels_digest}) == 3


def test_facts_are_the_full_size_of_a_jpeg_read_at_reduced_scale(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", gradient((1201, 801)))
    assert read(path).facts == PictureFacts(1201, 801)


@pytest.mark.parametrize("ending", ["jpg", "png", "gif", "bmp", "tif", "webp", "jp2", "ppm"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(ending: str, share: float, tmp_path: Path) -> None:
    noise = Image.effect_noise((200, 150), 90)
    path = tmp_path / f"a.{ending}"
    whole = Path(os.fsdecode(saved(path, noise))).read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert refusal(path)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_truncated_photo_is_told_as_such(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    whole = Path(os.fsdecode(saved(path, Image.effect_noise((900, 900), 90)))).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert refusal(path) == f"truncated; {Remedy.ACCEPT_TRUNCATED}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"x\n", "not a picture in a known format"),
        (b"just text", "not a picture in a known format"),
        (b"RIFF\x24\x09\0\0WAVEfmt ", "not a picture in a known format"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "not a picture in a known format"),
        (b"PK\x03\x04" + bytes(64), "not a picture in a known format"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert refusal(tmp_path / "a.jpg") == reason


@pytest.mark.parametrize("start", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
@pytest.mark.parametrize("num_zeros", [0, 64])
def test_a_beginning_with_nothing_or_zeros_behind_is_truncated(
    start: bytes, num_zeros: int, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(start + bytes(num_zeros))
    assert refusal(tmp_path / "a.jpg") == f"truncated; {Remedy.ACCEPT_TRUNCATED}"


def test_a_kind_of_a_known_format_that_is_not_read_is_not_called_unknown(tmp_path: Path) -> None:
    lab = np.zeros((8, 8, 3), np.uint16)
    (tmp_path / "a.tif").write_bytes(written(lab, photometric="cielab"))
    assert refusal(tmp_path / "a.tif") == "broken: unknown pixel mode"


def shown(data: bytes, ending: str) -> bytes | Reason:
    """Return the pixels of a picture, or the reason why there are none."""
    try:
        (square,) = decode(data, b"." + ending.encode(), [Square.of(SMALL)], LIMITS).products[
            "square"
        ]
        return square.tobytes()
    except Unreadable as error:
        return error.code


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_cut_at_any_place_is_told_as_such_or_costs_nothing(ending: str) -> None:
    data = whole(ending)
    heif.register()
    places = {*range(len(data) - 120, len(data)), *range(8, 120), *range(120, len(data), 211)}
    outcomes = {place: shown(data[:place], ending) for place in sorted(places)}
    expected = Reason.TRUNCATED, shown(data, ending)
    assert [place for place, outcome in outcomes.items() if outcome not in expected] == []
    assert outcomes[119] is Reason.TRUNCATED


@pytest.mark.parametrize("ending", ["heic", "avif"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_cut_is_told_where_the_pixels_go_to_the_end_of_the_file(
    ending: str, share: float, tmp_path: Path
) -> None:
    data = whole(ending)
    heif.register()
    start = data.index(b"mdat") - 4
    assert int.from_bytes(data[start : start + 4], "big") == len(data) - start
    endless = data[:start] + bytes(4) + data[start + 4 :]
    assert shown(endless, ending) == shown(data, ending)
    assert shown(endless[: int(len(data) * share)], ending) is Reason.TRUNCATED


@pytest.mark.parametrize("ending", ["jpg", "png", "gif", "jp2", "webp", "heic", "avif"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_file_of_which_the_rest_is_zeros_is_truncated(
    ending: str, share: float, tmp_path: Path
) -> None:
    data = whole(ending)
    heif.register()
    start = int(len(data) * share)
    (tmp_path / f"a.{ending}").write_bytes(data[:start].ljust(len(data), b"\0"))
    assert refusal(tmp_path / f"a.{ending}").startswith("truncated")


def test_a_reason_is_the_same_in_every_run(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0" + bytes(range(200)))
    reasons = {refusal(tmp_path / "a.tif") for _ in range(3)}
    assert len(reasons) == 1
    assert "0x" not in reasons.pop()


def test_the_pixel_limit_is_checked_before_decoding(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.new("1", (4000, 4000)))
    assert refusal(path, ReadSettings(max_megapixels=15)) == (
        f"has more than 15 megapixels; {Remedy.RAISE_PIXELS}"
    )


def test_a_picture_within_our_limit_is_read_whatever_pillow_warns_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    path = saved(tmp_path / "a.png", Image.new("1", (40, 40)))
    assert read(path).facts == PictureFacts(40, 40)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_a_file_larger_than_half_the_memory_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "sparse.tif", "wb") as file:
        file.truncate(1 << 40)
    four = ReadSettings(max_memory_bytes=4 << 30)
    assert refusal(tmp_path / "sparse.tif", four) == "larger than 2.0 GiB"


def test_what_may_pass_is_told_from_what_lasts(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.jpg")
    told = {}
    for name in ("gone.jpg", "empty.jpg", "pipe.jpg"):
        with pytest.raises(PictureError) as caught:
            read(os.fsencode(tmp_path / name))
        told[name] = caught.value.lasting, caught.value.code
    assert told == {
        "gone.jpg": (False, Reason.UNREADABLE),
        "empty.jpg": (True, Reason.EMPTY),
        "pipe.jpg": (False, Reason.NOT_A_FILE),
    }


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.jpg", b"", Reason.EMPTY),
        ("a.jpg", b"just text", Reason.UNKNOWN_FORMAT),
        ("a.ppm", b"P6 64 48 255 too few", Reason.TRUNCATED),
        ("a.ppm", b"P6 1 1 70000 " + bytes(9), Reason.BROKEN),
        ("a.ppm", b"P6 4000 4000 255 ", Reason.TOO_LARGE),
        ("a.ppm", bytes(9 << 20), Reason.FILE_TOO_LARGE),
    ],
)
def test_a_reason_is_a_value_beside_its_sentence(
    name: str, content: bytes, code: Reason, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    limits = ReadSettings(max_megapixels=15, max_memory_bytes=16 << 20)
    with pytest.raises(PictureError) as caught:
        read(os.fsencode(tmp_path / name), limits)
    assert caught.value.code is code
    assert pickle.loads(pickle.dumps(caught.value)).code is code


def test_reader_versions_name_the_decoders() -> None:
    assert reader_versions().startswith("pillow ")
    assert "pi-heif" in reader_versions()
    assert reader_versions().endswith(", readers 2")
    assert "rawpy" in reader_versions()


def half_of(path: Path, *, share: float = 0.5) -> bytes:
    """Cut a photo of a gradient short, and return its path."""
    whole = Path(os.fsdecode(saved(path, gradient((900, 900))))).read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return os.fsencode(path)


@pytest.mark.parametrize("ending", ["jpg", "png", "bmp", "tga", "tif", "ppm"])
def test_what_is_there_of_a_truncated_picture_counts_when_asked(
    ending: str, tmp_path: Path
) -> None:
    path = half_of(tmp_path / f"a.{ending}")
    picture = read(path, ReadSettings(accept_truncated=True))
    assert picture.facts == PictureFacts(900, 900)
    expected = read(saved(tmp_path / "whole.png", gradient((900, 900)))).parts[0]
    top = slice(16, 32) if ending in ("bmp", "tga") else slice(0, 8)  # the last lines come first
    assert np.abs(picture.parts[0].astype(int) - expected)[top].mean() <= 60
    assert refusal(path)


@pytest.mark.parametrize("ending", ["webp", "avif", "heic", "dng"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_formats_that_give_no_part_are_refused_without_a_remedy_that_does_not_help(
    ending: str, share: float, tmp_path: Path
) -> None:
    data = whole(ending)
    heif.register()
    (tmp_path / f"a.{ending}").write_bytes(data[: int(len(data) * share)])
    for accept in (False, True):
        limits = ReadSettings(accept_truncated=accept)
        assert refusal(tmp_path / f"a.{ending}", limits) == "truncated"


def test_an_empty_file_stays_refused_when_truncated_ones_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    assert refusal(tmp_path / "a.jpg", ReadSettings(accept_truncated=True)) == "empty file"
