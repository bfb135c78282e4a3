"""What a walk passes over and tells of: why, and which endings are those of unread pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple

from rclip_like.settings import WalkSettings
from rclip_like.walk.doubles import pictures_beside
from rclip_like.walk.patterns import extension, is_hidden
from rclip_like.walk.unentered import NOMEDIA

Why = Literal["double", "format", "link", "dead link", "nomedia"]
"""A raw file beside the picture made of it; a picture in a format that is not read; a link that is
not followed, or followed to nothing; a folder with a .nomedia file."""

OnLeftOut = Callable[[Why, bytes], None]
"""Is told why which file or folder is passed over."""

UNREAD_RAW = frozenset(
    b".3fr .arq .bay .crw .dcr .dcs .erf .fff .gpr .iiq .k25 .kdc .mef .mos .mrw .nrw .pef .rwl"
    b" .rwz .sr2 .srf .srw .x3f".split()
)
"""Lower-case endings of raw files of cameras whose files are not read."""

UNREAD_EXTENSIONS = UNREAD_RAW | frozenset(
    b".afphoto .bpg .emf .eps .exr .flif .hdr .heics .jls .jxl .jxr .kra .pcx .psb .psd .qoi .svg"
    b" .svgz .wdp .wmf .xcf".split()
)
"""Lower-case endings of pictures in formats that are not read. Pictures alone: documents, which
may hold some, and video are left out."""

_UNREAD_ENDS = frozenset(ending[-4:] for ending in UNREAD_EXTENSIONS)
"""The last four characters of these endings."""


class Strangers(NamedTuple):
    """Names of what a walk takes for no picture, but may have to tell of."""

    unread: Sequence[bytes] = ()
    """Pictures in formats that are not read."""
    links: Sequence[bytes] = ()
    """Links, unless they are followed; those called like pictures may be among them."""
    has_nomedia: bool = False


NO_STRANGERS = Strangers()


def strangers_among(
    entries: Iterable[os.DirEntry[bytes]],
    names: Sequence[bytes],
    endings: AbstractSet[bytes],
    settings: WalkSettings,
) -> Strangers:
    """Return the strangers among what is not a folder.

    names: those of the entries; endings: their last four characters, in small letters.
    """
    unread: list[bytes] = []
    if not _UNREAD_ENDS.isdisjoint(endings):
        unread = [name for name in names if extension(name) in UNREAD_EXTENSIONS]
    links = [] if settings.follow else [entry.name for entry in entries if entry.is_symlink()]
    if not settings.hidden:
        unread, links = ([name for name in each if not is_hidden(name)] for each in (unread, links))
    return Strangers(unread, links, NOMEDIA[-4:] in endings and NOMEDIA in names)


def told_of(
    strangers: Strangers, prefix: bytes, pictures: Sequence[bytes]
) -> Iterator[tuple[Why, list[bytes]]]:
    """Yield why the strangers beside a folder's pictures are passed over, and their names.

    A raw file beside its picture is missed by nobody; links lead to other folders here, as those
    to pictures are met where pictures are looked at.
    """
    if strangers.unread:
        beside = pictures_beside([*pictures, *strangers.unread], UNREAD_RAW)
        yield "format", [name for name in strangers.unread if name not in beside]
    if strangers.links:
        yield "link", [name for name in strangers.links if os.path.isdir(prefix + name)]


def leave_untold(why: Why, path: bytes) -> None:
    """Tell nobody."""
