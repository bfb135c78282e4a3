"""A model to encode with: texts and pictures to embeddings, by the lightest runtime that can."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from rclip_like.models.specification import ModelSpecification
from rclip_like.settings import EncoderSettings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rclip_like.models.towers.picture_tower import PictureTower
    from rclip_like.models.towers.tensors import Weights
    from rclip_like.models.towers.text_tower import TextTower
    from rclip_like.models.towers.torch_tower import TorchTower
    from rclip_like.values import Embedding, Embeddings, Pixels

# Shape suffixes: N pictures or texts, H and W pixels, C colours, S the model's picture size,
# F features, D embedding.

_GPU_SIGNS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""Where Linux shows a GPU that torch may use: NVIDIA's, one through Windows, AMD's."""

_PROCESSOR = Path("/proc/cpuinfo")
"""Where Linux tells what the processor can do, `avx512_bf16` for instance."""

T = TypeVar("T")


class _Once(Generic[T]):
    """A value that the first call loads and keeps, while other threads wait for it."""

    def __init__(self, load: Callable[[], T]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._loaded: T | None = None

    def __call__(self) -> T:
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    self._loaded = self._load()
        return self._loaded


class Model:
    """A model whose towers are loaded at first use, each once; any thread may call it.

    Standard CLIP text towers run in NumPy, the image towers of `picture_tower` on ONNX Runtime.
    torch, whose import takes seconds, computes other kinds, and runs on GPUs and in bfloat16 where
    the processor is faster in it. All of these are imported when they are first needed: a run over
    unchanged pictures makes a Model and encodes nothing. Every method raises ModelError when the
    weights cannot be read or do not fit the configuration, or the device or precision that is asked
    for is not there.
    """

    def __init__(
        self,
        specification: ModelSpecification,
        settings: EncoderSettings = EncoderSettings(),  # noqa: B008 - a frozen value
    ) -> None:
        self.specification = specification
        self._settings = settings
        self._weights = _Once(self._load_weights)
        self._text_tower = _Once(self._load_text_tower)
        self._picture_tower = _Once(self._load_picture_tower)
        self._tower_for_one = _Once(self._load_tower_for_one)
        self._torch_tower = _Once(self._load_torch_tower)

    @property
    def batch_size(self) -> int:
        """How many pictures `pictures` is best given at a time; loads the image tower."""
        return self._picture_tower().batch_size

    @property
    def logit_scale(self) -> float:
        """What training multiplies a similarity with: exp of the learned log value."""
        stored = self._weights().header.get("logit_scale")
        if stored is None or not stored.is_plain:
            return self._torch_tower().logit_scale
        return math.exp(self._weights().tensors()["logit_scale"].item())

    def texts(
        self, texts: Sequence[str], on_cut: Callable[[str], None] | None = None
    ) -> Embeddings:
        """Return unit float32 rows (N, D), in order.

        `on_cut` is called with each text that is longer than the model's context.
        """
        if not texts:
            import numpy as np

            return np.empty((0, self.specification.dimension), np.float32)
        tower = self._text_tower()
        rows = tower.texts(texts)
        if on_cut is not None:
            for text in filter(tower.is_cut, texts):
                on_cut(text)
        return rows

    def pictures(self, pixels_NHWC: npt.NDArray[np.uint8]) -> Embeddings:
        """Return unit float32 rows (N, D) for uint8 pictures (N, S, S, 3) before normalisation.

        A batch that does not fit into memory is encoded in smaller parts, like all after it.
        """
        return self._picture_tower().pictures(pixels_NHWC)

    def picture(self, pixels_HWC: Pixels) -> Embedding:
        """Return the unit float32 row (D,) of one picture, on which all threads work together.

        It is encoded on the CPU, without torch, if `picture_tower` has layers for the model.
        """
        embedding: Embedding = self._tower_for_one().pictures(pixels_HWC[None])[0]
        return embedding

    def features(self, pixels_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features float32 (N, F) that the image tower projects to embeddings."""
        return self._picture_tower().features(pixels_NHWC)

    def _load_weights(self) -> Weights:
        from rclip_like.models.towers.tensors import Weights

        return Weights(self.specification.weights)

    def _load_text_tower(self) -> TextTower | TorchTower:
        from rclip_like.models.towers import text_tower

        weights = self._weights()
        if text_tower.supports(self.specification, weights.header):
            return text_tower.TextTower(self.specification, weights.tensors())
        return self._torch_tower()

    def _load_picture_tower(self) -> PictureTower | TorchTower:
        from rclip_like.models.towers.efficientnet import EfficientNet
        from rclip_like.models.towers.picture_tower import PictureTower, kind_of

        weights, settings = self._weights(), self._settings
        kind = kind_of(self.specification, weights.header)
        if kind is None or settings.precision not in ("auto", "fp32"):
            return self._torch_tower()
        is_quickest = settings.precision == "fp32" or kind is EfficientNet
        if _is_for_cpu(settings.device) and (is_quickest or not _is_faster_in_bf16()):
            threads, batch_size = settings.threads, settings.batch_size
            return PictureTower(self.specification, weights, threads, batch_size)
        return self._torch_tower()

    def _load_tower_for_one(self) -> PictureTower | TorchTower:
        from rclip_like.models.towers.picture_tower import PictureTower, kind_of

        weights = self._weights()
        if kind_of(self.specification, weights.header) is None:
            return self._torch_tower()
        threads = self._settings.threads
        return PictureTower(self.specification, weights, threads, is_for_one=True)

    def _load_torch_tower(self) -> TorchTower:
        from rclip_like.models.towers.torchvision_cure import require_torch

        require_torch(f"the model {self.specification.name}")
        from rclip_like.models.towers.torch_tower import load_torch_tower

        return load_torch_tower(self.specification, self._settings)


def _is_for_cpu(device: str) -> bool:
    """Return whether a device is the CPU; for `auto`, torch is asked where there may be a GPU."""
    if device != "auto":
        return device == "cpu"
    if sys.platform == "win32":
        library = Path(os.environ.get("SYSTEMROOT", "C:\\Windows"), "System32", "nvcuda.dll")
        may_have_gpu = library.exists()
    else:
        may_have_gpu = sys.platform == "darwin" or any(map(os.path.exists, _GPU_SIGNS))
    from rclip_like.models.towers.torchvision_cure import has_torch

    if not may_have_gpu or not has_torch():
        return True
    from rclip_like.models.towers.torch_tower import choose_device

    return choose_device(device).type == "cpu"


def _is_faster_in_bf16() -> bool:
    """Return whether torch would choose bfloat16 on the CPU; where that may be, it is asked.

    Only Linux says what the processor can do, so that elsewhere torch is loaded for the answer.
    """
    try:
        flags = _PROCESSOR.read_bytes()
    except OSError:
        flags = b"bf16"
    from rclip_like.models.towers.torchvision_cure import has_torch

    if b"bf16" not in flags or not has_torch():
        return False
    from rclip_like.models.towers.torch_tower import choose_device, choose_precision

    return choose_precision("auto", choose_device("cpu")) == "bf16"
