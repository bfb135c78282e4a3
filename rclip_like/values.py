"""The plain values that travel between the rooms: facts, pictures, matches and reports.

Most are named tuples: Python takes 0.8 ms to make the class of a frozen dataclass and 0.2 ms for a
named tuple, and each call makes dozens of these classes before it does anything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.errors import Reason, Remedy
from rclip_like.places import Place

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    """One picture ready for the image tower, (S, S, 3), RGB, before normalisation."""
    Embeddings = npt.NDArray[np.float32]
    """Unit rows, (N, D)."""
    Embedding = npt.NDArray[np.float32]
    """One unit row, (D,)."""

RAW_EXTENSIONS = frozenset(b".arw .cr2 .cr3 .dng .nef .orf .raf .rw2".split())
"""Lower-case endings of cameras' raw files."""

PICTURE_EXTENSIONS = RAW_EXTENSIONS | frozenset(
    b".apng .avif .avifs .bmp .dib .gif .heic .heif .hif .ico .j2k .j2c .jfif .jp2"
    b" .jpc .jpe .jpeg .jpf .jpg .jpx .mpo .pbm .pfm .pgm .png .pnm .ppm .tga .tif .tiff"
    b" .webp".split()
)
"""Lower-case endings of pictures that are opened; the content decides what a file is."""

VIDEO_EXTENSIONS = frozenset(
    b".3gp .avi .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .webm .wmv".split()
)
"""Lower-case endings of videos, which are opened where the extra `video` is installed."""

INSTALL_VIDEO = "python -m pip install av"


@cache
def opened_extensions() -> frozenset[bytes]:
    """Return the lower-case endings of files that this installation opens."""
    has_video = PathFinder.find_spec("av") is not None
    return PICTURE_EXTENSIONS | VIDEO_EXTENSIONS if has_video else PICTURE_EXTENSIONS


READER_VERSIONS = {
    **dict.fromkeys(("JPEG", "MPO", "WEBP", "GIF", "JPEG2000", "PPM", "AVIF", "RAW", "VIDEO"), 1),
    **dict.fromkeys(("BMP", "DIB", "HEIF", "ICO", "PNG", "TGA", "TIFF"), 2),
}
"""Reader versions by Pillow's name of the format; one rises when a file gives other pixels."""

_LAST_NS = (1 << 63) - 1
_FIRST_NS = -_LAST_NS
_LEAST = -1 << 63

AnyPath = str | bytes | os.PathLike[str]
"""A path as Python code writes it."""


class Root(NamedTuple):
    """A folder or file the user named: `typed` as typed, `path` absolute with links resolved."""

    typed: bytes
    path: bytes
    is_file: bool = False


class NameGlobs(NamedTuple):
    """What SQLite's GLOB can tell of a path, which is less than the patterns that were typed.

    A path that they want matches one of `any_of`, unless that is empty, and none of `none_of`.
    """

    any_of: tuple[bytes, ...] = ()
    none_of: tuple[bytes, ...] = ()


class FileFacts(NamedTuple):
    """What one `stat` says of a file; `path` is absolute, the root's links resolved.

    A tuple, so that it equals what a walk has seen and an index remembers of the same file.
    `changed_ns` is its ctime: whoever writes into the file, or replaces it, may
    set its mtime back, but not this.
    """

    path: bytes
    size_bytes: int
    mtime_ns: int
    device: int
    inode: int
    changed_ns: int

    @classmethod
    def of(cls, path: bytes, status: os.stat_result) -> FileFacts:
        """Return what `status` says of the file at `path`, within what SQLite holds."""
        times = status.st_mtime_ns, status.st_ctime_ns
        return cls.within((path, status.st_size, times[0], status.st_dev, status.st_ino, times[1]))

    @classmethod
    def within(cls, seen: Seen) -> FileFacts:
        """Return the facts in signed 64 bits each.

        A time before 1677 or after 2262, as some file systems take any, counts as the first or
        last nanosecond that they hold. Devices and inodes are as `signed` makes them.
        """
        path, size_bytes, mtime_ns, device, inode, changed_ns = seen
        return cls(
            path, size_bytes, _held(mtime_ns), signed(device), signed(inode), _held(changed_ns)
        )


def _held(time_ns: int) -> int:
    return max(_FIRST_NS, min(time_ns, _LAST_NS))


def signed(number: int) -> int:
    """Return the last 64 bits of a device or an inode, as SQLite holds them: with a sign.

    Windows has devices of 64 bits without one, ReFS inodes of 128.
    """
    return (number - _LEAST) % (1 << 64) + _LEAST


