"""The values that readers of sets give: a set, and its pictures with captions and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rclip_like.values import Trouble


class Example(NamedTuple):
    """One picture of a set.

    name: the path of its file, or SHARD:MEMBER. content: its bytes if it is in a shard, else None.
    """

    name: str
    captions: tuple[str, ...] = ()
    label: str | None = None
    content: bytes | None = None


class PictureSet(NamedTuple):
    """A labelled or captioned set.

    labels: in order, including those without pictures; () if no picture is labelled. templates: the
    set's own, with {} for the label; () if it has none. examples: each call walks the set again and
    yields its pictures one by one, with labels from `labels`; a Trouble stands for a picture or a
    file that cannot be used. total: the number of pictures, None if unknown. splits: the names of
    its splits, such as train and test; () if it is not split.
    """

    name: str
    labels: tuple[str, ...]
    templates: tuple[str, ...]
    examples: Callable[[], Iterator[Example | Trouble]]
    total: int | None = None
    splits: tuple[str, ...] = ()
