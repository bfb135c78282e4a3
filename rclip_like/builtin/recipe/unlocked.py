"""The trunk's last layer in training, on maps computed once by all layers before it.

The maps of a photo are small (49 places of 320 values), and a few random places of them stand for
another part of the photo at no cost.

Shape suffixes: N photos, K classes, P places of a map, C its channels, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.format import open_memmap
from torch.nn import functional as F

from rclip_like.data.arrays import in_batches
from rclip_like.files import write_whole
from rclip_like.models.towers.torch_classifier import build_trunk
from rclip_like.train.batches import Rows

from .contrast import Floats
from .features import BATCH, MEAN, STD, view_squares
from .photos import Photo

NUM_PLACES, NUM_CHANNELS = 49, 320
PLACES_DRAWN = 16
RATE = 4.0
"""How much faster than the other parameters the layer learns. Measured on development photos, with
the text tower as it was: 60 steps at 0.8 times their rate changed nothing, at 4 they brought 2.6
points of recall@1 and left the labels, at 12 they brought 2.2 and began to cost labels."""
Maps = npt.NDArray[np.float16]


class LastLayer(torch.nn.Module):
    """The last convolution with its batch norm, and the mean over places: maps to features.

    It learns its change since the start, so that weight decay pulls it back there.
    """

    start_FC: torch.Tensor
    start_F: torch.Tensor

    def __init__(self, trunk: Any) -> None:
        super().__init__()
        scale_F = self._scale(trunk)
        bias_F = trunk.bn2.bias - trunk.bn2.running_mean * scale_F
        weight_FC = trunk.conv_head.weight[:, :, 0, 0] * scale_F[:, None]
        self.register_buffer("start_FC", weight_FC.detach().clone())
        self.register_buffer("start_F", bias_F.detach().clone())
        self.change_FC = torch.nn.Parameter(torch.zeros_like(weight_FC))
        self.change_bias_F = torch.nn.Parameter(torch.zeros_like(bias_F))

    def forward(self, maps_NPC: torch.Tensor) -> torch.Tensor:
        """Return features (N, F) of some places of the maps."""
        weight_FC = self.start_FC + RATE * self.change_FC
        values_NPF = (maps_NPC @ weight_FC.to(maps_NPC.dtype).T).float()
        return F.relu6(values_NPF + self.start_F + RATE * self.change_bias_F).mean(1)

    @torch.no_grad()
    def write_into(self, trunk: Any) -> None:
        """Give the layer's weights to the trunk; the batch norm's statistics stay."""
        scale_F = self._scale(trunk)
        weight_FC = (self.start_FC + RATE * self.change_FC) / scale_F[:, None]
        trunk.conv_head.weight.copy_(weight_FC[:, :, None, None])
        bias_F = self.start_F + RATE * self.change_bias_F
        trunk.bn2.bias.copy_(bias_F + trunk.bn2.running_mean * scale_F)

    @staticmethod
    def _scale(trunk: Any) -> torch.Tensor:
        scale_F: torch.Tensor = trunk.bn2.weight / (trunk.bn2.running_var + trunk.bn2.eps).sqrt()
        return scale_F.detach()


class MixedImages(NamedTuple):
    """Photos as places of their maps (N, P, C), classes as features (K, F), and which is which."""

    maps_NPC: torch.Tensor
    classes_KF: torch.Tensor
    is_photo: torch.Tensor

    def part(self, part: slice) -> MixedImages:
        """Return a part of the batch."""
        before, within = self.is_photo[: part.start or 0], self.is_photo[part]
        photos, classes = int(before.sum()), int((~before).sum())
        return MixedImages(
            self.maps_NPC[photos : photos + int(within.sum())],
            self.classes_KF[classes : classes + int((~within).sum())],
            within,
        )

    def features(self, layer: LastLayer) -> torch.Tensor:
        """Return the features of all, in the order of the batch."""
        features = self.classes_KF.new_empty(len(self.is_photo), self.classes_KF.shape[1])
        mask = self.is_photo[:, None]
        features = features.masked_scatter(mask, layer(self.maps_NPC))
        return features.masked_scatter(~mask, self.classes_KF)


@dataclass(frozen=True)
class MapPictures:
    """Maps to draw from, of photos in several views, and classes made up as in `Pictures`."""

    maps: Sequence[Maps]
    classes_KF: Floats
    residuals_NF: Floats

    def images(self, rows: Rows, generator: np.random.Generator) -> Callable[[slice], MixedImages]:
        """Return the visits of these rows by part of the batch."""
        return self.draw_batch(rows, generator).part

    def draw_batch(self, rows: Rows, generator: np.random.Generator) -> MixedImages:
        """Return a visit of each row: random places of any view, or a class with noise."""
        num_photos = len(self.maps[0])
        maps, classes = [], []
        for row in rows:
            if row < num_photos:
                view = self.maps[int(generator.integers(len(self.maps)))]
                maps.append(view[row][generator.permutation(NUM_PLACES)[:PLACES_DRAWN]])
            else:
                noise = self.residuals_NF[generator.integers(len(self.residuals_NF))]
                classes.append(self.classes_KF[row - num_photos] + noise)
        empty_PC = np.empty((0, PLACES_DRAWN, NUM_CHANNELS), np.float16)
        empty_F = np.empty((0, self.classes_KF.shape[1]), np.float32)
        return MixedImages(
            torch.from_numpy(np.stack(maps) if maps else empty_PC).bfloat16(),
            torch.from_numpy(np.stack(classes) if classes else empty_F),
            torch.tensor([row < num_photos for row in rows]),
        )


def unlocked_encoder(
    model: Any, layer: LastLayer, mean_F: torch.Tensor, dropout: float
) -> Callable[[MixedImages], torch.Tensor]:
    """Return how a batch becomes embeddings: the last layer, some offsets dropped, the head."""

    def encode(images: MixedImages) -> torch.Tensor:
        offsets_NF = F.dropout(images.features(layer) - mean_F, dropout)
        return F.normalize(model.visual.head(mean_F + offsets_NF), dim=1)

    return encode


def cached_maps(path: Path, photos: Sequence[Photo], view: int, seed: int) -> Maps:
    """Return the maps (N, P, C) of one view before the last layer, computing what is missing.

    Beside the file a mark says how many photos are done, so that a stopped run goes on.
    """
    mark = path.with_suffix(".done")
    done = int(mark.read_text()) if mark.exists() else 0
    shape = (len(photos), NUM_PLACES, NUM_CHANNELS)
    mode = "r+" if done else "w+"
    maps: Maps = open_memmap(path, mode=mode, dtype=np.float16, shape=shape)
    trunk = build_trunk().to(torch.float32 if view == 0 else torch.bfloat16)
    trunk.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for pixels in in_batches(view_squares(photos[done:], view, seed), BATCH):
        maps[done : done + len(pixels)] = _encode(trunk, pixels)
        done += len(pixels)
        with write_whole(mark) as draft:
            draft.write_text(str(done))
    return maps


@torch.inference_mode()
def _encode(trunk: Any, pixels_NSSC: npt.NDArray[np.uint8]) -> Maps:
    images = torch.from_numpy(pixels_NSSC).permute(0, 3, 1, 2).float().div_(255)
    images = images.sub_(MEAN).div_(STD).to(next(trunk.parameters()).dtype)
    maps_NCHW = trunk.blocks(trunk.bn1(trunk.conv_stem(images)))
    maps: Maps = maps_NCHW.flatten(2).mT.float().numpy().astype(np.float16)
    return maps
