"""What a set on disk consists of: pictures, each with its captions and its label."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rclip_like.values import Trouble


class Example(NamedTuple):
    """One picture of a set.

    name: the path of its file, or SHARD:MEMBER. content: what a shard holds of it, None for a file.
    """

    name: str
    captions: tuple[str, ...] = ()
    label: str | None = None
    content: bytes | None = None


class PictureSet(NamedTuple):
    """A labelled or captioned set.

    labels: in order, those without pictures too; () where nothing is labelled. templates: the
    set's own, with {} for the label; () if it has none. examples: walks the set anew at each call,
    a picture at a time; a Trouble stands for what cannot be used. The label of each example is
    among `labels`. total: how many pictures there are, None where that is unknown. splits: those
    that the set comes in, such as train and test; () where it is not split.
    """

    name: str
    labels: tuple[str, ...]
    templates: tuple[str, ...]
    examples: Callable[[], Iterator[Example | Trouble]]
    total: int | None = None
    splits: tuple[str, ...] = ()
