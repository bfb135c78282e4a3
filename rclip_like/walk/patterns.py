"""What a walk leaves out by name: hidden and system folders, ignore files, globs."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.errors import UsageError
from rclip_like.files import decoded, open_at_once
from rclip_like.settings import WalkSettings
from rclip_like.spelling import Spelling, composed
from rclip_like.values import NameGlobs, Root, Trouble

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

SEPARATOR = os.fsencode(os.sep)
IGNORE_FILES = (b".ignore", b".clipfindignore")
"""Names of ignore files in a folder, the later one the stronger."""

_MOST_BYTES = 100_000
"""The largest ignore file: it holds thousands of patterns, which take a second to make ready."""

_NOT_PLAIN = re.compile(r"\[.*|\\.?|[^A-Za-z0-9._\[\\-]+", re.DOTALL)
"""Matches the parts of a pattern that are not plain letters, and all that follows a bracket."""
_SPECIAL = re.compile(r"[\\*?\[\]!# ]")
"""Characters with a meaning in a pattern, unless a backslash stands before them."""
_ENDING = re.compile(r"\*[A-Za-z0-9._-]*")
_MOST_GLOBS = 8
_LONGEST_GLOB = 1000
"""In bytes. SQLite takes at most 50,000, and is slow if there are many stars."""

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


def extension(path: bytes) -> bytes:
    """Return the lower-case ending with its dot; of a name that has no dot, its last letter."""
    return path[path.rfind(b".") :].lower()


def is_hidden(name: bytes) -> bool:
    """Tell whether a file or folder of this name is skipped unless hidden ones are asked for."""
    return name.startswith(b".") or name.lower() in SYSTEM_FOLDERS


def is_library(folder: bytes) -> bool:
    """Tell whether a folder of this name is a library of Apple Photos."""
    return folder.lower().endswith(b".photoslibrary")


def is_original(name: bytes) -> bool:
    """Tell whether what has this name in a library holds photos, not thumbnails made of them."""
    return name.lower() in (b"originals", b"masters")


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
    if settings.exclude or settings.glob:
        globs = globs_of(root, settings)
        if globs.excludes(relative) or not globs.is_chosen(relative):
            return False
    parts = relative.split(SEPARATOR)
    if not settings.hidden and any(map(is_hidden, parts)):
        return False
    holders = (os.path.basename(root.path), *parts)
    return not any(
        is_library(holder) and not is_original(name) for holder, name in pairwise(holders)
    )


def folder_prefix(path: bytes) -> bytes:
    """Return the folder's path with one separator at its end."""
    return path if path.endswith(SEPARATOR) else path + SEPARATOR


class Glob(NamedTuple):
    """One pattern of the command line: whether it takes in or, behind a `!`, back what it matches.

    `matches` are those of its spellings: as typed and, if that is a path, from the root.
    """

    typed: str
    takes_in: bool
    matches: tuple[Callable[[str], object], ...]


@dataclass
class Globs:
    """The exclude and glob patterns of the settings, for the paths under one root."""

    exclude: list[Glob] = field(default_factory=list)
    glob: list[Glob] = field(default_factory=list)
    matched: set[str] = field(default_factory=set)
    """The patterns that matched something so far, as typed."""

    @classmethod
    def of(cls, root: Root, settings: WalkSettings) -> Globs:
        """Return the patterns compiled; raises UsageError for one that cannot be read."""
        return cls(
            [_compiled(pattern, root) for pattern in settings.exclude],
            [_compiled(pattern, root) for pattern in settings.glob],
        )

    def excludes(self, relative: bytes) -> bool:
        """Tell whether exclude has this file, or folder with a separator at its end."""
        return bool(self.exclude) and self._last_word(self.exclude, relative) is True

    def is_chosen(self, relative: bytes) -> bool:
        """Tell whether the globs choose this file; without a positive one, all are chosen."""
        if not self.glob:
            return True
        word = self._last_word(self.glob, relative)
        return word is True or (word is None and not any(glob.takes_in for glob in self.glob))

    def _last_word(self, globs: list[Glob], relative: bytes) -> bool | None:
        from rclip_like.walk.gitignore import matchable

        word, name = None, matchable(relative)
        for glob in globs:
            if any(matches(name) for matches in glob.matches):
                word = glob.takes_in
                self.matched.add(glob.typed)
        return word


globs_of = lru_cache(maxsize=64)(Globs.of)


def name_globs(roots: Sequence[Root] | None, settings: WalkSettings) -> NameGlobs:
    """Return what SQLite's GLOB can tell beforehand of the paths that the patterns want.

    It knows neither names from end to end nor accents in two forms: of a pattern that takes in
    remain its runs of plain letters, of one that excludes only an ending, as in `*.png`.
    """
    if roots is None:
        roots = [Root(SEPARATOR, SEPARATOR)]
    if any(root.is_file for root in roots):  # wanted whatever its name
        return NameGlobs()
    any_of: list[bytes] = []
    taking_in = [pattern for pattern in settings.glob if not pattern.startswith("!")]
    for pattern in taking_in if len(roots) * len(taking_in) <= _MOST_GLOBS else ():
        for root in roots:
            for each in (pattern, *_inside(pattern, root)):
                plain = _NOT_PLAIN.sub("*", composed(each.strip())).strip("*")
                any_of.append(os.fsencode(f"*{plain}*"))
    none_of: list[bytes] = []
    if not any(pattern.startswith("!") for pattern in settings.exclude):
        endings = map(_ENDING.fullmatch, settings.exclude[:_MOST_GLOBS])
        none_of = [os.fsencode(ending[0]) for ending in endings if ending is not None]
    if any(len(glob) > _LONGEST_GLOB for glob in (*any_of, *none_of)):
        return NameGlobs()
    return NameGlobs(tuple(dict.fromkeys(any_of)), tuple(none_of))


