"""Damage of the disk in the index itself, looked for before a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rclip_like.values import Trouble

if TYPE_CHECKING:
    from rclip_like.store.checking import Repair

_DAMAGED_MATRIX = "the matrix beside the index was damaged; it is made anew from the rows"
_DROPPED = (
    "dropped from the index; the pictures are encoded anew, those that lie elsewhere when their "
    "folder is indexed next"
)


def drop_damage(repair: Repair, model_id: int, *, verify: bool) -> list[Trouble]:
    """Drop what is damaged and return what to tell of it; the run makes it anew.

    Looks at what is due of the model's matrix, with `verify` at all of it, at the model's
    embeddings and at the remembered texts. The caller surveys
    afterwards: what is dropped is not encoded.
    """
    troubles = []
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
