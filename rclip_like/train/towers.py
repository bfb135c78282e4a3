"""The two towers in training: whole, or only their projections on features computed once.

Shape suffixes: N pictures or texts, C channels, S pixels a side, L positions, F features,
D embedding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from rclip_like.data.arrays import in_batches
from rclip_like.models.towers.torch_tower import unprojected
from rclip_like.train.prepare import (
    FeatureImages,
    FeatureTexts,
    PixelImages,
    Pixels,
    TokenTexts,
    normalise,
    spool_pixels,
)
from rclip_like.train.text_tower import encode_texts, text_features
from rclip_like.values import Preprocessing

BATCH_SIZE = 32


@dataclass(frozen=True)
class Towers:
    """A model's towers on one device, and which of them are locked up to their projections.

    A locked tower computes its features once; then only its projection runs, and it alone can be
    trained. Statistics of batch norms are frozen always.
    """

    model: Any
    preprocessing: Preprocessing
    device: torch.device
    locks_image_tower: bool
    locks_text_tower: bool

    def load_images(self, pictures: Iterable[Pixels], spool: Path) -> PixelImages | FeatureImages:
        """Return the pictures as `encode_images` takes them; `spool` keeps pixels."""
        if not self.locks_image_tower:
            pixels = spool_pixels(pictures, spool, self.preprocessing.size)
            return PixelImages(pixels, self.preprocessing, self.device)
        self.model.visual.eval()
        with torch.no_grad():
            features = [
                unprojected(
                    self.model.visual, normalise(pixels_NSSC, self.preprocessing, self.device)
                )
                for pixels_NSSC in in_batches(pictures, BATCH_SIZE)
            ]
        return FeatureImages(torch.cat(features) if features else torch.zeros(0, 1))

    def load_texts(self, tokens: Sequence[npt.NDArray[np.int64]]) -> TokenTexts | FeatureTexts:
        """Return the captions of all rows, tokens (M, L) each, as `encode_texts` takes them."""
        if not self.locks_text_tower:
            return TokenTexts(tokens)
        everything = torch.from_numpy(np.concatenate(tokens))
        with torch.no_grad():
            features = [
                text_features(self.model, part.to(self.device))
                for part in torch.split(everything, BATCH_SIZE)
            ]
        starts = np.cumsum([0, *map(len, tokens)])
        return FeatureTexts(torch.cat(features), starts)

    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """Return unit embeddings (N, D) of images (N, C, S, S), or of features (N, F)."""
        if not self.locks_image_tower:
            embeddings: torch.Tensor = self.model.encode_image(images, normalize=True)
            return embeddings
        return F.normalize(project_image(self.model.visual, images), dim=-1)

    def encode_texts(self, texts: torch.Tensor) -> torch.Tensor:
        """Return unit embeddings (N, D) of tokens (N, L), or of features (N, F)."""
        if texts.is_floating_point():
            return F.normalize(texts @ self.model.text_projection, dim=-1)
        return encode_texts(self.model, texts.to(self.device))


def project_image(visual: Any, features_NF: torch.Tensor) -> torch.Tensor:
    """Return what an image tower makes of the features that `unprojected` gives, (N, D)."""
    if hasattr(visual, "trunk"):
        # `unprojected` has pooled already.
        head = [child for name, child in visual.head.named_children() if name != "pool"]
        return torch.nn.Sequential(*head)(features_NF) if head else features_NF
    projection = getattr(visual, "proj", None)
    return features_NF @ projection if projection is not None else features_NF
