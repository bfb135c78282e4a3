"""The text files beside a set's pictures: captions in .txt, a label in .json."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rclip_like.data.examples import Example
from rclip_like.errors import ModelError
from rclip_like.files import decoded
from rclip_like.models.regular import open_regular
from rclip_like.values import Trouble

CAPTION_ENDING = ".txt"
FACTS_ENDING = ".json"
TEXT_BYTES = 1 << 20
"""The largest text file that is read; long descriptions have some thousand bytes."""
MOST_LABEL = 1000
"""The most characters of a label."""
WRONG_ENCODING = "is neither UTF-8 nor UTF-16 with its mark; save it as UTF-8"


def parse_captions(text: bytes) -> tuple[str, ...]:
    """Return the captions of a text file: its lines that are not blank, stripped.

    Raises UnicodeError for text that is neither UTF-8 nor UTF-16 with its byte order mark.
    """
    lines = decoded(text)
    if "\0" in lines:
        raise UnicodeError("UTF-16 without its mark")
    return tuple(line.strip() for line in lines.splitlines() if line.strip())


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


def label_in(facts: bytes) -> str | None:
    """Return the value of `label` in a picture's JSON file; None if it is missing or empty.

    Raises ValueError if the file holds no JSON object, or if the label is not text.
    """
    try:
        parsed: Any = json.loads(decoded(facts))
    except (UnicodeError, RecursionError):
        raise ValueError("is not JSON that can be read") from None
    except ValueError as error:
        raise ValueError(f"is not JSON that can be read: {error}") from None
    if not isinstance(parsed, dict):
        raise ValueError("holds no JSON object")
    label = parsed.get("label")
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
    content: bytes | None = None,
) -> Example | Trouble:
    """Return a picture with the captions and the label from its text files.

    texts: the bytes of these files by ending; names: their names by ending, for errors. Returns a
    Trouble for a text file that cannot be used, and for one of captions that holds none.
    """
    captions: tuple[str, ...] = ()
    if (text := texts.get(CAPTION_ENDING)) is not None:
        try:
            captions = parse_captions(text)
        except UnicodeError:
            return Trouble(os.fsencode(names[CAPTION_ENDING]), WRONG_ENCODING)
        if not captions:
            return Trouble(os.fsencode(picture), "its caption is empty")
    if label is None and (facts := texts.get(FACTS_ENDING)) is not None:
        try:
            label = label_in(facts)
        except ValueError as error:
            return Trouble(os.fsencode(names[FACTS_ENDING]), str(error))
    return Example(picture, captions, label, content)
