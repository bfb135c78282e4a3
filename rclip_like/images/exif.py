"""A picture's EXIF: when and where it was taken, by which camera, and which way is up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from rclip_like.values import PictureFacts

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNED = frozenset((5, 6, 7, 8))
_DATES = (
    ("original", Base.DateTimeOriginal, Base.SubsecTimeOriginal, Base.OffsetTimeOriginal),
    ("digitized", Base.DateTimeDigitized, Base.SubsecTimeDigitized, Base.OffsetTimeDigitized),
    ("modified", Base.DateTime, Base.SubsecTime, Base.OffsetTime),
)
"""A picture's dates, the most reliable first, with the tags of their fraction and zone."""

# A pattern, and not a parser that guesses: python-dateutil takes "17" for a day of this month.
_DATE = re.compile(
    r"(?P<year>\d{4})([:/.\-]?) ?(?P<month>\d\d?)\2 ?(?P<day>\d\d?)"
    r"(?:[T ]*(?P<hour>\d\d?)([:.\-]?) ?(?P<minute>\d\d?)"
    r"(?:\6 ?(?P<second>\d\d?)(?:[.,](?P<fraction>\d+))?)?"
    r"(?P<half> *[AaPp][Mm])?(?P<zone> *(?:Z|UTC|[+-]\d.*))?)?"
)
_ZONE = re.compile(r"(?P<utc>Z|UTC)|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)?")
_FIRST_YEAR = 1800
"""No photograph is older; programs write such years for unknown dates."""
_LARGEST_OFFSET = timedelta(hours=14)


def read_exif(image: Image.Image) -> Image.Exif:
    """Return the picture's EXIF block, an empty one where it has none or a broken one."""
    try:
        exif = image.getexif()
        exif.get(Base.Orientation)
    except Exception:  # noqa: BLE001 - its parser may raise anything; the picture is still good
        return Image.Exif()
    return exif


def upright(image: Image.Image, exif: Image.Exif) -> Image.Image:
    """Return the picture turned as its EXIF says."""
    orientation = exif.get(Base.Orientation)
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def upright_size(size: tuple[int, int], exif: Image.Exif) -> tuple[int, int]:
    """Return width and height of the picture when it is turned as its EXIF says."""
    width, height = size
    return (height, width) if exif.get(Base.Orientation) in _TURNED else size


def picture_facts(exif: Image.Exif, size: tuple[int, int]) -> PictureFacts:
    """Return the facts of a picture of this upright size; what cannot be read is None."""
    try:
        details = exif.get_ifd(IFD.Exif)
        gps = exif.get_ifd(IFD.GPSInfo)
    except Exception:  # noqa: BLE001 - as above: a broken block costs its facts only
        return PictureFacts(*size)
    taken_at, taken_from = _taken(exif, details) or (None, None)
    make, model = _text(exif.get(Base.Make)), _text(exif.get(Base.Model))
    names_maker = make and model.lower().startswith(make.split()[0].lower())
    return PictureFacts(
        *size,
        taken_at=taken_at,
        taken_from=taken_from,
        camera=model if names_maker else f"{make} {model}".strip() or None,
        latitude=_degrees(gps, GPS.GPSLatitude, 90.0),
        longitude=_degrees(gps, GPS.GPSLongitude, 180.0),
    )


def _taken(exif: Mapping[int, object], details: Mapping[int, object]) -> tuple[str, str] | None:
    """Return when the picture was taken as ISO 8601, and which of its dates says so."""
    tags = {**exif, **details}  # TIFF/EP has the dates in the main directory
    for name, date, fraction, zone in _DATES:
        moment = _moment(*(_text(tags.get(tag)) for tag in (date, fraction, zone)))
        if moment is not None:
            precision = "milliseconds" if moment.microsecond else "seconds"
            return moment.isoformat(timespec=precision), name
    return None


def _moment(date: str, fraction: str, zone: str) -> datetime | None:
    """Return a date as cameras, scanners and editors write it, None for anything else.

    A fraction and a zone in the date itself win over those of the tags beside it. A date without
    a time means midnight.
    """
    form = _DATE.match(date)
    if form is None or int(form["year"]) < _FIRST_YEAR:
        return None
    hour, second = int(form["hour"] or 0), int(form["second"] or 0)
    if form["half"]:
        hour = hour % 12 + 12 * ("p" in form["half"].lower())
    digits = re.match(r"\d*", form["fraction"] or fraction)
    try:
        return datetime(
            *(int(form["year"]), int(form["month"]), int(form["day"])),
            0 if hour == 24 else hour,  # Android cameras count from 1 to 24; the day is right
            int(form["minute"] or 0),
            min(second, 59) if second <= 60 else second,
            int((digits[0] if digits else "")[:6].ljust(6, "0")),
            _zone((form["zone"] or zone).strip()),
        )
    except ValueError:
        return None


def _zone(stated: str) -> timezone | None:
    form = _ZONE.match(stated)
    if form is None:
        return None
    if form["utc"]:
        return UTC
    offset = timedelta(hours=int(form["hours"]), minutes=int(form["minutes"] or 0))
    if offset > _LARGEST_OFFSET:
        return None
    return timezone(offset if form["sign"] == "+" else -offset)


def _text(value: object) -> str:
    """Return an EXIF text without padding and control characters, '' for anything else."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        return ""
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _degrees(gps: Mapping[int, object], tag: int, limit: float) -> float | None:
    """Return a latitude or longitude in degrees; its reference is the tag before it."""
    parts = gps.get(tag)
    if not isinstance(parts, tuple) or len(parts) != 3:
        return None
    try:
        degrees, minutes, seconds = map(float, parts)
        value = degrees + minutes / 60 + seconds / 3600
    except (TypeError, ValueError, ArithmeticError):
        return None
    if not 0 <= min(degrees, minutes, seconds) <= value <= limit:  # nor if any is NaN
        return None
    return round(-value if _text(gps.get(tag - 1)).upper() in ("S", "W") else value, 7)
