"""Drops what the disk has damaged, before a run compares the index with the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rclip_like.values import Trouble

if TYPE_CHECKING:
    from rclip_like.store import Writer

_DAMAGED_MATRIX = "the matrix beside the index was damaged; it is made anew from the rows"
_DROPPED = (
    "dropped from the index; the pictures are encoded anew, those that lie elsewhere when their "
    "folder is indexed next"
)


def drop_damage(writer: Writer, model_id: int, *, verify: bool) -> list[Trouble]:
    """Drop the parts of the index that the disk has damaged, and return what to report.

    Checks the part of the model's matrix that is due; with `verify`, all of it, the model's
    embeddings and the cached texts. The survey comes afterwards, so dropped pictures are encoded
    anew.
    """
    troubles, repair = [], writer.repair
    if repair.forget_damaged_matrix(model_id, at_once=verify):
        troubles.append(Trouble(b"", _DAMAGED_MATRIX))
    if not verify:
        return troubles
    if rowids := repair.wrong_embeddings(model_id):
        repair.drop_embeddings(rowids)
        number = f"{len(rowids):,} damaged embedding{'s' * (len(rowids) > 1)}"
        troubles.append(Trouble(b"", f"{number} {_DROPPED}"))
    repair.note_digests(model_id)
    repair.drop_texts(repair.wrong_texts())
    return troubles
