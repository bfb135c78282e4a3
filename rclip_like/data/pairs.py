"""Pictures with captions on disk: folders with texts of the same names, and tar shards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rclip_like.data.captions import CAPTION_ENDING
from rclip_like.data.examples import Example
from rclip_like.data.folder_sets import find_beside, pictures_in
from rclip_like.data.reading import read_examples
from rclip_like.data.shard_sets import SHARD_ENDINGS, find_in_shard
from rclip_like.errors import TrainingError
from rclip_like.images.decoding import Product
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Trouble


def read_pictures(
    data: Path, product: Product, limits: ReadSettings
) -> Iterator[tuple[Example, Picture] | Trouble]:
    """Yield the pairs of a folder or shard in the order of their names, each with its picture.

    A Trouble stands for a pair that cannot be used, for a reason that `find_pairs` found or because
    its picture cannot be read within the limits. Raises as `find_pairs`, and ReaderError.
    """
    return read_examples(find_pairs(data), (product,), limits)


def find_pairs(data: Path) -> Iterator[Example | Trouble]:
    """Yield the captioned pictures of a folder or shard in the order of their names.

    A Trouble stands for a picture without a caption file, and for a caption file or a shard that
    is empty, too large, not a regular file, in another encoding or cannot be read. Raises
    TrainingError when `data` does not exist or holds neither pictures nor shards.
    """
    if data.is_dir():
        shards = sorted(path for path in data.iterdir() if path.name.endswith(SHARD_ENDINGS))
        pictures = pictures_in(str(data))
    elif data.is_file() and data.name.endswith(SHARD_ENDINGS):
        shards, pictures = [data], iter(())
    else:
        raise TrainingError(f"{data} is neither a folder nor a tar shard")
    is_empty = not shards
    for shard in shards:
        yield from find_in_shard(shard, (CAPTION_ENDING,))
    for picture in pictures:
        if isinstance(picture, Trouble):
            yield picture
        else:
            is_empty = False
            yield find_beside(picture, (CAPTION_ENDING,))
    if is_empty:
        raise TrainingError(f"{data} holds neither pictures with captions nor tar shards")
