"""Undo the run of a log: moved files go back, copies and links are removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from rclip_like.errors import FilingError, Remedy
from rclip_like.filing.filed import Did, Filed
from rclip_like.filing.locations import Refused
from rclip_like.filing.log import LoggedPicture, MoveLog
from rclip_like.filing.names import HiddenNames
from rclip_like.filing.run import STOPPING
from rclip_like.filing.taking_back import take_back
from rclip_like.values import Trouble


def undo(
    log: Path, *, folder: Path | None = None, is_dry_run: bool = False
) -> Iterator[Filed | Trouble]:
    """Yield what was done with each picture of the log and its sidecars, the last one first.

    A moved file goes back if it is still the one that was moved, unchanged, and its name at the
    source is free; its folder is made again if it was deleted. A copy is removed if it and the
    source still are, byte for byte, what was copied; a link, if it still leads to the source. A
    sidecar goes back with its picture even if tags were added since. Any other file stays and is a
    Trouble. Empty folders that the run made are removed. The log stays and can be undone again,
    also after a kill; files that need nothing more are left out. A dry run changes nothing.

    folder: the folder that was filed into, if the log is elsewhere. Raises FilingError if the log
    cannot be read, is not clipfind's or names another folder, if another run is using it, and if a
    disk is full.
    """
    with closing(MoveLog(log, folder)) as moves:
        yield from moves.troubles
        for picture in moves.pictures():
            if isinstance(picture, Trouble):
                yield picture
                continue
            try:
                yield from _take_back(picture, moves, is_dry_run=is_dry_run)
            except OSError as error:
                path = os.fsdecode(picture.files[0].target)
                again = (Remedy.UNDO_FILING, log)
                raise FilingError(f"{path}: {error.strerror}; stopped there", again) from error
        for made in reversed(() if is_dry_run else moves.made):
            with suppress(OSError):  # it is not empty, or gone
                os.rmdir(made)


def _take_back(
    picture: LoggedPicture, moves: MoveLog, *, is_dry_run: bool
) -> Iterator[Filed | Trouble]:
    """Take back a picture and, unless it stays, its sidecars. Raises OSError for a full disk."""
    did: list[tuple[bytes, Did]] = []
    for index, file in enumerate(picture.files):
        try:
            done = take_back(
                file,
                moves.how,
                HiddenNames.of(moves.token, picture.number, index),
                is_done=picture.is_done,
                is_dry_run=is_dry_run,
                log=moves.path,
            )
        except (Refused, OSError) as error:
            if isinstance(error, OSError) and error.errno in STOPPING:
                raise
            reason = error.reason if isinstance(error, Refused) else error.strerror
            yield Trouble(file.target, reason or str(error), lasting=False)
            if index == 0:
                return
            continue
        if done is not None:
            did.append((file.target, done))
    if did:
        first = picture.files[0]
        sidecars = tuple(target for target, _ in did if target != first.target)
        yield Filed(first.source, first.target, picture.label, did[0][1], sidecars)
