"""Whether the index is one of ours and whole, and whether its rows agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rclip_like.errors import Remedy, StoreError
from rclip_like.reports import Finding
from rclip_like.store import Store
from rclip_like.store.opening import version_of
from rclip_like.store.schema import VERSION
from rclip_like.upkeep.findings import problem, warning, well

if TYPE_CHECKING:
    from rclip_like.store.checking import Checkup

_MOST_LINES = 5


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
        yield well("index", f"{database}: none yet; the first search makes it")
    elif version < VERSION:
        yield warning(
            "index",
            f"{database}: of an older version ({version}; this one writes {VERSION})",
            "the next indexing brings it up, with a copy beside it",
        )
    else:
        with Store.open(database, create=False, any_thread=True) as store:
            yield from _look_for_damage(store.checkup, database)


def _look_for_damage(checkup: Checkup, database: Path) -> Iterator[Finding]:
    missing = checkup.missing_parts()
    if missing:
        yield problem(
            "index", f"{database}: {', '.join(missing)} is not as it was made", Remedy.MOVE_AWAY
        )
    lines = checkup.damage()
    for line in lines[:_MOST_LINES]:
        yield problem("index", line)
    if lines:
        yield problem("index", f"{database}: damaged", Remedy.REPAIR, Remedy.MOVE_AWAY)
    elif not missing:
        yield well("index", f"{database}: whole, version {VERSION}")


def check_rows(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at what must agree: references, lengths and values of embeddings."""
    if not is_current(database):
        return
    with Store.open(database, create=False, any_thread=True) as store:
        found = list(_look_at_rows(store.checkup))
        status = store.status()
    yield from found
    if status.left_contents:
        yield well(
            "rows",
            f"{status.left_contents:,} contents that no file has",
            Remedy.DROP_CONTENTS,
        )
    if not found:
        yield well("rows", f"{status.files:,} files, {status.contents:,} contents, all agree")


def _look_at_rows(checkup: Checkup) -> Iterator[Finding]:
    for table, number in checkup.orphans().items():
        yield problem(
            "rows", f"{number:,} rows of {table} refer to what is not there", Remedy.REPAIR
        )
    if wrong := checkup.wrong_embeddings():
        yield problem(
            "rows",
            f"{len(wrong):,} embeddings are damaged (length, value or digest)",
            Remedy.REPAIR,
        )
    if texts := checkup.wrong_texts():
        yield problem(
            "rows",
            f"{len(texts):,} remembered texts have no embedding, or a damaged one",
            Remedy.REPAIR,
        )


def check_matrices(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the matrices beside the index, by their digests."""
    if not is_current(database):
        return
    with Store.open(database, create=False, any_thread=True) as store:
        found = store.checkup.matrices()
    for name, check in found:
        if check.is_sound:
            yield well("matrix", f"{name}: {check.num_blocks:,} blocks, all as they were written")
        else:
            damaged = check.num_blocks - len(check.sound)
            yield problem(
                "matrix",
                f"{name}: {damaged:,} of {check.num_blocks:,} blocks are not as they were written",
                Remedy.REPAIR,
            )
    if not found:
        yield well("matrix", "none beside the index; searches read its rows")
