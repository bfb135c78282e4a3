"""Pictures to embeddings without torch: each thread takes some of them through the whole tower."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from rclip_like.errors import ModelError
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.towers import efficientnet, vision_transformer
from rclip_like.models.towers.efficientnet import EfficientNet
from rclip_like.models.towers.vision_transformer import VisionTransformer
from rclip_like.models.unit import unit_rows
from rclip_like.settings import num_processors

if TYPE_CHECKING:
    from rclip_like.values import Embedding, Embeddings, Pixels

# Shape suffixes: N pictures, H and W pixels, C colours, S the model's picture size, D embedding.

_TURNS = 2
"""So many times each thread takes pictures of a batch: a slow one is waited for less."""

_LARGEST_BATCH = 256
"""However many threads there are: a batch is what a kill may cost."""


class Tower(Protocol):
    """An image tower; several threads may call it at once."""

    pictures_at_once: int
    """How many pictures a thread is quickest with."""

    def features(self, pixels_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features float32 (N, D) of uint8 pictures before normalisation."""


def supports(specification: ModelSpecification) -> bool:
    """Return whether the model's image tower is of a kind that runs without torch."""
    return _kind_of(specification) is not None


def _kind_of(specification: ModelSpecification) -> type[EfficientNet | VisionTransformer] | None:
    if efficientnet.supports(specification):
        return EfficientNet
    return VisionTransformer if vision_transformer.supports(specification) else None


def _load(specification: ModelSpecification, *, threads: int) -> Tower:
    kind = _kind_of(specification)
    assert kind is not None
    return kind(specification, threads=threads)


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
        self._at_once = self._tower.pictures_at_once
        fitting = min(_TURNS * self._threads * self._at_once, _LARGEST_BATCH)
        self.batch_size = batch_size or fitting
        self._at_once = min(self._at_once, self.batch_size)

    def encode_pictures(self, pixels_NHWC: npt.NDArray[np.uint8]) -> Embeddings:
        """Return unit float32 rows (N, D) for uint8 pictures (N, S, S, 3) before normalisation.

        Where ONNX Runtime says that memory ran out, threads take half as many pictures at a time
        from then on, though what it took before it keeps. Raises ModelError when memory runs out by
        single pictures, too, or the features have no direction.
        """
        while True:
            try:
                features = self._features(pixels_NHWC)
            except MemoryError as error:
                if self._at_once == 1:
                    raise _too_little_memory(self._name) from error
                self._at_once //= 2
            else:
                none_ND = np.empty((0, self._dimension), dtype=np.float32)
                return unit_rows(np.concatenate([none_ND, *features]), self._name)

    def _features(self, pixels_NHWC: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
        """Return the features (N, D) in parts, of which each thread makes as many as the others."""
        turns = -(-len(pixels_NHWC) // (self._threads * self._at_once))
        parts = np.array_split(pixels_NHWC, max(1, self._threads * turns))
        return [*self._pool.map(self._tower.features, filter(len, parts))]


def _too_little_memory(name: str) -> ModelError:
    return ModelError(f"too little memory to encode pictures with {name}; try --threads 1")


def encode_alone(
    specification: ModelSpecification, pixels_HWC: Pixels, *, threads: int | None = None
) -> Embedding:
    """Return the unit float32 row (D,) of one picture, on which all threads work together.

    None: as many as there are processors. Raises ModelError as CpuEncoder does.
    """
    tower = _load(specification, threads=threads or num_processors())
    try:
        features_ND = tower.features(pixels_HWC[np.newaxis])
    except MemoryError as error:
        raise _too_little_memory(specification.name) from error
    embedding: Embedding = unit_rows(features_ND, specification.name)[0]
    return embedding