Seen = tuple[bytes, int, int, int, int, int]
"""The fields of FileFacts as a walk sees them. Making the class costs a third of a `stat`, and
unchanged files do not need it."""


class FileVersion(NamedTuple):
    """The content of a file that was encoded, and what `stat` said of the file, None if unknown."""

    digest: bytes
    size_bytes: int
    mtime_ns: int | None = None
    inode: int | None = None
    changed_ns: int | None = None

    def is_certain(self, status: os.stat_result) -> bool:
        """Return whether `stat` alone shows this version; if not, the digest decides."""
        facts = FileFacts.of(b"", status)
        return self[1:] == (facts.size_bytes, facts.mtime_ns, facts.inode, facts.changed_ns)


UNMATCHED_PATTERN = "the pattern {!r} matched nothing"
"""The reason in a Trouble without a path: a pattern in the settings matched nothing."""


class Trouble(NamedTuple):
    """A file or folder that could not be used, and why, in words without the path.

    `lasting` is False where the same bytes may be readable the next time: the file was gone or
    changed, permission was missing, the disk did not answer. `code` is the reason as a value, where
    it is one of a picture's, and `remedy` what would help the index to read it.
    """

    path: bytes
    reason: str
    lasting: bool = True
    code: Reason | None = None
    remedy: Remedy | None = None

    @property
    def sentence(self) -> str:
        """The reason, and what would help in Python's words."""
        return "; ".join(filter(None, (self.reason, self.remedy)))


class Preprocessing(NamedTuple):
    """How a model wants its pictures: open_clip's `preprocess_cfg` as one value.

    `resize_mode` is `shortest` (then centre crop), `squash` or `longest` (then pad with
    `fill_color`); `interpolation` is `bicubic` or `bilinear`; mean and std are per channel of
    RGB in [0, 1].
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill_color: int = 0


class PictureFacts(NamedTuple):
    """What a picture says of itself: upright size in pixels, and EXIF where present.

    `taken_at` is ISO 8601 local time without zone unless the file states one. `taken_from` names
    the date in the file that it comes from: "original", "digitized" or "modified", else None.
    Latitude and longitude are degrees, north and east positive; `place` is where that is, which
    the index looks up and no picture says.
    """

    width: int
    height: int
    taken_at: str | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    taken_from: str | None = None
    place: Place | None = None


FIRST_PARTS: Mapping[str, int] = MappingProxyType({"square": 0, "frames": 1, "tiles": 1000})
"""Where the part numbers of a picture's embeddings begin, by the product that is embedded: 0 is
the whole picture, an animation's later frames follow, and the numbers from 1000 are for tiles.
What is not named here is not embedded. The numbers are kept in indexes: they stay as they are."""


class Picture(NamedTuple):
    """One file, read once: its content digest, and its facts and products unless already known.

    `digest` is BLAKE3 of the whole file (32 bytes). `facts` is None, and `products` is empty, when
    the digest was among those the caller said it knows. `products` holds what the caller asked
    for, by name, as RGB pixels. `size_bytes` is what was read. `reader` is the format and the
    version of what read it ("TIFF 2"), `pixels_digest` BLAKE3 of what is embedded, `words` captions
    and keywords, each in a line; all are None where the digest was known.
    """

    path: bytes
    digest: bytes
    facts: PictureFacts | None
    products: Mapping[str, tuple[Pixels, ...]] = MappingProxyType({})
    size_bytes: int = 0
    reader: str | None = None
    pixels_digest: bytes | None = None
    words: tuple[str, str] | None = None
    seconds: tuple[float, ...] = ()
    """Of a video: when each frame comes that has a part, the first one's and the further ones'."""

    @property
    def parts(self) -> dict[int, Pixels]:
        """The pixels that a model embeds, by part number, in ascending order."""
        return {
            first + number: pixels
            for name, first in FIRST_PARTS.items()
            for number, pixels in enumerate(self.products.get(name, ()))
        }


class Crop(NamedTuple):
    """A part of the upright picture, in pixels from its upper left corner."""

    x: int
    y: int
    width: int
    height: int


class Match(NamedTuple):
    """One result: `path` the way its folder was named, `absolute` from the top of the file system.

    Both are strings as os.fsdecode makes them of `path_bytes` and `absolute_bytes`. `score` is a
    cosine in [-1, 1]; `rank` counts from 1. `terms` holds the score of each term alone where asked
    for, a subtracted one behind a minus. `taken_at` is the picture's date, else its file's; `facts`
    and `version` are of its content, which `is_hidden` or not. `words`: where those of the query
    stand, and how; `by_words`: the score alone is below the thresholds. `presence` is the report's.
    `crop`: the tile of the picture that has the score, None where the whole has it. `second`: when
    the frame of a video comes that has the score, None for pictures.
    """

    path_bytes: bytes
    absolute_bytes: bytes
    score: float
    rank: int
    model: str
    taken_at: str | None = None
    terms: tuple[tuple[str, float], ...] = ()
    facts: PictureFacts | None = None
    version: FileVersion | None = None
    is_hidden: bool = False
    words: tuple[tuple[str, str], ...] = ()
    by_words: bool = False
    presence: float | None = None
    crop: Crop | None = None
    second: float | None = None

    @property
    def path(self) -> str:
        """The path to show: relative if its folder was named by a relative path."""
        return os.fsdecode(self.path_bytes)

    @property
    def absolute(self) -> str:
        """The picture's path as the index has it."""
        return os.fsdecode(self.absolute_bytes)

    @property
    def row(self) -> dict[str, object]:
        """The match as a row of a table, for pandas or polars: plain values, None where unknown.

        `path` is as `path_fields` has it, `date` is `taken_at`, and `date_from` names that date:
        "original", "digitized" or "modified" in the picture, or "file".
        """
        facts = self.facts._asdict() if self.facts else {}
        of_file = "file" if self.taken_at and self.facts and not self.facts.taken_at else None
        return {
            **path_fields(self.path_bytes),
            "score": round(self.score, 6),
            "rank": self.rank,
            "model": self.model,
            "date": self.taken_at,
            "date_from": facts.get("taken_from") or of_file,
            **{name: facts.get(name) for name in ("camera", "width", "height")},
            "size_bytes": self.version.size_bytes if self.version else None,
            **{name: facts.get(name) for name in ("latitude", "longitude")},
            "place": str(facts["place"]) if facts.get("place") else None,
        }


