"""The settings of `duplicates`."""

# No `from __future__ import annotations`, as in the settings.

from typing import Annotated, NamedTuple

from rclip_like.settings import (
    MOST_THUMBNAIL_MEGABYTES,
    Filters,
    Option,
    ThumbnailCacheSize,
    WalkSettings,
)


class DuplicatesSettings(NamedTuple):
    """Which pictures are compared, and how near their embeddings have to be, as a cosine.

    At a threshold of 1 only equal files are copies, and no picture is looked at.
    """

    threshold: Annotated[
        float,
        Option(
            "--threshold",
            metavar="X",
            min=0.5,
            max=1,
            help="Look at pairs whose embeddings have a cosine of X or more; lower finds more "
            "strongly changed copies and takes longer. 1: equal files alone.",
        ),
    ] = 0.7
    cache_megabytes: ThumbnailCacheSize = MOST_THUMBNAIL_MEGABYTES
    everywhere: Annotated[
        bool, Option("--all", help="Compare everything indexed, in any folder.")
    ] = False
    walk: Annotated[WalkSettings, "Which pictures"] = WalkSettings()
    filters: Filters = Filters()
