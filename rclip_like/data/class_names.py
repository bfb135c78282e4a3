"""The text files that describe a whole set: its class names in order, its templates, its type."""

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
"""CLIP_benchmark gives the three files these names."""
_MOST_DIGITS = 9
_NUMBER = re.compile(r"(\d+)")
_PLACEHOLDER = re.compile(r"\{c?\}")


def natural_order(name: str) -> tuple[list[str | int], str]:
    """Return a sort key that orders numbers in names by value: class2 before class10."""
    parts: list[str | int] = list(_NUMBER.split(name))
    parts[1::2] = [int(part) for part in parts[1::2]]
    return parts, name


def read_class_names(*folders: Path) -> tuple[str, ...]:
    """Return the lines of classnames.txt in the first folder that has one; () if none has.

    Raises DataError for a file that cannot be used.
    """
    for folder in folders:
        path = folder / CLASS_NAMES
        if (lines := _lines_of(path)) is not None:
            for number, line in enumerate(lines, 1):
                if not line.isprintable() or not 0 < len(line) <= MOST_LABEL:
                    raise DataError(f"{path}: line {number:,} is not a class name")
            return lines
    return ()


def read_templates(*folders: Path) -> tuple[str, ...]:
    """Return the templates from the first folder that has a file of them; () if none has.

    {c} in the file, which stands for the class name, becomes {}. Raises DataError unless each line
    contains it exactly once and no other braces.
    """
    for folder in folders:
        path = folder / TEMPLATES
        if (lines := _lines_of(path)) is not None:
            for number, line in enumerate(lines, 1):
                rest, count = _PLACEHOLDER.subn("", line)
                if count != 1 or "{" in rest or "}" in rest or not line.isprintable():
                    raise DataError(
                        f"{path}: line {number:,} is not a template with one {{c}} for the label"
                    )
            return tuple(_PLACEHOLDER.sub("{}", line) for line in lines)
    return ()


def read_set_type(*folders: Path) -> str | None:
    """Return the type in the first dataset_type.txt of these folders; None if there is no such one.

    Raises DataError for the type "multilabel", which is not supported.
    """
    for folder in folders:
        if lines := _lines_of(folder / SET_TYPE):
            if lines[0].lower() == "multilabel":
                raise DataError(
                    f"{folder} is a set with several labels per picture, which is not supported"
                )
            return lines[0].lower()
    return None


def name_labels(
    found: Iterable[str],
    class_names: tuple[str, ...],
    *,
    by_order: bool = False,
    by_number: bool = False,
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Return the set's labels in order, and a mapping from each label found to one of these.

    found: the labels as folders, tables or text files give them. Without class names they are
    themselves the labels, in natural order. Otherwise the class names are, and a label found is
    either a class name, or the number of one, from 0, or, with `by_order`, the folder at the same
    position in natural order. `by_number` tries numbers before names. Equal class names are one
    label. The mapping leaves out a label that has no class name. Raises DataError if more than
    half of them have none.
    """
    distinct = sorted(set(found), key=natural_order)
    if not class_names:
        return tuple(distinct), {label: label for label in distinct}
    labels = tuple(dict.fromkeys(class_names))
    own = {label: label for label in set(distinct).intersection(labels)}
    numbers = {label: _number_of(label, len(class_names)) for label in distinct}
    numbered = {label: class_names[at] for label, at in numbers.items() if at is not None}
    in_order = {}
    if by_order and len(distinct) == len(class_names):
        in_order = dict(zip(distinct, class_names, strict=True))
    for names in (numbered, own, in_order) if by_number else (own, numbered, in_order):
        if 2 * len(names) >= len(distinct):
            return labels, names
    other = next(label for label in distinct if label not in own and label not in numbered)
    raise DataError(
        f"the set has {len(distinct):,} labels, but {shown(other)} is neither among the "
        f"{len(class_names):,} names of {CLASS_NAMES} nor the number of one"
    )


def named(example: Example | Trouble, names: Mapping[str, str]) -> Example | Trouble:
    """Return an example with its label replaced by its name; a Trouble if the label has none."""
    if isinstance(example, Trouble) or example.label is None:
        return example
    if example.label not in names:
        reason = f"its label {shown(example.label)} is not one of the set's labels"
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
