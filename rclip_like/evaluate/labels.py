"""Parse labels as users write them: a list with commas, or a file with one label per line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path

from rclip_like.errors import UsageError
from rclip_like.files import decoded, read_limited

Wordings = dict[str, tuple[str, ...]]
"""The phrases that describe each label, by label in order; each phrase is encoded on its own."""

_LABEL_AND_PHRASES = re.compile(r'\s*("(?:[^"]|"")*"|[^:"][^:]*)(?::(.*))?$')


def parse_labels(text: str) -> Wordings:
    """Return the labels of a list with commas; each label is its own wording.

    A label with a comma is written in double quotes, as in CSV. Raises UsageError for an empty
    list, an empty label and a repeated one.
    """
    labels = _fields(text, "the labels")
    return _distinct(((label, (label,)) for label in labels), [""] * len(labels))


def read_labels(path: Path) -> Wordings:
    """Return the labels of a file as `parse_label_lines` does.

    The text is UTF-8, or UTF-16 with its byte order mark. Raises UsageError.
    """
    try:
        return parse_label_lines(decoded(read_limited(path)), str(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise UsageError(f"{path}: is not text in UTF-8 or UTF-16") from error


def parse_label_lines(text: str, source: str) -> Wordings:
    """Return the labels of lines `label` and `label: phrase, phrase`.

    A label with phrases is not itself one of its wordings, so it can be a code or a folder's name.
    Commas and colons in double quotes do not separate. Empty lines and lines that begin with # are
    left out. `source` names the text in errors. Raises UsageError.
    """
    found: list[tuple[str, tuple[str, ...]]] = []
    sources = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            sources.append(f"{source}: line {number}: ")
            found.append(_label_of_line(line, sources[-1]))
    if not found:
        raise UsageError(f"{source}: has no labels; write one per line")
    return _distinct(found, sources)


def normalised(text: str) -> str:
    """Return a text in the form in which texts are compared: case folded, single spaces."""
    return " ".join(text.casefold().split())


def distinct(phrases: Iterable[str]) -> tuple[str, ...]:
    """Return the phrases without those that equal an earlier one as `normalised`."""
    first: dict[str, str] = {}
    for phrase in phrases:
        first.setdefault(normalised(phrase), phrase)
    return tuple(first.values())


def _label_of_line(line: str, source: str) -> tuple[str, tuple[str, ...]]:
    parts = _LABEL_AND_PHRASES.match(line)
    if parts is None:
        raise UsageError(f"{source}{line.strip()!r} is not a label, nor a label and its phrases")
    labels = _fields(parts[1].strip(), f"{source}the label")
    if len(labels) > 1:
        raise UsageError(
            f"{source}{line.strip()!r} has a comma",
            "write one label per line, its phrases after a colon; put double quotes around a label "
            "that contains a comma",
        )
    if parts[2] is None:
        return labels[0], (labels[0],)
    return labels[0], tuple(_fields(parts[2], f"{source}the phrases of {labels[0]!r}"))


def _fields(text: str, source: str) -> list[str]:
    if text.count('"') % 2:
        raise UsageError(f"{source}: {text!r} has an opening double quote but no closing one")
    try:
        rows = list(csv.reader([text], skipinitialspace=True))
    except csv.Error as error:
        raise UsageError(f"{source}: {text[:80]!r} cannot be read: {error}") from None
    fields = [" ".join(field.split()) for row in rows for field in row]
    if not fields or not all(fields):
        raise UsageError(f"{source}: {text!r} has an empty entry")
    return fields


def _distinct(found: Iterable[tuple[str, tuple[str, ...]]], sources: list[str]) -> Wordings:
    labels: Wordings = {}
    seen: set[str] = set()
    label_of: dict[str, str] = {}
    for (label, phrases), source in zip(found, sources, strict=True):
        if normalised(label) in seen:
            raise UsageError(f"{source}the label {label!r} is repeated")
        seen.add(normalised(label))
        labels[label] = distinct(phrases)
        for phrase in labels[label]:
            other = label_of.setdefault(normalised(phrase), label)
            if other != label:
                raise UsageError(f"{source}{phrase!r} is already a wording of {other!r}")
    return labels
