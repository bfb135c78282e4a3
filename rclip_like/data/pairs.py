"""Captioned or labelled pictures on disk, to train on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rclip_like.data.captions import CAPTION_ENDING
from rclip_like.data.examples import Example
from rclip_like.data.folder_sets import find_beside, pictures_in
from rclip_like.data.options import PairOptions
from rclip_like.data.reading import read_examples
from rclip_like.data.sets import open_set
from rclip_like.data.shard_sets import SHARD_ENDINGS, find_in_shard
from rclip_like.data.table_sets import TABLE_ENDINGS
from rclip_like.errors import TrainingError
from rclip_like.images.decoding import Product
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Trouble


class PairSource(NamedTuple):
    """What DATA is, and how its pairs are walked.

    format: one phrase, such as "a table". labels: in order, () for captioned pictures; templates:
    the set's own, with {} for the label, () if it has none. pairs: each call walks the pairs again,
    in the same order, with the contents of shards; a Trouble stands for a picture or a file that
    cannot be used. headers: the same, but contents of shards may be only their first bytes.
    """

    format: str
    labels: tuple[str, ...]
    templates: tuple[str, ...]
    pairs: Callable[[], Iterator[Example | Trouble]]
    headers: Callable[[], Iterator[Example | Trouble]]


def open_pairs(data: Path, options: PairOptions) -> PairSource:
    """Return the captioned or labelled pictures of a folder, of tar shards or of a table.

    Raises TrainingError and DataError for what is not recognised.
    """
    if data.is_dir():
        phrase = "a folder of pictures with .txt files beside them"
    else:
        phrase = "a tar shard" if data.name.endswith(SHARD_ENDINGS) else "a table"

    def pairs() -> Iterator[Example | Trouble]:
        return find_pairs(data)

    return PairSource(phrase, (), (), pairs, pairs)


def read_pictures(
    data: Path, product: Product, limits: ReadSettings
) -> Iterator[tuple[Example, Picture] | Trouble]:
    """Yield the pairs of a folder, shard or table in their order, each with its picture.

    A Trouble stands for a pair that cannot be used, for a reason that `find_pairs` found or because
    its picture cannot be read within the limits. Raises as `find_pairs`, and ReaderError.
    """
    return read_examples(find_pairs(data), (product,), limits)


def find_pairs(data: Path) -> Iterator[Example | Trouble]:
    """Yield the captioned pictures of a folder, shard or table.

    Folders and shards give them in the order of their names, a table in the order of its lines; if
    it names splits, only the lines of "train" count. A Trouble stands for a picture without a
    caption, and for a caption file, a line or a shard that is empty, too large, not a regular file,
    in another encoding or cannot be read. Raises TrainingError if `data` does not exist or holds
    neither pictures nor shards, and DataError for a table that cannot be used.
    """
    if data.is_dir():
        shards = sorted(path for path in data.iterdir() if path.name.endswith(SHARD_ENDINGS))
        yield from _find_in_folder(data, shards)
    elif data.is_file() and data.name.endswith(SHARD_ENDINGS):
        yield from find_in_shard(data, (CAPTION_ENDING,))
    elif data.is_file() and data.name.lower().endswith(TABLE_ENDINGS):
        for example in open_set(data, split="train").examples():
            if isinstance(example, Example) and not example.captions:
                yield Trouble(os.fsencode(example.name), "has no caption")
            else:
                yield example
    else:
        raise TrainingError(f"{data} is neither a folder, a tar shard nor a table")


def _find_in_folder(folder: Path, shards: Sequence[Path]) -> Iterator[Example | Trouble]:
    is_empty = not shards
    for shard in shards:
        yield from find_in_shard(shard, (CAPTION_ENDING,))
    for picture in pictures_in(str(folder)):
        if isinstance(picture, Trouble):
            yield picture
        else:
            is_empty = False
            yield find_beside(picture, (CAPTION_ENDING,))
    if is_empty:
        raise TrainingError(f"{folder} holds neither pictures with captions nor tar shards")
