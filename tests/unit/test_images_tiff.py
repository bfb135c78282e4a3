"""TIFF of every depth and kind of samples: the picture meant, as NumPy and tifffile have it."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image
from read_in_process import read_picture
from written_tiff import (
    BLACK_IS_ZERO,
    RGB,
    WHITE_IS_ZERO,
    bits_of,
    packed,
    with_float_predictor,
    written,
)

from rclip_like.errors import PictureError, Reason
from rclip_like.images.products import model_products
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Preprocessing

SIDE = 48
SQUARE = Preprocessing(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
GREY = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE))
GREY[0, :2] = 0, 255
COLOURS = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3))
COLOURS[0, :2] = [[0, 255, 0], [255, 0, 255]]
LIMITS = ReadSettings()
KINDS = ("u1", "u2", "u4", "i2", "i4", "f2", "f4", "f8")


def read(data: bytes, folder: Path, limits: ReadSettings = LIMITS) -> Picture:
    (folder / "a.tif").write_bytes(data)
    return read_picture(os.fsencode(folder / "a.tif"), SQUARE, limits)


def pixels(data: bytes, folder: Path) -> npt.NDArray[np.int_]:
    picture = read(data, folder)
    assert picture.parts
    assert picture.reader == "TIFF 2"
    return picture.parts[0].astype(int)


def deep(levels: npt.NDArray[np.int_], kind: str) -> npt.NDArray[np.generic]:
    """Return levels from 0 to 255 as samples of this kind, over all that it counts."""
    if kind[0] == "f":
        return (levels / 255).astype(kind)
    return np.rint(levels * (np.iinfo(kind).max / 255)).astype(kind)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_greys_of_every_kind_are_what_they_mean(
    photometric: str, kind: str, order: str, tmp_path: Path
) -> None:
    levels = 255 - GREY if photometric == "miniswhite" else GREY
    data = written(deep(levels, kind), photometric=photometric, byteorder=order)
    assert np.abs(pixels(data, tmp_path) - GREY[..., None]).max() <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [*KINDS, "i1"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (32, 32)}])
def test_colours_of_every_kind_are_what_they_mean(
    planar: str, kind: str, order: str, options: dict[str, object], tmp_path: Path
) -> None:
    samples = deep(COLOURS, kind)
    if planar == "separate":
        samples = samples.transpose(2, 0, 1)
    layout = {"photometric": "rgb", "planarconfig": planar, "byteorder": order, **options}
    assert np.abs(pixels(written(samples, **layout), tmp_path) - COLOURS).max() <= 1


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10, 12, 14])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
def test_greys_of_few_or_odd_bits_are_what_they_mean(
    photometric: int, bits: int, tmp_path: Path
) -> None:
    levels = GREY >> 8 - bits if bits < 8 else GREY * (2**bits - 1) // 255
    shown = levels * 255 / (2**bits - 1)
    stored = 2**bits - 1 - levels if photometric == WHITE_IS_ZERO else levels
    data = packed(bits_of(stored, bits), (SIDE, SIDE), bits, {262: photometric})
    assert np.abs(pixels(data, tmp_path) - shown[..., None]).max() <= 1


@pytest.mark.parametrize("width", [1, 3, 7])
def test_lines_of_twelve_bits_end_at_a_byte(width: int, tmp_path: Path) -> None:
    levels = GREY[:, :width] * 4095 // 255
    data = packed(bits_of(levels, 12), (width, SIDE), 12, {262: BLACK_IS_ZERO})
    squash = SQUARE._replace(resize_mode="squash", interpolation="bilinear")
    (tmp_path / "a.tif").write_bytes(data)
    Image.fromarray(GREY[:, :width].astype(np.uint8)).save(tmp_path / "b.png")
    found, expected = (
        read_picture(os.fsencode(tmp_path / name), squash, ReadSettings()).parts[0]
        for name in ("a.tif", "b.png")
    )
    assert found is not None
    assert expected is not None
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("tile", [0, 16, 32])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_floats_are_read_with_their_predictor(kind: str, tile: int, tmp_path: Path) -> None:
    data = with_float_predictor(deep(COLOURS, kind), tile)
    assert np.abs(pixels(data, tmp_path) - COLOURS).max() <= 1


@pytest.mark.parametrize("predictor", [1, 2, 3])
@pytest.mark.parametrize("packing", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_floats_are_unpacked_as_libtiff_packs_them(
    packing: str, predictor: int, tmp_path: Path
) -> None:
    file = io.BytesIO()
    info = {317: predictor, 262: WHITE_IS_ZERO}  # of which Pillow writes the tag, and no more
    image = Image.fromarray(deep(255 - GREY, "f4"))
    image.save(file, "TIFF", compression=packing, tiffinfo=info)
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tiff:
        assert tiff.pages[0].photometric == WHITE_IS_ZERO
    assert np.abs(pixels(file.getvalue(), tmp_path) - GREY[..., None]).max() <= 1


@pytest.mark.parametrize("kind", ["u2", "u4", "i2"])
def test_differences_of_whole_numbers_are_summed_by_tiles(kind: str, tmp_path: Path) -> None:
    layout = {"photometric": "rgb", "planarconfig": "separate", "tile": (16, 16)}
    samples = deep(COLOURS, kind).transpose(2, 0, 1)
    data = written(samples, compression="zlib", predictor=2, **layout)
    assert np.abs(pixels(data, tmp_path) - COLOURS).max() <= 1


def test_a_file_beyond_four_gigabytes_is_laid_out_the_same(tmp_path: Path) -> None:
    data = written(deep(COLOURS, "f4"), photometric="rgb", bigtiff=True, rowsperstrip=7)
    assert data[2] == 43
    assert np.abs(pixels(data, tmp_path) - COLOURS).max() <= 1


@pytest.mark.parametrize("kind", ["u2", "u4", "f2", "f4"])
@pytest.mark.parametrize(("extra", "shown"), [(0, 80), (1, 255), (2, 255)])
def test_what_is_transparent_lies_on_white(
    kind: str, extra: int, shown: int, tmp_path: Path
) -> None:
    levels = np.full((SIDE, SIDE, 4), 80)
    levels[..., 3] = 255
    levels[:, 24:, 3] = 0
    if extra == 1:
        levels[:, 24:, :3] = 0  # multiplied with alpha
    data = written(deep(levels, kind), photometric="rgb", extrasamples=[extra])
    found = pixels(data, tmp_path)
    assert np.abs(found[:, :20] - 80).max() <= 1
    assert np.abs(found[:, 28:] - shown).max() <= 1


def test_samples_beyond_the_colours_are_passed_over(tmp_path: Path) -> None:
    many = np.dstack([GREY, COLOURS]).astype(np.uint8)
    data = written(many, photometric="minisblack", extrasamples=[0, 0, 0])
    assert (pixels(data, tmp_path) == GREY[..., None]).all()
    more = np.dstack([COLOURS, GREY, GREY]).astype(np.uint16) * 257
    data = written(more, photometric="rgb", extrasamples=[0, 0])
    assert np.abs(pixels(data, tmp_path) - COLOURS).max() <= 1


def test_samples_of_an_untold_kind_are_whole_numbers(tmp_path: Path) -> None:
    for bits, most in ((8, 255), (16, 65535)):
        lines = np.rint(GREY * (most / 255)).astype(f"<u{bits // 8}").tobytes()
        data = packed(lines, (SIDE, SIDE), bits, {262: BLACK_IS_ZERO, 339: 4})
        assert np.abs(pixels(data, tmp_path) - GREY[..., None]).max() <= 1


def test_complex_numbers_are_no_picture(tmp_path: Path) -> None:
    data = packed(bytes(8 * SIDE * SIDE), (SIDE, SIDE), 64, {262: BLACK_IS_ZERO, 339: 6})
    with pytest.raises(PictureError) as caught:
        read(data, tmp_path)
    assert caught.value.code is Reason.BROKEN


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_floats_are_turned_upright(orientation: int, tmp_path: Path) -> None:
    turns = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]
    extra = [(274, 3, 1, orientation, True)]
    data = written(np.rot90(deep(COLOURS, "f4"), turns), photometric="rgb", extratags=extra)
    assert np.abs(pixels(data, tmp_path) - COLOURS).max() <= 1


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_light_brighter_than_white_is_white(kind: str, tmp_path: Path) -> None:
    samples = deep(COLOURS, kind)
    samples[8:16] = 40.0  # a lamp
    samples[16] = -0.001  # rounding
    expected = COLOURS.copy()
    expected[8:16], expected[16] = 255, 0
    found = pixels(written(samples, photometric="rgb"), tmp_path)
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("top", [255.0, 4000.0])
def test_floats_beyond_one_are_scaled_where_most_are(top: float, tmp_path: Path) -> None:
    samples = (COLOURS / 255 * top).astype(np.float32)
    found = pixels(written(samples, photometric="rgb"), tmp_path)
    assert np.abs(found - COLOURS).max() <= 1


def test_floats_that_are_no_numbers_are_black(tmp_path: Path) -> None:
    samples = deep(COLOURS, "f4")
    samples[:4] = np.nan
    samples[4:8] = np.inf
    expected = COLOURS.copy()
    expected[:8] = 0
    assert np.abs(pixels(written(samples, photometric="rgb"), tmp_path) - expected).max() <= 1


def test_a_profile_is_obeyed_in_floats_too(tmp_path: Path) -> None:
    from PIL import ImageCms

    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (lab, srgb):
        data = written(deep(COLOURS, "f4"), photometric="rgb", iccprofile=profile)
        assert np.abs(pixels(data, tmp_path) - COLOURS).max() <= 1


def test_the_pixel_limit_counts_pixels_and_not_bytes(tmp_path: Path) -> None:
    data = written(deep(COLOURS, "f8"), photometric="rgb")
    wide = ReadSettings(max_megapixels=SIDE * SIDE / 1e6)
    assert read(data, tmp_path, wide).facts is not None
    with pytest.raises(PictureError) as caught:
        read(data, tmp_path, ReadSettings(max_megapixels=(SIDE * SIDE - 1) / 1e6))
    assert caught.value.code is Reason.TOO_LARGE


def test_a_worker_reads_floats_within_its_memory(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(written(deep(COLOURS, "f4"), photometric="rgb"))
    path = os.fsencode(tmp_path / "a.tif")
    limits = ReadSettings(workers=1, max_memory_bytes=512 << 20)
    with Readers(limits) as readers:
        [found] = readers.read_all([ReadTask(path, model_products(SQUARE))])
    expected = read_picture(path, SQUARE, LIMITS)
    assert isinstance(found, Picture), found
    assert found.pixels_digest == expected.pixels_digest


def test_a_bomb_of_floats_is_refused_by_its_header(tmp_path: Path) -> None:
    tags = {262: RGB, 277: 3, 258: (64,) * 3, 339: 3, 259: 8}
    with pytest.raises(PictureError) as caught:
        read(packed(bytes(1000), (60_000, 60_000), 64, tags), tmp_path)
    assert caught.value.code is Reason.TOO_LARGE
