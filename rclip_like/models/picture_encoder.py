"""Pictures to embeddings, by the lightest way that the model and the machine allow."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rclip_like.models.specification import ModelSpecification
from rclip_like.models.towers import cpu_encoder, efficientnet
from rclip_like.settings import EncoderSettings

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.values import Embedding, Embeddings, Pixels

_SIGNS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""Where Linux shows a GPU that torch may use: NVIDIA's, one through Windows, AMD's."""

_PROCESSOR = Path("/proc/cpuinfo")
"""Where Linux tells what the processor can do, `avx512_bf16` for instance."""


class PictureEncoder(Protocol):
    """What encodes pictures; `batch_size` is how many it takes at a time."""

    batch_size: int

    def encode_pictures(self, pixels_NHWC: npt.NDArray[np.uint8]) -> Embeddings:
        """Return unit float32 rows (N, D) for uint8 pictures (N, S, S, 3) before normalisation."""


def load_picture_encoder(
    specification: ModelSpecification, settings: EncoderSettings
) -> PictureEncoder:
    """Return what encodes the model's pictures where and how the settings ask for.

    Without torch where the CPU is to do it, in float32, and the model is of a known kind. Raises
    ModelError when the weights do not fit, or the device or precision is not to be had here.
    """
    if cpu_encoder.supports(specification) and _is_for_cpu_in_fp32(specification, settings):
        return cpu_encoder.CpuEncoder(
            specification, threads=settings.threads, batch_size=settings.batch_size
        )
    from rclip_like.models.towers.torch_tower import load_encoder

    return load_encoder(specification, settings)


def encode_picture(
    specification: ModelSpecification,
    pixels_HWC: Pixels,
    load: Callable[[], PictureEncoder],
    *,
    threads: int | None = None,
) -> Embedding:
    """Return the unit float32 row (D,) of one picture, uint8 before normalisation.

    On the CPU wherever others are encoded; only for models of another kind `load` is asked for
    their encoder. threads: None for as many as there are processors. Raises ModelError.
    """
    if cpu_encoder.supports(specification):
        return cpu_encoder.encode_alone(specification, pixels_HWC, threads=threads)
    embedding: Embedding = load().encode_pictures(pixels_HWC[np.newaxis])[0]
    return embedding


def _is_for_cpu_in_fp32(specification: ModelSpecification, settings: EncoderSettings) -> bool:
    if settings.precision not in ("auto", "fp32") or not _is_for_cpu(settings.device):
        return False
    is_quickest = settings.precision == "fp32" or efficientnet.supports(specification)
    return is_quickest or not _is_faster_in_bf16()


def _is_for_cpu(device: str) -> bool:
    if device != "auto":
        return device == "cpu"
    if not _may_have_gpu():
        return True
    from rclip_like.models.towers.torch_tower import choose_device

    return choose_device(device).type == "cpu"


def _is_faster_in_bf16() -> bool:
    """Return whether torch would choose bfloat16 on the CPU; where that may be, it is asked.

    Outside Linux nothing else tells, so that torch is loaded for the answer.
    """
    try:
        flags = _PROCESSOR.read_bytes()
    except OSError:
        flags = b"bf16"
    if b"bf16" not in flags:
        return False
    from rclip_like.models.towers.torch_tower import choose_device, choose_precision

    return choose_precision("auto", choose_device("cpu")) == "bf16"


def _may_have_gpu() -> bool:
    """Return whether this machine may have a GPU: torch, which knows, takes seconds to ask."""
    if sys.platform == "darwin":
        return True
    if sys.platform == "win32":
        return Path(os.environ.get("SYSTEMROOT", "C:\\Windows"), "System32", "nvcuda.dll").exists()
    return any(os.path.exists(sign) for sign in _SIGNS)
