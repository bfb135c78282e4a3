"""The plain values of labelled pictures."""

from __future__ import annotations

import os
from typing import NamedTuple

NONE_OF_THESE = "none of these"
"""What a picture without a label is told to be; no label may be called so."""


class LabelScore(NamedTuple):
    """A label of one picture: its probability among the given labels, and its score.

    The score is the cosine of the picture with the label's text; of a probe it is the logit.
    """

    label: str
    probability: float
    score: float


class LabelledPicture(NamedTuple):
    """A picture and its labels, the likeliest first; none where the best one is too improbable.

    `best` is the likeliest label, given or not. The paths are as those of a Match.
    """

    path_bytes: bytes
    absolute_bytes: bytes
    labels: tuple[LabelScore, ...]
    best: LabelScore
    model: str

    @property
    def label(self) -> str | None:
        """The likeliest label, or None where none is given."""
        return self.labels[0].label if self.labels else None

    @property
    def path(self) -> str:
        """The path to show: relative if its folder was named by a relative path."""
        return os.fsdecode(self.path_bytes)

    @property
    def absolute(self) -> str:
        """The picture's path as the index has it."""
        return os.fsdecode(self.absolute_bytes)


class RelabelledPicture(NamedTuple):
    """A picture that a label added to a list takes from another label, and both of them."""

    path_bytes: bytes
    absolute_bytes: bytes
    before: LabelScore
    after: LabelScore
    model: str
