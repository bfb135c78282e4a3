"""What a picture says of itself: when, by which camera, where; and which way is up."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime

from PIL import ExifTags, Image

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
_OFFSET = re.compile(r"[+-]\d\d:\d\d")


def read_exif(image: Image.Image) -> Image.Exif:
    """Return the picture's EXIF block, an empty one where it has none or a broken one."""
    try:
        exif = image.getexif()
        exif.get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - its parser may raise anything; the picture is still good
        return Image.Exif()
    return exif


def upright(
    image: Image.Image, exif: Image.Exif, size: tuple[int, int]
) -> tuple[Image.Image, tuple[int, int]]:
    """Return the picture turned as its EXIF says, and the full size turned with it."""
    orientation = exif.get(ExifTags.Base.Orientation)
    if orientation not in _UPRIGHT:
        return image, size
    width, height = size
    turned = image.transpose(_UPRIGHT[orientation])
    return turned, (height, width) if orientation in _TURNED else size


def picture_facts(exif: Image.Exif, size: tuple[int, int]) -> PictureFacts:
    """Return the facts of a picture of this upright size; what cannot be read is None."""
    try:
        details = exif.get_ifd(ExifTags.IFD.Exif)
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception:  # noqa: BLE001 - as above: a broken block costs its facts only
        return PictureFacts(*size)
    return PictureFacts(
        *size,
        taken_at=_moment(exif, details),
        camera=_camera(exif),
        latitude=_degrees(place, ExifTags.GPS.GPSLatitude, 90.0),
        longitude=_degrees(place, ExifTags.GPS.GPSLongitude, 180.0),
    )


def _moment(exif: Mapping[int, object], details: Mapping[int, object]) -> str | None:
    """Return when the picture was taken as ISO 8601, with its offset where one is stated."""
    offset = details.get(ExifTags.Base.OffsetTimeOriginal)
    moment = details.get(ExifTags.Base.DateTimeOriginal)
    if moment is None:
        offset = details.get(ExifTags.Base.OffsetTime)
        moment = exif.get(ExifTags.Base.DateTime)
    zone = _OFFSET.match(_text(offset))
    try:
        taken = datetime.strptime(_text(moment)[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    return taken.isoformat() + (zone[0] if zone else "")


def _camera(exif: Mapping[int, object]) -> str | None:
    """Return maker and model, the maker once."""
    make, model = _text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model))
    if make and model.lower().startswith(make.split()[0].lower()):
        return model
    return f"{make} {model}".strip() or None


def _text(value: object) -> str:
    """Return an EXIF text without padding and control characters, '' for anything else."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        return ""
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _degrees(place: Mapping[int, object], tag: int, limit: float) -> float | None:
    """Return a latitude or longitude in degrees; its reference is the tag before it."""
    parts = place.get(tag)
    if not isinstance(parts, tuple) or len(parts) != 3:
        return None
    try:
        degrees, minutes, seconds = map(float, parts)
        value = degrees + minutes / 60 + seconds / 3600
    except (TypeError, ValueError, ArithmeticError):
        return None
    if not math.isfinite(value) or value > limit:
        return None
    return round(-value if _text(place.get(tag - 1)).upper() in ("S", "W") else value, 7)
