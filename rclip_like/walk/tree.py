"""The walk itself: an explicit stack of sorted listings, one `stat` a picture file."""

from __future__ import annotations

import os
import stat
import time
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import compress
from operator import not_

from rclip_like.settings import WalkSettings
from rclip_like.values import (
    RAW_EXTENSIONS,
    UNMATCHED_PATTERN,
    FileFacts,
    Root,
    Seen,
    Trouble,
    opened_extensions,
)
from rclip_like.walk.left_out import (
    OnLeftOut,
    Others,
    is_pair,
    others_among,
    paired_extensions,
    pictures_beside,
)
from rclip_like.walk.patterns import (
    IGNORE_FILES,
    SEPARATOR,
    Globs,
    IgnoreFile,
    extension,
    folder_prefix,
    ignore_files_above,
    ignores,
    is_hidden,
    is_library,
    is_original,
    trouble_of,
    with_ignore_file,
)

_PAGE = 256
"""So many files, with their `stat`, stay in a processor's cache; pages of 512 took longer."""
_PAGE_SECONDS = 0.1
_KIND, _FILE = stat.S_IFMT(0o177777), stat.S_IFREG
"""The bits of a mode that say what something is, and those of a regular file."""
_FOLDER_ALONE = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
"""Opens folders only: opening a pipe that was put in the folder's place would wait for ever."""


def walk_pages(
    roots: Sequence[Root],
    settings: WalkSettings,
    on_left_out: OnLeftOut = lambda why, path: None,
) -> Iterator[list[Seen | Trouble]]:
    """Yield the picture files under the roots, some hundreds at a time.

    They come root after root, each in order of path bytes, as plain tuples. A folder that cannot be
    read is a Trouble with its path, and the walk goes on; patterns that matched nothing come last,
    as Troubles with an empty path. A root that is a file is yielded whatever its name.
    `on_left_out` is called for what is left out though nobody asked for that. Raises UsageError for
    a pattern that makes no sense.
    """
    matched: set[str] = set()
    # One set for all roots: a list of files makes each of thousands a root.
    named = frozenset(root.path for root in roots) if len(roots) > 1 else frozenset()
    for root in roots:
        if root.is_file:
            yield [_look_at(root.path, True) or Trouble(root.path, "is gone", lasting=False)]
            continue
        globs = Globs.of(root, settings)
        yield from _Walk(root, settings, globs, named, on_left_out).pages()
        matched |= globs.matched
    for pattern in (*settings.exclude, *settings.glob):
        if pattern not in matched:
            yield [Trouble(b"", UNMATCHED_PATTERN.format(pattern), lasting=False)]


