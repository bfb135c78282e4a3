"""Patterns of names in braces: shards-{000..012}.tar, {train,val}.tar."""

from __future__ import annotations

import re
from itertools import product

from rclip_like.errors import DataError

MOST_NAMES = 100_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})$")


def has_braces(name: str) -> bool:
    """Tell whether a name is a pattern: whether it holds a range or alternatives in braces."""
    return any("," in each[1] or _RANGE.match(each[1]) for each in _BRACES.finditer(name))


def expand_braces(pattern: str) -> list[str]:
    """Return the names that a pattern stands for, in order, as bash expands it.

    A range {000..012} counts up or down, as wide as its wider end if either begins with 0; other
    braces hold alternatives with commas. Raises DataError for more than MOST_NAMES names, before
    they take any memory, and for braces in braces.
    """
    pieces = _BRACES.split(pattern)
    if any("{" in piece or "}" in piece for piece in pieces[::2]):
        raise DataError(f"{pattern}: braces within braces are not read")
    counts = [_count(inside) for inside in pieces[1::2]]
    total = 1
    for count in counts:
        total *= count
    if total > MOST_NAMES:
        raise DataError(f"{pattern} stands for more than {MOST_NAMES:,} names")
    choices = [_choices(piece) if number % 2 else [piece] for number, piece in enumerate(pieces)]
    return ["".join(each) for each in product(*choices)]


def _count(inside: str) -> int:
    if found := _RANGE.match(inside):
        return abs(int(found[2]) - int(found[1])) + 1
    return inside.count(",") + 1


def _choices(inside: str) -> list[str]:
    found = _RANGE.match(inside)
    if found is None:
        # Braces without a comma are part of the name.
        return inside.split(",") if "," in inside else ["{" + inside + "}"]
    first, last = found[1], found[2]
    is_padded = any(len(end) > 1 and end[0] == "0" for end in (first, last))
    width = max(len(first), len(last)) if is_padded else 0
    step = 1 if int(first) <= int(last) else -1
    return [str(number).zfill(width) for number in range(int(first), int(last) + step, step)]
