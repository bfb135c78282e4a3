"""The image side of a run: pixels through the whole tower, or features computed once.

Shape suffixes: N pictures, S pixels a side, C channels, F features, D embedding.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from rclip_like.train.batches import Rows
from rclip_like.train.prepare import Pixels, in_batches, spool_pixels
from rclip_like.values import Preprocessing

BATCH_SIZE = 32


@dataclass(frozen=True)
class PixelImages:
    """Pictures as pixels (N, S, S, C), normalised when a batch is taken."""

    pixels_NSSC: Pixels
    preprocessing: Preprocessing
    device: torch.device

    def rows(self, rows: Rows) -> torch.Tensor:
        """Return normalised images (N, C, S, S)."""
        return normalise(self.pixels_NSSC[rows], self.preprocessing, self.device)


@dataclass(frozen=True)
class FeatureImages:
    """Pictures as features of the locked part of the image tower, (N, F)."""

    features_NF: torch.Tensor

    def rows(self, rows: Rows) -> torch.Tensor:
        """Return the features (N, F) of the rows."""
        return self.features_NF[torch.from_numpy(rows).to(self.features_NF.device)]


@dataclass(frozen=True)
class ImageSide:
    """How a model's image tower is run in training: whole, or its unlocked head on features."""

    model: Any
    preprocessing: Preprocessing
    device: torch.device
    locked: bool

    def load(self, pictures: Iterable[Pixels], spool: Path) -> PixelImages | FeatureImages:
        """Return the pictures as this side wants them; pixels are kept in the file `spool`."""
        if not self.locked:
            pixels = spool_pixels(pictures, spool, self.preprocessing.size)
            return PixelImages(pixels, self.preprocessing, self.device)
        features = [self._features(pixels) for pixels in in_batches(pictures, BATCH_SIZE)]
        return FeatureImages(torch.cat(features) if features else torch.zeros(0, 1))

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Return unit embeddings (N, D) of a batch's images."""
        if not self.locked:
            embeddings: torch.Tensor = self.model.encode_image(images, normalize=True)
            return embeddings
        head = getattr(self.model.visual, "head", torch.nn.Identity())
        return F.normalize(head(images) if self._has_trunk() else images, dim=-1)

    @torch.no_grad()
    def _features(self, pixels_NSSC: Pixels) -> torch.Tensor:
        self.model.visual.eval()
        images_NCSS = normalise(pixels_NSSC, self.preprocessing, self.device)
        locked = self.model.visual.trunk if self._has_trunk() else self.model.visual
        features_NF: torch.Tensor = locked(images_NCSS)
        return features_NF

    def _has_trunk(self) -> bool:
        return hasattr(self.model.visual, "trunk")


def normalise(
    pixels_NSSC: Pixels, preprocessing: Preprocessing, device: torch.device
) -> torch.Tensor:
    """Return images (N, C, S, S) as the image tower wants them."""
    images = torch.from_numpy(np.array(pixels_NSSC)).to(device).permute(0, 3, 1, 2).float() / 255
    mean = torch.tensor(preprocessing.mean, device=device).view(3, 1, 1)
    std = torch.tensor(preprocessing.std, device=device).view(3, 1, 1)
    return (images - mean) / std
