"""Read and encode pictures without an index, in the model's own precision."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rclip_like.images.products import Square
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.selected import SelectedPage, SelectedPicture
from rclip_like.values import FileVersion, Picture, Root, Trouble
from rclip_like.walk import Scope, walk_pages

if TYPE_CHECKING:
    from rclip_like.evaluate.probe_file import FeatureKind
    from rclip_like.models.model import Model
    from rclip_like.settings import ReadSettings, WalkSettings


def fresh_pages(
    model: Model,
    roots: Sequence[Root],
    walk: WalkSettings,
    read: ReadSettings,
    on_trouble: Callable[[Trouble], None] = lambda trouble: None,
    features: FeatureKind = "index",
) -> Generator[SelectedPage]:
    """Yield the pictures under the roots in batches of the model's size, in the order of the walk.

    The roots follow one another, each in order of path bytes. An animation counts by its first
    frame. on_trouble: called for each file and folder that cannot be used. features: "tower" gives
    features (n, F) of the image tower instead of embeddings.
    """
    scope = Scope(roots, walk)
    square = Square.of(model.specification.preprocessing, is_exact=True)

    def tasks() -> Iterator[ReadTask]:
        for each in itertools.chain.from_iterable(walk_pages(roots, walk)):
            if isinstance(each, Trouble):
                on_trouble(each)
            else:
                yield ReadTask(each[0], (square,))

    encode = model.pictures if features == "index" else model.features
    with Readers(read) as readers:
        pictures = _read(readers.read_in_order(tasks()), on_trouble)
        while batch := list(itertools.islice(pictures, model.batch_size)):
            rows = encode(np.stack([picture.parts[0] for picture in batch]))
            selected = tuple(_selected(picture, scope) for picture in batch)
            yield SelectedPage(selected, rows)


def _read(
    found: Iterator[Picture | Trouble], on_trouble: Callable[[Trouble], None]
) -> Iterator[Picture]:
    for each in found:
        if isinstance(each, Trouble):
            on_trouble(each)
        else:
            yield each


def _selected(picture: Picture, scope: Scope) -> SelectedPicture:
    assert picture.facts is not None
    version = FileVersion(picture.digest, picture.size_bytes)
    return SelectedPicture(scope.as_typed(picture.path), picture.path, picture.facts, version)
