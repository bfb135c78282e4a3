"""The text files beside a set's pictures: captions in .txt or .caption, facts in .json."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rclip_like.data.examples import Example
from rclip_like.errors import ModelError
from rclip_like.files import decoded
from rclip_like.models.regular import open_regular
from rclip_like.values import PICTURE_EXTENSIONS, Trouble

PICTURE_ENDINGS = frozenset(os.fsdecode(ending) for ending in PICTURE_EXTENSIONS)
CAPTION_ENDINGS = (".txt", ".caption")
"""A picture's captions are in the first of these that holds any, else in its JSON file."""
FACTS_ENDING = ".json"
SIDECAR_ENDINGS = (*CAPTION_ENDINGS, FACTS_ENDING)
TEXT_BYTES = 1 << 20
"""The largest text file that is read; long descriptions have some thousand bytes."""
MOST_LABEL = 1000
"""The most characters of a label."""
WRONG_ENCODING = "is neither UTF-8 nor UTF-16 with its mark; save it as UTF-8"


def ending_of(name: str) -> str:
    """Return a name's extension, lower-case with its dot."""
    return os.path.splitext(name)[1].lower()


class TextFiles:
    """The text files of one folder or shard, found by the pictures that they describe.

    x.jpg.txt describes x.jpg alone, and x.txt every picture of that name; the case of a picture's
    ending does not count. names: those of text files; of several that describe the same and have
    the same ending, the first counts.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names: dict[str, dict[str, str]] = {}
        for name in names:
            stem = os.path.splitext(name)[0]
            described = _whole(stem) if ending_of(stem) in PICTURE_ENDINGS else stem
            self._names.setdefault(described, {}).setdefault(ending_of(name), name)

    def beside(self, picture: str) -> dict[str, str]:
        """Return the names of the text files that describe a picture, by ending."""
        stem = os.path.splitext(picture)[0]
        return {**self._names.get(stem, {}), **self._names.get(_whole(picture), {})}


def _whole(name: str) -> str:
    stem, ending = os.path.splitext(name)
    return stem + ending.lower()


def no_text_beside(picture: str) -> str:
    """Return the reason why a picture without any text file cannot be used."""
    stem = os.path.splitext(os.path.basename(picture))[0]
    return f"has no text beside it, such as {stem}{CAPTION_ENDINGS[0]}"


def parse_captions(text: bytes) -> tuple[str, ...]:
    """Return the captions of a text file: its lines that are not blank, with single spaces.

    Raises UnicodeError for text that is neither UTF-8 nor UTF-16 with its byte order mark.
    """
    lines = decoded(text)
    if "\0" in lines:
        raise UnicodeError("UTF-16 without its mark")
    return tuple(" ".join(line.split()) for line in lines.splitlines() if line.strip())


def captions_in(value: object) -> tuple[str, ...]:
    """Return the captions of a value of JSON or of a table: a text, or a list of texts.

    Blank ones and null are left out; spaces and line ends become single spaces. Raises ValueError
    for anything else.
    """
    found = []
    for caption in value if isinstance(value, list) else [value]:
        if caption is None:
            continue
        if not isinstance(caption, str):
            raise ValueError("its caption is not text")
        try:
            caption.encode()
        except UnicodeError:
            raise ValueError("its caption is not UTF-8") from None
        if caption.strip():
            found.append(" ".join(caption.split()))
    return tuple(found)


def read_text(path: Path) -> bytes | Trouble | None:
    """Return the bytes of a text file, a Trouble if it cannot be read, or None if it is missing."""
    try:
        with open_regular(path, TEXT_BYTES) as file:
            return file.read(TEXT_BYTES)
    except FileNotFoundError:
        return None
    except ModelError:
        return Trouble(os.fsencode(path), "is not a regular file of 1 MiB at most")
    except OSError as error:
        return Trouble(os.fsencode(path), error.strerror or str(error))


def facts_in(text: bytes) -> tuple[str | None, tuple[str, ...]]:
    """Return the label and the captions in a picture's JSON file, None and () where it has none.

    These are the values of `label`, of `caption` and of `captions`. Raises ValueError if the file
    holds no JSON object, or if a value is not text.
    """
    try:
        parsed: Any = json.loads(decoded(text))
    except (UnicodeError, RecursionError):
        raise ValueError("is not JSON that can be read") from None
    except ValueError as error:
        raise ValueError(f"is not JSON that can be read: {error}") from None
    if not isinstance(parsed, dict):
        raise ValueError("holds no JSON object")
    captions = captions_in(parsed.get("caption")) + captions_in(parsed.get("captions"))
    return _label_in(parsed.get("label")), captions


def _label_in(label: object) -> str | None:
    if label is None or label == "":
        return None
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)
    if not isinstance(label, str) or not label.isprintable() or len(label) > MOST_LABEL:
        raise ValueError("its label is not text")
    return label


def example_of(
    picture: str,
    texts: Mapping[str, bytes],
    names: Mapping[str, str],
    label: str | None = None,
) -> Example | Trouble:
    """Return a picture with the captions and the label from its text files.

    texts: the bytes of these files by ending; names: their names by ending, for errors. Returns a
    Trouble for a text file that cannot be used, and for captions that are blank.
    """
    captions: tuple[str, ...] = ()
    for ending in CAPTION_ENDINGS:
        if ending in texts and not captions:
            try:
                captions = parse_captions(texts[ending])
            except UnicodeError:
                return Trouble(os.fsencode(names[ending]), WRONG_ENCODING)
    if FACTS_ENDING in texts:
        try:
            own_label, own_captions = facts_in(texts[FACTS_ENDING])
        except ValueError as error:
            return Trouble(os.fsencode(names[FACTS_ENDING]), str(error))
        label, captions = label or own_label, captions or own_captions
    if not captions and not texts.keys().isdisjoint(CAPTION_ENDINGS):
        return Trouble(os.fsencode(picture), "its caption is empty")
    return Example(picture, captions, label)
