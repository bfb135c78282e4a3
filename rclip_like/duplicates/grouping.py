"""Which picture of a group is kept, and which are copies of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rclip_like.duplicates.values import Group, Member, Reason

if TYPE_CHECKING:
    from rclip_like.duplicates.comparing import Comparison
    from rclip_like.selected import SelectedPicture

BURST_SECONDS = 10
"""Shots of one camera within so many seconds of the next one belong to a burst."""


def ranked(
    pictures: Iterable[SelectedPicture], is_reference: Callable[[SelectedPicture], bool]
) -> list[SelectedPicture]:
    """Return the pictures, the one to keep first: by the order of `Reason`, then by path."""
    return sorted(pictures, key=lambda each: _merits(each, is_reference))


def reason_of(
    first: SelectedPicture,
    others: Sequence[SelectedPicture],
    is_reference: Callable[[SelectedPicture], bool],
) -> Reason:
    """Return the first merit in which a picture beats all others of its group."""
    own = _merits(first, is_reference)
    theirs = [_merits(each, is_reference) for each in others]
    names: tuple[Reason, ...] = ("reference", "largest", "metadata", "oldest", "shortest path")
    for number, name in enumerate(names):
        if all(own[number] < each[number] for each in theirs):  # type: ignore[operator]
            return name
        theirs = [each for each in theirs if each[number] == own[number]]
        if not theirs:  # each was beaten, by different merits
            return name
    return "first path"


def _merits(
    picture: SelectedPicture, is_reference: Callable[[SelectedPicture], bool]
) -> tuple[object, ...]:
    facts, version = picture.facts, picture.version
    has_metadata = bool(facts.taken_at) + bool(facts.camera) + (facts.latitude is not None)
    return (
        not is_reference(picture),
        -facts.width * facts.height,
        -has_metadata,
        version.mtime_ns if version and version.mtime_ns is not None else 0,
        len(picture.absolute_bytes),
        picture.absolute_bytes,
    )


def are_shots(one: SelectedPicture, other: SelectedPicture) -> bool:
    """Return whether two pictures say that one camera took them within seconds, in one size."""
    seconds = _seconds_between(one, other)
    return (
        seconds is not None
        and seconds <= BURST_SECONDS
        and one.facts.camera is not None
        and one.facts.camera == other.facts.camera
        and sorted((one.facts.width, one.facts.height))
        == sorted((other.facts.width, other.facts.height))
    )


def is_copy(one: SelectedPicture, other: SelectedPicture, found: Comparison) -> bool:
    """Return whether pixels and facts together say that one was made of the other.

    Two moments are two shots, and so are pictures of one camera, one moment and one size, unless
    they show the same everywhere: cameras take several a second.
    """
    if not found.is_copy:
        return False
    seconds = _seconds_between(one, other)
    if seconds and not (seconds > BURST_SECONDS and found.is_unmoved):
        return False
    return found.is_unmoved or not are_shots(one, other)


def _seconds_between(one: SelectedPicture, other: SelectedPicture) -> float | None:
    """Return the seconds between two exposures, None where a picture does not tell."""
    times = []
    for facts in (one.facts, other.facts):
        if facts.taken_at is None or facts.taken_from not in ("original", "digitized", None):
            return None
        try:
            times.append(datetime.fromisoformat(facts.taken_at).replace(tzinfo=None))
        except ValueError:
            return None
    return abs((times[0] - times[1]).total_seconds())


def burst_of(pictures: Iterable[SelectedPicture]) -> Group:
    """Return the shots of a burst as a group, in the order in which they were taken."""
    first, *others = sorted(
        pictures, key=lambda each: (each.facts.taken_at or "", each.absolute_bytes)
    )
    return Group(first, None, tuple(Member(each, "burst") for each in others))


def without_same_files(pictures: Sequence[SelectedPicture]) -> list[SelectedPicture]:
    """Return the pictures without further names of a file that is among them already.

    Links of both kinds are one file: to move one away wins nothing, and may lose the other.
    """
    seen, kept = set(), []
    for picture in pictures:
        try:
            status = os.stat(picture.absolute_bytes)
        except OSError:
            continue
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            kept.append(picture)
    return kept
