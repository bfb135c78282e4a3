"""What a walk leaves out by name: hidden and system folders, ignore files, globs."""

from __future__ import annotations

import errno
import os
import re
import stat
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.errors import UsageError
from rclip_like.files import decoded, open_at_once
from rclip_like.settings import WalkSettings
from rclip_like.spelling import Spelling, composed
from rclip_like.values import Root

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

SEPARATOR = os.fsencode(os.sep)
IGNORE_FILES = (b".ignore", b".clipfindignore")
"""Names of ignore files in a folder, the later one the stronger."""

_MOST_BYTES = 100_000
"""Of an ignore file: some thousands of patterns, which take about a second to make ready."""

_STAR = "[^/]*"
"""What pathspec makes of a star."""

_DEEP_STAR = "(?:/.+)?"
"""What pathspec makes of two stars between names."""

_MOST_DEEP_STARS = 2
"""In one pattern: each more costs the depth of a path once more."""

_BRACKET = r"\[\^?+\]?+(?:\\.|[^]\\])*+\]"
_LETTERS = rf"(?:\\.|(?:\(\?!/\))?+{_BRACKET}|[^][(){{}}.^$*+?|\\/])*+"
"""What `_compile` makes of letters, question marks and brackets: each stands for one letter."""

_NO_PATTERN = (ValueError, re.error)
"""What pathspec raises of a line that is no pattern; of `[z-a]` it lets the second one through."""

SYSTEM_FOLDERS = frozenset(
    (
        b"$recycle.bin",
        b"system volume information",
        b"@eadir",
        b"#recycle",
        b"#snapshot",
        b"lost+found",
        b"node_modules",
    )
)
"""Lower-case names of folders that hold thumbnails, waste or programs, never someone's photos."""


_LIBRARY = b".photoslibrary"
_ORIGINALS = frozenset((b"originals", b"masters"))


def extension(path: bytes) -> bytes:
    """Return the lower-case ending with its dot; of a name that has no dot, its last letter."""
    return path[path.rfind(b".") :].lower()


def is_hidden(name: bytes) -> bool:
    """Tell whether a file or folder of this name is skipped unless hidden ones are asked for."""
    return name.startswith(b".") or name.lower() in SYSTEM_FOLDERS


def is_library(folder: bytes) -> bool:
    """Tell whether a folder of this name is a library of Apple Photos."""
    return folder.lower().endswith(_LIBRARY)


def is_original(name: bytes) -> bool:
    """Tell whether what has this name in a library holds photos, not thumbnails made of them."""
    return name.lower() in _ORIGINALS


def is_wanted(root: Root, path: bytes, settings: WalkSettings) -> bool:
    """Tell whether a walk of the root may yield this path, judged by its name alone.

    Hidden and system folders, photo libraries, exclude and glob count; ignore files, links,
    .nomedia files and the disk do not.
    """
    if path == root.path:
        return True
    prefix = folder_prefix(root.path)
    if root.is_file or not path.startswith(prefix):
        return False
    relative = path[len(prefix) :]
    parts = relative.split(SEPARATOR)
    if not settings.hidden and any(map(is_hidden, parts)):
        return False
    holders = (os.path.basename(root.path), *parts)
    if any(is_library(holder) and not is_original(name) for holder, name in pairwise(holders)):
        return False
    return _globs(root, settings).wants(relative)


def folder_prefix(path: bytes) -> bytes:
    """Return the folder's path with one separator at its end."""
    return path if path.endswith(SEPARATOR) else path + SEPARATOR


@dataclass
class Globs:
    """The exclude and glob patterns of the settings, for the paths under one root."""

    exclude: list[tuple[str, GitIgnoreSpec]] = field(default_factory=list)
    glob: list[tuple[str, GitIgnoreSpec]] = field(default_factory=list)
    matched: set[str] = field(default_factory=set)
    """The patterns that matched something so far, as typed."""

    @classmethod
    def of(cls, root: Root, settings: WalkSettings) -> Globs:
        """Return the patterns compiled; raises UsageError for one that cannot be read."""
        return cls(
            [(pattern, _specification(pattern, root)) for pattern in settings.exclude],
            [(pattern, _specification(pattern, root)) for pattern in settings.glob],
        )

    def wants(self, relative: bytes) -> bool:
        """Tell whether a file is wanted, folders above it included."""
        return not self.excludes(relative) and self.is_chosen(relative)

    def excludes(self, relative: bytes) -> bool:
        """Tell whether exclude has this file, or folder with a separator at its end."""
        return bool(self.exclude) and self._last_word(self.exclude, relative) is True

    def is_chosen(self, relative: bytes) -> bool:
        """Tell whether the globs choose this file; without a positive one, all are chosen."""
        if not self.glob:
            return True
        word = self._last_word(self.glob, relative)
        return word is True or (word is None and all(p.startswith("!") for p, _ in self.glob))

    def _last_word(self, patterns: list[tuple[str, GitIgnoreSpec]], relative: bytes) -> bool | None:
        word = None
        for pattern, specification in patterns:
            opinion = specification.check_file(composed(os.fsdecode(relative))).include
            if opinion is not None:
                word = opinion
                self.matched.add(pattern)
        return word


_globs = lru_cache(maxsize=64)(Globs.of)


