"""What a walk leaves out, and why: files beside their picture, unread formats, links, folders.

`pictures_beside` and `others_among` serve the walk, folder by folder; `LeftOut` answers for single
files that an index holds.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple

from rclip_like.settings import WalkSettings
from rclip_like.values import RAW_EXTENSIONS, VIDEO_EXTENSIONS, Root, opened_extensions
from rclip_like.walk.patterns import (
    IGNORE_FILES,
    SEPARATOR,
    IgnoreFile,
    extension,
    folder_prefix,
    ignore_files_above,
    ignores,
    is_hidden,
    is_wanted,
    with_ignore_file,
)

Why = Literal[
    "raw pair", "live photo", "format", "video", "link", "dead link", "nomedia", "sidecar"
]
"""A raw file beside the picture made of it; the video of a live photo beside its picture; a picture
in a format that is not read; a video where no reader of videos is installed; a link that is not
followed, or followed to nothing; a folder with a .nomedia file; words beside a picture."""

OnLeftOut = Callable[[Why, bytes], None]
"""A function that takes the reason and the path of each file or folder that is left out."""

# What cameras and phones write in the same moment. A TIFF or PNG of the same name was made later,
# by hand, and may look quite different.
DEVELOPED = frozenset(b".jpg .jpeg .jpe .heic .heif .hif".split())
"""Lower-case endings of pictures that stand for the raw file of the same name beside them."""

LIVE_EXTENSIONS = frozenset((b".mov", b".mp4"))
"""Lower-case endings of videos of some seconds that phones write beside a picture of that name."""

_LIVE_MARK = b"_hevc"
"""Programs that fetch pictures from iCloud put it behind the name, in large letters."""

_MOST_LIVE_BYTES = 20 << 20
"""Those have 2 to 8 MB; a larger one was given its name by hand."""

UNREAD_RAW = frozenset(
    b".3fr .arq .bay .crw .dcr .dcs .erf .fff .gpr .iiq .k25 .kdc .mef .mos .mrw .nrw .pef .rwl"
    b" .rwz .sr2 .srf .srw .x3f".split()
)
"""Lower-case endings of raw files of cameras whose files are not read."""

UNREAD_EXTENSIONS = UNREAD_RAW | frozenset(
    b".afphoto .bpg .emf .eps .exr .flif .hdr .heics .jls .jxl .jxr .kra .pcx .psb .psd .qoi .svg"
    b" .svgz .wdp .wmf .xcf".split()
)
"""Lower-case endings of pictures in formats that are not read. Video is not listed, nor are
documents, although they may hold pictures."""

_UNREAD_ENDS = frozenset(ending[-4:] for ending in UNREAD_EXTENSIONS)
"""The last four characters of the endings in UNREAD_EXTENSIONS."""

_VIDEO_ENDS = frozenset(ending[-4:] for ending in VIDEO_EXTENSIONS)

_SIDECAR = b".xmp"
_NOMEDIA = b".nomedia"
"""A file by which Android hides its folder, and those in it, from galleries."""


def paired_extensions(settings: WalkSettings) -> frozenset[bytes]:
    """Return the endings of files that are left out beside a picture of the same name."""
    live = LIVE_EXTENSIONS & opened_extensions()
    return live if settings.raw_pairs else live | RAW_EXTENSIONS


def is_pair(path: bytes) -> bool:
    """Return whether a file beside a picture of its name may be left out: raw, or a short video."""
    if extension(path) not in LIVE_EXTENSIONS:
        return True
    try:
        return os.stat(path).st_size <= _MOST_LIVE_BYTES
    except OSError:
        return False


def pictures_beside(
    names: Iterable[bytes], raw: Container[bytes] = RAW_EXTENSIONS
) -> dict[bytes, list[bytes]]:
    """Return for each raw file among one folder's names the pictures of the same name, if any.

    raw: the endings of raw files, or of others that pictures stand for. The names agree up to the
    last dot, large and small letters alike; that of a live photo's video may end in _HEVC.
    """
    raws: dict[bytes, bytes] = {}
    pictures: dict[bytes, list[bytes]] = {}
    for name in names:
        ending = extension(name)
        stem = name[: -len(ending)].lower()
        if ending in raw:
            raws[name] = stem.removesuffix(_LIVE_MARK) if ending in LIVE_EXTENSIONS else stem
        elif ending in DEVELOPED:
            pictures.setdefault(stem, []).append(name)
    return {name: pictures[stem] for name, stem in raws.items() if stem in pictures}


def has_nomedia(folder: bytes) -> bool:
    """Return whether Android hides this folder from galleries."""
    return os.path.lexists(os.path.join(folder, _NOMEDIA))


class Others(NamedTuple):
    """Names in a folder that a walk does not take for pictures, but may have to report."""

    unread: Sequence[bytes] = ()
    """Pictures in formats that are not read."""
    links: Sequence[bytes] = ()
    """Links, unless they are followed; those called like pictures may be among them."""
    has_nomedia: bool = False
    sidecars: Sequence[bytes] = ()
    """Files of metadata, in Adobe's form (x.xmp) and digiKam's (x.jpg.xmp)."""
    videos: Sequence[bytes] = ()
    """Videos that this installation does not read."""

    def left_out(
        self, prefix: bytes, pictures: Sequence[bytes]
    ) -> Iterator[tuple[Why, list[bytes]]]:
        """Yield why these names beside a folder's pictures are left out, and the names.

        Nobody misses a raw file beside its picture. Only links to folders count: those to pictures
        are met with the pictures.
        """
        if self.unread:
            beside = pictures_beside([*pictures, *self.unread], UNREAD_RAW)
            yield "format", [name for name in self.unread if name not in beside]
        if self.videos:
            live = pictures_beside([*pictures, *self.videos], LIVE_EXTENSIONS)
            yield "video", [name for name in self.videos if name not in live]
        if self.sidecars:
            yield "sidecar", list(self.sidecars)
        if self.links:
            yield "link", [name for name in self.links if os.path.isdir(prefix + name)]


def others_among(
    entries: Iterable[os.DirEntry[bytes]],
    names: Sequence[bytes],
    endings: AbstractSet[bytes],
    settings: WalkSettings,
) -> Others:
    """Return the others among a folder's entries that are not folders.

    names: those of the entries; endings: their last four characters, in small letters.
    """
    unread: list[bytes] = []
    if not _UNREAD_ENDS.isdisjoint(endings):
        unread = [name for name in names if extension(name) in UNREAD_EXTENSIONS]
    videos: list[bytes] = []
    if (not_read := VIDEO_EXTENSIONS - opened_extensions()) and not _VIDEO_ENDS.isdisjoint(endings):
        videos = [name for name in names if extension(name) in not_read]
    links = [] if settings.follow else [entry.name for entry in entries if entry.is_symlink()]
    if not settings.hidden:
        unread, links, videos = (
            [name for name in each if not is_hidden(name)] for each in (unread, links, videos)
        )
    sidecars: list[bytes] = []
    if _SIDECAR in endings:
        sidecars = [name for name in names if name[-4:].lower() == _SIDECAR]
    return Others(unread, links, _NOMEDIA[-4:] in endings and _NOMEDIA in names, sidecars, videos)


class LeftOut:
    """The files under one root that its walk leaves out for what is on the disk.

    An ignore file has them; they lie in a folder that is not entered (a link while links are not
    followed, one with a .nomedia file while hidden ones are not wanted); or they are raw files or
    the videos of live photos beside a picture. Each folder is looked at once. The root itself is
    always entered, and an ignore file that cannot be read is left to the walk, which reports it.
    """

    def __init__(self, root: Root, settings: WalkSettings) -> None:
        self._root = root
        self._settings = settings
        self._ignore_files: dict[bytes, tuple[IgnoreFile, ...] | None] = {}
        """By folder: those that hold in it, the nearest first; None where it is not entered."""
        self._beside: dict[bytes, dict[bytes, list[bytes]]] = {}

    def __contains__(self, path: bytes) -> bool:
        return self._is_skipped(path) or self.is_paired(path)

    def is_paired(self, path: bytes) -> bool:
        """Return whether a picture beside this raw file or short video is walked instead."""
        paired = paired_extensions(self._settings)
        if extension(path) not in paired or not is_pair(path):
            return False
        folder, name = os.path.split(path)
        if folder not in self._beside:
            try:
                self._beside[folder] = pictures_beside(os.listdir(folder), paired)
            except OSError:
                self._beside[folder] = {}
        pictures = self._beside[folder].get(name, ())
        return any(self._takes(os.path.join(folder, picture)) for picture in pictures)

    def _takes(self, path: bytes) -> bool:
        if not is_wanted(self._root, path, self._settings):
            return False
        if self._settings.ignore_files and self._is_skipped(path):
            return False
        try:
            return stat.S_ISREG(os.stat(path, follow_symlinks=self._settings.follow).st_mode)
        except OSError:
            return False

    def _is_skipped(self, path: bytes) -> bool:
        """Return whether an ignore file has this path, or a folder above it is not entered."""
        folder = folder_prefix(self._root.path)
        if not self._ignore_files:
            above = ignore_files_above(folder)[0] if self._settings.ignore_files else ()
            self._ignore_files[folder] = self._with_own(folder, above)
        start = len(folder)
        while (files := self._ignore_files[folder]) is not None:
            start = path.find(SEPARATOR, start) + 1
            if not start:
                return ignores(files, path)
            folder = path[:start]
            if folder not in self._ignore_files:
                is_closed = (
                    (not self._settings.follow and os.path.islink(folder.rstrip(SEPARATOR)))
                    or (not self._settings.hidden and has_nomedia(folder))
                    or ignores(files, folder)
                )
                self._ignore_files[folder] = None if is_closed else self._with_own(folder, files)
        return True

    def _with_own(self, folder: bytes, outer: tuple[IgnoreFile, ...]) -> tuple[IgnoreFile, ...]:
        if not self._settings.ignore_files:
            return outer
        names = [name for name in IGNORE_FILES if os.path.exists(folder + name)]
        return with_ignore_file(folder, names, outer)[0]
