"""The walk itself: an explicit stack of sorted listings, one `stat` a picture file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rclip_like.settings import WalkSettings
from rclip_like.values import PICTURE_EXTENSIONS, RAW_EXTENSIONS, FileFacts, Root, Trouble
from rclip_like.walk.doubles import pictures_beside
from rclip_like.walk.ignoring import ignore_files_above, trouble_of, with_ignore_file
from rclip_like.walk.patterns import (
    IGNORE_FILES,
    SEPARATOR,
    IgnoreFile,
    Selection,
    extension,
    folder_prefix,
    ignores,
    is_hidden,
)


def walk(roots: Sequence[Root], settings: WalkSettings) -> Iterator[FileFacts | Trouble]:
    """Yield the picture files under the roots, root after root, each in order of path bytes.

    A folder that cannot be read is a Trouble with its path, and the walk goes on. Patterns that
    matched nothing come last, as Troubles with an empty path. A root that is a file is yielded
    whatever its name. Raises UsageError for a pattern that is none.
    """
    matched: set[str] = set()
    # One set for all roots: a list of files makes each of thousands a root.
    named = frozenset(root.path for root in roots) if len(roots) > 1 else frozenset()
    for root in roots:
        selection = Selection.of(root, settings)
        yield from _walk_root(root, settings, selection, named)
        matched |= selection.matched
    for pattern in (*settings.exclude, *settings.glob):
        if pattern not in matched:
            yield Trouble(b"", f"the pattern {pattern!r} matched nothing", lasting=False)


def _walk_root(
    root: Root, settings: WalkSettings, selection: Selection, named: frozenset[bytes]
) -> Iterator[FileFacts | Trouble]:
    if root.is_file:
        facts = _facts(root.path, follow=True)
        yield facts or Trouble(root.path, "is gone", lasting=False)
        return
    yield from _Walk(root, settings, selection, named).files()


def _facts(path: bytes, *, follow: bool) -> FileFacts | Trouble | None:
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


@dataclass
class _Folder:
    """One level of the stack: what is left of a folder, and the ignore files that hold in it."""

    prefix: bytes
    names: Iterator[bytes]
    """Ascending; a folder's name ends in a separator, so that the order is that of full paths."""
    ignore_files: tuple[IgnoreFile, ...] = ()
    """Nearest first."""
    identity: tuple[int, int] | None = None
    """Device and inode, where cycles or file systems matter."""
    beside: dict[bytes, list[bytes]] = field(default_factory=dict)
    """By a raw file's name: the pictures whose place it leaves them."""


@dataclass
class _Walk:
    """One walk of one root that is a folder."""

    root: Root
    settings: WalkSettings
    selection: Selection
    named: frozenset[bytes]
    """All roots, where there are several: they are walked by themselves, so not from here."""
    stack: list[_Folder] = field(default_factory=list)

    def files(self) -> Iterator[FileFacts | Trouble]:
        """Yield the picture files and troubles, in order of path bytes."""
        follow = self.settings.follow
        chooses = bool(self.selection.exclude or self.selection.glob or self.named)
        yield from self._enter_root()
        while self.stack:
            folder = self.stack[-1]
            takes_all = not chooses and not folder.ignore_files
            for name in folder.names:
                path = folder.prefix + name
                if not takes_all and not self._is_wanted(path, folder):
                    continue
                if name.endswith(SEPARATOR):
                    yield from self._enter(path, folder.ignore_files)
                    break
                if name in folder.beside and self._is_double(name, folder):
                    continue
                facts = _facts(path, follow=follow)
                if facts is not None:
                    yield facts
            else:
                self.stack.pop()

    def _is_wanted(self, path: bytes, folder: _Folder) -> bool:
        relative = path[len(self.stack[0].prefix) :]
        is_excluded = self.selection.excludes(relative)
        if is_excluded or path.rstrip(SEPARATOR) in self.named:
            return False
        if ignores(folder.ignore_files, path):
            return False
        return path.endswith(SEPARATOR) or self.selection.is_chosen(relative)

    def _is_double(self, name: bytes, folder: _Folder) -> bool:
        """Tell whether one of the pictures beside a raw file is walked in its place."""
        paths = [folder.prefix + picture for picture in folder.beside[name]]
        return any(
            isinstance(_facts(path, follow=self.settings.follow), FileFacts)
            for path in paths
            if path in self.named or self._is_wanted(path, folder)
        )

    def _enter_root(self) -> Iterator[Trouble]:
        prefix = folder_prefix(self.root.path)
        ignore_files: tuple[IgnoreFile, ...] = ()
        if self.settings.ignore_files:
            ignore_files, troubles = ignore_files_above(prefix)
            yield from troubles
        yield from self._enter(prefix, ignore_files)
        if not self.stack and not os.path.exists(prefix):
            yield Trouble(self.root.path, "is gone", lasting=False)

    def _enter(self, prefix: bytes, ignore_files: tuple[IgnoreFile, ...]) -> Iterator[Trouble]:
        """Put a folder on the stack, unless it cannot be read, is gone, or leads round or out."""
        troubles: list[Trouble] = []
        try:
            identity = self._identity(prefix)
            if identity is not None and self._leads_astray(identity):
                return
            names, ignoring, has_raw = self._list(prefix)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            yield trouble_of(prefix.rstrip(SEPARATOR) or prefix, error)
            return
        if ignoring:
            ignore_files, troubles = with_ignore_file(prefix, ignoring, ignore_files)
        beside = pictures_beside(names) if has_raw and not self.settings.raw_pairs else {}
        self.stack.append(_Folder(prefix, iter(names), ignore_files, identity, beside))
        yield from troubles

    def _identity(self, prefix: bytes) -> tuple[int, int] | None:
        if not self.settings.follow and not self.settings.one_file_system:
            return None
        status = os.stat(prefix)
        return status.st_dev, status.st_ino

    def _leads_astray(self, identity: tuple[int, int]) -> bool:
        """Tell whether a folder is one of those it lies in, or on another file system."""
        above = [folder.identity for folder in self.stack if folder.identity is not None]
        if self.settings.one_file_system and above and above[0][0] != identity[0]:
            return True
        return identity in above

    def _list(self, prefix: bytes) -> tuple[list[bytes], list[bytes], bool]:
        """Return the folder's names to look at, ascending, its ignore files' names, if any is raw.

        Few folders hold raw files, and none else pays for looking after pairs.
        """
        has_raw = False
        names: list[bytes] = []
        ignoring: list[bytes] = []
        skips_hidden, follow = not self.settings.hidden, self.settings.follow
        with os.scandir(prefix) as entries:
            for entry in entries:
                name = entry.name
                if name in IGNORE_FILES and self.settings.ignore_files:
                    ignoring.append(name)
                if _is_folder(entry, follow):
                    name += SEPARATOR
                elif (ending := extension(name)) not in PICTURE_EXTENSIONS:
                    continue
                else:
                    has_raw |= ending in RAW_EXTENSIONS
                if skips_hidden and is_hidden(entry.name):
                    self._mark_excluded(prefix + name)
                else:
                    names.append(name)
        names.sort()
        return names, ignoring, has_raw

    def _mark_excluded(self, path: bytes) -> None:
        """Note which patterns match what is skipped anyway: they did not match nothing."""
        self.selection.excludes(path[len(folder_prefix(self.root.path)) :])


def _is_folder(entry: os.DirEntry[bytes], follow: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:  # a link that leads nowhere, or to itself
        return False
