"""Whether a date in a query, as in `beach 2019`, selects pictures."""

from typing import Annotated, Literal

from rclip_like.settings import Setting

Dates = Annotated[
    Literal["auto", "on", "off"],
    Setting(
        "--dates",
        metavar="WHEN",
        help="Whether a date in QUERY, as in 'beach 2019' and 'snow march 2021', selects pictures "
        "by their date: on, off, or auto, which does so for a table on a terminal.",
    ),
]
