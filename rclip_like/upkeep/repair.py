"""Mend what can be mended without losing anything that indexing does not bring back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rclip_like.errors import Note, StoreError, counted
from rclip_like.store import IndexLock, Store
from rclip_like.upkeep.checks_of_index import is_current, stale_drafts

if TYPE_CHECKING:
    from rclip_like.store import Writer
    from rclip_like.store.checking import Repair


def repair(database: Path, on_wait: Callable[[], None] | None = None) -> Iterator[str]:
    """Yield what was mended, under the lock; before any row changes, a copy is written.

    Drafts that a kill left are removed, and SQLite's indexes are made anew from the rows. Rows that
    refer to nothing, damaged embeddings and damaged rows of names are dropped: the next run encodes
    pictures anew, and a query makes the row of a name anew from its pictures. A damaged matrix is
    made anew, and embeddings from before there were digests get theirs.
    """
    if not database.parent.is_dir():
        return
    with IndexLock(database).held(wait=True, on_wait=on_wait):
        for draft in stale_drafts(database):
            draft.unlink()
            yield f"{draft}: removed"
    if not is_current(database):
        return
    with (
        Store.open(database, create=False) as store,
        store.writing(wait=True, on_wait=on_wait) as writer,
    ):
        yield from _mend(writer)
        if writer.words.mend():
            yield "the index of words was damaged; it is made anew"
        writer.repair.truncate_log()


def _mend(writer: Writer) -> Iterator[str]:
    repair = writer.repair
    is_damaged = bool(repair.damage())
    if is_damaged:
        copy = None
        try:
            copy = repair.back_up()
            repair.rebuild_indexes()
        except StoreError as error:
            if copy is not None:
                copy.unlink(missing_ok=True)  # nothing was changed
            yield Note(f"not repaired: {error.reason}", *error.remedies)
            return
        yield f"{copy}: a copy from before the repair"
        yield "SQLite's indexes made anew from the rows"
    for model_id, name, _ in repair.models():
        if repair.forget_damaged_matrix(model_id, at_once=True):
            yield f"the matrix of {name} was damaged; it is made anew from the rows"
    wrong_names = repair.names().wrong_rows
    if repair.orphans() or repair.wrong_embeddings() or repair.wrong_texts() or wrong_names:
        if not is_damaged:
            yield f"{repair.back_up()}: a copy from before the repair"
        yield from _drop_wrong(repair)
    # Not before: what is wrong by any other sign would become right.
    if noted := sum(repair.note_digests(model_id) for model_id, *_ in repair.models()):
        yield f"{noted:,} embeddings of an older version given the digests they lacked"
    for model_id, *_ in repair.models():
        writer.extend_matrix(model_id)


def _drop_wrong(repair: Repair) -> Iterator[str]:
    if dropped := repair.drop_orphans():
        yield f"{counted(dropped, 'row')} dropped that referred to what is not there"
    if rowids := repair.wrong_embeddings():
        repair.drop_embeddings(rowids)
        yield f"{counted(len(rowids), 'damaged embedding')} dropped"
    if rows := repair.names().wrong_rows:
        repair.drop_name_rows(rows)
        yield f"{counted(len(rows), 'damaged row')} of names dropped"
    if texts := repair.wrong_texts():
        repair.drop_texts(texts)
        yield f"{counted(len(texts), 'remembered text')} dropped that had no embedding"
