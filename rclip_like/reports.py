"""What upkeep, `doctor` and `status` came to, as plain values; imported by these commands alone.

What a search and an indexing run came to is in `values`, as a search spares itself this import.
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
    remedies: tuple[Advice, ...] = ()

    @property
    def remedy(self) -> str:
        """What would help, in Python's words; "" where nothing is wrong."""
        return sentence("", self.remedies)


def well(text: str, *remedies: Advice) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding("", text, OK, remedies)


def warning(text: str, *remedies: Advice) -> Finding:
    """Return a finding that one should know of, while everything works."""
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
    """Contents that no file has any more; None where not all of the index is asked about."""
    freeable_bytes: int | None = None
    """About so much `prune` would free, without what it finds gone on the disk."""
    raw_pairs: int = 0
    """Raw files beside the picture made of them: without `WalkSettings.raw_pairs` never shown."""
    unknown: tuple[bytes, ...] = ()
    """Paths asked for under which nothing is indexed."""
