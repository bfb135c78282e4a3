"""Every mode to sRGB: depth, transparency, profiles, inks."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import skimage
from colour_profiles import P3, profile, with_primaries
from PIL import Image
from read_in_process import read_picture

from rclip_like.settings import ReadSettings
from rclip_like.values import Preprocessing

SQUARE = Preprocessing(16, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def pixels(path: Path) -> npt.NDArray[np.int_]:
    """Return the picture at 16x16, as integers that may be subtracted."""
    picture = read_picture(os.fsencode(path), SQUARE, ReadSettings())
    assert picture.parts
    return picture.parts[0].astype(int)


def ramp(values: npt.NDArray[np.generic]) -> Image.Image:
    """Return a 16x16 picture whose columns hold these sixteen values."""
    return Image.fromarray(np.tile(values, (16, 1)))


GREY = np.arange(16) * 17


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(ending: str, tmp_path: Path) -> None:
    ramp((GREY * 257).astype(np.uint16)).save(tmp_path / f"a.{ending}")
    found = pixels(tmp_path / f"a.{ending}")
    assert (found == GREY[None, :, None]).all()


def test_sixteen_bit_pgm_is_scaled(tmp_path: Path) -> None:
    values = np.tile((GREY * 257).astype(">u2"), (16, 1))
    (tmp_path / "a.pgm").write_bytes(b"P5 16 16 65535\n" + values.tobytes())
    assert (pixels(tmp_path / "a.pgm") == GREY[None, :, None]).all()


@pytest.mark.parametrize("top", [1.0, 255.0, 4000.0])
def test_float_grey_is_scaled_to_its_range(top: float, tmp_path: Path) -> None:
    ramp((np.arange(16) / 15 * top).astype(np.float32)).save(tmp_path / "a.tif")
    assert (pixels(tmp_path / "a.tif") == GREY[None, :, None]).all()


def test_floats_that_are_no_numbers_are_black(tmp_path: Path) -> None:
    values = np.full(16, np.nan, np.float32)
    values[1:3] = 1.0, np.inf
    ramp(values).save(tmp_path / "a.tif")
    assert pixels(tmp_path / "a.tif")[0, :4, 0].tolist() == [0, 255, 0, 0]


def test_negative_integers_are_stretched(tmp_path: Path) -> None:
    ramp((np.arange(16) * 100_000 - 70_000).astype(np.int32)).save(tmp_path / "a.tif")
    assert (pixels(tmp_path / "a.tif") == GREY[None, :, None]).all()


def test_black_and_white_is_resized_smoothly(tmp_path: Path) -> None:
    board = (np.indices((160, 160)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).convert("1").save(tmp_path / "a.png")
    assert np.abs(pixels(tmp_path / "a.png") - 127).max() <= 12


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
def test_what_is_transparent_lies_on_white(mode: str, tmp_path: Path) -> None:
    image = Image.new("RGBA", (64, 64), (200, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 32, 64))
    ending = "tif" if mode == "PA" else "png"
    image.convert("RGBA" if mode == "PA" else mode).save(tmp_path / f"a.{ending}")
    found = pixels(tmp_path / f"a.{ending}")
    assert (found[:, :6] == 0).all()
    assert (found[:, 10:] == 255).all()


def bmp_with_masks(levels: npt.NDArray[np.uint8]) -> bytes:
    """Return a BMP with a header of version 4 whose fourth byte is said to be alpha."""
    high, wide = levels.shape[:2]
    head = struct.pack("<IiiHHIIiiII", 108, wide, -high, 1, 32, 3, levels.size, 2835, 2835, 0, 0)
    head += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    blue_first = levels[..., [2, 1, 0, 3]].tobytes()
    return struct.pack("<2sIII", b"BM", 122 + levels.size, 0, 122) + head + blue_first


def tga(levels: npt.NDArray[np.uint8], kind: int, bits: int, *, attribute_bits: int) -> bytes:
    """Return a TGA of the bytes as they are, the first line on top."""
    high, wide = levels.shape[:2]
    sizes = struct.pack("<HHBB", wide, high, bits, 0x20 | attribute_bits)
    return struct.pack("<BBBHHBHH", 0, 0, kind, 0, 0, 0, 0, 0) + sizes + levels.tobytes()


def tga_with_palette(index: npt.NDArray[np.uint8], alpha: int) -> bytes:
    high, wide = index.shape
    head = struct.pack("<BBBHHBHH", 0, 1, 1, 0, 256, 32, 0, 0)
    colours = b"".join(bytes((grey, grey, grey, alpha)) for grey in range(256))
    return head + struct.pack("<HHBB", wide, high, 8, 0x20) + colours + index.tobytes()


def icon(levels: npt.NDArray[np.uint8]) -> bytes:
    """Return an icon of 32 bits, as before Windows XP gave the fourth byte a meaning."""
    high, wide = levels.shape[:2]
    head = struct.pack("<IiiHHIIiiII", 40, wide, 2 * high, 1, 32, 0, 0, 0, 0, 0, 0)
    bitmap = head + levels[::-1, :, [2, 1, 0, 3]].tobytes() + bytes(high * 4)
    entry = struct.pack("<BBBBHHII", wide, high, 0, 0, 1, 32, len(bitmap), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + bitmap


NOISE = np.random.default_rng(2).integers(0, 256, (16, 16, 4), dtype=np.uint8)


def with_alpha(alpha: int) -> npt.NDArray[np.uint8]:
    return np.dstack([NOISE[..., :3], np.full((16, 16), alpha, np.uint8)])


WRITERS = {
    "bmp": lambda levels: bmp_with_masks(levels),
    "plain.tga": lambda levels: tga(levels[..., [2, 1, 0, 3]], 2, 32, attribute_bits=0),
    "said.tga": lambda levels: tga(levels[..., [2, 1, 0, 3]], 2, 32, attribute_bits=8),
    "ico": icon,
}


@pytest.mark.parametrize("name", WRITERS)
def test_an_alpha_that_is_zero_everywhere_means_that_there_is_none(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / f"a.{name}").write_bytes(WRITERS[name](with_alpha(0)))
    assert (pixels(tmp_path / f"a.{name}") == NOISE[..., :3]).all()


@pytest.mark.parametrize("name", WRITERS)
def test_an_alpha_that_is_zero_in_places_only_counts(name: str, tmp_path: Path) -> None:
    levels = with_alpha(0)
    levels[:8, :, 3] = 255
    (tmp_path / f"a.{name}").write_bytes(WRITERS[name](levels))
    found = pixels(tmp_path / f"a.{name}")
    assert (found[:8] == NOISE[:8, :, :3]).all()
    assert (found[8:] == 255).all()


def test_greys_and_palettes_with_an_alpha_of_zero_are_opaque_in_tga(tmp_path: Path) -> None:
    greys = np.dstack([NOISE[..., 0], np.zeros((16, 16), np.uint8)])
    (tmp_path / "grey.tga").write_bytes(tga(greys, 3, 16, attribute_bits=0))
    (tmp_path / "palette.tga").write_bytes(tga_with_palette(NOISE[..., 0], alpha=0))
    fives = (NOISE[..., 0] >> 3).astype("<u2") * 0b10000100001
    (tmp_path / "short.tga").write_bytes(tga(fives, 2, 16, attribute_bits=0))
    for name in ("grey.tga", "palette.tga"):
        assert (pixels(tmp_path / name) == NOISE[..., :1]).all(), name
    assert np.abs(pixels(tmp_path / "short.tga") - NOISE[..., :1]).max() <= 8


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif", "a.avif"])
def test_a_picture_that_is_transparent_all_over_is_white(name: str, tmp_path: Path) -> None:
    Image.fromarray(with_alpha(0)).save(tmp_path / name)
    assert (pixels(tmp_path / name) >= 254).all()


def test_half_transparent_red_is_pink(tmp_path: Path) -> None:
    Image.new("RGBA", (32, 32), (255, 0, 0, 128)).save(tmp_path / "a.png")
    assert np.abs(pixels(tmp_path / "a.png") - [255, 127, 127]).max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_a_transparent_colour_lies_on_white(mode: str, tmp_path: Path) -> None:
    image = Image.new("RGB", (32, 32)).convert(mode)
    key = (0, 0, 0) if mode == "RGB" else 0
    image.save(tmp_path / "a.png", transparency=key)
    assert (pixels(tmp_path / "a.png") == 255).all()


@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_cmyk_becomes_the_colours_meant(ending: str, tmp_path: Path) -> None:
    Image.new("CMYK", (32, 32), (255, 0, 0, 0)).save(tmp_path / f"a.{ending}")
    assert np.abs(pixels(tmp_path / f"a.{ending}") - [0, 255, 255]).max() <= 3


def test_lab_becomes_the_grey_meant(tmp_path: Path) -> None:
    Image.new("LAB", (32, 32), (128, 128, 128)).save(tmp_path / "a.tif")
    assert np.abs(pixels(tmp_path / "a.tif") - 119).max() <= 2


def test_wide_gamut_is_brought_to_srgb(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), (100, 150, 100)).save(
        tmp_path / "a.png", icc_profile=with_primaries(P3)
    )
    found = pixels(tmp_path / "a.png")[0, 0]
    # By the matrices of the two spaces; (100, 150, 100) of Display P3 is a stronger green.
    assert np.abs(found - [83, 152, 95]).max() <= 1


def test_a_grey_profile_is_obeyed(tmp_path: Path) -> None:
    page = Path(skimage.__file__).parent / "data" / "page.png"  # with a dot gain of 20 %
    with Image.open(page) as image:
        image.save(tmp_path / "without.png", icc_profile=None)
    found, plain = pixels(page), pixels(tmp_path / "without.png")
    assert np.ptp(found, axis=2).max() <= 1
    assert 2 < np.abs(found - plain).mean() < 40


@pytest.mark.parametrize("broken", [b"\0", b"no profile at all" * 20, profile("LAB")])
def test_a_profile_that_does_not_fit_is_ignored(broken: bytes, tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), (10, 200, 30)).save(tmp_path / "a.png", icc_profile=broken)
    assert (pixels(tmp_path / "a.png") == [10, 200, 30]).all()


def test_srgb_is_left_alone(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png", icc_profile=profile("sRGB"))
    assert (pixels(tmp_path / "a.png") == noise).all()
