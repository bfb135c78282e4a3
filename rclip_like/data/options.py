"""How captioned and labelled sets are read, as far as their files do not say it themselves."""

# No `from __future__ import annotations`, as in rclip_like/settings.

from typing import Annotated, NamedTuple

from rclip_like.settings import Option


class PairOptions(NamedTuple):
    """The columns of a table. None: the first of the usual names that the table has."""

    image_column: Annotated[
        str | None,
        Option(
            "--image-column",
            metavar="NAME",
            help="The column of a table that names the pictures. Default: file, path, image, ...",
        ),
    ] = None
    caption_column: Annotated[
        str | None,
        Option(
            "--caption-column",
            metavar="NAME",
            help="The column of a table that holds the captions. Default: caption, text, title, "
            "...",
        ),
    ] = None
