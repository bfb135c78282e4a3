"""The values that readers of sets give: a set, and its pictures with captions and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rclip_like.values import Trouble


class Example(NamedTuple):
    """One picture of a set.

    name: the path of its file, or SHARD:MEMBER. content: its bytes if it is in a shard, else None.
    shard: the path of that shard, else "".
    """

    name: str
    captions: tuple[str, ...] = ()
    label: str | None = None
    content: bytes | None = None
    shard: str = ""


class PictureSet(NamedTuple):
    """A labelled or captioned set.

    labels: in order, including those without pictures; () if no picture is labelled. templates: the
    set's own, with {} for the label; () if it has none. examples: each call walks the set again and
    yields its pictures one by one, with labels from `labels`; a Trouble stands for a picture or a
    file that cannot be used. total: the number of pictures, None if unknown. splits: the names of
    its splits, such as train and test; () if it is not split. format: what the set is, in a phrase.
    is_table: whether columns can be named; has_captions: whether any picture has captions. headers:
    as `examples`, but of the contents of shards only the first HEADER_BYTES; None if `examples`
    gives no contents.
    """

    name: str
    labels: tuple[str, ...]
    templates: tuple[str, ...]
    examples: Callable[[], Iterator[Example | Trouble]]
    total: int | None = None
    splits: tuple[str, ...] = ()
    format: str = "a set"
    is_table: bool = False
    has_captions: bool = False
    headers: Callable[[], Iterator[Example | Trouble]] | None = None
