"""Where the tiles of a long picture lie: which pictures have any, and which crop each one is.

The whole of a panorama shows a model its middle alone, or everything small. Its tiles are squares
as high as the picture (as wide, where it is upright), each half over the next one as long as
MOST_TILES are enough for that. What is here follows from the size of the picture and the number of
the part, so that an index keeps the numbers alone: it stays as it is.
"""

from __future__ import annotations

from math import ceil

from rclip_like.values import FIRST_PARTS, Crop, PictureFacts

MOST_TILES = 16
_LONGER_THAN = 2
_LEAST_SIDE = 64
"""A thinner picture is a rule or a colour scale."""

HAS_TILES = (
    f"max(width, height) > {_LONGER_THAN} * min(width, height)"
    f" AND min(width, height) >= {_LEAST_SIDE}"
)
"""In SQL, of a content's width and height, whether such a picture has tiles."""


def tiles_of(width: int, height: int) -> tuple[Crop, ...]:
    """Return the tiles of a picture of this size in pixels, along its long side; () for most.

    Beyond MOST_TILES times its short side they are longer than they are wide, and do not overlap.
    """
    short, long = sorted((width, height))
    if long <= _LONGER_THAN * short or short < _LEAST_SIDE:
        return ()
    count = min(MOST_TILES, 1 + ceil(2 * (long - short) / short))
    side = max(short, ceil(long / count))
    starts = [round(number * (long - side) / (count - 1)) for number in range(count)]
    if width > height:
        return tuple(Crop(start, 0, side, height) for start in starts)
    return tuple(Crop(0, start, width, side) for start in starts)


def crop_of(part: int, facts: PictureFacts) -> Crop | None:
    """Return the crop that a part of such a picture is, None of a part that is not a tile."""
    number = part - FIRST_PARTS["tiles"]
    tiles = tiles_of(facts.width, facts.height)
    return tiles[number] if 0 <= number < len(tiles) else None
