"""Read XMP sidecars, and add tags to them; the pictures themselves are never changed.

Programs disagree on a sidecar's name: digiKam and darktable write x.jpg.xmp, Adobe's programs
x.xmp. An existing sidecar may end in .XMP, as Photo Mechanic writes it.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from rclip_like.errors import FilingError
from rclip_like.files import open_at_once, write_whole
from rclip_like.filing.locations import Refused, require_version
from rclip_like.filing.tagging import FIRST_LINE, FRESH, LAST_LINE, Tagging, normal_tags, with_tags
from rclip_like.images.xmp import MOST_BYTES, XmpError, read
from rclip_like.values import PICTURE_EXTENSIONS, RAW_EXTENSIONS, FileVersion, Trouble
from rclip_like.walk.left_out import DEVELOPED, UNREAD_EXTENSIONS, UNREAD_RAW

Form = Literal["digikam", "adobe"]
"""The form of a sidecar's name: digiKam's x.jpg.xmp, or Adobe's x.xmp."""

_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_ENDINGS = (b".xmp", b".XMP")

_RAW = RAW_EXTENSIONS | UNREAD_RAW

_LAST_TAG = b"</x:xmpmeta>"
_SEARCHED = 1 << 20
"""The number of bytes at each end of a picture that are searched for XMP."""


class Sidecar(NamedTuple):
    """The metadata in a sidecar; None stands for a missing value.

    keywords: the tags without duplicates; of a path such as Animals/Cat only the last part.
    caption, title: in the default language. rating: -1 (rejected) to 5. taken_at: the date as
    written, which is ISO 8601 in sidecars that follow the standard.
    """

    path: bytes
    keywords: tuple[str, ...]
    caption: str | None = None
    title: str | None = None
    rating: int | None = None
    taken_at: str | None = None


class Tagged(NamedTuple):
    """The result of adding tags to a sidecar: it was made, extended, or already had them all."""

    sidecar: bytes
    added: tuple[str, ...]
    did: Literal["written", "extended", "unchanged"]


class _Changed(XmpError):
    """Another program wrote the sidecar after it was read."""


class _Existing(NamedTuple):
    """The bytes and the status of a sidecar that was read."""

    content: bytes
    status: os.stat_result


def read_tags(path: bytes) -> Sidecar:
    """Return the metadata in the sidecar at `path`. Raises FilingError, which names the path."""
    try:
        contents = read(_read(path).content)
    except (OSError, XmpError) as error:
        raise FilingError(f"{os.fsdecode(path)}: {_reason(error)}") from error
    return Sidecar(
        path,
        contents.keywords,
        contents.caption,
        contents.title,
        contents.rating,
        contents.taken_at,
    )


def sidecars_of(picture: bytes) -> list[bytes]:
    """Return the sidecars, including links, that belong to this picture and to no other.

    In Adobe's form, x.xmp belongs to the only picture named x, or to the raw file named x.
    """
    found = [path for path in map(picture.__add__, _ENDINGS) if os.path.lexists(path)]
    stem, ending = os.path.splitext(picture)
    # Looking for the others costs 250 calls, and few pictures have a sidecar in Adobe's form.
    adobe = [path for path in map(stem.__add__, _ENDINGS) if os.path.lexists(path)]
    if ending and adobe:
        others = _others(picture)
        is_raw = ending.lower() in _RAW
        if (not others or is_raw) and not any(map(_is_raw, others)):
            found += adobe
    return _distinct(found)


def may_lie_at(path: bytes, *, has_own: bool) -> bool:
    """Return whether a new picture at the path would share no sidecar with others beside it.

    In Adobe's form x.xmp is that of every picture called x; a raw file and its JPEG share one on
    purpose. has_own: whether sidecars come along.
    """
    stem, ending = os.path.splitext(path)
    if not ending or not (has_own or any(os.path.lexists(stem + each) for each in _ENDINGS)):
        return True
    others = _others(path)
    return not others or _is_pair(path, others)


def add_tags(
    picture: bytes,
    tags: Sequence[str],
    form: Form,
    *,
    version: FileVersion | None = None,
    is_dry_run: bool = False,
) -> Tagged | Trouble:
    """Add tags to a picture's sidecar, which is made if it is missing; no tag is ever removed.

    Every other byte of an existing sidecar stays, and a sidecar with all the tags is not touched.
    It is replaced whole and keeps its mode; if it changed since it was read, nothing is written.
    Returns a Trouble with the sidecar's path if it cannot be extended, and with the picture's if
    that is no longer the `version` that was labelled. Raises FilingError for a tag that XML cannot
    hold.
    """
    normal = normal_tags(tags)
    path = _path(picture, form)
    try:
        if form == "adobe":
            _require_own(picture)
        mode = os.stat(picture).st_mode & 0o666 | stat.S_IRUSR | stat.S_IWUSR
        existing = _read(path) if os.path.lexists(path) else None
        if existing:
            tagging = with_tags(existing.content, normal)
            if tagging.added and not existing.status.st_mode & _WRITABLE:
                raise XmpError("it is read-only and was left unchanged")
        else:
            tagging = _first_tags(picture, normal, form)
        require_version(picture, version)
        if not tagging.added:
            return Tagged(path, (), "unchanged")
        if not is_dry_run:
            _write(path, tagging.content, existing, mode)
    except Refused as error:
        return Trouble(picture, error.reason, lasting=False)
    except (OSError, XmpError) as error:
        is_lasting = isinstance(error, XmpError) and not isinstance(error, _Changed)
        return Trouble(path, _reason(error), is_lasting)
    return Tagged(path, tagging.added, "extended" if existing else "written")