def path_fields(path: bytes) -> dict[str, object]:
    """Return a path as text: `path`, and its bytes as `path_base64` where they are not UTF-8."""
    try:
        return {"path": path.decode()}
    except UnicodeDecodeError:
        from base64 import b64encode  # hardly ever needed

        return {"path": path.decode(errors="replace"), "path_base64": b64encode(path).decode()}


class IndexReport(NamedTuple):
    """What bringing the index up to date did; numbers count files unless named otherwise."""

    seen: int = 0
    unchanged: int = 0
    encoded: int = 0
    reused: int = 0
    verified: int = 0
    """Files that were read again and found unchanged."""
    reread: int = 0
    """Contents read again because the reader of their format was mended."""
    tiled: int = 0
    """Contents that got their tiles now, and were encoded without them before."""
    words_read: int = 0
    """Contents whose captions and keywords were read now; they were indexed without them before."""
    removed: int = 0
    failed: int = 0
    failed_before: int = 0
    passed_over: int = 0
    """Raw files beside the picture made of them, which stands for both."""
    unread_formats: Mapping[str, int] = MappingProxyType({})
    """Pictures in formats that are not read, by ending; the most frequent first."""
    unread_videos: int = 0
    """Videos, where no reader of them is installed; those of live photos do not count."""
    unfollowed_links: int = 0
    """Links to folders, and those called like pictures, where links are not followed."""
    dead_links: int = 0
    """Links called like pictures that lead nowhere, where links are followed."""
    nomedia_folders: int = 0
    """Folders left out for their .nomedia file."""
    remaining: int = 0
    seconds: float = 0.0
    finished: bool = True
    altered: tuple[Trouble, ...] = ()
    """Files whose content changed while size and mtime did not, found by verifying."""
    failures: tuple[Trouble, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    """Files, folders and ignore files that could not be used; patterns without effect."""

    @property
    def out_of_reach(self) -> tuple[Trouble, ...]:
        """Files, folders and ignore files that could not be used; rows of theirs are kept."""
        return tuple(trouble for trouble in self.troubles if trouble.path)


@dataclass(frozen=True, slots=True)
class SearchReport:
    """The matches and what else to know; no tuple, whose method the field `index` would hide."""

    matches: tuple[Match, ...]
    stale: int = 0
    """Matches left out because their file is gone, changed or out of reach."""
    damaged: int = 0
    """Matches left out because their embedding is not as it was written."""
    missing: int = 0
    """Pictures that were found but are not indexed yet."""
    notes: tuple[str, ...] = ()
    best: float | None = None
    """The best score there was, before thresholds."""
    presence: float | None = None
    """How likely there is what the words say, in [0, 1]; of a `min_score` of "auto" alone."""
    copies: int = 0
    """Copies of matches that collapsing left out."""
    hidden: int = 0
    """Hidden pictures that would be among the matches; further ones are not counted."""
    index: IndexReport | None = None
    """The report of bringing the index up to date before the search."""
