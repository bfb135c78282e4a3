"""Follow a folder of pictures that was moved, once it is clear that it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from rclip_like.errors import Remedy, StoreError, UsageError, counted
from rclip_like.reports import RelocationReport
from rclip_like.store import Store
from rclip_like.upkeep.pruning import as_roots

if TYPE_CHECKING:
    from rclip_like.store.relocating import Relocation

_LOOKED_AT = 100
"""So many pictures tell whether a folder is there: more would cost a slow disk seconds."""


def relocate(
    store: Store,
    moved: tuple[bytes, bytes],
    *,
    force: bool = False,
    dry_run: bool = False,
    wait: bool = True,
    on_wait: Callable[[], None] | None = None,
) -> RelocationReport:
    """Give all that is indexed under one folder the same path under another, in one transaction.

    moved: the folder `old` in which the pictures lay, and `new` in which they lie. Nothing changes
    where nothing is indexed under `old`, and in a dry run. Raises UsageError where files under
    `new` are indexed already and, unless `force`, where pictures are still in `old`, or not in
    `new`; IndexLocked when another process writes and `wait` is off; StoreError when the index
    cannot be written.
    """
    old, new = moved
    before, after = _as_indexed(store, old), os.path.realpath(new)
    if before == after:
        raise UsageError(f"{os.fsdecode(new)}: both paths are the same folder")
    writing = nullcontext() if dry_run else store.writing(wait=wait, on_wait=on_wait)
    with writing as writer:
        relocation = store.relocation(before, after)
        report = RelocationReport(before, after, *relocation.count(), is_dry_run=dry_run)
        if report.is_empty:
            return report
        if number := relocation.count_in_the_way():
            raise UsageError(
                f"{os.fsdecode(after)}: {counted(number, 'file')} there "
                f"{'is' if number == 1 else 'are'} indexed already",
                Remedy.FORGET,
            )
        if not force:
            _refuse_unmoved(relocation, before, after)
        if writer is not None:
            relocation.move()
            # The names of the new folder; all has moved by now, and the next run does the rest.
            with suppress(StoreError):
                while writer.words.index_some():
                    pass
    return report


def _as_indexed(store: Store, folder: bytes) -> bytes:
    """Return the folder in the spelling under which something is indexed, if any.

    Where it lay there may be a link now, to where it lies.
    """
    spelt = os.path.abspath(folder)
    return next((each.path for each in as_roots([folder]) if store.has_any([each])), spelt)


def _refuse_unmoved(relocation: Relocation, old: bytes, new: bytes) -> None:
    """Raise UsageError unless pictures are in the new folder, and none in the old one."""
    files = relocation.some_files(_LOOKED_AT)
    moved = [each for each in files if os.path.lexists(each[1])]
    if files and not moved:
        raise UsageError(
            f"{os.fsdecode(new)}: none of the first {counted(len(files), 'picture')} is there",
            "see that its disk is mounted",
            Remedy.FORCE,
        )
    # A link from the old folder to the new one leads to the same files.
    if any(
        os.path.lexists(at) and os.path.realpath(at) != os.path.realpath(to) for at, to in moved
    ):
        raise UsageError(
            f"{os.fsdecode(old)}: the pictures are still there as well; copies are indexed at "
            "their new path without being encoded again",
            Remedy.FORCE,
        )