def _first_tags(picture: bytes, tags: Sequence[str], form: Form) -> Tagging:
    """Return the XMP of a new sidecar with tags; it begins as a copy of the XMP in the picture.

    digiKam, if it reads sidecars, ignores the XMP in a picture with a sidecar (loadSidecarData in
    its metaengine_p.cpp). Without the copy, that metadata would vanish there. A sidecar that a raw
    file shares with its JPEG gets no copy.
    """
    own = None if form == "adobe" and _others(picture) else _embedded(picture)
    if own:
        with suppress(XmpError):
            return with_tags(own, tags)
    return with_tags(FRESH, tags, has_tags_list=form == "digikam")


def _embedded(picture: bytes) -> bytes | None:
    """Return the first XMP in a picture, between the first and last lines of a sidecar.

    The first and the last MiB are searched for its start and end tags, which the XMP standard
    allows in any format. Of a JPEG only the first: another picture may follow at its end.
    """
    with open(picture, "rb", opener=open_at_once) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(_SEARCHED)
        found = _packet(head)
        if not found and size > _SEARCHED and not head.startswith(b"\xff\xd8"):
            file.seek(max(_SEARCHED, size - _SEARCHED))
            found = _packet(file.read(_SEARCHED))
    return b"".join((FIRST_LINE, found, LAST_LINE)) if found else None


def _packet(data: bytes) -> bytes | None:
    start = data.find(b"<x:xmpmeta")
    end = data.find(_LAST_TAG, start) if start >= 0 else -1
    return data[start : end + len(_LAST_TAG)] if end >= 0 else None


def _path(picture: bytes, form: Form) -> bytes:
    """Return the path of a picture's sidecar, existing or new."""
    stem = picture if form == "digikam" else os.path.splitext(picture)[0]
    paths = [stem + ending for ending in _ENDINGS]
    return next(filter(os.path.lexists, paths), paths[0])


def _require_own(picture: bytes) -> None:
    """Raise XmpError if pictures would share Adobe's sidecar, unless they are a raw and a JPEG."""
    others = _others(picture)
    if others and not _is_pair(picture, others):
        name = os.fsdecode(os.path.basename(others[0]))
        raise XmpError(f"it would also belong to {name}; use sidecars in digiKam's form")


def _is_pair(picture: bytes, others: Sequence[bytes]) -> bool:
    """Return whether these are a raw file and the picture that was made of it."""
    endings = {os.path.splitext(path)[1].lower() for path in (picture, *others)}
    return len(others) == 1 and bool(endings & _RAW and endings & DEVELOPED)


def _others(picture: bytes) -> list[bytes]:
    """Return the other pictures in the folder that Adobe's sidecar of a picture might belong to.

    Only their endings differ. For x.jpg.png they include x.jpg, whose sidecar in digiKam's form has
    the same name.
    """
    stem, own = os.path.splitext(picture)
    usual = sorted(PICTURE_EXTENSIONS | UNREAD_EXTENSIONS)
    spelled = (each for ending in usual for each in (ending, ending.upper(), ending.title()))
    paths = [stem + ending for ending in (*spelled, b"") if ending != own]
    there = [path for path in paths if os.path.lexists(path) and not os.path.isdir(path)]
    return [path for path in _distinct([picture, *there]) if path != picture]


def _distinct(paths: Sequence[bytes]) -> list[bytes]:
    """Return the paths without those of an earlier file: x.JPG and x.jpg may be the same file."""
    files: dict[tuple[int, int] | bytes, bytes] = {}
    for path in paths:
        try:
            status = os.lstat(path)
            files.setdefault((status.st_dev, status.st_ino), path)
        except OSError:
            files.setdefault(path, path)
    return list(files.values())


def _is_raw(path: bytes) -> bool:
    return os.path.splitext(path)[1].lower() in _RAW


def _read(path: bytes) -> _Existing:
    """Return a sidecar. Raises OSError, and XmpError for a link or a file that is not regular."""
    if stat.S_ISLNK(os.lstat(path).st_mode):
        raise XmpError("it is a link, and links are not followed")
    with open(path, "rb", opener=_open_itself) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise XmpError("it is not a regular file")
        content = file.read(MOST_BYTES + 1)
    return _Existing(content, status)


def _open_itself(path: str | bytes, flags: int) -> int:
    return open_at_once(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _write(path: bytes, content: bytes, existing: _Existing | None, mode: int) -> None:
    """Write a sidecar. Raises _Changed if the file at `path` is not `existing` any more."""
    status = existing.status if existing else None
    # The draft's name is short because the sidecar's may already have the maximal length.
    with write_whole(Path(os.fsdecode(path)), mode, draft=f".clipfind-{os.getpid()}") as draft:
        draft.write_bytes(content)
        if status:
            _dress(draft, path, status)
        if _identity(path) != (_facts(status) if status else None):
            raise _Changed("it changed while it was read and was left unchanged")
    if status and stat.S_IMODE(os.stat(path).st_mode) != stat.S_IMODE(status.st_mode):
        os.chmod(path, stat.S_IMODE(status.st_mode))


def _dress(draft: Path, path: bytes, status: os.stat_result) -> None:
    """Give a draft the owner, group and attributes of the sidecar, as far as the system allows."""
    with suppress(OSError):
        shutil.copystat(path, os.fsencode(draft), follow_symlinks=False)
    os.utime(draft)
    for owner, group in ((status.st_uid, -1), (-1, status.st_gid)):
        with suppress(OSError, AttributeError):
            os.chown(draft, owner, group)


def _identity(path: bytes) -> tuple[int, ...] | None:
    try:
        return _facts(os.lstat(path))
    except FileNotFoundError:
        return None


def _facts(status: os.stat_result) -> tuple[int, ...]:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
