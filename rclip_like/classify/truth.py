"""Compare labels with the true ones, from the names of the pictures' folders or from a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from rclip_like.classify.labelling import Labelling, ZeroShot
from rclip_like.data.class_names import natural_order
from rclip_like.data.sets import Example, open_set
from rclip_like.errors import DataError, MeasureError
from rclip_like.evaluate.labels import Wordings, normalised
from rclip_like.settings import WalkSettings
from rclip_like.values import Root, Trouble
from rclip_like.walk import Scope

if TYPE_CHECKING:
    from rclip_like.selected import SelectedPicture

Truth: TypeAlias = "Callable[[SelectedPicture], str | None]"
"""Returns a picture's true label, None if unknown."""


class Judged(NamedTuple):
    """Scores and logits float32 (N, L) of the pictures whose true label is in the list.

    truth: label numbers int64 (N,). num_without: the number of other pictures. logit_scale: None
    for a probe.
    """

    labelling: Labelling
    scores: npt.NDArray[np.float32]
    logits: npt.NDArray[np.float32]
    truth: npt.NDArray[np.int64]
    num_without: int
    logit_scale: float | None


def truth_of_folders(roots: Sequence[Root] | None) -> Truth:
    """Return the truth by folders: the first one below a picture's root, else the one it is in."""
    scope = Scope(roots, WalkSettings())

    def folder_of(picture: SelectedPicture) -> str | None:
        path = picture.absolute_bytes
        root = scope.root_of(path)
        first, is_below, _ = b"", b"", b""
        if root is not None and not root.is_file:
            first, is_below, _ = os.path.relpath(path, root.path).partition(b"/")
        name = first if is_below else os.path.basename(os.path.dirname(path))
        return os.fsdecode(name) or None

    return folder_of


def truth_of_table(path: Path) -> tuple[Truth, tuple[Trouble, ...]]:
    """Return the truth of a table whose lines have a picture's path and its label, of all splits.

    Paths are relative to the table's folder. The troubles are the lines that cannot be used. Raises
    DataError for a file that is not such a table.
    """
    if not path.is_file():
        raise DataError(f"{path} is not a table of labels", "name a CSV or TSV file, or folders")
    examples = list(open_set(path, split=None).examples())
    labels = {
        _real(example.name): example.label
        for example in examples
        if isinstance(example, Example) and example.label is not None
    }
    troubles = tuple(each for each in examples if isinstance(each, Trouble))
    return lambda picture: labels.get(picture.absolute_bytes), troubles


def labels_of(names: Iterable[str]) -> Wordings:
    """Return labels named like folders, in natural order; their wordings have spaces for _."""
    distinct: dict[str, str] = {}
    for name in sorted(set(names), key=natural_order):
        distinct.setdefault(_matched(name), name)
    return {name: (" ".join(name.replace("_", " ").split()),) for name in distinct.values()}


def judge(labelling: Labelling, table: Truth | None) -> Judged:
    """Return the scores of all pictures whose true label is among the labels.

    table: None for the truth by folders. Labels are compared without regard to case, and with _ as
    a space. Raises MeasureError if there is no such picture.
    """
    truth = table or truth_of_folders(labelling.roots)
    numbers = {_matched(label): number for number, label in enumerate(labelling.labels)}
    rows, found, num_without = [], [], 0
    others: dict[str, None] = {}
    for pictures, (scores, _) in labelling.scored():
        names = [truth(picture) for picture in pictures]
        of_page = np.array([numbers.get(_matched(name or ""), -1) for name in names], np.int64)
        has_label = of_page >= 0
        rows.append(scores[has_label].astype(np.float32))
        found.append(of_page[has_label])
        num_without += int((~has_label).sum())
        others |= dict.fromkeys(
            name for name, has in zip(names, has_label, strict=True) if name and not has
        )
    if not found or not sum(map(len, found)):
        raise MeasureError(_nothing_to_judge(list(others), numbers))
    every = np.concatenate(rows)
    scorer = labelling.scorer
    scale = scorer.logit_scale if isinstance(scorer, ZeroShot) else None
    logits = every if scale is None else every * np.float32(scale)
    return Judged(labelling, every, logits, np.concatenate(found), num_without, scale)


def _nothing_to_judge(others: Sequence[str], numbers: Mapping[str, int]) -> str:
    if not others:
        return "no picture has a true label"
    return f"no true label, such as {others[0]!r}, is among the {len(numbers)} labels"


def _matched(name: str) -> str:
    """Return the form in which a folder's name and a label are compared."""
    return normalised(name.replace("_", " "))


def _real(name: str) -> bytes:
    folder, file = os.path.split(name)
    return os.fsencode(os.path.join(os.path.realpath(folder), file))