def _look_at(path: bytes, follow: bool) -> FileFacts | Trouble | None:
    """Return what stat says of a regular file, None for anything else and what is gone."""
    try:
        status = os.stat(path, follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return trouble_of(path, error)
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileFacts.of(path, status)


def _look_at_all(
    prefix: bytes, names: Sequence[bytes], folder: int | None, follow: bool
) -> Sequence[Seen | Trouble]:
    """Return what `_look_at` says of these names, all in one stroke where nothing is amiss.

    folder: the open folder, if any. From it a name is found at once, by its whole path every
    `stat` goes through all folders above: 3.0 us against 3.7.
    """
    if folder is not None:
        look = os.stat if follow else os.lstat
        try:
            return [
                (
                    *(prefix + name, status.st_size, status.st_mtime_ns),
                    *(status.st_dev, status.st_ino, status.st_ctime_ns),
                )
                for name in names
                for status in (look(name, dir_fd=folder),)
                if status.st_mode & _KIND == _FILE
            ]
        except OSError:  # reported below, with its file
            pass
    each = (_look_at(prefix + name, follow) for name in names)
    return [found for found in each if found is not None]


@contextmanager
def _opened(folder: bytes) -> Iterator[int | None]:
    """Give the open folder, None where it cannot be had."""
    descriptor = None
    with suppress(OSError):  # too many open files; each path is then looked up by itself
        if os.stat in os.supports_dir_fd:
            descriptor = os.open(folder, _FOLDER_ALONE)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


@dataclass
class _Folder:
    """One level of the stack: what is left to walk of a folder, and what holds in it."""

    prefix: bytes
    files: list[bytes]
    """Names, ascending."""
    folders: list[bytes]
    """Names that end in a separator, so that the order is that of full paths; descending."""
    ignoring: list[bytes]
    """Names of its ignore files."""
    others: Others
    beside: dict[bytes, list[bytes]]
    """By a raw file's name: the pictures that may be walked instead of it."""
    ignore_files: tuple[IgnoreFile, ...] = ()
    """Those that hold in it, nearest first."""
    identity: tuple[int, int] | None = None
    """Device and inode, where cycles or file systems matter."""
    num_taken: int = 0
    """How many of the files were taken."""

    def take_files(self, limit: int) -> list[bytes]:
        """Return so many of the next files, or those before the next folder."""
        last = len(self.files)
        end = bisect(self.files, self.folders[-1], self.num_taken) if self.folders else last
        names = self.files[self.num_taken : min(end, self.num_taken + max(0, limit))]
        self.num_taken += len(names)
        return names


@dataclass
class _Walk:
    """One walk of one root that is a folder."""

    root: Root
    settings: WalkSettings
    globs: Globs
    named: frozenset[bytes]
    """All roots, where there are several: they are walked by themselves, so not from here."""
    on_left_out: OnLeftOut
    stack: list[_Folder] = field(default_factory=list)
    page: list[Seen | Trouble] = field(default_factory=list)
    """What was found and not yielded yet."""

    def pages(self) -> Iterator[list[Seen | Trouble]]:
        """Yield the picture files and troubles, in order of path bytes.

        A page is yielded when it is full, and when it has waited a while: pictures that lie far
        apart are not to wait for the end of the walk.
        """
        since = time.monotonic()
        prefix = folder_prefix(self.root.path)
        ignore_files: tuple[IgnoreFile, ...] = ()
        if self.settings.ignore_files:
            ignore_files, troubles = ignore_files_above(prefix)
            self.page += troubles
        self._enter(prefix, ignore_files)
        if not self.stack and not os.path.exists(prefix):
            self.page.append(Trouble(self.root.path, "is gone", lasting=False))
        while self.stack:
            folder = self.stack[-1]
            self._look_at_files(folder)
            is_full = len(self.page) >= _PAGE
            if not is_full and folder.folders:
                path = folder.prefix + folder.folders.pop()
                if self._is_wanted(path, folder):
                    self._enter(path, folder.ignore_files)
            elif not is_full:
                self.stack.pop()
            if is_full or time.monotonic() - since > _PAGE_SECONDS:
                yield self.page
                self.page, since = [], time.monotonic()
        yield self.page

    def _look_at_files(self, folder: _Folder) -> None:
        """Put a folder's files on the page until it is full or the next folder in it comes up.

        So only one folder is open at a time, however deep they lie in one another.
        """
        names = folder.take_files(_PAGE - len(self.page))
        if not names:
            return
        chooses = bool(self.globs.exclude or self.globs.glob or self.named)
        takes_all = not (chooses or folder.ignore_files or folder.beside)
        with _opened(folder.prefix) as descriptor:
            while names:
                if not takes_all:
                    names = [name for name in names if self._takes(name, folder)]
                found = _look_at_all(folder.prefix, names, descriptor, self.settings.follow)
                if len(found) < len(names):
                    seen = {each[0] for each in found}
                    for path in (folder.prefix + name for name in names):
                        if path not in seen and os.path.islink(path):
                            self.on_left_out("dead link" if self.settings.follow else "link", path)
                self.page += found
                names = folder.take_files(_PAGE - len(self.page))

    def _is_wanted(self, path: bytes, folder: _Folder) -> bool:
        relative = path[len(self.stack[0].prefix) :]
        is_excluded = self.globs.excludes(relative)
        if is_excluded or path.rstrip(SEPARATOR) in self.named:
            return False
        if ignores(folder.ignore_files, path):
            return False
        return path.endswith(SEPARATOR) or self.globs.is_chosen(relative)

    def _takes(self, name: bytes, folder: _Folder) -> bool:
        """Return whether a file is wanted, unless a picture beside it is walked instead."""
        if not self._is_wanted(folder.prefix + name, folder):
            return False
        pictures = folder.beside.get(name, ())
        if pictures and not is_pair(folder.prefix + name):
            return True
        for picture in pictures:
            path = folder.prefix + picture
            is_walked = path in self.named or self._is_wanted(path, folder)
            if is_walked and isinstance(_look_at(path, self.settings.follow), FileFacts):
                is_raw = extension(name) in RAW_EXTENSIONS
                self.on_left_out("raw pair" if is_raw else "live photo", folder.prefix + name)
                return False
        return True

    def _enter(self, prefix: bytes, ignore_files: tuple[IgnoreFile, ...]) -> None:
        """Put a folder on the stack, unless it cannot be read, is gone, or leads round or out."""
        troubles: list[Trouble] = []
        try:
            identity = None
            if self.settings.follow or self.settings.one_file_system:
                status = os.stat(prefix)
                identity = status.st_dev, status.st_ino
                above = [folder.identity for folder in self.stack if folder.identity]
                leaves = self.settings.one_file_system and above and above[0][0] != status.st_dev
                if leaves or identity in above:
                    return
            folder = self._list(prefix)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self.page.append(trouble_of(prefix.rstrip(SEPARATOR) or prefix, error))
            return
        if folder.others.has_nomedia and self.stack and not self.settings.hidden:
            self.on_left_out("nomedia", prefix.rstrip(SEPARATOR))
            return
        if folder.ignoring:
            ignore_files, troubles = with_ignore_file(prefix, folder.ignoring, ignore_files)
        folder.ignore_files, folder.identity = ignore_files, identity
        self.stack.append(folder)
        self.page += troubles
        for why, names in folder.others.left_out(prefix, folder.files):
            for path in [prefix + name for name in names]:
                if self._is_wanted(path, folder):
                    self.on_left_out(why, path)

    def _list(self, prefix: bytes) -> _Folder:
        """Return what of a folder's content a walk looks at, unless patterns leave it out."""
        entries, inner = _entries(prefix, self.settings.follow)
        names = [entry.name for entry in entries]
        ignoring: list[bytes] = []
        if self.settings.ignore_files:
            ignoring = [name for name in IGNORE_FILES if name in names or name in inner]
        if is_library(prefix.rstrip(SEPARATOR)):
            entries, names, inner = [], [], list(filter(is_original, inner))
        endings = set(map(bytes.lower, {name[-4:] for name in names}))
        others = Others()
        opened = opened_extensions()
        if not endings <= opened:  # a look at a few endings spares one at each name
            others = others_among(entries, names, endings, self.settings)
            names = [name for name in names if name[-4:] in opened or extension(name) in opened]
        files = sorted(names)
        if not self.settings.hidden:
            # Sorted, what begins with a dot lies together; no file has a slash in its name.
            hidden = slice(bisect(files, b"."), bisect(files, b"/"))
            system = [name for name in inner if is_hidden(name)]
            inner = [name for name in inner if not is_hidden(name)]
            # Patterns that match what is skipped anyway did not match nothing.
            relative = prefix[len(folder_prefix(self.root.path)) :]
            for name in (*files[hidden], *(name + SEPARATOR for name in system)):
                self.globs.excludes(relative + name)
            del files[hidden]
        folders = sorted((name + SEPARATOR for name in inner), reverse=True)
        paired = paired_extensions(self.settings)
        beside = {} if paired.isdisjoint(endings) else pictures_beside(files, paired)
        return _Folder(prefix, files, folders, ignoring, others, beside)


def _entries(prefix: bytes, follow: bool) -> tuple[list[os.DirEntry[bytes]], list[bytes]]:
    """Return the entries of a folder that are not folders, and the names of those that are."""
    with os.scandir(prefix) as entries:
        listed = list(entries)
    try:
        kinds = [entry.is_dir(follow_symlinks=follow) for entry in listed]
    except OSError:
        # A link that leads nowhere, or to itself.
        paths = [entry.path for entry in listed]
        kinds = [os.path.isdir(path) and (follow or not os.path.islink(path)) for path in paths]
    folders = [entry.name for entry in compress(listed, kinds)]
    return list(compress(listed, map(not_, kinds))) if folders else listed, folders
