"""What is made of one decode: squares, frames of animations and what bounds them, and others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import GifImagePlugin, Image
from read_in_process import read_picture

from rclip_like.errors import PictureError
from rclip_like.images import products
from rclip_like.images.decoding import Upright, decode
from rclip_like.images.products import (
    MOST_FRAMES,
    FinerSquare,
    Square,
    Thumbnail,
    model_products,
)
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.settings import ReadSettings
from rclip_like.values import FIRST_PARTS, Picture, Preprocessing

SMALL = Preprocessing(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
SHADES = (0, 250, 50, 200, 100, 150)


def greys(shades: Sequence[int], size: tuple[int, int] = (40, 40)) -> list[Image.Image]:
    return [Image.new("RGB", size, (shade, shade, shade)) for shade in shades]


def save(path: Path, images: Sequence[Image.Image], **options: object) -> Path:
    """Write the frames, the equal ones too, in the format that the name's ending says."""
    pillow_heif.register_heif_opener()
    name = {".mpo": "MPO", ".apng": "PNG"}.get(path.suffix)
    images[0].save(path, name, save_all=True, append_images=images[1:], **options)
    return path


def read(path: Path, limits: ReadSettings = ReadSettings()) -> Picture:  # noqa: B008
    return read_picture(os.fsencode(path), SMALL, limits)


def shades_of(picture: Picture) -> list[int]:
    """Return the mean grey of the whole picture and of each frame."""
    assert picture.parts
    return [round(float(part.mean())) for part in picture.parts.values()]


@pytest.mark.parametrize("ending", ["gif", "apng", "png", "webp", "avif", "heic"])
def test_all_frames_of_a_short_animation_are_read(ending: str, tmp_path: Path) -> None:
    found = shades_of(read(save(tmp_path / f"a.{ending}", greys(SHADES[:3]))))
    np.testing.assert_allclose(found, SHADES[:3], atol=4)


@pytest.mark.parametrize("count", [5, 9, 40, 133])
def test_of_a_long_animation_a_few_evenly_spaced_frames_are_read(
    count: int, tmp_path: Path
) -> None:
    path = save(tmp_path / "a.gif", greys(range(count)))
    first, *later = shades_of(read(path))
    assert first == 0
    assert 2 <= len(later) <= MOST_FRAMES
    steps = np.diff([0, *later])
    assert len(set(steps.tolist())) == 1
    assert later[-1] + steps[0] >= count


def test_frames_that_look_like_an_earlier_one_are_left_out(tmp_path: Path) -> None:
    shades = (10, 200, 10, 90, 200)
    assert shades_of(read(save(tmp_path / "a.gif", greys(shades[:4])))) == [10, 200, 90]


@pytest.mark.parametrize("ending", ["tif", "mpo"])
def test_pages_and_what_a_camera_appends_are_no_frames(ending: str, tmp_path: Path) -> None:
    assert read(save(tmp_path / f"a.{ending}", greys(SHADES))).products["frames"] == ()


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "avif", "heic", "bmp"])
def test_a_still_picture_has_no_frames(ending: str, tmp_path: Path) -> None:
    pillow_heif.register_heif_opener()
    greys([9])[0].save(tmp_path / f"a.{ending}")
    assert read(tmp_path / f"a.{ending}").products["frames"] == ()


