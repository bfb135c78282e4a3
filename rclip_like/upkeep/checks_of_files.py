"""What lies beside the index: its log, its lock, copies, and drafts that a kill left."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from rclip_like.errors import Remedy
from rclip_like.reports import Finding
from rclip_like.store import IndexLock
from rclip_like.store.checking import REPAIR_MARK
from rclip_like.upkeep.findings import warning, well

_DRAFT_AGE_SECONDS = 3600.0
_LARGE_LOG_BYTES = 80 << 20
"""More than SQLite is told to keep of it."""


def stale_drafts(database: Path) -> list[Path]:
    """Return drafts of an index or of a copy that were left by a kill: older than an hour."""
    index = re.escape(database.name)
    copy = rf"{index}({re.escape(REPAIR_MARK)}|\.version-)\S*\.part"
    name = re.compile(rf"(\.{index}\.[a-z0-9_]{{8}}|{copy})(-wal|-shm|-journal)?")
    return [
        path
        for path, status in _entries(database.parent)
        if name.fullmatch(path.name)
        and stat.S_ISREG(status.st_mode)
        and time.time() - status.st_mtime > _DRAFT_AGE_SECONDS
    ]


def check_side_files(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the files beside the index."""
    check = "files beside it"
    is_locked, pid = IndexLock(database).holder()
    for draft in stale_drafts(database):
        yield warning(check, f"{draft}: a draft that a kill left", Remedy.REMOVE_DRAFT)
    yield from _check_log(database, is_locked=is_locked)
    for copy, status in _copies(database):
        yield well(
            check, f"{copy}: a copy from before, {status.st_size / 1e6:,.1f} MB; yours to delete"
        )
    if is_locked:
        holder = f"process {pid}" if pid else "a process"
        yield well(check, f"{holder} writes to the index now")
    else:
        yield well(check, "nobody writes to the index now")


def _check_log(database: Path, *, is_locked: bool) -> Iterator[Finding]:
    log = database.with_name(database.name + "-wal")
    if not log.exists():
        return
    if not database.exists():
        yield warning(
            "files beside it",
            f"{log}: the log of an index that is not there",
            "put its index back",
            "let the next indexing remove it",
        )
    elif log.stat().st_size > _LARGE_LOG_BYTES and not is_locked:
        yield warning(
            "files beside it",
            f"{log}: {log.stat().st_size / 1e6:,.0f} MB that wait to be moved into the index",
            Remedy.SHORTEN_LOG,
        )


def _copies(database: Path) -> Iterator[tuple[Path, os.stat_result]]:
    marks = tuple(database.name + mark for mark in (".version-", REPAIR_MARK))
    for path, status in _entries(database.parent):
        if path.name.startswith(marks) and ".part" not in path.name:
            yield path, status


def _entries(folder: Path) -> list[tuple[Path, os.stat_result]]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        found = [(Path(entry.path), entry.stat(follow_symlinks=False)) for entry in entries]
    return sorted(found)
