"""The trunk's last blocks in training, on maps computed once by all blocks before them.

Shape suffixes: B pictures of a batch, of which N are photos and K classes; P places of the last
maps, H and W the sides of a map, C its channels, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.format import open_memmap

from rclip_like.data.arrays import in_batches
from rclip_like.files import write_whole
from rclip_like.train.batches import Rows

from .contrast import Classes, image_encoder
from .features import BATCH, as_input, trunk_for, view_squares
from .photos import Photo

FIRST_BLOCK = 5
"""The first block that learns: with it 79 % of the trunk's weights do, at a third of its cost.

Measured on development photos, with the text tower as it was, points of recall@1, 5 and 10: the
last convolution alone brought 3.2, 1.8 and 1.8 in 90 steps; blocks 5 and 6, too, 4.5, 5.2 and 4.6
in 75, and 2.5 points of labels among the first five.
"""
MAP_SHAPE = (14, 14, 112)
PLACES_DRAWN = 16
"""How many random places of the last maps stand for the photos of a batch, as if other parts of
them were shown."""
Maps = npt.NDArray[np.float16]


def last_parameters(trunk: Any) -> Iterator[torch.nn.Parameter]:
    """Yield the parameters of the blocks that learn."""
    for part in (*trunk.blocks[FIRST_BLOCK:], trunk.conv_head, trunk.bn2):
        yield from part.parameters()


def last_blocks(
    trunk: Any, maps_NHWC: torch.Tensor, places_drawn: int | None = None
) -> torch.Tensor:
    """Return pooled features (N, F) of maps: of all places, or of so many random ones, the same for
    all of them."""
    maps_NCHW = trunk.blocks[FIRST_BLOCK:](maps_NHWC.float().permute(0, 3, 1, 2))
    if places_drawn:
        chosen_P = torch.randperm(maps_NCHW.shape[2] * maps_NCHW.shape[3])[:places_drawn]
        maps_NCHW = maps_NCHW.flatten(2)[:, :, chosen_P, None]
    features_NF: torch.Tensor = trunk.global_pool(trunk.bn2(trunk.conv_head(maps_NCHW)))
    return features_NF


class MixedImages(NamedTuple):
    """Photos as maps, float16; classes as features, float32; and which of the batch are photos.

    Classes keep the features that the trunk had at the start, so that it stays near them.
    """

    maps_NHWC: torch.Tensor
    classes_KF: torch.Tensor
    is_photo_B: torch.Tensor

    def part(self, part: slice) -> MixedImages:
        """Return a part of the batch."""
        before, within = self.is_photo_B[: part.start or 0], self.is_photo_B[part]
        photos, classes = int(before.sum()), int((~before).sum())
        return MixedImages(
            self.maps_NHWC[photos : photos + int(within.sum())],
            self.classes_KF[classes : classes + int((~within).sum())],
            within,
        )

    def features(self, trunk: Any) -> torch.Tensor:
        """Return features (B, F) in the order of the batch, photos by random places."""
        features_BF = self.classes_KF.new_empty(len(self.is_photo_B), self.classes_KF.shape[1])
        mask_B1 = self.is_photo_B[:, None]
        photos_NF = last_blocks(trunk, self.maps_NHWC, PLACES_DRAWN)
        features_BF = features_BF.masked_scatter(mask_B1, photos_NF)
        return features_BF.masked_scatter(~mask_B1, self.classes_KF)


@dataclass(frozen=True)
class MapPictures:
    """Maps to draw from, of photos in several views, and classes as in `Pictures`."""

    maps: Sequence[Maps]
    classes: Classes

    def images(self, rows: Rows, generator: np.random.Generator) -> Callable[[slice], MixedImages]:
        """Return the visits of these rows by part of the batch."""
        return self.draw_batch(rows, generator).part

    def draw_batch(self, rows: Rows, generator: np.random.Generator) -> MixedImages:
        """Return a visit of each row: any view, mirrored or not, or a class with noise."""
        num_photos = len(self.maps[0])
        maps, classes = [np.empty((0, *MAP_SHAPE), np.float16)], []
        for row in rows:
            if row < num_photos:
                view = self.maps[int(generator.integers(len(self.maps)))]
                step = -1 if generator.random() < 0.5 else 1
                maps.append(view[row][None, :, ::step])
            else:
                classes.append(self.classes.draw(row - num_photos, generator))
        num_features = self.classes.means_KF.shape[1]
        return MixedImages(
            torch.from_numpy(np.concatenate(maps)),
            torch.from_numpy(np.array(classes, np.float32).reshape(-1, num_features)),
            torch.tensor([row < num_photos for row in rows]),
        )


def unlocked_encoder(
    model: Any, mean_F: torch.Tensor, dropout: float
) -> Callable[[MixedImages], torch.Tensor]:
    """Return how a batch becomes embeddings: the last blocks, some offsets dropped, the head."""
    encode = image_encoder(model, mean_F, dropout)
    return lambda images: encode(images.features(model.visual.trunk))


def cached_maps(path: Path, photos: Sequence[Photo], view: int, seed: int) -> Maps:
    """Return one view's maps (N, H, W, C) before the last blocks, computing what is missing.

    Beside the file a mark says how many photos are done, so that a stopped run continues.
    """
    mark = path.with_suffix(".done")
    done = int(mark.read_text()) if mark.exists() and path.exists() else 0
    if not done:
        mark.unlink(missing_ok=True)
    shape = (len(photos), *MAP_SHAPE)
    maps = open_memmap(path, "r+" if done else "w+", dtype=np.float16, shape=shape)
    assert maps.shape == shape, f"{path} belongs to other photos: delete it"
    trunk = trunk_for(view)
    for pixels in in_batches(view_squares(photos[done:], view, seed), BATCH):
        maps[done : done + len(pixels)] = _encode(trunk, pixels)
        done += len(pixels)
        maps.flush()
        with write_whole(mark) as draft:
            draft.write_text(str(done))
    return maps


@torch.inference_mode()
def _encode(trunk: Any, pixels_NSSC: npt.NDArray[np.uint8]) -> Maps:
    first = trunk.bn1(trunk.conv_stem(as_input(trunk, pixels_NSSC)))
    maps_NCHW = trunk.blocks[:FIRST_BLOCK](first)
    maps: Maps = maps_NCHW.permute(0, 2, 3, 1).float().numpy().astype(np.float16)
    return maps
