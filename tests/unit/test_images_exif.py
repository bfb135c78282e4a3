"""EXIF: which way is up, when, with which camera, where; and what broken blocks cost."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image
from turned import ORIENTATIONS, turned

from rclip_like.images import read_picture
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, PictureFacts, Preprocessing

SQUASHED = Preprocessing(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), resize_mode="squash")


def read(path: Path) -> Picture:
    return read_picture(os.fsencode(path), SQUASHED, ReadSettings())


def four_corners(size: tuple[int, int]) -> Image.Image:
    """Return a picture with another colour in each quarter."""
    corners = [[(250, 0, 0), (0, 250, 0)], [(0, 0, 250), (250, 250, 0)]]
    return Image.fromarray(np.array(corners, np.uint8)).resize(size, Image.Resampling.NEAREST)


def tagged(**tags: object) -> Image.Exif:
    """Return a block with these tags of the main directory."""
    exif = Image.Exif()
    for name, value in tags.items():
        exif[ExifTags.Base[name]] = value
    return exif


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp", "avif", "heic"])
def test_pictures_are_turned_upright(orientation: int, ending: str, tmp_path: Path) -> None:
    pillow_heif.register_heif_opener()
    upright = four_corners((96, 64))
    turned(upright, orientation).save(
        tmp_path / f"a.{ending}", exif=tagged(Orientation=orientation).tobytes()
    )
    picture = read(tmp_path / f"a.{ending}")
    assert picture.facts == PictureFacts(96, 64)
    assert_four_corners(picture)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_photos_read_at_reduced_scale_are_turned_upright(orientation: int, tmp_path: Path) -> None:
    upright = four_corners((1200, 801))
    turned(upright, orientation).save(tmp_path / "a.jpg", exif=tagged(Orientation=orientation))
    picture = read(tmp_path / "a.jpg")
    assert picture.facts == PictureFacts(1200, 801)
    assert_four_corners(picture)


def assert_four_corners(picture: Picture) -> None:
    assert picture.pixels is not None
    found = picture.pixels[4::24, 4::24].astype(int)
    expected = np.array([[(250, 0, 0), (0, 250, 0)], [(0, 0, 250), (250, 250, 0)]])
    assert np.abs(found - expected).max() <= 12


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation: int, tmp_path: Path) -> None:
    four_corners((96, 64)).save(tmp_path / "a.jpg", exif=tagged(Orientation=orientation))
    assert_four_corners(read(tmp_path / "a.jpg"))


def taken(tmp_path: Path, exif: Image.Exif) -> PictureFacts:
    """Return the facts of a photo with this block."""
    four_corners((96, 64)).save(tmp_path / "a.jpg", exif=exif)
    facts = read(tmp_path / "a.jpg").facts
    assert facts is not None
    return facts


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(None, "2019-07-14T18:05:09"), ("+02:00", "2019-07-14T18:05:09+02:00")],
)
def test_taken_at_is_iso_with_the_offset_where_there_is_one(
    offset: str | None, expected: str, tmp_path: Path
) -> None:
    exif = tagged(DateTime="2020:01:01 00:00:00")
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = "2019:07:14 18:05:09"
    if offset is not None:
        details[ExifTags.Base.OffsetTimeOriginal] = offset
    assert taken(tmp_path, exif).taken_at == expected


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp", "avif", "heic"])
def test_every_format_with_exif_tells_when_it_was_taken(ending: str, tmp_path: Path) -> None:
    pillow_heif.register_heif_opener()
    exif = tagged(Make="Canon")
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2019:07:14 18:05:09"
    four_corners((96, 64)).save(tmp_path / f"a.{ending}", exif=exif.tobytes())
    expected = PictureFacts(96, 64, taken_at="2019-07-14T18:05:09", camera="Canon")
    assert read(tmp_path / f"a.{ending}").facts == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("2020:02:03 04:05:06", "2020-02-03T04:05:06"),
        ("0000:00:00 00:00:00", None),
        ("2020:13:03 04:05:06", None),
        ("2020:02:30 04:05:06", None),
        ("    :  :     :  :  ", None),
        ("yesterday", None),
    ],
)
def test_a_date_is_believed_only_when_it_is_one(
    stated: str, expected: str | None, tmp_path: Path
) -> None:
    assert taken(tmp_path, tagged(DateTime=stated)).taken_at == expected


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("samsung", "SM-G991B", "samsung SM-G991B"),
        ("Apple\0\0", " iPhone 12 ", "Apple iPhone 12"),
        ("", "", None),
    ],
)
def test_the_camera_names_its_maker_once(
    make: str, model: str, expected: str | None, tmp_path: Path
) -> None:
    assert taken(tmp_path, tagged(Make=make, Model=model)).camera == expected


def placed(north: str, latitude: tuple[float, ...], east: str, longitude: object) -> Image.Exif:
    exif = Image.Exif()
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef] = north
    place[ExifTags.GPS.GPSLatitude] = latitude
    place[ExifTags.GPS.GPSLongitudeRef] = east
    place[ExifTags.GPS.GPSLongitude] = longitude
    return exif


def test_a_place_is_in_degrees_north_and_east(tmp_path: Path) -> None:
    facts = taken(tmp_path, placed("S", (33.0, 51.0, 24.0), "E", (151.0, 12.0, 36.0)))
    assert facts.latitude == pytest.approx(-33.8566667)
    assert facts.longitude == pytest.approx(151.21)


def test_a_place_that_is_nowhere_is_left_out(tmp_path: Path) -> None:
    facts = taken(tmp_path, placed("N", (95.0, 0.0, 0.0), "E", (1.0, 2.0)))
    assert (facts.latitude, facts.longitude) == (None, None)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
@pytest.mark.parametrize("block", [b"", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"])
def test_a_broken_block_costs_its_facts_only(block: bytes, ending: str, tmp_path: Path) -> None:
    four_corners((96, 64)).save(tmp_path / f"a.{ending}", exif=b"Exif\0\0" + block)
    picture = read(tmp_path / f"a.{ending}")
    assert picture.facts == PictureFacts(96, 64)
    assert_four_corners(picture)


def test_what_pillow_warns_of_is_not_heard(tmp_path: Path) -> None:
    broken = b"Exif\0\0II*\0\x08\0\0\0\xff\xff"
    four_corners((96, 64)).save(tmp_path / "a.jpg", exif=broken)
    with pytest.warns(UserWarning, match="EXIF"), Image.open(tmp_path / "a.jpg") as image:
        image.getexif()
    with warnings.catch_warnings(record=True) as heard:
        read(tmp_path / "a.jpg")
    assert heard == []


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_block_never_costs_the_picture(seed: int, tmp_path: Path) -> None:
    exif = placed("N", (1.0, 2.0, 3.0), "W", (4.0, 5.0, 6.0))
    exif[ExifTags.Base.Make] = "Maker"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2019:07:14 18:05:09"
    block = bytearray(exif.tobytes())
    damage = np.random.default_rng(seed)
    for place in damage.integers(14, len(block), 12):
        block[place] = damage.integers(256)
    assert bytes(block) != exif.tobytes()
    four_corners((96, 96)).save(tmp_path / "a.jpg", exif=bytes(block))
    assert read(tmp_path / "a.jpg").pixels is not None
