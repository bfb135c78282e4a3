"""Pictures to embeddings without torch: each thread takes some of them through the whole tower."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rclip_like.errors import ModelError, Remedy
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.towers import efficientnet, vision_transformer
from rclip_like.models.towers.efficientnet import EfficientNet
from rclip_like.models.towers.tensors import Stored, Weights, unit_rows
from rclip_like.models.towers.vision_transformer import VisionTransformer
from rclip_like.settings import num_processors

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

# Shape suffixes: N pictures, H and W pixels, C colours, S the model's picture size, F features,
# D embedding.

_TURNS = 2
"""How many times each thread takes pictures of a batch, so that a slow one is waited for less."""

_LARGEST_BATCH = 256
"""For however many threads: two batches are what a kill may cost."""


def kind_of(
    specification: ModelSpecification, header: Mapping[str, Stored]
) -> type[EfficientNet | VisionTransformer] | None:
    """Return the layers that compute the model's image tower, None where torch alone does."""
    if efficientnet.supports(specification, header):
        return EfficientNet
    return VisionTransformer if vision_transformer.supports(specification, header) else None


class PictureTower:
    """The image tower of a model for which `kind_of` has layers, on the CPU in float32.

    Threads with pictures of their own are faster than threads that share the work on each layer
    (AMD Zen 3, two cores, `builtin`: 107 and 95 pictures a second).
    """

    def __init__(
        self,
        specification: ModelSpecification,
        weights: Weights,
        threads: int | None = None,
        batch_size: int | None = None,
        *,
        is_for_one: bool = False,
    ) -> None:
        """Load the tower; None: as many threads as processors, some pictures for each.

        is_for_one: all threads work together on each picture, and pictures wait in line. Raises
        ModelError when the weights do not fit.
        """
        kind = kind_of(specification, weights.header)
        assert kind is not None
        threads = threads or num_processors()
        self._name = specification.name
        self._threads, together = (1, threads) if is_for_one else (threads, 1)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="encoder")
        self._layers = kind(specification, weights.tensors(), threads=together)
        self._at_once = 1 if is_for_one else self._layers.pictures_at_once
        fitting = min(_TURNS * self._threads * self._at_once, _LARGEST_BATCH)
        self.batch_size = batch_size or fitting
        self._at_once = min(self._at_once, self.batch_size)
        self._dimension = specification.dimension

    def pictures(self, pixels_NHWC: npt.NDArray[np.uint8]) -> Embeddings:
        """Return unit float32 rows (N, D) for uint8 pictures (N, S, S, 3) before normalisation.

        Where ONNX Runtime says that memory ran out, threads take half as many pictures at a time
        from then on, though what it took before it keeps. Raises ModelError when memory runs out by
        single pictures, too, or the features have no direction.
        """
        rows_ND = self._run(self._layers.embed, pixels_NHWC, self._dimension)
        return unit_rows(rows_ND, self._name)

    def features(self, pixels_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features float32 (N, F) before projection; as `pictures` otherwise."""
        return self._run(self._layers.features, pixels_NHWC, self._layers.num_features)

    def _run(
        self, compute: Callable[[Any], Any], pixels_NHWC: npt.NDArray[np.uint8], width: int
    ) -> npt.NDArray[np.float32]:
        """Return what all parts come to, each thread making as many as the others."""
        while len(pixels_NHWC):
            at_once = self._at_once  # other threads may halve it
            turns = -(-len(pixels_NHWC) // (self._threads * at_once))
            parts = np.array_split(pixels_NHWC, self._threads * turns)
            try:
                return np.concatenate([*self._pool.map(compute, filter(len, parts))])
            except MemoryError as error:
                if at_once == 1:
                    raise ModelError(
                        f"too little memory to encode pictures with {self._name}",
                        Remedy.USE_ONE_THREAD,
                    ) from error
                self._at_once = at_once // 2
        return np.empty((0, width), dtype=np.float32)
