"""EXIF: which way is up, when, with which camera, where; and what broken blocks cost."""

from __future__ import annotations

import io
import math
import os
import warnings
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image
from read_in_process import read_picture
from turned import ORIENTATIONS, turned

from rclip_like.images import heif
from rclip_like.images.exif import _degrees, picture_facts
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


def heic(stored: Image.Image, exif: bytes) -> bytes:
    """Return what pillow_heif writes, and let it not be what reads."""
    pillow_heif.register_heif_opener()
    file = io.BytesIO()
    stored.save(file, "HEIF", exif=exif)
    heif.register()
    return file.getvalue()


def heic_turned_by_exif(upright: Image.Image, orientation: int) -> bytes:
    """Return a HEIC whose container does not turn it: pillow_heif writes that only with a 1."""
    block = tagged(Orientation=1).tobytes()[6:]
    data = heic(turned(upright, orientation), b"Exif\0\0" + block)
    stated = tagged(Orientation=orientation).tobytes()[6:]
    assert data.count(block) == 1
    assert b"irot" not in data
    assert b"imir" not in data
    return data.replace(block, stated)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_heic_turned_by_exif_alone_is_turned_upright(orientation: int, tmp_path: Path) -> None:
    data = heic_turned_by_exif(four_corners((96, 64)), orientation)
    (tmp_path / "a.heic").write_bytes(data)
    picture = read(tmp_path / "a.heic")
    assert picture.facts == PictureFacts(96, 64)
    assert picture.reader == "HEIF 2"
    assert_four_corners(picture)


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_a_heic_turned_by_both_is_turned_once(orientation: int, tmp_path: Path) -> None:
    block, reset = (tagged(Orientation=each).tobytes() for each in (orientation, 1))
    reset = reset[6:]
    data = heic(turned(four_corners((96, 64)), orientation), block)
    assert data.count(b"irot") + data.count(b"imir") >= 1
    for states in (reset, block[6:]):
        present = reset if reset in data else block[6:]
        (tmp_path / "a.heic").write_bytes(data.replace(present, states))
        picture = read(tmp_path / "a.heic")
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
    assert picture.parts
    found = picture.parts[0][4::24, 4::24].astype(int)
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


Written = dict[ExifTags.Base, object]

ORIGINAL, DIGITIZED = ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized
MODIFIED = ExifTags.Base.DateTime


def dated(tags: Written) -> Image.Exif:
    """Return a block with these tags, each in the directory where cameras write it."""
    exif = Image.Exif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    for tag, value in tags.items():
        (exif if tag is MODIFIED else details)[tag] = value
    return exif


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2019:07:14 18:05:09", "2019-07-14T18:05:09"),
        ("2019/07/14 18:05:09", "2019-07-14T18:05:09"),
        ("2019-07-14 18:05:09", "2019-07-14T18:05:09"),
        ("2019.07.14 18.05.09", "2019-07-14T18:05:09"),
        ("2019: 7: 4  8: 5: 9", "2019-07-04T08:05:09"),
        ("2019/7/4 8:05:09", "2019-07-04T08:05:09"),
        ("2019-07-14T18:05:09", "2019-07-14T18:05:09"),
        ("2019:07:14T18:05:09", "2019-07-14T18:05:09"),
        ("20190714T180509", "2019-07-14T18:05:09"),
        ("20190714 180509", "2019-07-14T18:05:09"),
        ("2019-07-14T18:05:09Z", "2019-07-14T18:05:09+00:00"),
        ("2019-07-14T18:05:09.5Z", "2019-07-14T18:05:09.500+00:00"),
        ("2019:07:14 18:05:09+0200", "2019-07-14T18:05:09+02:00"),
        ("2019:07:14 18:05:09 -03:30", "2019-07-14T18:05:09-03:30"),
        ("2019:07:14 18:05:09.123456", "2019-07-14T18:05:09.123"),
        ("2019:07:14 18:05:09,25", "2019-07-14T18:05:09.250"),
        ("2019:07:14 18:05", "2019-07-14T18:05:00"),
        ("2019-07-14T18:05", "2019-07-14T18:05:00"),
        ("2019/07/14 06:05:09 PM", "2019-07-14T18:05:09"),
        ("2019/07/14 12:05 am", "2019-07-14T00:05:00"),
        ("2019:07:14", "2019-07-14T00:00:00"),
        ("2019:07:14   :  :  ", "2019-07-14T00:00:00"),
        ("2019:07:14 24:08:19", "2019-07-14T00:08:19"),  # so Android cameras wrote 00:08:19
        ("2016:12:31 23:59:60", "2016-12-31T23:59:59"),
        (" 2019:07:14 18:05:09\0\0", "2019-07-14T18:05:09"),
        (b"2019:07:14 18:05:09\0", "2019-07-14T18:05:09"),
    ],
)
@pytest.mark.parametrize("tag", [ORIGINAL, DIGITIZED, MODIFIED])
def test_a_date_is_read_however_it_is_written(
    tag: ExifTags.Base, written: object, expected: str
) -> None:
    facts = picture_facts(dated({tag: written}), (1, 1))
    assert (facts.taken_at, facts.taken_from) == (expected, NAMES[tag])


