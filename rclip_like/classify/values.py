"""The plain values of labelled pictures."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rclip_like.values import FileVersion, PictureFacts

NONE_OF_THESE = "none of these"
"""The text shown for a picture without a label."""
RESERVED_LABEL = f"no label can be named {NONE_OF_THESE!r}, which stands for a picture without one"
"""The error for such a label."""


class LabelScore(NamedTuple):
    """A label of one picture: its probability among the labels of the list, and its score.

    The score is the cosine of the picture with the label's text, or the logit of a probe.
    """

    label: str
    probability: float
    score: float


class LabelledPicture(NamedTuple):
    """A picture and its labels, the likeliest first; () if none reaches the threshold.

    best: the likeliest label, given or not. version: the file that was labelled. facts: those of
    its content. The paths are like those of a Match.
    """

    path_bytes: bytes
    absolute_bytes: bytes
    labels: tuple[LabelScore, ...]
    best: LabelScore
    model: str
    version: FileVersion | None = None
    facts: PictureFacts | None = None

    @property
    def label(self) -> str | None:
        """The likeliest label that is given, None without any."""
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
    """A picture whose likeliest label changed when labels were added: before and after."""

    path_bytes: bytes
    absolute_bytes: bytes
    before: LabelScore
    after: LabelScore
    model: str
