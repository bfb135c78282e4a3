"""Names: of a folder from its label, of a file whose name is taken, and hidden ones."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from blake3 import blake3

from rclip_like.errors import FilingError
from rclip_like.values import opened_extensions

MAX_NAME_BYTES = 255
"""The limit of Linux's file systems; those that count UTF-16 units allow at least as much."""
_MARK_CHARACTERS = 8
_UNSAFE = re.compile(r'[/\\<>:"|?*]')
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.I
)
"""Names of devices on Windows, also with an ending."""


class HiddenNames(NamedTuple):
    """The temporary names of a file in the folders of its source and target."""

    new: bytes
    """For the draft of a file that is to get its name in this folder."""
    old: bytes
    """For a file that has lost its name in this folder and is about to be removed."""

    @property
    def left(self) -> bytes:
        """For a second name of a file that got its own name back, about to be removed."""
        return self.old + b"-"

    @classmethod
    def of(cls, token: str, number: int, index: int) -> HiddenNames:
        """Return the names for a file of a picture in a run's log."""
        stem = b".clipfind-%s-%d-%d" % (token.encode(), number, index)
        return cls(stem + b".new", stem + b".old")


def folder_name(label: str) -> str:
    """Return the name of the folder for a label, which any file system accepts.

    A label of letters, digits and single spaces stays as it is, in composed letters (NFC). Slashes,
    characters that Windows forbids (`\\ < > : " | ? *`), control and formatting characters, other
    characters that are not text, and a leading dot become `_`; spaces and dots at the end are
    dropped. A name that Windows reserves, such as `con`, gets a `_` in front. A name of more than
    255 bytes is cut and ends in eight hexadecimal digits of the label's digest. An empty name
    becomes `_`.
    """
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", label))
    name = "".join("_" if unicodedata.category(each)[0] == "C" else each for each in name)
    name = name.strip().rstrip(". ")
    if name.startswith("."):
        name = "_" + name[1:]
    if _RESERVED.fullmatch(name):
        name = "_" + name
    if len(name.encode()) > MAX_NAME_BYTES:
        mark = blake3(label.encode(errors="surrogatepass")).hexdigest()[:_MARK_CHARACTERS]
        cut = name.encode()[: MAX_NAME_BYTES - _MARK_CHARACTERS - 1].decode(errors="ignore")
        name = f"{cut.rstrip('. ')}-{mark}"
    return name or "_"


def folder_names(labels: Iterable[str]) -> dict[str, str]:
    """Return the name of each label's folder.

    Raises FilingError if two labels would share a folder on any file system: some treat names as
    equal that differ only in case, or in how letters with accents are encoded.
    """
    names: dict[str, str] = {}
    labels_by_name: dict[str, str] = {}
    for label in labels:
        names[label] = folder_name(label)
        other = labels_by_name.setdefault(folded(names[label]), label)
        if other != label:
            raise FilingError(
                f"the labels {other!r} and {label!r} would share the folder {names[label]!r}",
                "change one of them",
            )
    return names


def folded(name: str) -> str:
    """Return the form in which names are equal on a file system that folds case and accents."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", name).casefold())


def is_picture_name(path: bytes) -> bool:
    """Return whether a file has the ending of a picture; undo moves and removes no other files."""
    return os.path.splitext(path)[1].lower() in opened_extensions()


def numbered(name: bytes, number: int) -> bytes:
    """Return the name with `-number` after its stem; unchanged for 1.

    The stem is cut between characters if the whole would be longer than 255 bytes.
    """
    if number == 1:
        return name
    stem, ending = os.path.splitext(name)
    room = MAX_NAME_BYTES - len(ending) - len(b"-%d" % number)
    if len(stem) > room:
        is_text = stem.decode(errors="replace").encode() == stem
        stem = stem[:room].decode(errors="ignore").encode() if is_text else stem[:room]
    return b"%s-%d%s" % (stem, number, ending)
