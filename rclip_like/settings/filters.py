"""What pictures are asked for beside what they show: dates, cameras, sizes and positions."""

from typing import Annotated, Literal, NamedTuple

from rclip_like.settings.declared import Option

Orientation = Literal["portrait", "landscape", "square", "panorama"]

USUAL_KILOMETRES = 5.0
"""How far around a position pictures are asked for where nobody says it."""


class Filters(NamedTuple):
    """What an indexed picture says of itself, None asking for nothing; all asked for has to hold.

    `taken_from` and `taken_before` are ISO 8601, or the beginning of it, as in "2015-03", compared
    with the date in the picture; `camera` is part of its name, in large or small letters;
    `min_pixels` is width times height, `min_sides` the least length of the shorter and of the
    longer side; `near` is latitude and longitude in degrees, north and east positive, and how many
    kilometres around; `endings` are those of file names, with the dot, in small letters. A picture
    that does not say what is asked for does not pass. `place` is a country, a state or a county,
    or whole words of its name, in any letters and without accents.
    """

    taken_from: str | None = None
    taken_before: str | None = None
    camera: Annotated[
        str | None,
        Option(
            "--camera",
            metavar="NAME",
            help="Only pictures of a camera whose name contains NAME, in large or small letters.",
        ),
    ] = None
    min_pixels: int | None = None
    orientation: Annotated[
        Orientation | None,
        Option(
            "--orientation",
            metavar="SHAPE",
            help="Only pictures of this shape: portrait, landscape, square (sides within 5 %) or "
            "panorama (one side at least twice the other).",
        ),
    ] = None
    min_sides: tuple[int, int] | None = None
    near: tuple[float, float, float] | None = None
    endings: tuple[bytes, ...] | None = None
    place: Annotated[
        str | None,
        Option(
            "--place",
            metavar="NAME",
            help="Only pictures taken in this country, state or county: --place denmark.",
        ),
    ] = None
