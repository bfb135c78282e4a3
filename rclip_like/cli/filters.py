"""Options that say when and where pictures were taken and how large they are, as filters."""

import shlex
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.cli.options import Given
from rclip_like.settings import Filters, Option
from rclip_like.settings.declared import declared_in
from rclip_like.settings.filters import USUAL_KILOMETRES

if TYPE_CHECKING:
    from datetime import datetime

WITHOUT_EFFECT = (("--on", "--after"), ("--on", "--before"))
"""Pairs of options; the second contradicts the first."""
_DATES = ("--after", "--before", "--on")


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
            "raw, video, or any ending that is read. Repeatable.",
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
    ] = USUAL_KILOMETRES


def typed_in(given: Given, now: "datetime") -> list[str]:
    """Return the filters among the options typed, as they may be typed again.

    A date in words is followed by the period that it stands for: `--on august (2018-08)`.
    """
    names = {each.long_name for each in (*declared_in(FilterOptions), *declared_in(Filters))}
    return [
        f"{name} {shlex.quote(str(value))}{_meaning(name, str(value), now)}"
        for name, values in given.items()
        if name in names - {"--within-km"}
        for value in (values if isinstance(values, (list, tuple)) else [values])
    ]


def _meaning(name: str, typed: str, now: "datetime") -> str:
    """Return in brackets what a date in words stands for, "" for other values."""
    if name not in _DATES:
        return ""
    from rclip_like.facts.dates import in_digits, period

    meant = in_digits(period(typed, now))
    return f" ({meant})" if meant != typed.strip() else ""


def filters_of(options: FilterOptions, filters: Filters, now: "datetime") -> Filters:
    """Return the filters with those of the options added; raises UsageError for nonsense."""
    sides = {"on": options.on, "after": options.after, "before": options.before}
    if given := {side: typed for side, typed in sides.items() if typed is not None}:
        from rclip_like.facts.dates import between

        filters = between(given, filters, now)
    if options.type or options.min_size is not None or options.near is not None:
        from rclip_like.facts import typed

        if options.type:
            filters = filters._replace(endings=typed.endings_of(options.type))
        if options.min_size is not None:
            filters = typed.with_least_size(options.min_size, filters)
        if options.near is not None:
            filters = filters._replace(near=(*typed.coordinates(options.near), options.within_km))
    return filters
