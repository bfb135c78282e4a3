"""Pictures to embeddings without torch: each thread takes some of them through the whole tower."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from rclip_like.models import efficientnet, vision_transformer
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.unit import unit_rows
from rclip_like.settings import num_processors

if TYPE_CHECKING:
    from rclip_like.values import Embedding, Embeddings, Pixels

# Shape suffixes: N pictures, H and W pixels, C colours, S the model's picture size, D embedding.

_KINDS = (
    (efficientnet.supports, efficientnet.EfficientNet),
    (vision_transformer.supports, vision_transformer.VisionTransformer),
)

_TURNS = 2
"""So many times each thread takes pictures of a batch, so that none waits long for the others."""


class Tower(Protocol):
    """An image tower; several threads may call it at once."""

    pictures_at_once: int
    """How many pictures a thread is quickest with."""

    def features(self, pixels_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features float32 (N, D) of uint8 pictures before normalisation."""


def supports(specification: ModelSpecification) -> bool:
    """Return whether the model's image tower is of a kind that runs without torch."""
    return any(supports_kind(specification) for supports_kind, _ in _KINDS)


class CpuEncoder:
    """The picture half of `encoder.Encoder`, on the CPU in float32, for a supported model.

    Threads with pictures of their own are faster than threads that share the work on each layer
    (AMD Zen 3, two cores, `builtin`: 107 and 95 pictures a second).
    """

    def __init__(
        self,
        specification: ModelSpecification,
        *,
        threads: int | None = None,
        batch_size: int | None = None,
    ) -> None:
        """Load the image tower; None: as many threads as processors, some pictures for each.

        Raises ModelError when the weights cannot be read or do not fit.
        """
        self._name = specification.name
        self._dimension = specification.dimension
        self._threads = threads or num_processors()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="encoder")
        self._tower = _load(specification, threads=1)
        self.batch_size = batch_size or _TURNS * self._threads * self._tower.pictures_at_once

    def encode_pictures(self, pixels_NHWC: npt.NDArray[np.uint8]) -> Embeddings:
        """Return unit float32 rows (N, D) for uint8 pictures (N, S, S, 3) before normalisation."""
        parts = np.array_split(pixels_NHWC, self._num_parts(len(pixels_NHWC)))
        features = [*self._pool.map(self._tower.features, filter(len, parts))]
        none_ND = np.empty((0, self._dimension), dtype=np.float32)
        return unit_rows(np.concatenate([none_ND, *features]), self._name)

    def _num_parts(self, count: int) -> int:
        """Return in how many parts the threads do so many pictures: as many for each of them."""
        at_once = min(self.batch_size, self._tower.pictures_at_once)
        turns = -(-count // (self._threads * at_once))
        return max(1, self._threads * turns)


def encode_alone(
    specification: ModelSpecification, pixels_HWC: Pixels, *, threads: int | None = None
) -> Embedding:
    """Return the unit float32 row (D,) of one picture, on which all threads work together.

    None: as many as there are processors. Raises ModelError as CpuEncoder does.
    """
    tower = _load(specification, threads=threads or num_processors())
    features_ND = tower.features(pixels_HWC[np.newaxis])
    embedding: Embedding = unit_rows(features_ND, specification.name)[0]
    return embedding


def _load(specification: ModelSpecification, *, threads: int) -> Tower:
    return next(load for is_it, load in _KINDS if is_it(specification))(
        specification, threads=threads
    )