def test_frames_are_turned_as_the_picture_is(tmp_path: Path) -> None:
    halves = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    for image in halves:
        image.paste("white", (0, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture = read(save(tmp_path / "a.png", halves, exif=exif))
    assert [part[-1, 0].tolist() for part in picture.parts.values()] == [[255] * 3] * 2


def test_what_is_transparent_in_a_frame_is_white(tmp_path: Path) -> None:
    pair = [Image.new("RGBA", (40, 40), colour) for colour in ((0, 0, 0, 255), (0, 0, 0, 0))]
    path = save(tmp_path / "a.webp", pair, lossless=True)
    assert shades_of(read(path)) == [0, 255]


BLACK, WHITE = (b",\0\0\0\0\1\0\1\0\0\2\2" + code + b"\1\0" for code in (b"\x44", b"\x4c"))


def one_pixel_gif(*runs: tuple[bytes, int]) -> bytes:
    """Return a GIF of one pixel that is black or white for so many frames, run by run."""
    palette = bytes((0, 0, 0, 255, 255, 255))
    body = b"".join(frame * count for frame, count in runs)
    return b"GIF89a\1\0\1\0\x80\0\0" + palette + body + b";"


@pytest.mark.parametrize(("num_black", "num_parts"), [(350, 2), (500, 1)])
def test_of_ten_thousand_frames_the_first_five_hundred_are_looked_at(
    num_black: int, num_parts: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(one_pixel_gif((BLACK, num_black), (WHITE, 10_000 - num_black)))
    with Image.open(path) as image:
        assert image.n_frames == 10_000
    assert len(shades_of(read(path))) == num_parts


@pytest.mark.parametrize(("side", "last"), [(100, 160), (250, 80), (810, 0)])
def test_of_a_large_canvas_fewer_frames_are_looked_at(
    side: int, last: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_WALKED_PIXELS", products._WALKED_PIXELS // 100)
    shades = [image.convert("L") for image in greys(range(0, 200, 10), (side, side))]
    path = save(tmp_path / "a.gif", shades)
    assert shades_of(read(path))[-1] == last


def test_no_more_frames_are_begun_when_a_quarter_of_the_time_is_over(tmp_path: Path) -> None:
    path = save(tmp_path / "a.gif", greys(SHADES))
    assert len(shades_of(read(path, ReadSettings(max_seconds=0)))) == 1


@pytest.mark.parametrize("ending", ["gif", "png", "webp"])
def test_a_broken_frame_costs_the_frames_from_it_on_and_not_the_picture(
    ending: str, tmp_path: Path
) -> None:
    noise = [Image.effect_noise((60, 60), 90 + number).convert("RGB") for number in range(4)]
    path = save(tmp_path / f"a.{ending}", noise)
    whole = path.read_bytes()
    assert len(shades_of(read(path))) == 4
    path.write_bytes(whole[: len(whole) * 6 // 10])
    if ending == "webp":  # its reader wants all of the file before it gives the first frame
        with pytest.raises(PictureError):
            read(path)
    else:
        assert 1 <= len(shades_of(read(path))) < 4


def test_products_that_were_asked_for_together_come_from_one_decode(tmp_path: Path) -> None:
    Image.new("RGB", (60, 40), "red").save(tmp_path / "a.png")
    path, products = os.fsencode(tmp_path / "a.png"), (*model_products(SMALL), Thumbnail(30))
    with Readers(ReadSettings(workers=1)) as readers:
        [both] = readers.read_all([ReadTask(path, products)])
    assert isinstance(both, Picture)
    assert {name: len(images) for name, images in both.products.items()} == {
        "square": 1,
        "thumbnail": 1,
        "frames": 0,
    }
    assert both.products["thumbnail"][0].shape == (20, 30, 3)
    assert (both.products["thumbnail"][0] == (255, 0, 0)).all()
    assert list(both.parts) == [0]
    assert both.pixels_digest == read(tmp_path / "a.png").pixels_digest


def test_a_jpeg_is_decoded_as_large_as_the_largest_product_needs(tmp_path: Path) -> None:
    Image.effect_noise((1600, 1600), 90).convert("RGB").save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    seen: list[tuple[int, int]] = []

    class Looking(Thumbnail):
        def make(self, picture: Upright) -> list[Image.Image]:
            seen.append(picture.pixels().size)
            assert picture.size == (1600, 1600)
            return []

    for sizes in ((100,), (400,), (100, 400)):
        decode(data, b".jpg", [Looking(size) for size in sizes], ReadSettings())
    assert seen == [(200, 200), (800, 800), (800, 800), (800, 800)]


@pytest.mark.parametrize("wanted", ["square", "square and frames", "thumbnail"])
def test_no_frame_is_decoded_that_no_product_asked_for(
    wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = save(tmp_path / "a.gif", greys(range(60))).read_bytes()
    products = {
        "square": [Square.of(SMALL)],
        "square and frames": list(model_products(SMALL)),
        "thumbnail": [Thumbnail(16)],
    }[wanted]
    sought: list[int] = []
    seek = GifImagePlugin.GifImageFile.seek
    monkeypatch.setattr(
        GifImagePlugin.GifImageFile,
        "seek",
        lambda image, number: (sought.append(number), seek(image, number))[1],
    )
    made = decode(data, b".gif", products, ReadSettings()).products
    assert set(sought) == (set(range(1, 61)) if "frames" in wanted else set())
    assert set(made) == {product.name for product in products}


def test_the_order_in_which_products_are_asked_for_changes_none(tmp_path: Path) -> None:
    data = save(tmp_path / "a.gif", greys(SHADES)).read_bytes()
    square, frames = model_products(SMALL)
    there, back = (
        decode(data, b".gif", order, ReadSettings()).products
        for order in ([square, frames], [frames, square])
    )
    for name in ("square", "frames"):
        assert [each.tobytes() for each in there[name]] == [each.tobytes() for each in back[name]]


def test_numbers_of_parts_stay_as_they_are_kept_in_indexes(tmp_path: Path) -> None:
    picture = read(save(tmp_path / "a.gif", greys(SHADES[:3])))
    assert list(picture.parts) == [0, 1, 2]
    assert dict(FIRST_PARTS) == {"square": 0, "frames": 1, "tiles": 1000}


@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
def test_a_finer_square_shows_the_same_and_leaves_the_models_own_square_alone(
    tmp_path: Path, mode: str
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(noise).resize((1200, 900), Image.Resampling.BICUBIC).save(path, quality=90)
    model = Preprocessing(64, (0.5,) * 3, (0.5,) * 3, resize_mode=mode, fill_color=128)
    square, finer = Square.of(model), FinerSquare.of_size(74, model)
    alone, both = (
        decode(path.read_bytes(), b".jpg", products, ReadSettings()).products
        for products in ((square,), (square, finer))
    )
    (expected,), (own,), (larger,) = alone["square"], both["square"], both["finer square"]
    assert own.tobytes() == expected.tobytes()
    assert larger.size == (74, 74)
    smaller = np.asarray(larger.resize((64, 64), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(smaller - np.asarray(own)).mean() < 8  # sizes are rounded to whole pixels
    assert np.abs(smaller - np.asarray(own)[:, ::-1]).mean() > 30


def test_a_thumbnail_beside_the_models_square_leaves_that_alone(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(noise).resize((2000, 1500), Image.Resampling.BICUBIC).save(path, quality=90)
    model = Preprocessing(130, (0.5,) * 3, (0.5,) * 3)
    beside = Thumbnail.beside(256, model)
    assert beside is not None
    made = [
        decode(path.read_bytes(), b".jpg", products, ReadSettings()).products
        for products in (model_products(model), (*model_products(model), beside), (Thumbnail(256),))
    ]
    assert made[1]["square"][0].tobytes() == made[0]["square"][0].tobytes()
    small, alone = (np.asarray(each["thumbnail"][0]).astype(int) for each in made[1:])
    assert small.shape == alone.shape == (192, 256, 3)
    assert np.abs(small - alone).mean() < 3
    assert Thumbnail.beside(256, SMALL) is None
