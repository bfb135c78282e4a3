"""Looks up where pictures were taken: those of a run, and those that were indexed before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rclip_like.facts.places import is_installed, made_by, places_of

if TYPE_CHECKING:
    from rclip_like.store import Writer

_AT_ONCE = 4096


def place_pictures(writer: Writer) -> Iterator[int]:
    """Write the place of each position that is new, some thousand at each step, and yield how many.

    Without the package that knows them nothing is done. Another version of it looks all up anew.
    """
    places = writer.places
    if not places.unplaced(1) or not is_installed():
        return
    if places.made_by != made_by():
        places.begin(made_by())
    while waiting := places.unplaced(_AT_ONCE):
        whole = {each: (at, across) for each, (at, across) in waiting.items() if across is not None}
        found = dict(zip(whole, places_of([*whole.values()]), strict=True))
        places.put({content_id: found.get(content_id) for content_id in waiting})
        yield len(waiting)
