"""The pictures on which forgetting is measured, read for a run of training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rclip_like.data.examples import Example, PictureSet
from rclip_like.data.reading import read_examples
from rclip_like.data.sets import open_set
from rclip_like.errors import DataError, TrainingError, counted
from rclip_like.evaluate.templates import DEFAULT_TEMPLATES, templates_of
from rclip_like.images.products import Square
from rclip_like.settings import ReadSettings
from rclip_like.train.prepare import Pixels
from rclip_like.train.retention_figures import LabelsAndCaptions
from rclip_like.train.values import OnProgress, TrainProgress
from rclip_like.values import Preprocessing, Trouble

LEAST_OF_SET = 100
"""With fewer pictures one of them is more than a point."""


def check_general_set(path: Path, trained_names: Iterable[str]) -> str | None:
    """Return what the user should know of a set that measures forgetting; reads no picture.

    trained_names: of the pictures that are learnt from. Raises DataError if there is no set, and
    TrainingError if it holds any of them.
    """
    if not path.exists():
        raise DataError(f"{path}, on which to measure what is forgotten, does not exist")
    names = {
        os.path.realpath(example.name)
        for example in open_set(path).examples()
        if isinstance(example, Example)
    }
    if shared := len(names & {os.path.realpath(name) for name in trained_names}):
        are = "is" if shared == 1 else "are"
        raise TrainingError(
            f"{counted(shared, 'picture')} of {path} {are} learnt from, too, so that nothing would "
            "show what is forgotten",
            "name a set of other pictures",
        )
    if len(names) >= LEAST_OF_SET:
        return None
    return (
        f"{path} has {counted(len(names), 'picture')}: with fewer than {LEAST_OF_SET} what is "
        "forgotten is measured roughly"
    )


@dataclass
class SetReader:
    """A labelled or captioned set while its pictures are read, and what reading found.

    Pictures without label and caption are left out. examples: those read; skipped: what could not
    be used.
    """

    pictures: PictureSet
    preprocessing: Preprocessing
    report: OnProgress
    examples: list[Example] = field(default_factory=list)
    skipped: list[Trouble] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, preprocessing: Preprocessing, report: OnProgress) -> SetReader:
        """Return the reader of a set on disk; of one with splits, its part `test`.

        Raises DataError if there is none.
        """
        return cls(open_set(path), preprocessing, report)

    def pixels(self) -> Iterator[Pixels]:
        """Yield the pixels (S, S, C) of each usable picture; to be run once.

        Raises DataError if there is no usable picture, and ReaderError.
        """
        square = Square.of(self.preprocessing)
        for read in read_examples(self._described(), (square,), ReadSettings()):
            if isinstance(read, Trouble):
                self.skipped.append(read)
                continue
            example, picture = read
            self.examples.append(example._replace(content=None))
            total = self.pictures.total or 0
            self.report(
                TrainProgress(
                    "reading", len(self.examples), total, title="reading general pictures"
                )
            )
            yield picture.products[square.name][0]
        if not self.examples:
            raise self._nothing_usable()

    def judge(self) -> LabelsAndCaptions:
        """Return what judges the pictures that were read."""
        numbers = {label: number for number, label in enumerate(self.pictures.labels)}
        labels = [-1 if each.label is None else numbers[each.label] for each in self.examples]
        return LabelsAndCaptions(
            self.pictures.labels,
            self.pictures.templates or templates_of(DEFAULT_TEMPLATES),
            np.array(labels, np.int64),
            [each.captions for each in self.examples],
        )

    def _described(self) -> Iterator[Example | Trouble]:
        """Yield the examples that have a label or a caption, and the troubles."""
        for example in self.pictures.examples():
            if isinstance(example, Trouble) or example.label is not None or example.captions:
                yield example

    def _nothing_usable(self) -> DataError:
        name = self.pictures.name
        if not self.skipped:
            return DataError(f"{name} has neither captions nor labels")
        first = self.skipped[0]
        return DataError(f"{name}: no picture can be used; the first is {first.sentence}")


@dataclass
class PictureReader:
    """Single pictures while they are read. num_read: those read; skipped: those not to be used."""

    paths: Sequence[str]
    preprocessing: Preprocessing
    report: OnProgress
    num_read: int = 0
    skipped: list[Trouble] = field(default_factory=list)

    def pixels(self) -> Iterator[Pixels]:
        """Yield the pixels (S, S, C) of each usable picture; to be run once. Raises ReaderError."""
        square = Square.of(self.preprocessing)
        examples = (Example(path) for path in self.paths)
        for read in read_examples(examples, (square,), ReadSettings()):
            if isinstance(read, Trouble):
                self.skipped.append(read)
                continue
            self.num_read += 1
            total = len(self.paths)
            self.report(
                TrainProgress("reading", self.num_read, total, title="reading general pictures")
            )
            yield read[1].products[square.name][0]
