"""Whether the index is one of ours and whole, whether its rows agree, and what lies beside it."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from rclip_like.errors import Remedy, StoreError, counted
from rclip_like.reports import Finding, problem, warning, well
from rclip_like.store import IndexLock, Store
from rclip_like.store.checking import REPAIR_MARK
from rclip_like.store.opening import version_of
from rclip_like.store.schema import VERSION
from rclip_like.store.side_files import LOG, SQLITE_SUFFIXES, side_file, size_of

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
        return
    if version < VERSION:
        yield warning(
            f"{database}: of an older version ({version}; this one writes {VERSION})",
            "the next indexing brings it up, with a copy beside it",
        )
        return
    with Store.open(database, create=False) as store:
        missing = store.checkup.missing_parts()
        lines = store.checkup.damage()
    if missing:
        yield problem(f"{database}: {', '.join(missing)} is not as it was made", Remedy.MOVE_AWAY)
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
        orphans = store.checkup.orphans()
        embeddings, texts = store.checkup.wrong_embeddings(), store.checkup.wrong_texts()
        status = store.status()
    wrong = [
        f"{counted(number, 'row')} of {table} refer{'s' * (number == 1)} to what is not there"
        for table, number in orphans.items()
    ]
    if embeddings:
        wrong.append(f"{len(embeddings):,} embeddings are damaged (length, value or digest)")
    if texts:
        wrong.append(f"{len(texts):,} remembered texts have no embedding, or a damaged one")
    yield from (problem(line, Remedy.REPAIR) for line in wrong)
    if status.left_contents:
        number = f"{status.left_contents:,} contents that no file has"
        yield well(number, Remedy.DROP_CONTENTS)
    if not wrong:
        yield well(f"{status.files:,} files, {status.contents:,} contents, all agree")


def check_matrices(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the matrices beside the index, by their digests."""
    if not is_current(database):
        return
    with Store.open(database, create=False) as store:
        found = store.checkup.matrices()
    for name, check in found:
        blocks, damaged = f"{check.num_blocks:,} blocks", check.num_blocks - len(check.sound)
        if check.is_sound:
            yield well(f"{name}: {blocks}, all as they were written")
        else:
            text = f"{name}: {damaged:,} of {blocks} are not as they were written"
            yield problem(text, Remedy.REPAIR)
    if not found:
        yield well("none beside the index; searches read its rows")


def check_words(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the index of words: whole, and with the words of the rows."""
    if not is_current(database):
        return
    with Store.open(database, create=False) as store:
        found, has_fts5 = store.checkup.words(), store.words.has_fts5
    if not has_fts5:
        yield warning("not searched: the SQLite of this Python has no full-text search (FTS5)")
    elif found is None:
        yield well("none are indexed yet; the next indexing does that")
    elif not found.is_whole:
        yield problem("the index of words is damaged", Remedy.REPAIR)
    elif found.num_missing:
        rows = f"{found.num_missing:,} of {counted(found.num_compared, 'compared row')}"
        yield problem(f"the index of words lacks words of {rows}", Remedy.REPAIR)
    else:
        waits = "waits" if found.num_waiting == 1 else "wait"
        later = f"; {counted(found.num_waiting, 'row')} {waits} for the next indexing"
        text = f"{counted(found.num_compared, 'row')} compared, all found by their words"
        yield well(text + (later if found.num_waiting else ""))


def check_names(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the names of one's own: their pictures' digests and their rows."""
    if not is_current(database):
        return
    with Store.open(database, create=False) as store:
        found = store.checkup.names()
    for name in found.wrong[:_MOST_LINES]:
        yield problem(f"@{name}: damaged, it stands for nothing", (Remedy.REMOVE_NAME, name))
    if len(found.wrong) > _MOST_LINES:
        yield problem(f"{counted(len(found.wrong) - _MOST_LINES, 'more name')} damaged")
    if found.wrong_rows:
        yield problem(
            f"{counted(len(found.wrong_rows), 'row')} of names damaged; a name without its row is "
            "made anew from its pictures",
            Remedy.REPAIR,
        )
    if not found.wrong and not found.wrong_rows:
        number = f"{counted(found.number, 'name')}, all whole" if found.number else "none"
        yield well(number)


def stale_drafts(database: Path) -> list[Path]:
    """Return drafts of an index or of a copy that were left by a kill: older than an hour."""
    index = re.escape(database.name)
    copy = rf"{index}({re.escape(REPAIR_MARK)}|\.version-)\S*\.part"
    name = re.compile(rf"(\.{index}\.[a-z0-9_]{{8}}|{copy})({'|'.join(SQLITE_SUFFIXES)})?")
    return [
        path
        for path, status in _files_of(database.parent)
        if name.fullmatch(path.name)
        and stat.S_ISREG(status.st_mode)
        and time.time() - status.st_mtime > _DRAFT_AGE_SECONDS
    ]


def check_side_files(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the files beside the index."""
    is_locked, pid = IndexLock(database).holder()
    for draft in stale_drafts(database):
        yield warning(f"{draft}: a draft that a kill left", Remedy.REMOVE_DRAFT)
    log = side_file(database, LOG)
    if log.exists() and not database.exists():
        yield warning(
            f"{log}: the log of an index that is not there",
            "put its index back",
            "let the next indexing remove it",
        )
    elif size_of(log) > _LARGE_LOG_BYTES and not is_locked:
        size = f"{size_of(log) / 1e6:,.0f} MB"
        yield warning(f"{log}: {size} that wait to be moved into the index", Remedy.SHORTEN_LOG)
    copies = (database.name + ".version-", database.name + REPAIR_MARK)
    for path, status in _files_of(database.parent):
        if path.name.startswith(copies) and ".part" not in path.name:
            size = f"{status.st_size / 1e6:,.1f} MB"
            yield well(f"{path}: a copy from before, {size}; yours to delete")
    holder = "nobody" if not is_locked else f"process {pid}" if pid else "a process"
    yield well(f"{holder} writes to the index now")


def _files_of(folder: Path) -> list[tuple[Path, os.stat_result]]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted((Path(entry.path), entry.stat(follow_symlinks=False)) for entry in entries)