NAMES = {ORIGINAL: "original", DIGITIZED: "digitized", MODIFIED: "modified"}


@pytest.mark.parametrize(
    "none",
    [
        None,
        "",
        "    :  :     :  :  ",
        "0000:00:00 00:00:00",
        "1904:00:00 00:00:00",
        "0001:01:01 00:00:00",  # what .NET has for no date
        "2020:13:03 04:05:06",
        "2020:02:30 04:05:06",
        "2020:02:03 25:05:06",
        "2020:02:03 04:61:06",
        "20:02:03 04:05:06",
        "yesterday",
        "1563127509",
        17,
    ],
)
def test_what_is_not_a_date_gives_way_to_the_next_one(none: object) -> None:
    told = {ORIGINAL: none, DIGITIZED: none, MODIFIED: "2020:02:03 04:05:06"}
    for tag, value in {**told, DIGITIZED: "2019:07:14 18:05:09"}.items():
        if value is not none:
            facts = picture_facts(dated({**told, tag: value}), (1, 1))
            assert (facts.taken_at is not None, facts.taken_from) == (True, NAMES[tag])
    nothing = picture_facts(dated(dict.fromkeys(told, none)), (1, 1))
    assert (nothing.taken_at, nothing.taken_from) == (None, None)


@pytest.mark.parametrize(
    ("tag", "offset", "fraction"),
    [
        (ORIGINAL, ExifTags.Base.OffsetTimeOriginal, ExifTags.Base.SubsecTimeOriginal),
        (DIGITIZED, ExifTags.Base.OffsetTimeDigitized, ExifTags.Base.SubsecTimeDigitized),
        (MODIFIED, ExifTags.Base.OffsetTime, ExifTags.Base.SubsecTime),
    ],
)
@pytest.mark.parametrize(
    ("stated", "zone"),
    [("+02:00", "+02:00"), ("-0330", "-03:30"), ("Z", "+00:00"), ("+99:00", ""), ("   :  ", "")],
)
def test_zone_and_fraction_are_those_of_the_same_date(
    tag: ExifTags.Base, offset: ExifTags.Base, fraction: ExifTags.Base, stated: str, zone: str
) -> None:
    strange: Written = dict.fromkeys(
        (
            ExifTags.Base.OffsetTimeOriginal,
            ExifTags.Base.OffsetTimeDigitized,
            ExifTags.Base.OffsetTime,
        ),
        "+11:00",
    )
    tags = {**strange, tag: "2019:07:14 18:05:09", offset: stated, fraction: "07 "}
    assert picture_facts(dated(tags), (1, 1)).taken_at == f"2019-07-14T18:05:09.070{zone}"


def test_a_zone_in_the_date_itself_counts() -> None:
    tags: Written = {ORIGINAL: "2019-07-14T18:05:09-05:00"}
    tags[ExifTags.Base.OffsetTimeOriginal] = "+02:00"
    assert picture_facts(dated(tags), (1, 1)).taken_at == "2019-07-14T18:05:09-05:00"


def test_a_date_is_found_in_the_main_directory_too() -> None:
    exif = Image.Exif()
    exif[ORIGINAL] = "2019:07:14 18:05:09"  # so TIFF/EP has it
    facts = picture_facts(exif, (1, 1))
    assert (facts.taken_at, facts.taken_from) == ("2019-07-14T18:05:09", "original")


@pytest.mark.parametrize(
    ("written", "expected"),
    [("2019/07/14 18:05", "2019-07-14T18:05:00"), ("0000:00:00 00:00:00", None)],
)
def test_dates_are_those_of_the_file(written: str, expected: str | None, tmp_path: Path) -> None:
    facts = taken(tmp_path, dated({DIGITIZED: written}))
    assert facts == PictureFacts(96, 64, taken_at=expected, taken_from=expected and "digitized")


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp", "avif", "heic"])
def test_every_format_with_exif_tells_when_it_was_taken(ending: str, tmp_path: Path) -> None:
    pillow_heif.register_heif_opener()
    exif = tagged(Make="Canon")
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2019:07:14 18:05:09"
    four_corners((96, 64)).save(tmp_path / f"a.{ending}", exif=exif.tobytes())
    expected = PictureFacts(
        96, 64, taken_at="2019-07-14T18:05:09", camera="Canon", taken_from="original"
    )
    assert read(tmp_path / f"a.{ending}").facts == expected


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


@pytest.mark.parametrize(
    "parts", [(-95.0, 0.0, 0.0), (1.0, -5.0, 0.0), (0.0, math.nan, 0.0), (math.inf, 0.0, 0.0)]
)
def test_a_position_has_no_signs_of_its_own(parts: tuple[float, ...]) -> None:
    latitude = ExifTags.GPS.GPSLatitude
    assert _degrees({latitude: parts}, latitude, 90.0) is None


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
    assert read(tmp_path / "a.jpg").parts[0] is not None
