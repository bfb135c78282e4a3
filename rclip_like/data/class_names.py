"""The names of a set's labels in order, and the templates that come with a set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from rclip_like.data.captions import MOST_LABEL, WRONG_ENCODING, read_text
from rclip_like.errors import DataError
from rclip_like.files import decoded
from rclip_like.models.regular import shown
from rclip_like.values import Trouble

CLASS_NAMES = "classnames.txt"
TEMPLATES = "zeroshot_classification_templates.txt"
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

    Each has {} where the file has {c} for the name. Raises DataError for a template without it, or
    with other braces, which str.format would follow.
    """
    for folder in folders:
        path = folder / TEMPLATES
        if (lines := _lines_of(path)) is not None:
            for number, line in enumerate(lines, 1):
                rest, count = _PLACEHOLDER.subn("", line)
                if not count or "{" in rest or "}" in rest:
                    raise DataError(
                        f"{path}: line {number:,} is not a template with {{c}} for the name"
                    )
            return tuple(_PLACEHOLDER.sub("{}", line) for line in lines)
    return ()


def name_labels(
    found: Iterable[str], class_names: tuple[str, ...], *, by_order: bool = False
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Return the labels in order, and by each label that was found its name among them.

    Without class names, these are the labels found, in natural order. Class names either hold all
    labels found, or are numbered from 0 by them, or, with `by_order`, stand for them in their
    natural order. Equal names are one label. Raises DataError where none of this is so.
    """
    different = sorted(set(found), key=natural_order)
    if not class_names:
        return tuple(different), {label: label for label in different}
    labels = tuple(dict.fromkeys(class_names))
    if set(different) <= set(labels):
        return labels, {label: label for label in different}
    numbers = {label: _number_of(label, len(class_names)) for label in different}
    if None not in numbers.values():
        return labels, {
            label: class_names[number] for label, number in numbers.items() if number is not None
        }
    if by_order and len(different) == len(class_names):
        return labels, dict(zip(different, class_names, strict=True))
    (other, *_) = (label for label in different if label not in labels and numbers[label] is None)
    raise DataError(
        f"{CLASS_NAMES} has {len(class_names):,} names, but neither the name nor the number "
        f"{shown(other)}, which is one of {len(different):,} labels"
    )


def _number_of(label: str, num_names: int) -> int | None:
    is_number = label.isascii() and label.isdigit()
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
