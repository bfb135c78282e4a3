"""Whether the index is one of ours and whole, whether its rows agree, and what lies beside it."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rclip_like.errors import Remedy, StoreError
from rclip_like.reports import Finding, problem, warning, well
from rclip_like.store import IndexLock, Store
from rclip_like.store.checking import REPAIR_MARK
from rclip_like.store.opening import version_of
from rclip_like.store.schema import VERSION
from rclip_like.store.side_files import LOG, side_file

if TYPE_CHECKING:
    from rclip_like.store.checking import Checkup

_MOST_LINES = 5
_DRAFT_AGE_SECONDS = 3600.0
_LARGE_LOG_BYTES = 80 << 20
"""More than SQLite is told to keep of it."""


def is_current(database: Path) -> bool:
    """Return whether an index of this version is there, and can be opened without changing it."""
    try:
        return version_of(database) == VERSION
    except StoreError:
        return False


def check_index(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the file: ours, of this version, and whole to SQLite."""
    version = version_of(database)
    if not version:
        yield well(f"{database}: none yet; the first search makes it")
    elif version < VERSION:
        yield warning(
            f"{database}: of an older version ({version}; this one writes {VERSION})",
            "the next indexing brings it up, with a copy beside it",
        )
    else:
        with Store.open(database, create=False) as store:
            yield from _look_for_damage(store.checkup, database)


def _look_for_damage(checkup: Checkup, database: Path) -> Iterator[Finding]:
    missing = checkup.missing_parts()
    if missing:
        yield problem(f"{database}: {', '.join(missing)} is not as it was made", Remedy.MOVE_AWAY)
    lines = checkup.damage()
    for line in lines[:_MOST_LINES]:
        yield problem(line)
    if lines:
        yield problem(f"{database}: damaged", Remedy.REPAIR, Remedy.MOVE_AWAY)
    elif not missing:
        yield well(f"{database}: whole, version {VERSION}")


def check_rows(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at what must agree: references, lengths and values of embeddings."""
    if not is_current(database):
        return
    with Store.open(database, create=False) as store:
        found = list(_look_at_rows(store.checkup))
        status = store.status()
    yield from found
    if status.left_contents:
        yield well(
            f"{status.left_contents:,} contents that no file has",
            Remedy.DROP_CONTENTS,
        )
    if not found:
        yield well(f"{status.files:,} files, {status.contents:,} contents, all agree")


def _look_at_rows(checkup: Checkup) -> Iterator[Finding]:
    for table, number in checkup.orphans().items():
        yield problem(f"{number:,} rows of {table} refer to what is not there", Remedy.REPAIR)
    if wrong := checkup.wrong_embeddings():
        yield problem(
            f"{len(wrong):,} embeddings are damaged (length, value or digest)",
            Remedy.REPAIR,
        )
    if texts := checkup.wrong_texts():
        yield problem(
            f"{len(texts):,} remembered texts have no embedding, or a damaged one",
            Remedy.REPAIR,
        )


def check_matrices(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the matrices beside the index, by their digests."""
    if not is_current(database):
        return
    with Store.open(database, create=False) as store:
        found = store.checkup.matrices()
    for name, check in found:
        if check.is_sound:
            yield well(f"{name}: {check.num_blocks:,} blocks, all as they were written")
        else:
            damaged = check.num_blocks - len(check.sound)
            yield problem(
                f"{name}: {damaged:,} of {check.num_blocks:,} blocks are not as they were written",
                Remedy.REPAIR,
            )
    if not found:
        yield well("none beside the index; searches read its rows")


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
    is_locked, pid = IndexLock(database).holder()
    for draft in stale_drafts(database):
        yield warning(f"{draft}: a draft that a kill left", Remedy.REMOVE_DRAFT)
    yield from _check_log(database, is_locked=is_locked)
    for copy, status in _copies(database):
        yield well(f"{copy}: a copy from before, {status.st_size / 1e6:,.1f} MB; yours to delete")
    if is_locked:
        holder = f"process {pid}" if pid else "a process"
        yield well(f"{holder} writes to the index now")
    else:
        yield well("nobody writes to the index now")


def _check_log(database: Path, *, is_locked: bool) -> Iterator[Finding]:
    log = side_file(database, LOG)
    if not log.exists():
        return
    if not database.exists():
        yield warning(
            f"{log}: the log of an index that is not there",
            "put its index back",
            "let the next indexing remove it",
        )
    elif log.stat().st_size > _LARGE_LOG_BYTES and not is_locked:
        yield warning(
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
