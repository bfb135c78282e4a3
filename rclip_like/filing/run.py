"""File pictures: copy, link or move each one into DIR or DIR/label, after a line in the log."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from rclip_like.errors import FilingError, Remedy
from rclip_like.files import make_folder
from rclip_like.filing.filed import Did, Filed, How, ToFile
from rclip_like.filing.locations import (
    Identity,
    Location,
    OpenFolder,
    Refused,
    is_same_content,
    opened,
    require_version,
)
from rclip_like.filing.log import LoggedFile, LoggedPicture, LogWriter
from rclip_like.filing.moving import copy_to_draft, remove_only, rename_anew
from rclip_like.filing.names import HiddenNames, folded, folder_name, is_picture_name, numbered
from rclip_like.filing.sidecars import may_lie_at, sidecars_of
from rclip_like.filing.taking_back import publish, take_back
from rclip_like.values import Trouble

STOPPING = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENODEV))
"""Errors of a disk that other pictures would meet too."""
_DID: dict[How, Did] = {"copy": "copied", "link": "linked", "move": "moved"}
_FOLDER_MODE = 0o777
"""Before the umask: these are the user's folders, as `mkdir` makes them."""


def file_into(
    pictures: Iterable[ToFile | tuple[bytes, str | None]],
    folder: Path,
    how: How,
    *,
    log: Path | None = None,
    is_dry_run: bool = False,
    on_log: Callable[[Path], None] = lambda path: None,
) -> Iterator[Filed | Trouble]:
    """File each picture, a path and its label, into `folder`/label, and yield what was done.

    Without a label (None) it goes into `folder`; if it is not of its `version`, it is a Trouble.
    The folder and those of the labels (named by `folder_name`) are made. Pictures are taken one by
    one, so memory stays flat. No file is overwritten: if a target has the same content, the picture
    is `there already` and stays at its source; otherwise it becomes `name-2.jpg`, and so on.
    Sidecars (`x.jpg.xmp`, and `x.xmp` if it belongs to no other picture) go along with a copied or
    moved picture. Links are symbolic, to the absolute path: changing a hard link would change both
    files, and it cannot lead to another disk. A picture is a Trouble if it cannot be filed, changes
    meanwhile, is a link to be moved, or if its label would share a folder with another label.

    log: written before anything is done, for `undo`; by default `clipfind-moves-DATE-TIME.jsonl` in
    the folder. on_log: called with its path when it is made, with the first picture that is filed.
    A dry run changes nothing. Raises FilingError if the folder or the log cannot be written, if the
    disk is full, or if the folder is moved or unmounted meanwhile. The log then has what was filed,
    and each picture is at its source or at its target.
    """
    with ExitStack() as folders:
        # A broken link is not resolved and is refused later: its disk may not be mounted.
        absolute = os.path.realpath(folder) if folder.exists() else os.path.abspath(folder)
        run = _Run(Path(absolute), how, log, folders)
        run.is_dry_run, run.on_log = is_dry_run, on_log
        for each in pictures:
            picture = ToFile(*each)
            filed = run.file(picture._replace(path=os.path.abspath(picture.path)))
            yield filed
            if isinstance(filed, Filed) and filed.did != "there already":
                yield from run.links_left


class _Plan(NamedTuple):
    """A file that is to get a free name, with its identity when the name was chosen."""

    source: Location
    target: Location
    identity: Identity


