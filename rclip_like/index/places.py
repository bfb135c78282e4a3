"""Looks up where new pictures, and those indexed earlier, were taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rclip_like.facts.places import is_installed, made_by, places_of

if TYPE_CHECKING:
    from rclip_like.store import Writer

_AT_ONCE = 4096


def place_pictures(writer: Writer) -> Iterator[int]:
    """Write the place of each new position, some thousand a transaction; yield how many in each.

    Does nothing without the package. Another version of the package looks all positions up again.
    """
    places = writer.places
    if not places.unplaced(1) or not is_installed():
        return
    if places.made_by != made_by():
        places.begin(made_by())
    while waiting := places.unplaced(_AT_ONCE):
        positions = {
            content_id: (latitude, longitude)
            for content_id, (latitude, longitude) in waiting.items()
            if longitude is not None
        }
        found = dict(zip(positions, places_of([*positions.values()]), strict=True))
        places.put({content_id: found.get(content_id) for content_id in waiting})
        yield len(waiting)
