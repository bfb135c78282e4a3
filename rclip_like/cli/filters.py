"""Options that say when and where pictures were taken and how large they are, as filters."""

import re
import shlex
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.cli.options import Given
from rclip_like.errors import UsageError
from rclip_like.settings import Filters, Option
from rclip_like.settings.declared import declared_in
from rclip_like.values import PICTURE_EXTENSIONS, RAW_EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

WITHOUT_EFFECT = (("--on", "--after"), ("--on", "--before"))
"""Pairs of options; the second contradicts the first."""

_FAMILIES = (
    ("jpeg", frozenset((b".jpg", b".jpeg", b".jpe", b".jfif"))),
    ("tiff", frozenset((b".tif", b".tiff"))),
    ("heic", frozenset((b".heic", b".heif", b".hif"))),
    ("raw", RAW_EXTENSIONS),
)
"""Names that stand for several endings."""
_SIDES = re.compile(r"(\d{1,9})(?:[x\N{MULTIPLICATION SIGN}](\d{1,9}))?")
_MEGAPIXELS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(?:mp|megapixels?)", re.IGNORECASE)


class FilterOptions(NamedTuple):
    """What a picture says of itself, as people type it."""

    after: Annotated[
        str | None,
        Option(
            "--after",
            metavar="WHEN",
            help="Only pictures taken from then on: 2018, 2018-07, 2018-07-14, 'July 2018', "
            "'3 months ago'. Pictures without a date of their own are left out.",
        ),
    ] = None
    before: Annotated[
        str | None,
        Option(
            "--before",
            metavar="WHEN",
            help="Only pictures taken earlier than that: --before 2018 ends with 2017.",
        ),
    ] = None
    on: Annotated[
        str | None,
        Option("--on", metavar="WHEN", help="Only pictures taken in that year, month or day."),
    ] = None
    type: Annotated[
        tuple[str, ...],
        Option(
            "--type",
            metavar="TYPE",
            help="Only files of this type, by the ending of their name: jpeg, png, heic, tiff, "
            "raw, or any ending that is read. Repeatable.",
        ),
    ] = ()
    min_size: Annotated[
        str | None,
        Option(
            "--min-size",
            metavar="SIZE",
            help="Only pictures of this size or larger: 1920x1080 (turned either way), 2000 "
            "(pixels of the longer side) or 12MP.",
        ),
    ] = None
    near: Annotated[
        str | None,
        Option(
            "--near",
            metavar="LAT,LON",
            help="Only pictures taken around these coordinates, in degrees: --near 55.68,12.57.",
        ),
    ] = None
    within_km: Annotated[
        float,
        Option("--within-km", metavar="KM", min=0, help="How far around --near, in kilometres."),
    ] = 5.0


def typed_in(given: Given) -> list[str]:
    """Return the filters among the options typed, as they may be typed again."""
    names = {each.long_name for each in (*declared_in(FilterOptions), *declared_in(Filters))}
    return [
        f"{name} {shlex.quote(str(value))}"
        for name, values in given.items()
        if name in names - {"--within-km"}
        for value in (values if isinstance(values, (list, tuple)) else [values])
    ]


def filters_of(options: FilterOptions, filters: Filters, now: "datetime") -> Filters:
    """Return the filters with those of the options added; raises UsageError for nonsense."""
    sides = {"on": options.on, "after": options.after, "before": options.before}
    if given := {side: typed for side, typed in sides.items() if typed is not None}:
        from rclip_like.facts.dates import between

        filters = between(given, filters, now)
    if options.type:
        endings = {ending for typed in options.type for ending in _endings(typed)}
        filters = filters._replace(endings=tuple(sorted(endings)))
    if options.min_size is not None:
        filters = _at_least(options.min_size, filters)
    if options.near is not None:
        filters = filters._replace(near=(*_coordinates(options.near), options.within_km))
    return filters


def _endings(typed: str) -> "Collection[bytes]":
    name = typed.lower().removeprefix(".")
    for family in _FAMILIES:
        if name == family[0] or f".{name}".encode() in family[1] - RAW_EXTENSIONS:
            return family[1]
    ending = f".{name}".encode(errors="replace")
    if ending not in PICTURE_EXTENSIONS:
        raise UsageError(
            f"--type {typed!r}: no pictures of this type are read; see clipfind formats"
        )
    return (ending,)


def _at_least(typed: str, filters: Filters) -> Filters:
    """Return the filters with a least size. A number has no more digits than SQLite counts with."""
    if megapixels := _MEGAPIXELS.fullmatch(typed.strip()):
        return filters._replace(min_pixels=round(float(megapixels[1]) * 1_000_000))
    sides = _SIDES.fullmatch(typed.strip().lower())
    if not sides:
        raise UsageError(f"--min-size {typed!r}: write 1920x1080, 2000 or 12MP")
    one, other = int(sides[1]), int(sides[2] or 0)
    return filters._replace(min_sides=(min(one, other), max(one, other)))


def _coordinates(typed: str) -> tuple[float, float]:
    try:
        latitude, longitude = (float(part) for part in typed.split(","))
    except ValueError:
        latitude = longitude = float("nan")
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise UsageError(f"--near {typed!r}: write latitude and longitude, as in 55.68,12.57")
    return latitude, longitude