class _Run:
    """One run, which files pictures into the folders of their labels one after the other."""

    is_dry_run = False
    on_log: Callable[[Path], None]

    def __init__(self, folder: Path, how: How, log: Path | None, folders: ExitStack) -> None:
        """Prepare a run; `folders` closes what it opens."""
        self._path, self._how, self._folders = folder, how, folders
        self._log_path = log
        self._log: LogWriter | None = None
        self._base: OpenFolder | None = None
        self._made: list[Path] = []
        self._labels: dict[str, str] = {}
        self._planned: dict[bytes, bytes] = {}
        """In a dry run, the source of each target so far."""
        self._num_filed = 0
        self.links_left: list[Trouble] = []

    def file(self, picture: ToFile) -> Filed | Trouble:
        """File a picture, or return why not. Raises FilingError for errors in `STOPPING`."""
        path = picture.path
        try:
            with ExitStack() as folders:
                filed = self._file(picture, folders)
        except Refused as error:
            return Trouble(path, error.reason, lasting=False)
        except OSError as error:
            if error.errno in STOPPING:
                raise self._stopped(error.strerror) from error
            if isinstance(error, FileNotFoundError):
                return Trouble(path, "is gone", lasting=False)
            return Trouble(path, error.strerror or str(error), lasting=False)
        self._num_filed += filed.did != "there already"
        return filed

    def _file(self, picture: ToFile, folders: ExitStack) -> Filed:
        path, label, version = picture
        if not is_picture_name(path):  # undo would not take it back
            raise Refused("does not have the name of a picture")
        source = self._source(path, folders)
        require_version(source.path, version)
        folder = self._target_folder(label, folders)
        is_copied = self._how == "copy" or not self._is_same_disk(source, folder)
        while True:
            plans, is_there = self._plan(source, folder, os.path.basename(path))
            target = plans[0].target
            if is_there:
                return Filed(path, target.path, label, "there already")
            try:
                if self.is_dry_run:
                    self._planned.update((each.target.path, each.source.path) for each in plans)
                else:
                    self._carry_out(plans, picture, is_copied=is_copied)
            except FileExistsError:  # another process has just taken the name
                continue
            except OSError as error:
                if error.errno != errno.EXDEV or is_copied:
                    raise
                is_copied = True  # two mounts of one disk
                continue
            sidecars = tuple(each.target.path for each in plans[1:])
            return Filed(path, target.path, label, _DID[self._how], sidecars)

    def _folder_of(self, label: str) -> str:
        """Return the name of the label's folder. Raises Refused if another label has it."""
        name = folder_name(label)
        other = self._labels.setdefault(folded(name), label)
        if other != label:
            raise Refused(f"the labels {other!r} and {label!r} would share the folder {name!r}")
        return name

    def _source(self, path: bytes, folders: ExitStack) -> Location:
        """Return the location of a picture; a copied link is followed. Raises Refused."""
        try:
            if self._how == "copy":
                path = os.path.realpath(path)
            folder, name = os.path.split(path)
            source = Location(folders.enter_context(opened(folder)), name)
            status = os.stat(path) if self._how == "link" else source.status()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Refused("is gone") from error
        except OSError as error:
            raise Refused(error.strerror or str(error)) from error
        if status is None:
            raise Refused("is gone")
        if stat.S_ISLNK(status.st_mode):
            raise Refused("is a link; what it leads to can be moved, but not the link")
        if not stat.S_ISREG(status.st_mode):
            raise Refused("is not a regular file")
        if self._how == "move" and not os.access(folder, os.W_OK | os.X_OK):
            raise Refused("may not be moved out of its folder")
        return source

    def _is_same_disk(self, source: Location, folder: OpenFolder) -> bool:
        if folder.descriptor is None:
            return True  # found out by trying
        return os.fstat(folder.descriptor).st_dev == source.folder.device()

    # The folders and the log

    def _target_folder(self, label: str | None, folders: ExitStack) -> OpenFolder:
        """Return the folder of a label or of None, made unless it is a dry run. Raises Refused."""
        name = b"" if label is None else os.fsencode(self._folder_of(label))
        base = self._open_base()
        absent = OpenFolder(os.path.join(os.fsencode(self._path), name), None)
        if base is None:
            return absent
        if not base.still_at_path():
            raise self._stopped("this folder was moved, replaced or unmounted meanwhile")
        if label is None:
            return base
        try:
            try:
                return folders.enter_context(opened(name, inside=base))
            except FileNotFoundError:
                if self.is_dry_run:
                    return absent
            self._open_log().make(absent.path)
            made = Location(base, name)
            with suppress(FileExistsError):
                os.mkdir(made.argument, _FOLDER_MODE, dir_fd=made.descriptor)
            base.sync()
            return folders.enter_context(opened(name, inside=base))
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            path = os.fsdecode(absent.path)
            raise Refused(f"{path}: this is a link or a file, not a folder") from error

    def _open_base(self) -> OpenFolder | None:
        """Return the folder, made if it is missing, or None in a dry run. Raises FilingError."""
        if self._base is None:
            try:
                if not self.is_dry_run:
                    self._made = make_folder(self._path, _FOLDER_MODE)
                self._base = self._folders.enter_context(opened(os.fsencode(self._path)))
            except OSError as error:
                if self.is_dry_run and isinstance(error, FileNotFoundError):
                    return None
                raise FilingError(f"{self._path}: {error.strerror}") from error
        return self._base

    def _open_log(self) -> LogWriter:
        """Return the log, made if this is the first line. Raises FilingError."""
        if self._log is None:
            folder = os.fsencode(self._path)
            self._log = LogWriter(self._log_path, self._how, folder)
            self._folders.callback(self._log.close)
            self.on_log(self._log.path)
            for made in self._made:
                self._log.make(os.fsencode(made))
        return self._log

    def _stopped(self, reason: str | None) -> FilingError:
        number = f"{self._num_filed:,} picture{'s' * (self._num_filed != 1)}"
        what = f"{self._path}: {reason}; stopped after {number}"
        return FilingError(what, *([(Remedy.UNDO_FILING, self._log.path)] if self._log else []))

    # Names

    def _plan(
        self, source: Location, folder: OpenFolder, wanted: bytes
    ) -> tuple[list[_Plan], bool]:
        """Return the picture and its sidecars with free names, and False.

        If the picture or the same content is already there, return its name, and True.
        """
        sidecars = [] if self._how == "link" else self._sidecars(source)
        for number in count(1):
            target = Location(folder, numbered(wanted, number))
            targets = [target.beside(_sidecar_name(each, source, target)) for each in sidecars]
            if self._is_taken(target):
                with_sidecars = zip([source, *sidecars], [target, *targets], strict=True)
                if self._is_same_file(source, target) or all(
                    self._is_there(*each) for each in with_sidecars
                ):
                    return [_Plan(source, target, _identity(source))], True
                continue
            others = [*targets, target.beside(target.name + b".xmp")]
            # Else a sidecar in Adobe's form, x.xmp, would become that of two pictures.
            is_alone = self._how == "link" or may_lie_at(target.path, has_own=bool(sidecars))
            if is_alone and not any(map(self._is_taken, others)):
                pairs = zip([source, *sidecars], [target, *targets], strict=True)
                return [_Plan(*pair, _identity(pair[0])) for pair in pairs], False
        raise AssertionError("numbers end")

    def _sidecars(self, source: Location) -> list[Location]:
        """Return the sidecars that go along; links do not, and are in `links_left`."""
        names = map(os.path.basename, sidecars_of(source.path))
        found = [(each, each.status()) for each in map(source.beside, names)]
        self.links_left = [
            Trouble(each.path, "is a link, so it was not filed with its picture", lasting=False)
            for each, status in found
            if status and stat.S_ISLNK(status.st_mode)
        ]
        return [each for each, status in found if status and stat.S_ISREG(status.st_mode)]

    def _is_taken(self, location: Location) -> bool:
        return location.path in self._planned or location.status() is not None

    def _is_same_file(self, source: Location, target: Location) -> bool:
        status = target.status()
        return status is not None and os.path.samestat(status, os.lstat(source.path))

    def _is_there(self, source: Location, target: Location) -> bool:
        """Return whether a target already is the picture, its content, or a link to it."""
        if target.path in self._planned:
            folder, name = os.path.split(self._planned[target.path])
            target = Location(OpenFolder(folder, None), name)
            return self._how != "link" and is_same_content(source, target)
        status = target.status()
        if status is None:
            return False
        if self._is_same_file(source, target):
            return True
        if self._how == "link":
            return stat.S_ISLNK(status.st_mode) and target.link() == source.path
        return is_same_content(source, target)

    # The steps

    def _carry_out(self, plans: Sequence[_Plan], picture: ToFile, *, is_copied: bool) -> None:
        """Carry out all plans or none. Raises Refused, FilingError and OSError."""
        files = tuple(self._logged(plan, is_copied=is_copied) for plan in plans)
        require_version(plans[0].source.path, picture.version)  # what `files` holds digests of
        log = self._open_log()
        number = log.intend(LoggedPicture(picture.label, files))
        names = [HiddenNames.of(log.token, number, index) for index in range(len(files))]
        num_begun = 0
        try:
            for plan, file, hidden in zip(plans, files, names, strict=True):
                num_begun += 1
                try:
                    self._put(plan, file, hidden)
                except Exception:  # `_put` has left nothing behind
                    num_begun -= 1
                    raise
                if self._how == "move" and not is_copied:
                    _require_moved(plan, file, hidden)
            if self._how == "move" and is_copied:
                for plan, hidden in reversed(list(zip(plans, names, strict=True))):
                    remove_only(plan.source, plan.identity, hidden.old)
        except BaseException as error:
            reason = self._take_back(files[:num_begun], names)
            if reason is None:
                with suppress(FilingError):
                    log.failed(number)
            elif isinstance(error, Refused):
                raise Refused(f"{error.reason}; {reason}") from error
            raise
        log.done(number)

    def _logged(self, plan: _Plan, *, is_copied: bool) -> LoggedFile:
        file = LoggedFile(plan.source.path, plan.target.path, plan.identity)
        if self._how == "link":
            return file
        if is_copied:
            return file._replace(digest=plan.source.digest())
        return file._replace(head=plan.source.digest_of_head())

    def _put(self, plan: _Plan, file: LoggedFile, hidden: HiddenNames) -> None:
        """Put the file at its target, or change nothing, unless the process is killed.

        Raises FileExistsError if the name is taken, Refused and OSError.
        """
        source, target = plan.source, plan.target
        if self._how == "link":
            os.symlink(source.path, target.argument, dir_fd=target.descriptor)
        elif file.digest is not None:
            draft = target.beside(hidden.new)
            is_move = self._how == "move"
            copied = copy_to_draft(source, draft, file.digest, has_owner=is_move)
            publish(draft, target, copied, hidden)
        else:
            rename_anew(source, target, hidden.old)

    def _take_back(self, files: Sequence[LoggedFile], names: Sequence[HiddenNames]) -> str | None:
        """Take back what was begun; return None, or the reason why it is left to `undo`."""
        for file, hidden in reversed(list(zip(files, names, strict=False))):
            try:
                take_back(file, self._how, hidden, is_done=False)
            except (Refused, OSError) as error:
                reason = error.reason if isinstance(error, Refused) else error.strerror
                return f"{os.fsdecode(file.target)} {reason}"
        return None


def _identity(source: Location) -> Identity:
    identity = source.identity()
    if identity is None:
        raise Refused("is gone")
    return identity


def _require_moved(plan: _Plan, file: LoggedFile, hidden: HiddenNames) -> None:
    """Raise Refused if the file that was renamed is not the planned one; move it back first."""
    moved = _identity(plan.target)
    is_file = moved[:2] == plan.identity[:2]
    # Layered file systems give a file another inode when its name changes first.
    if moved[2:] != plan.identity[2:] or (
        not is_file and plan.target.digest_of_head() != file.head
    ):
        with suppress(FileExistsError):  # else it stays at the target, and undo names it
            rename_anew(plan.target, plan.source, hidden.old)
        raise Refused("has changed meanwhile")


def _sidecar_name(sidecar: Location, source: Location, target: Location) -> bytes:
    """Return the name of a sidecar beside the target, with the target's number if it has one."""
    if sidecar.name.startswith(source.name):
        return target.name + sidecar.name[len(source.name) :]
    stems = os.path.splitext(source.name)[0], os.path.splitext(target.name)[0]
    return stems[1] + sidecar.name[len(stems[0]) :]
