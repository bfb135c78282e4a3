"""Names with accents: the same letters may be written composed (ü) or decomposed (u and dots).

Linux takes names as bytes; a Mac's are often decomposed, what is typed is mostly composed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

_SEPARATOR = os.fsencode(os.sep)


def composed(text: str) -> str:
    """Return text in the composed form (NFC), in which both forms are equal."""
    if text.isascii():
        return text
    from unicodedata import normalize  # most names need none of it

    return normalize("NFC", text)


class Spelling:
    """Finds how the disk writes names that are not there as typed; lists each folder once."""

    def __init__(self) -> None:
        self._names: dict[bytes, dict[str, bytes]] = {}
        """By folder: its names by their composed form."""

    def on_disk(self, path: bytes) -> bytes | None:
        """Return the path with names as the disk writes them, if it is there in that form alone."""
        if path.isascii() or os.path.lexists(path):
            return None
        found = b""
        for depth, name in enumerate(path.split(_SEPARATOR)):
            outer = found + _SEPARATOR if depth else b""
            found = outer + name
            if name and not os.path.lexists(found):
                alike = self._names_in(outer).get(composed(os.fsdecode(name)))
                if alike is None:
                    return None
                found = outer + alike
        return found

    def _names_in(self, folder: bytes) -> dict[str, bytes]:
        if folder not in self._names:
            try:
                names = sorted(os.listdir(folder or b"."), reverse=True)
            except (OSError, ValueError):
                names = []
            self._names[folder] = {composed(os.fsdecode(name)): name for name in names}
        return self._names[folder]


def as_on_disk(paths: Sequence[bytes]) -> tuple[list[bytes], str]:
    """Return the paths as the disk writes them, and what to say of those it changed, or "".

    A path that is not there as typed but in the other form of its letters is returned in that one.
    """
    spelling = Spelling()
    found = [spelling.on_disk(path) for path in paths]
    written = [other or path for path, other in zip(paths, found, strict=True)]
    others = [path for path, other in zip(paths, found, strict=True) if other is not None]
    if not others:
        return written, ""
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return written, (
        f"{os.fsdecode(others[0])}{more}: its name is written in another form on the disk (accents "
        "as letters of their own, or not); taken as it is there"
    )