class IgnoreFile(NamedTuple):
    """The patterns of one folder's ignore files, which hold for what lies below it."""

    prefix: bytes
    specification: GitIgnoreSpec

    def opinion(self, path: bytes) -> bool | None:
        """Return whether to ignore the path (a folder ends in a separator), None for no word."""
        name = composed(os.fsdecode(path[len(self.prefix) :]))
        return self.specification.check_file(name).include


def read_ignore_file(folder: bytes, names: Iterable[bytes]) -> IgnoreFile | None:
    """Return what the folder's ignore files say, None when they say nothing.

    Lines that are no pattern are passed over. Raises OSError, with the file's name, when one cannot
    be read, is not a regular file or is too large to be what its name says.
    """
    patterns: list[GitIgnoreSpecPattern] = []
    for name in IGNORE_FILES:
        if name in names:
            for line in _lines_of(folder + name):
                patterns += _patterns_of(line)
    if not patterns:
        return None
    from pathspec import GitIgnoreSpec

    return IgnoreFile(folder, GitIgnoreSpec(patterns, backend="simple"))


def _lines_of(place: bytes) -> list[str]:
    with open(place, "rb", opener=open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(
                errno.EINVAL, "is not a regular file, so nothing is left out for it", place
            )
        text = file.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise OSError(errno.EFBIG, "is too large for an ignore file, so nothing is left out", place)
    try:
        lines = decoded(text, keep_bytes=True)
    except UnicodeError:
        lines = "\0"
    if "\0" in lines:  # UTF-16 without its mark, for instance
        reason = "is not text that can be read, so nothing is left out for it; save it as UTF-8"
        raise OSError(errno.EILSEQ, reason, place)
    return [line.removesuffix("\r") for line in lines.split("\n")]


def _patterns_of(line: str) -> list[GitIgnoreSpecPattern]:
    """Return a line as a pattern, nothing for a line that is none."""
    if not line.strip():
        return []
    try:
        return list(_compile([line]).patterns)
    except _NO_PATTERN:
        return []


def ignores(files: Iterable[IgnoreFile], path: bytes) -> bool:
    """Tell whether the ignore files, nearest first, leave this path out."""
    for file in files:
        opinion = file.opinion(path)
        if opinion is not None:
            return opinion
    return False


def _specification(pattern: str, root: Root) -> GitIgnoreSpec:
    try:
        return _compile([pattern, *_inside(pattern, root)])
    except _NO_PATTERN as error:
        raise UsageError(f"{pattern!r} is no glob pattern; see gitignore's syntax") from error


def _inside(pattern: str, root: Root) -> Iterator[str]:
    """Yield the pattern anchored to the root where it is a path into it, as Tab completes them.

    The path may be absolute, begin with ~ or start from the current folder.
    """
    negation = "!" * pattern.startswith("!")
    typed = os.path.expanduser(pattern.removeprefix("!"))
    if os.sep not in typed:
        return
    there = Spelling().on_disk(os.fsencode(typed))
    place = typed if there is None else os.fsdecode(there)
    prefix = os.fsdecode(folder_prefix(root.path))
    for path in {os.path.abspath(place), os.path.realpath(place)}:
        if path.startswith(prefix):
            relative = path[len(prefix) :]
            yield f"{negation}/{_escaped(relative) if os.path.lexists(path) else relative}"


def _escaped(path: str) -> str:
    return "".join("\\" + letter if letter in "\\*?[]!# " else letter for letter in path)


def _compile(patterns: list[str]) -> GitIgnoreSpec:
    """Return the patterns ready; raises one of _NO_PATTERN for one that is none.

    Unlike pathspec's own, and like git's, no bracket stands for a slash, and a newline is a letter
    like any other. They are for names in composed form.
    """
    # Costs 20 ms, and most walks have no pattern.
    from pathspec import GitIgnoreSpec

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of brackets within brackets
        # The other ways to match know no group that is taken for good, as `_without_trials` has.
        specification = GitIgnoreSpec.from_lines(map(composed, patterns), backend="simple")
        for pattern in specification.patterns:
            if pattern.regex is not None:
                pattern.regex = re.compile(_without_trials(pattern.regex.pattern), re.DOTALL)
    return specification


def _without_trials(regex: str) -> str:
    """Return a regular expression that matches the same, soon, whatever the pattern and the name.

    A star that another one follows takes what lies before the first place where the letters between
    them fit; any later place leaves the rest fewer letters. Without that, a pattern with a dozen of
    them in an ignore file, and a long name, would take years. Raises ValueError for more than
    _MOST_DEEP_STARS, for which the same would have to be said of whole folders.
    """
    if regex.count(_DEEP_STAR) > _MOST_DEEP_STARS:
        raise ValueError("two stars stand too often in one pattern")
    first, *rest = re.sub(rf"\\.|{_BRACKET}|\$", _within_a_name, regex).split(_STAR)
    if not rest:
        return first
    *between, last = rest
    taken = [
        f"(?>{_STAR}?{each})" if re.fullmatch(_LETTERS, each) else _STAR + each for each in between
    ]
    return "".join([first, *taken, _STAR, last])


def _within_a_name(found: re.Match[str]) -> str:
    if found[0] == "$":  # it also holds before a newline at the end
        return r"\Z"
    is_bracket = found[0].startswith("[") and found[0] != "[^/]"
    return f"(?!/){found[0]}" if is_bracket else found[0]
