"""The results of upkeep, `doctor` and `status` as plain values; only these commands import them.

The results of searches and indexing runs are in `values`, so that a search need not import this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rclip_like.errors import Advice, sentence
from rclip_like.values import Trouble

OK, WARNING, PROBLEM = "ok", "warning", "problem"


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """What `prune` or `forget` dropped from the index, or with `is_dry_run` would drop."""

    files: int = 0
    failures: int = 0
    """Remembered unreadable files."""
    contents: int = 0
    """Contents without a file; their embeddings are dropped with them."""
    embeddings: int = 0
    roots: int = 0
    """Walked folders."""
    models: tuple[str, ...] = ()
    texts: int = 0
    thumbnails: int = 0
    """Small pictures deleted from the cache folder."""
    folders: Mapping[bytes, int] = field(default_factory=dict)
    """How many files and failures go, by their folder; the largest number first."""
    kept: Mapping[bytes, int] = field(default_factory=dict)
    """How many files are missing but not known to be gone, by the nearest existing folder."""
    unreachable: Mapping[bytes, int] = field(default_factory=dict)
    """How many files are kept because they cannot be looked at, by the nearest folder that can."""
    unknown: tuple[bytes, ...] = ()
    """Paths asked for under which nothing is indexed."""
    freed_bytes: int = 0
    """By how much the index file became smaller, in a dry run an estimate, and the thumbnails."""
    is_short: bool = True
    """False while a search still reads; the file shrinks when that search ends."""
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True)
class RelocationReport:
    """How many rows `relocate` gave paths below another folder, or with `is_dry_run` would give."""

    old: bytes
    new: bytes
    """The absolute paths of both folders, links resolved."""
    files: int = 0
    failures: int = 0
    """Remembered unreadable files."""
    roots: int = 0
    """Walked folders."""
    sidecars: int = 0
    searches: int = 0
    """Saved searches that name a path below the folder."""
    is_dry_run: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was indexed below the old folder."""
        return not (self.files or self.failures or self.roots)


@dataclass(frozen=True, slots=True)
class ThumbnailReport:
    """What making the missing thumbnails of an album came to; numbers count distinct contents."""

    pictures: int = 0
    made: int = 0
    left: int = 0
    """Those that have none, since the cache is full or the time was over."""
    size_bytes: int = 0
    """What the thumbnails that are there take."""
    is_full: bool = False
    """Whether the cache, as large as it may get, holds no more of this album."""
    failures: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class TextReport:
    """What reading the text in pictures came to; numbers count distinct contents."""

    pictures: int = 0
    """Those whose text was not known before."""
    read: int = 0
    with_text: int = 0
    """Those of the read ones that have text."""
    failures: tuple[Trouble, ...] = ()

    @property
    def left(self) -> int:
        """Those that are still to be read, since the time was over."""
        return self.pictures - self.read - len(self.failures)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check of `doctor` found: `state` is `ok`, `warning` or `problem`."""

    check: str
    text: str
    state: str = "ok"
    remedies: tuple[Advice, ...] = ()

    @property
    def remedy(self) -> str:
        """What would help, in Python's words; "" where nothing is wrong."""
        return sentence("", self.remedies)


def well(text: str, *remedies: Advice) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding("", text, OK, remedies)


def warning(text: str, *remedies: Advice) -> Finding:
    """Return a finding that the user should know of, although everything works."""
    return Finding("", text, WARNING, remedies)


def problem(text: str, *remedies: Advice) -> Finding:
    """Return a finding of something that does not work."""
    return Finding("", text, PROBLEM, remedies)


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
    models: tuple[Mapping[str, Any], ...]
    roots: tuple[Mapping[str, Any], ...]
    failures: Mapping[str, int] = field(default_factory=dict)
    unreadable: tuple[Trouble, ...] = ()
    """The files behind `failures`, by path."""
    unreadable_folders: Mapping[bytes, Mapping[str, int]] = field(default_factory=dict)
    """How many of them lie in each folder, by reason; the folder with the most first."""
    left_contents: int | None = None
    """Contents without a file; None if the report covers a part of the index."""
    freeable_bytes: int | None = None
    """An estimate of what `prune` would free, without files that it would find gone."""
    raw_pairs: int = 0
    """Raw files beside the picture made of them: without `WalkSettings.raw_pairs` never shown."""
    hidden: int = 0
    """Files whose pictures are hidden from searches."""
    videos: int = 0
    """Contents that are videos."""
    video_frames: int = 0
    """The frames by which they are found."""
    undated: int = 0
    """Files whose pictures say no date."""
    saved: int | None = None
    """Saved searches; None as for `left_contents`."""
    names: int | None = None
    """Names of one's own; None as for `left_contents`."""
    with_captions: int = 0
    """Contents with captions or keywords inside; copies count once, here and below."""
    captions_unread: int = 0
    """Contents whose captions were never looked for."""
    texts_read: int = 0
    """Contents in which text was looked for."""
    with_text: int = 0
    """Those of them that have text."""
    texts_failed: int = 0
    """Contents whose text could not be read."""
    texts_unread: int = 0
    """Contents in which text was never looked for."""
    thumbnails: int | None = None
    """Small pictures in the cache folder, of this index or others; None as for `left_contents`."""
    thumbnail_bytes: int | None = None
    unknown: tuple[bytes, ...] = ()
    """Paths asked for under which nothing is indexed."""
