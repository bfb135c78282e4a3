"""Captioned or labelled pictures on disk, to train on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from rclip_like.data.examples import Example, PictureSet
from rclip_like.data.options import PairOptions
from rclip_like.data.sets import open_set
from rclip_like.errors import DataError
from rclip_like.values import Trouble

Walk: TypeAlias = Callable[[], Iterator[Example | Trouble]]


class PairSource(NamedTuple):
    """What DATA is, and how its pairs are walked.

    format: one phrase, such as "a table of pictures". labels: in order, () for captioned pictures;
    templates: the set's own, with {} for the label, () if it has none. pairs: each call walks the
    pairs again, in the same order, with the contents of shards; a Trouble stands for a picture or a
    file that cannot be used. headers: the same, but of the contents of shards only HEADER_BYTES.
    """

    format: str
    labels: tuple[str, ...]
    templates: tuple[str, ...]
    pairs: Walk
    headers: Walk


def open_pairs(data: Path, options: PairOptions) -> PairSource:
    """Return the captioned or labelled pictures of a folder, of tar shards or of a table.

    The same pictures under the same names have the same order in every layout: that of their names,
    folder by folder. (Shards come one after the other, and a packed one in its own order.) Of a set
    with splits only `train` is taken. If any picture has captions, the set counts as captioned, and
    a Trouble stands for each picture without. Raises DataError if nothing is recognised or if there
    are neither captions nor labels, and as `open_set`.
    """
    opened = open_set(data, split="train", options=options)
    if not opened.has_captions and not opened.labels:
        raise _without_words(data, opened)
    others = [split for split in opened.splits if split != "train"]
    unread = f" (split: only train is read, not {', '.join(others)})" if others else ""
    return PairSource(
        opened.format + unread,
        () if opened.has_captions else opened.labels,
        opened.templates,
        _walk_of(opened, opened.examples),
        _walk_of(opened, opened.headers or opened.examples),
    )


def _without_words(data: Path, opened: PictureSet) -> DataError:
    reason = f"{data} is {opened.format}, but it has neither captions nor labels"
    for example in (opened.headers or opened.examples)():
        if isinstance(example, Trouble):
            return DataError(f"{reason}; {os.fsdecode(example.path)}: {example.reason}")
    return DataError(
        reason, "write what each picture shows into a text file beside it, x.txt for x.jpg"
    )


def _walk_of(opened: PictureSet, walk: Walk) -> Walk:
    def pairs() -> Iterator[Example | Trouble]:
        examples = walk()
        if opened.is_table:
            examples = iter(sorted(examples, key=_order))
        for example in examples:
            if isinstance(example, Trouble) or (example.captions or not opened.has_captions):
                yield example
            else:
                yield Trouble(os.fsencode(example.name), "has no caption")

    return pairs


def _order(example: Example | Trouble) -> list[str]:
    """Return a key that orders paths as folders are walked, Troubles first."""
    return example.name.split(os.sep) if isinstance(example, Example) else []
