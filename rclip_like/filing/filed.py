"""What becomes of a picture that is filed or taken back, as plain values."""

from __future__ import annotations

from typing import Literal, NamedTuple

How = Literal["copy", "link", "move"]

Did = Literal["copied", "linked", "moved", "there already", "moved back", "removed"]


class Filed(NamedTuple):
    """A picture that was filed, or of a dry run would be; paths are absolute.

    `there already`: the target held the same content, or was the same file, before; the source was
    left where it is, also by a move. Of `undo`, source and target stand for what they were when the
    picture was filed: `moved back` lies at the source again, and of `removed` only the target went.
    """

    source: bytes
    target: bytes
    label: str
    did: Did
    sidecars: tuple[bytes, ...] = ()
    """The targets of the sidecars that went along."""
