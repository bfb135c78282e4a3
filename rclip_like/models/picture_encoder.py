"""Pictures to embeddings, by the lightest way that the model and the machine allow."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rclip_like.models import graph, image
from rclip_like.models.specification import ModelSpecification
from rclip_like.settings import EncoderSettings

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.values import Embedding, Embeddings, Pixels

_SIGNS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""Where Linux shows a GPU that torch may use: NVIDIA's, one through Windows, AMD's."""


class PictureEncoder(Protocol):
    """What encodes pictures; `batch_size` is how many it takes at a time."""

    batch_size: int

    def encode_pictures(self, pixels_NHWC: npt.NDArray[np.uint8]) -> Embeddings:
        """Return unit float32 rows (N, D) for uint8 pictures (N, S, S, 3) before normalisation."""


def load_picture_encoder(
    specification: ModelSpecification, settings: EncoderSettings
) -> PictureEncoder:
    """Return what encodes the model's pictures where and how the settings ask for.

    Without torch where the CPU is to do it, in float32, and the model's graph is known. Raises
    ModelError when the weights do not fit, or the device or precision is not to be had here.
    """
    is_plain = settings.precision in ("auto", "fp32") and graph.supports(specification)
    if is_plain and _is_for_cpu(settings.device):
        return graph.GraphEncoder(
            specification, threads=settings.threads, batch_size=settings.batch_size
        )
    from rclip_like.models.encoder import load_encoder

    return load_encoder(specification, settings)


def encode_picture(
    specification: ModelSpecification, pixels_HWC: Pixels, load: Callable[[], PictureEncoder]
) -> Embedding:
    """Return the unit float32 row (D,) of one picture, uint8 before normalisation.

    On the CPU wherever others are encoded; only for models of another kind `load` is asked for
    their encoder. Raises ModelError.
    """
    if image.supports(specification):
        return image.ImageTower.load(specification).encode(pixels_HWC)
    is_known = graph.supports(specification)
    encoder = graph.GraphEncoder(specification, threads=1) if is_known else load()
    embedding: Embedding = encoder.encode_pictures(pixels_HWC[np.newaxis])[0]
    return embedding


def _is_for_cpu(device: str) -> bool:
    if device != "auto":
        return device == "cpu"
    if not _may_have_gpu():
        return True
    from rclip_like.models.encoder import choose_device

    return choose_device(device).type == "cpu"


def _may_have_gpu() -> bool:
    """Return whether this machine may have a GPU: torch, which knows, takes seconds to ask."""
    if sys.platform == "darwin":
        return True
    if sys.platform == "win32":
        return Path(os.environ.get("SYSTEMROOT", "C:\\Windows"), "System32", "nvcuda.dll").exists()
    return any(os.path.exists(sign) for sign in _SIGNS)
