"""The names of a set's labels in order, and the templates that come with a set."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from rclip_like.data.captions import MOST_LABEL, WRONG_ENCODING, read_text
from rclip_like.data.examples import Example
from rclip_like.errors import DataError
from rclip_like.files import decoded
from rclip_like.models.regular import shown
from rclip_like.values import Trouble

CLASS_NAMES = "classnames.txt"
TEMPLATES = "zeroshot_classification_templates.txt"
SET_TYPE = "dataset_type.txt"
"""In the manner of CLIP_benchmark, as are the names of the files above."""
_MOST_DIGITS = 9
_NUMBER = re.compile(r"(\d+)")
_PLACEHOLDER = re.compile(r"\{c?\}")


def natural_order(name: str) -> tuple[list[str | int], str]:
    """Return a key by which names sort as people number them: class2 before class10."""
    parts: list[str | int] = list(_NUMBER.split(name))
    parts[1::2] = [int(part) for part in parts[1::2]]
    return parts, name


def read_class_names(*folders: Path) -> tuple[str, ...]:
    """Return the lines of the first of these folders' classnames.txt, () where there is none.

    Raises DataError for a file that cannot be used.
    """
    for folder in folders:
        path = folder / CLASS_NAMES
        if (lines := _lines_of(path)) is not None:
            for number, line in enumerate(lines, 1):
                if not line.isprintable() or not 0 < len(line) <= MOST_LABEL:
                    raise DataError(f"{path}: line {number:,} is not the name of a class")
            return lines
    return ()


def read_templates(*folders: Path) -> tuple[str, ...]:
    """Return the templates of the first of these folders that has a file of them, else ().

    Each has {} where the file has {c} for the name. Raises DataError for a template that has it
    never or twice, or other braces, which str.format would follow.
    """
    for folder in folders:
        path = folder / TEMPLATES
        if (lines := _lines_of(path)) is not None:
            for number, line in enumerate(lines, 1):
                rest, count = _PLACEHOLDER.subn("", line)
                if count != 1 or "{" in rest or "}" in rest or not line.isprintable():
                    raise DataError(
                        f"{path}: line {number:,} is not a template with one {{c}} for the name"
                    )
            return tuple(_PLACEHOLDER.sub("{}", line) for line in lines)
    return ()


def read_set_type(*folders: Path) -> str | None:
    """Return what the first of these folders' dataset_type.txt says, None where there is none.

    Raises DataError for a set with several labels a picture, which is not read.
    """
    for folder in folders:
        if lines := _lines_of(folder / SET_TYPE):
            if lines[0].lower() == "multilabel":
                raise DataError(f"{folder} has several labels a picture; such sets are not read")
            return lines[0].lower()
    return None


def name_labels(
    found: Iterable[str],
    class_names: tuple[str, ...],
    *,
    by_order: bool = False,
    by_number: bool = False,
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Return the labels in order and, by each label that was found, its name among them.

    Without class names, these are the labels found, in natural order. Class names are the labels
    themselves, or are numbered from 0 by them, which is tried first with `by_number`, or, with
    `by_order`, stand for them in their natural order. Equal names are one label. A label without a
    name is left out of what is found. Raises DataError where that befalls more than half of them.
    """
    different = sorted(set(found), key=natural_order)
    if not class_names:
        return tuple(different), {label: label for label in different}
    labels = tuple(dict.fromkeys(class_names))
    own = {label: label for label in set(different).intersection(labels)}
    numbers = {label: _number_of(label, len(class_names)) for label in different}
    numbered = {label: class_names[at] for label, at in numbers.items() if at is not None}
    in_order = {}
    if by_order and len(different) == len(class_names):
        in_order = dict(zip(different, class_names, strict=True))
    for names in (numbered, own, in_order) if by_number else (own, numbered, in_order):
        if 2 * len(names) >= len(different):
            return labels, names
    other = next(label for label in different if label not in own and label not in numbered)
    raise DataError(
        f"{CLASS_NAMES} has {len(class_names):,} names, but neither the name nor the number "
        f"{shown(other)}, which is one of {len(different):,} labels"
    )


def named(example: Example | Trouble, names: Mapping[str, str]) -> Example | Trouble:
    """Return an example with the name of its label; a Trouble where its label has none."""
    if isinstance(example, Trouble) or example.label is None:
        return example
    if example.label not in names:
        reason = f"its label {shown(example.label)} is not among those of the set"
        return Trouble(os.fsencode(example.name), reason)
    return example._replace(label=names[example.label])


def _number_of(label: str, num_names: int) -> int | None:
    is_number = label.isascii() and label.isdigit() and len(label) < _MOST_DIGITS
    return int(label) if is_number and int(label) < num_names else None


def _lines_of(path: Path) -> tuple[str, ...] | None:
    content = read_text(path)
    if content is None:
        return None
    if isinstance(content, Trouble):
        raise DataError(f"{path} {content.reason}")
    try:
        return tuple(line.strip() for line in decoded(content).rstrip().splitlines())
    except UnicodeError:
        raise DataError(f"{path} {WRONG_ENCODING}") from None
