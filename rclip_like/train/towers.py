"""The two towers in training: whole, or only their projections on features computed once.

Shape suffixes: N pictures or texts, C channels, S pixels a side, L positions, F features,
D embedding.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from rclip_like.models.towers.torch_model import fold_batch_norms
from rclip_like.models.towers.torch_tower import run_in_batches
from rclip_like.train.split import Split, split_image_tower, split_text_tower
from rclip_like.train.text_tower import GROUP, encode_texts
from rclip_like.values import Preprocessing

BATCH_SIZE = 32


@dataclass(frozen=True)
class Towers:
    """A model's towers on one device, and which of them are locked up to their projections.

    A locked tower computes its features once; then only its projection runs, and it alone can be
    trained; a tower that cannot be split there is locked whole. Statistics of batch norms are
    frozen always. fingerprint: that of the model when it was loaded.
    """

    model: Any
    preprocessing: Preprocessing
    device: torch.device
    locks_image_tower: bool
    locks_text_tower: bool
    fingerprint: str = ""

    @cached_property
    def image_split(self) -> Split:
        """The image tower before and after its projection."""
        return split_image_tower(self.model, self.preprocessing.size)

    @cached_property
    def text_split(self) -> Split:
        """The text tower before and after its projection."""
        return split_text_tower(self.model)

    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """Return unit embeddings (N, D), with gradient, of what `Images` give.

        That is uint8 pixels (N, S, S, C), or features (N, F) where the image tower is locked;
        normalised float pixels (N, C, S, S) are taken, too.
        """
        if images.ndim == 2:
            return F.normalize(self.image_split.project(images.to(self.device)), dim=-1)
        if images.dtype == torch.uint8:
            images = self.normalise(images)
        embeddings: torch.Tensor = self.model.encode_image(images, normalize=True)
        return embeddings

    def encode_texts(self, texts: torch.Tensor) -> torch.Tensor:
        """Return unit embeddings (N, D), with gradient, of tokens (N, L), or of features (N, F)."""
        texts = texts.to(self.device)
        if texts.is_floating_point():
            return F.normalize(self.text_split.project(texts), dim=-1)
        return encode_texts(self.model, texts)

    def normalise(self, pixels_NSSC: torch.Tensor) -> torch.Tensor:
        """Return images (N, C, S, S) on the device as the image tower wants them."""
        images = pixels_NSSC.to(self.device).permute(0, 3, 1, 2).float().div_(255)
        mean, std = self.preprocessing.mean, self.preprocessing.std
        images.sub_(torch.tensor(mean, device=self.device).view(3, 1, 1))
        return images.div_(torch.tensor(std, device=self.device).view(3, 1, 1))

    @cached_property
    def _search_split(self) -> Split:
        """The image tower as a search runs it: its batch norms folded, half as fast again."""
        if self.device.type != "cpu":
            return self.image_split
        folded = copy(self.model)
        tower = fold_batch_norms(self.model.visual, self.preprocessing.size)
        folded._modules = {**self.model._modules, "visual": tower}
        split = split_image_tower(folded, self.preprocessing.size)
        return split if split.projection == self.image_split.projection else self.image_split

    def image_features(self, pixels_NSSC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features (N, F) of pictures, as the model searches. Raises ModelError."""
        self.model.eval()
        features, _ = run_in_batches(
            lambda part: self._search_split.features(self.normalise(part)).float().cpu(),
            torch.from_numpy(pixels_NSSC),
            BATCH_SIZE,
        )
        computed: npt.NDArray[np.float32] = features.numpy()
        return computed

    def text_features(self, tokens_NL: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the features (N, F) of texts, as the model searches. Raises ModelError."""
        self.model.eval()
        # Those of like length are encoded together: the tower runs as far as the longest needs.
        shortest_first = np.argsort(np.count_nonzero(tokens_NL, axis=1), kind="stable")
        features, _ = run_in_batches(
            lambda part: self.text_split.features(part.to(self.device)).float().cpu(),
            torch.from_numpy(tokens_NL[shortest_first]),
            GROUP,
        )
        computed_NF: npt.NDArray[np.float32] = features.numpy()[np.argsort(shortest_first)]
        return computed_NF