class IgnoreFile(NamedTuple):
    """The patterns of one folder's ignore files, which hold for what lies below it."""

    prefix: bytes
    specification: GitIgnoreSpec

    def opinion(self, path: bytes) -> bool | None:
        """Return whether to ignore the path (a folder ends in a separator), None for no word."""
        from rclip_like.walk.gitignore import matchable

        return self.specification.check_file(matchable(path[len(self.prefix) :])).include


def _lines_of(path: bytes) -> list[str]:
    with open(path, "rb", opener=open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(
                errno.EINVAL, "is not a regular file, so nothing is left out for it", path
            )
        text = file.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise OSError(errno.EFBIG, "is too large for an ignore file, so nothing is left out", path)
    try:
        lines = decoded(text, keep_bytes=True)
    except UnicodeError:
        lines = "\0"
    if "\0" in lines:  # UTF-16 without its mark, for instance
        reason = "is not text that can be read, so nothing is left out for it; save it as UTF-8"
        raise OSError(errno.EILSEQ, reason, path)
    return [line.removesuffix("\r") for line in lines.split("\n")]


def ignore_files_above(prefix: bytes) -> tuple[tuple[IgnoreFile, ...], list[Trouble]]:
    """Return the ignore files above a root that hold in it, nearest first, and what went wrong.

    A folder that is named is wanted, so a file that would ignore it does not hold.
    """
    files: tuple[IgnoreFile, ...] = ()
    troubles: list[Trouble] = []
    parts = prefix.split(SEPARATOR)[:-2]
    for number in range(1, len(parts) + 1):  # the outermost first
        above = SEPARATOR.join(parts[:number]) + SEPARATOR
        names = [name for name in IGNORE_FILES if os.path.exists(above + name)]
        files, wrong = with_ignore_file(above, names, files)
        troubles += wrong
    return tuple(file for file in files if not file.opinion(prefix)), troubles


def with_ignore_file(
    prefix: bytes, names: Sequence[bytes], outer: tuple[IgnoreFile, ...]
) -> tuple[tuple[IgnoreFile, ...], list[Trouble]]:
    """Return the ignore files that hold in a folder, nearest first, and what went wrong.

    prefix: the folder with its separator; names: its ignore files. Lines that cannot be read as a
    pattern are passed over. A file that cannot be read, is not a regular file or is too large to be
    what its name says is a Trouble.
    """
    try:
        every = [
            line for name in IGNORE_FILES if name in names for line in _lines_of(prefix + name)
        ]
    except OSError as error:
        return outer, [trouble_of(error.filename or prefix + names[0], error)]
    lines = [line for line in every if line.strip()]
    if not lines:
        return outer, []
    # Costs 10 ms, and most walks have no pattern.
    from pathspec import GitIgnoreSpec

    from rclip_like.walk.gitignore import UNREADABLE, Pattern

    patterns = []
    for line in lines:
        with suppress(*UNREADABLE):
            patterns.append(Pattern(line))
    if not patterns:
        return outer, []
    # The other ways to match know no group that is taken for good, as these patterns have.
    return (IgnoreFile(prefix, GitIgnoreSpec(patterns, backend="simple")), *outer), []


def trouble_of(path: bytes, error: OSError) -> Trouble:
    """Return what to report of a path that the system refuses for now."""
    return Trouble(path, error.strerror or type(error).__name__, lasting=False)


def ignores(files: Iterable[IgnoreFile], path: bytes) -> bool:
    """Tell whether the ignore files, nearest first, leave this path out."""
    for file in files:
        opinion = file.opinion(path)
        if opinion is not None:
            return opinion
    return False


def _compiled(pattern: str, root: Root) -> Glob:
    from rclip_like.walk.gitignore import UNREADABLE, Pattern

    try:
        spellings = [Pattern(each) for each in (pattern, *_inside(pattern, root))]
    except UNREADABLE as error:
        raise UsageError(f"{pattern!r} is no glob pattern; see gitignore's syntax") from error
    expressions = [each.regex for each in spellings if each.regex is not None]
    matches = [  # of `*/` it is only a slash, wherever that stands
        each.match if each.pattern.startswith("^") else each.search for each in expressions
    ]
    return Glob(pattern, not pattern.startswith("!"), tuple(matches))


def _inside(pattern: str, root: Root) -> Iterator[str]:
    """Yield the pattern anchored to the root where it is a path into it, as Tab completes them.

    The path may be absolute, begin with ~ or start from the current folder.
    """
    negation = "!" * pattern.startswith("!")
    typed = os.path.expanduser(pattern.removeprefix("!"))
    if os.sep not in typed:
        return
    there = Spelling().on_disk(os.fsencode(typed))
    found = typed if there is None else os.fsdecode(there)
    prefix = os.fsdecode(folder_prefix(root.path))
    for path in {os.path.abspath(found), os.path.realpath(found)}:
        if path.startswith(prefix):
            relative = path[len(prefix) :]
            if os.path.lexists(path):
                relative = _SPECIAL.sub(r"\\\g<0>", relative)
            yield f"{negation}/{relative}"
