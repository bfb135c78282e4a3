"""The plain values of filing: what was done with a picture."""

from __future__ import annotations

from typing import Literal, NamedTuple

from rclip_like.values import FileVersion

How = Literal["copy", "link", "move"]

Did = Literal["copied", "linked", "moved", "there already", "moved back", "removed"]


class ToFile(NamedTuple):
    """A picture to file under a label, or under none: then into the folder itself.

    version: the file that was labelled or found, None for any file.
    """

    path: bytes
    label: str | None
    version: FileVersion | None = None


class Filed(NamedTuple):
    """A picture that was filed, or that a dry run would file; paths are absolute.

    `there already`: the target had the same content before, or is the same file; the source stays,
    even with a move. From `undo`, source and target are those of the filing: `moved back` means
    that the picture is at the source again, `removed` that the target was deleted.
    """

    source: bytes
    target: bytes
    label: str | None
    did: Did
    sidecars: tuple[bytes, ...] = ()
    """The targets of the sidecars that went along."""
