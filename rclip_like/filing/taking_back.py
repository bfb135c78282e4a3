"""Take back one filed file, from any state that a kill left it in; nothing is overwritten."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from rclip_like.filing.filed import Did, How
from rclip_like.filing.locations import (
    Identity,
    Location,
    OpenFolder,
    Refused,
    is_same_content,
    opened,
)
from rclip_like.filing.log import LoggedFile
from rclip_like.filing.missing_folders import make_again, missing_folders
from rclip_like.filing.moving import copy_to_draft, has_taken, put_back, remove_only, rename_anew
from rclip_like.filing.names import HiddenNames, is_picture_name


def take_back(
    file: LoggedFile,
    how: How,
    names: HiddenNames,
    *,
    is_done: bool,
    is_dry_run: bool = False,
    log: Path | None = None,
) -> Did | None:
    """Take a file back, and return what was done; None if nothing was left to do.

    The files at the source, the target and the hidden names decide what is done, so it can be
    repeated after a kill. A moved sidecar goes back even if it has changed. Raises Refused, with
    the reason, if the file stays, and OSError.

    log: of the run; with it, the folder of a moved file is made again if it was deleted.
    """
    with ExitStack() as folders:
        source = _location(file.source, folders)
        target = _location(file.target, folders, is_link_allowed=False)
        if target is None:
            if how == "move" and (source is None or source.status() is None):
                raise Refused(f"is gone, and so is {os.fsdecode(file.source)}")
            return None
        if how == "link":
            return _remove_link(file, target, names, is_done=is_done, is_dry_run=is_dry_run)
        if source is None and (how == "copy" or log is None):
            folder = os.fsdecode(os.path.dirname(file.source))
            raise Refused(f"stays, because the folder {folder} is missing")
        is_sidecar = not is_picture_name(file.target)
        may_have_changed = is_sidecar and how == "move"
        if source is None:
            assert log is not None
            parent, name = os.path.split(file.source)
            absent = Location(OpenFolder(parent, None), name)
            filed = _Filed(file, absent, target, names, may_have_changed)
            filed.move_back(is_done=is_done, is_dry_run=True)  # raises if the file stays
            missing = missing_folders(parent, filed.device_of_source())
            if is_dry_run:
                return "moved back"
            make_again(missing, log)
            source = Location(folders.enter_context(opened(parent)), name)
        filed = _Filed(file, source, target, names, may_have_changed)
        filed.require_two_names()
        if not is_dry_run:
            filed.tidy()
            filed.free_names(is_done=is_done)
        act = filed.remove_copy if how == "copy" else filed.move_back
        return act(is_done=is_done, is_dry_run=is_dry_run)


def _location(path: bytes, folders: ExitStack, *, is_link_allowed: bool = True) -> Location | None:
    """Return the location of a path; None if its folder is missing, or is a link against rule."""
    folder, name = os.path.split(path)
    try:
        if is_link_allowed:
            return Location(folders.enter_context(opened(folder)), name)
        parent = folders.enter_context(opened(os.path.dirname(folder)))
        label = opened(os.path.basename(folder), inside=parent)
        return Location(folders.enter_context(label), name)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise


def _remove_link(
    file: LoggedFile, target: Location, names: HiddenNames, *, is_done: bool, is_dry_run: bool
) -> Did | None:
    left, old = target.beside(names.left), target.beside(names.old)
    if _leads_to(file.source, left) and not is_dry_run:
        left.unlink()
    if old.status() is not None and target.status() is None and not is_dry_run:
        put_back(old, target)
    status = target.status()
    if status is None:
        return None
    if not _leads_to(file.source, target):
        if is_done:
            raise Refused("stays, because it is no longer the link that was made")
        return None
    if not is_dry_run:
        remove_only(target, Identity.of(status), names.old)
    return "removed"


def _leads_to(source: bytes, location: Location) -> bool:
    """Return whether a location is a symbolic link to this path."""
    status = location.status()
    return status is not None and stat.S_ISLNK(status.st_mode) and location.link() == source


class _Filed(NamedTuple):
    """A copied or moved file with its source and its target."""

    file: LoggedFile
    source: Location
    target: Location
    names: HiddenNames
    may_have_changed: bool

    def device_of_source(self) -> int:
        """Return the device that the source's folder was on; of a renamed file, the target's."""
        # A device's number may be another one after a restart, but a renamed file stays on it.
        is_renamed = self.file.digest is None
        return self.target.folder.device() if is_renamed else self.file.identity.device

    def require_two_names(self) -> None:
        """Raise Refused if source and target are the same name of one file, by two paths.

        It happens if the source's folder is now a link to the label's folder. Removing one of the
        names would then remove the only one.
        """
        here, there = self.target.status(), self.source.status()
        if here is None or there is None or not os.path.samestat(here, there):
            return
        folders = (os.stat(os.path.dirname(each.path)) for each in (self.target, self.source))
        if here.st_nlink < 2 or os.path.samestat(*folders):
            raise Refused(f"stays, because {_text(self.source)} is the same file")

    def tidy(self) -> None:
        """Rename files with hidden names back, or remove them if they are surplus copies."""
        for here in (self.source, self.target):
            new = here.beside(self.names.new)
            for old in map(here.beside, (self.names.left, self.names.old)):
                if old.status() is None:
                    continue
                if here.status() is None:
                    put_back(old, here)
                elif any(is_same_content(old, each) for each in (self.source, self.target)):
                    old.unlink()
                else:
                    raise Refused(f"another file of this name is beside it, as {_text(old)}")
            if new.status() is not None:
                self._tidy_draft(new, here)

    def _tidy_draft(self, draft: Location, here: Location) -> None:
        if self.source.status() is not None or self.target.status() is not None:
            draft.unlink()
        elif self._identity_if_still(draft):  # somebody removed all but the draft
            rename_anew(draft, here, self.names.old)

    def free_names(self, *, is_done: bool) -> None:
        """Remove a file of our own that took a name, if a kill left it."""
        for location, is_whole in ((self.source, True), (self.target, is_done)):
            is_ours = has_taken(location, self.names.old, is_whole=is_whole)
            if is_ours and self.file.identity.size_bytes:
                location.unlink()

    def remove_copy(self, *, is_done: bool, is_dry_run: bool) -> Did | None:
        """Remove the target if both it and the source still are what was copied."""
        if self.target.status() is None:
            return None
        identity = self._identity_if_still(self.target)
        if identity is None:
            if is_done:
                raise Refused("stays, because it has changed since it was copied")
            return None
        if self._identity_if_still(self.source) is None:
            raise Refused(f"stays, because {_text(self.source)} is gone or has changed")
        if not is_dry_run:
            remove_only(self.target, identity, self.names.old)
        return "removed"

    def move_back(self, *, is_done: bool, is_dry_run: bool) -> Did | None:
        """Move the target back if it is what was moved; remove it if the source is there too."""
        here, there = self.target.status(), self.source.status()
        if here is None:
            if there is None:
                raise Refused(f"is gone, and so is {_text(self.source)}")
            return None
        identity = self._identity_if_still(self.target)
        if identity is None and self.may_have_changed and there is None:
            identity = Identity.of(here) if stat.S_ISREG(here.st_mode) else None
        if identity is None:
            if there is not None and not is_done:
                return None
            if there is not None and self._identity_if_still(self.source):
                return None  # it is already back, and another file has the target's name now
            raise Refused("stays, because it has changed since it was moved, or is another file")
        if there is not None and not self._has_both(here, there):
            raise Refused(f"stays, because another file is at {_text(self.source)}")
        if is_dry_run:
            return "moved back"
        if there is None:
            self._return(identity)
        else:
            remove_only(self.target, identity, self.names.old)
        return "moved back"

    def _has_both(self, here: os.stat_result, there: os.stat_result) -> bool:
        if os.path.samestat(here, there):
            return True
        return self.file.digest is not None and self._identity_if_still(self.source) is not None

    def _return(self, identity: Identity) -> None:
        """Move the target to its source, whose name is free; to another disk as a copy."""
        try:
            try:
                rename_anew(self.target, self.source, self.names.old)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                draft = self.source.beside(self.names.new)
                copied = copy_to_draft(self.target, draft, self.target.digest(), has_owner=True)
                publish(draft, self.source, copied, self.names)
                remove_only(self.target, identity, self.names.old)
        except FileExistsError as error:
            raise Refused(f"stays, because another file is at {_text(self.source)}") from error

    def _identity_if_still(self, location: Location) -> Identity | None:
        """Return the identity of the logged file if it is at a location, else None.

        Of a copy, size and content decide. Of a file that was only renamed, size, the first 64 KiB
        and either inode or mtime: ext4 gives the inode of a deleted file to the next new file.
        """
        status, logged = location.status(), self.file.identity
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        identity = Identity.of(status)
        if identity.size_bytes != logged.size_bytes:
            return None
        if self.file.digest is not None:
            return identity if location.digest() == self.file.digest else None
        if identity[:2] != logged[:2] and identity.mtime_ns != logged.mtime_ns:
            return None
        return identity if location.digest_of_head() == self.file.head else None


def publish(draft: Location, location: Location, copied: Identity, names: HiddenNames) -> None:
    """Give a draft its name, sync the folder, and check that the path leads to the file.

    Raises FileExistsError if the name is taken, and Refused if the folder was moved or unmounted
    meanwhile; the draft is then removed.
    """
    try:
        rename_anew(draft, location, names.old)
    except Exception:
        with suppress(OSError):
            draft.unlink()
        raise
    location.folder.sync()
    with suppress(OSError):
        if Identity.of(os.lstat(location.path)) == copied:
            return
    with suppress(OSError, Refused):
        remove_only(location, copied, names.old)
    raise Refused(f"cannot be found again at {_text(location)}")


def _text(location: Location) -> str:
    return os.fsdecode(location.path)
