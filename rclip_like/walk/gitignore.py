"""Patterns in gitignore's syntax, by pathspec, which match any name soon; loads pathspec."""

from __future__ import annotations

import os
import re
import warnings
from itertools import pairwise
from typing import Literal

from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from rclip_like.spelling import composed

UNREADABLE = (ValueError, re.error)
"""Errors for a line that is not a pattern; pathspec lets the second one through for `[z-a]`."""

_MOST_DEEP_STARS = 2
"""How often a pattern may have two stars between names: each multiplies the time by the depth."""

_TOKEN = re.compile(r"(\*+)|(\[[!^]?\]?[^]]*\])|(?:\\.|[^*[]|\[)+?(?=[*[]|\Z)", re.DOTALL)


class Pattern(GitIgnoreSpecPattern):
    """A line as pathspec reads it, but bounded in time; as in git, no bracket matches a slash.

    It is for names as `matchable` returns them. Raises one of UNREADABLE.
    """

    __slots__ = ()

    def __init__(self, line: str) -> None:
        pattern = matchable(line)
        names = pattern.removeprefix("!").strip("/").split("/")[:-1]
        if sum(before != "**" == name for before, name in pairwise(names)) > _MOST_DEEP_STARS:
            raise ValueError("two stars stand too often in one pattern")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of brackets within brackets
            super().__init__(pattern)

    @classmethod
    def _translate_segment_glob(cls, pattern: str, range_error: Literal["literal", "raise"]) -> str:
        """Return one name of a pattern as a regular expression.

        A star that another one follows takes what lies before the first place where the letters
        between them fit; any later place leaves the rest fewer letters. Else a dozen of them and a
        long name would take years.
        """
        parts = [""]
        for token in _TOKEN.finditer(pattern):
            if token[1]:
                parts.append("")
            else:
                letters = super()._translate_segment_glob(token[0], range_error)
                parts[-1] += f"(?!/){letters}" if token[2] else letters
        first, *between = parts
        if not between:
            return first
        *middle, last = between
        return first + "".join(f"(?>[^/]*?{letters})" for letters in middle) + "[^/]*" + last


def matchable(name: str | bytes) -> str:
    """Return a path, or a pattern (str), in composed form with slashes.

    A newline, which is not a letter like any other to pathspec's expressions, stands as NUL, which
    no name holds.
    """
    if isinstance(name, bytes):
        name = os.fsdecode(name).replace(os.sep, "/")
    return composed(name).replace("\n", "\0")
