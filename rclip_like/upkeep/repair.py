"""Mend what can be mended without losing anything that indexing does not bring back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rclip_like.errors import Note, StoreError
from rclip_like.store import IndexLock
from rclip_like.store.checking import Checkup
from rclip_like.upkeep.checks_of_files import stale_drafts
from rclip_like.upkeep.checks_of_rows import is_current


def repair(database: Path, on_wait: Callable[[], None] | None = None) -> Iterator[str]:
    """Yield what was mended, under the lock; before any row changes, a copy is written.

    Drafts that a kill left are removed, SQLite's indexes are made anew from the rows, rows that
    refer to nothing and damaged embeddings are dropped: the next run encodes them anew. A
    damaged matrix is made anew, and embeddings from before there were digests get theirs.
    """
    if not database.parent.is_dir():
        return
    told = None if on_wait is None else lambda _: on_wait()
    with IndexLock(database).held(wait=True, on_wait=told):
        for draft in stale_drafts(database):
            draft.unlink()
            yield f"{draft}: removed"
        if is_current(database):
            with Checkup.of(database) as checkup:
                yield from _mend(checkup)
                checkup.truncate_log()


def _mend(checkup: Checkup) -> Iterator[str]:
    is_damaged = bool(checkup.damage())
    if is_damaged:
        copy = None
        try:
            copy = checkup.back_up()
            checkup.rebuild_indexes()
        except StoreError as error:
            if copy is not None:
                copy.unlink(missing_ok=True)  # nothing was changed
            yield Note(f"not repaired: {error.reason}", *error.remedies)
            return
        yield f"{copy}: a copy from before the repair"
        yield "SQLite's indexes made anew from the rows"
    yield from _forget_matrices(checkup)
    if checkup.orphans() or _count_wrong(checkup):
        if not is_damaged:
            yield f"{checkup.back_up()}: a copy from before the repair"
        yield from _drop_wrong(checkup)
    # Not before: what is wrong by any other sign would become right.
    if noted := sum(checkup.note_digests(model_id) for model_id, _ in checkup.models()):
        yield f"{noted:,} embeddings of an older version given the digests they lacked"
    checkup.extend_matrices()


def _forget_matrices(checkup: Checkup) -> Iterator[str]:
    for model_id, name in checkup.models():
        if checkup.forget_damaged_matrix(model_id, at_once=True):
            yield f"the matrix of {name} was damaged; it is made anew from the rows"


def _drop_wrong(checkup: Checkup) -> Iterator[str]:
    if dropped := checkup.drop_orphans():
        yield f"{dropped:,} rows dropped that referred to what is not there"
    if rowids := checkup.wrong_embeddings():
        checkup.drop_embeddings(rowids)
        yield f"{len(rowids):,} damaged embeddings dropped"
    if texts := checkup.wrong_texts():
        checkup.drop_texts(texts)
        yield f"{len(texts):,} remembered texts dropped that had no embedding"


def _count_wrong(checkup: Checkup) -> int:
    return len(checkup.wrong_embeddings()) + len(checkup.wrong_texts())
