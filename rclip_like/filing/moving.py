"""Single steps on files that never overwrite or remove a file other than the one intended."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from blake3 import blake3

from rclip_like.filing.locations import Identity, Location, Refused, chunks, digest

_Rename = Callable[[Location, Location], None]

_UNSUPPORTED = frozenset((errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP))
_NO_HARD_LINKS = _UNSUPPORTED - {errno.EINVAL} | {errno.EPERM, errno.EMLINK}
"""EPERM says that the file system has no hard links, or that only the owner may make one."""
_FICLONE = 0x40049409


def rename_anew(source: Location, target: Location, hidden: bytes) -> None:
    """Rename a file on the same file system, unless the new name exists.

    If the system has a call for this, it is one step. Otherwise the file is linked under the new
    name, then loses the old one. Without hard links, a file of our own, which holds the text
    `hidden`, takes the new name and is then replaced. hidden: a free name in the source's folder.
    Raises FileExistsError, OSError with EXDEV for another file system, and Refused.
    """
    rename = _exclusive_rename()
    if rename is not None:
        try:
            return rename(source, target)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    try:
        os.link(
            source.argument,
            target.argument,
            src_dir_fd=source.descriptor,
            dst_dir_fd=target.descriptor,
            follow_symlinks=False,
        )
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        return _replace_own(source, target, hidden)
    linked = target.identity()
    if linked is None or source.identity() != linked:
        return None  # another file has taken the name meanwhile
    try:
        remove_only(source, linked, hidden)
    except OSError:
        if source.identity() == linked:
            remove_only(target, linked, hidden)
        raise


@cache
def _exclusive_rename() -> _Rename | None:
    """Return the system's call that renames a file unless the new name exists, None without one."""
    if sys.platform == "win32":
        return lambda source, target: os.rename(source.path, target.path)  # never overwrites there
    import ctypes  # Python's own functions lack this call

    name, never_replace = ("renameatx_np", 4) if sys.platform == "darwin" else ("renameat2", 1)
    try:
        call = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (OSError, AttributeError):
        return None
    path = ctypes.c_char_p
    call.argtypes = (ctypes.c_int, path, ctypes.c_int, path, ctypes.c_uint)

    def rename(source: Location, target: Location) -> None:
        folders = source.descriptor, target.descriptor
        if call(folders[0], source.name, folders[1], target.name, never_replace):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), source.path, None, target.path)

    return rename


def _replace_own(source: Location, target: Location, hidden: bytes) -> None:
    """Take the new name with a file of our own, and replace it; for disks without hard links."""
    descriptor = target.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        os.write(descriptor, hidden)
        if target.identity() != Identity.of(os.fstat(descriptor)):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target.path)
        os.replace(
            source.argument,
            target.argument,
            src_dir_fd=source.descriptor,
            dst_dir_fd=target.descriptor,
        )
    except BaseException:
        with suppress(OSError, Refused):
            remove_only(target, Identity.of(os.fstat(descriptor)), hidden)
        raise
    finally:
        os.close(descriptor)


def has_taken(location: Location, hidden: bytes, *, is_whole: bool) -> bool:
    """Return whether a name is taken by a file of our own, left by a kill.

    With `is_whole`, an empty or incomplete file is not ours. Raises OSError and Refused.
    """
    status = location.status()
    if status is None or not stat.S_ISREG(status.st_mode) or status.st_size > len(hidden):
        return False
    with location.reading() as descriptor:
        content = os.read(descriptor, len(hidden))
    return content == hidden if is_whole else hidden.startswith(content)


def remove_only(location: Location, identity: Identity, hidden: bytes) -> None:
    """Remove a file only if it has this identity, even if another takes its name meanwhile.

    The file is first renamed to `hidden`, then checked; another file gets its name back. Raises
    Refused in that case, and OSError.
    """
    aside = location.beside(hidden)
    if location.identity() != identity:
        raise Refused("has changed meanwhile")
    os.rename(
        location.argument,
        aside.argument,
        src_dir_fd=location.descriptor,
        dst_dir_fd=location.descriptor,
    )
    if aside.identity() == identity:
        aside.unlink()
        return
    put_back(aside, location)
    raise Refused("has changed meanwhile")


def put_back(aside: Location, location: Location) -> None:
    """Rename a file from its hidden name back to its own. Raises Refused."""
    try:
        rename_anew(aside, location, aside.name + b"-")
    except OSError as error:
        name = os.fsdecode(aside.name)
        raise Refused(f"has changed meanwhile, and is now in its folder as {name}") from error


def copy_to_draft(source: Location, draft: Location, content: str, *, has_owner: bool) -> Identity:
    """Copy a file whose content has this digest, and return the draft's identity.

    The draft is new, and gets the source's times, mode, extended attributes and, with `has_owner`
    if the system allows it, owner. It is synced and read again. Raises Refused if the source has
    changed or the copy differs, and OSError if the draft cannot be written; the draft is then
    removed.
    """
    with source.reading() as reading:
        before = os.fstat(reading)
        writing = draft.open(os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            is_clone = _clone(reading, writing)
            read = digest(reading) if is_clone else _copy(reading, writing)
            _copy_attributes(reading, writing, draft, has_owner=has_owner)
            os.fsync(writing)
            _forget_pages(writing)
            copied = digest(writing)
            after = os.fstat(reading)
            if Identity.of(before) != Identity.of(after) or read != content:
                raise Refused("has changed while it was copied")
            if copied != content:
                raise Refused("the copy differs from it; the disk or the memory may be failing")
            return Identity.of(os.fstat(writing))
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
        finally:
            os.close(writing)


def _clone(reading: int, writing: int) -> bool:
    """Clone the source's blocks into the draft; return whether the file system could."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(writing, _FICLONE, reading)
    except OSError:
        return False
    return True


def _copy(reading: int, writing: int) -> str:
    """Copy the content, and return the digest of the bytes that were read."""
    read = blake3()
    for chunk in chunks(reading):
        read.update(chunk)
        left = memoryview(chunk)
        while left:
            left = left[os.write(writing, left) :]
    return str(read.hexdigest())


def _copy_attributes(reading: int, writing: int, draft: Location, *, has_owner: bool) -> None:
    """Give the draft the mode, the extended attributes and, last, the times of the source."""
    status = os.fstat(reading)
    if sys.platform == "linux":
        _copy_extended(reading, writing)
    if has_owner and hasattr(os, "fchown"):
        with suppress(OSError):  # only root may change an owner
            os.fchown(writing, status.st_uid, status.st_gid)
    if hasattr(os, "fchmod"):
        with suppress(PermissionError):  # for instance on FAT
            os.fchmod(writing, stat.S_IMODE(status.st_mode) & 0o777)
    times = status.st_atime_ns, status.st_mtime_ns
    os.utime(writing if os.utime in os.supports_fd else draft.path, ns=times)


def _copy_extended(reading: int, writing: int) -> None:
    """Copy the extended attributes of users, where desktops keep tags, if both disks have any."""
    try:
        for name in os.listxattr(reading):
            if name.startswith("user."):
                os.setxattr(writing, name, os.getxattr(reading, name))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.E2BIG, errno.ERANGE):
            raise Refused("its extended attributes do not fit there") from error
        if error.errno not in _UNSUPPORTED | {errno.EPERM, errno.ENODATA}:
            raise


def _forget_pages(descriptor: int) -> None:
    """Ask the system to drop its cached pages, so that the next read comes from the disk."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
