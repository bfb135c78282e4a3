"""The plain values that travel between the rooms: facts, pictures, matches and reports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

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
"""Lower-case endings that make a file worth opening; what it is, its content decides."""


_LAST_NS = (1 << 63) - 1
_FIRST_NS = -_LAST_NS


@dataclass(frozen=True, slots=True)
class Root:
    """A folder or file the user named: `typed` as typed, `path` absolute with links resolved."""

    typed: bytes
    path: bytes
    is_file: bool = False


class FileFacts(NamedTuple):
    """What one `stat` says of a file; `path` is absolute, the root's links resolved.

    A tuple, so that it equals what a walk has seen and an index remembers of the same file.
    """

    path: bytes
    size_bytes: int
    mtime_ns: int
    device: int
    inode: int

    @classmethod
    def of(cls, path: bytes, status: os.stat_result) -> FileFacts:
        """Return what `status` says of the file at `path`, within what SQLite holds."""
        return cls.within(path, status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)

    @classmethod
    def within(
        cls, path: bytes, size_bytes: int, mtime_ns: int, device: int, inode: int
    ) -> FileFacts:
        """Return the facts; a time before 1677 or after 2262, as some file systems take any,
        counts as the first or last nanosecond that 64 bits hold.
        """
        return cls(path, size_bytes, max(_FIRST_NS, min(mtime_ns, _LAST_NS)), device, inode)


Seen = tuple[bytes, int, int, int, int]
"""The fields of FileFacts as a walk sees them: making the class costs a third of a `stat`, and
what is unchanged needs it not."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A file or folder that could not be used, and why, in words without the path.

    `lasting` is False where the same bytes may be readable the next time: the file was gone or
    changed, permission was missing, the disk did not answer.
    """

    path: bytes
    reason: str
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class Preprocessing:
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


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What a picture says of itself: upright size in pixels, and EXIF where present.

    `taken_at` is ISO 8601 local time without zone unless the file states one; latitude and
    longitude are degrees, north and east positive.
    """

    width: int
    height: int
    taken_at: str | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """One file, read once: its content digest, and its facts and pixels unless already known.

    `digest` is BLAKE3 of the whole file (32 bytes). `facts` and `pixels` are both None when the
    digest was among those the caller said it knows. `pixels` are the whole picture's, of an
    animation its first frame's; `frames` are a few later ones that look different. `size_bytes` is
    what was read.
    """

    path: bytes
    digest: bytes
    facts: PictureFacts | None
    pixels: Pixels | None
    frames: tuple[Pixels, ...] = ()
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """One result: `path` as it should be shown, `absolute` as it lies in the store.

    `score` is a cosine in [-1, 1]; `rank` counts from 1 in order of score. `terms` holds the
    score of each term alone where an explanation was asked for, a subtracted one behind a minus.
    """

    path: bytes
    absolute: bytes
    score: float
    rank: int
    model: str
    taken_at: str | None = None
    terms: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What bringing the index up to date came to, in numbers of files unless named otherwise."""

    seen: int = 0
    unchanged: int = 0
    encoded: int = 0
    reused: int = 0
    verified: int = 0
    """Files that were read again and are what they were."""
    removed: int = 0
    failed: int = 0
    failed_before: int = 0
    passed_over: int = 0
    """Raw files beside the picture made of them, which stands for both."""
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
    """The matches, and what the user should hear of beside them."""

    matches: tuple[Match, ...]
    stale: int = 0
    """Matches left out because their file is gone, changed or out of reach."""
    missing: int = 0
    """Pictures known to be there but not indexed yet."""
    notes: tuple[str, ...] = ()
    index: IndexReport | None = None
    """What bringing the index up to date before the search came to."""


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """What `prune` or `forget` dropped from the index, or with `is_dry_run` would drop."""

    files: int = 0
    failures: int = 0
    """Remembered unreadable files."""
    contents: int = 0
    """Different pictures that no file is left with; their embeddings go with them."""
    embeddings: int = 0
    roots: int = 0
    """Walked folders."""
    models: tuple[str, ...] = ()
    texts: int = 0
    folders: Mapping[bytes, int] = field(default_factory=dict)
    """How many files and failures go, by their folder; the largest number first."""
    kept: Mapping[bytes, int] = field(default_factory=dict)
    """How many files are not there but not known to be gone, by the nearest folder that is."""
    unreachable: Mapping[bytes, int] = field(default_factory=dict)
    """How many files cannot be looked at, and are kept, by the nearest folder that can be."""
    unknown: tuple[bytes, ...] = ()
    """Paths asked for under which nothing is indexed."""
    freed_bytes: int = 0
    """How much smaller the index file is; about how much it would be, in a dry run."""
    is_short: bool = True
    """False while a search reads on: the file gets smaller when that ends."""
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check of `doctor` found: `state` is `ok`, `warning` or `problem`."""

    check: str
    text: str
    state: str = "ok"
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All findings, in the order of the checks, and what was repaired before."""

    findings: tuple[Finding, ...]
    repaired: tuple[str, ...] = ()

    def has(self, state: str) -> bool:
        """Return whether any finding is of this state."""
        return any(finding.state == state for finding in self.findings)


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What is indexed: counts, sizes, models and failures by reason."""

    database: str
    size_bytes: int
    files: int
    contents: int
    models: tuple[Mapping[str, object], ...]
    roots: tuple[Mapping[str, object], ...]
    failures: Mapping[str, int] = field(default_factory=dict)
    unreadable: tuple[Trouble, ...] = ()
    """The files behind `failures`, by path."""
    unreadable_folders: Mapping[bytes, Mapping[str, int]] = field(default_factory=dict)
    """How many of them lie in each folder, by reason; the folder with the most first."""
    left_contents: int | None = None
    """Contents that no file has any more; None where not all of the index is asked about."""
    freeable_bytes: int | None = None
    """About so much `prune` would free, without what it finds gone on the disk."""
    raw_pairs: int = 0
    """Raw files beside the picture made of them: without `WalkSettings.raw_pairs` never shown."""
    unknown: tuple[bytes, ...] = ()
    """Paths asked for under which nothing is indexed."""
