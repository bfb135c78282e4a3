"""The image tower of `builtin`, EfficientNet-Lite0 (Tan and Le 2019), on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rclip_like.models.specification import ModelSpecification
from rclip_like.models.towers.onnx_graph import Graph, hand_over
from rclip_like.models.towers.tensors import Stored, as_float32

# Shape suffixes: N pictures, H and W pixels, C colours, F pooled features, D embedding.

GRAPH = Path(__file__).parents[1] / "graphs" / "efficientnet_lite0.onnx"
"""The tower up to its pooled features, without weights, as `graphs/draw_graphs.py` draws it.

It takes uint8 (N, H, W, C), `scale` and `shift` (1, C, 1, 1) and gives float32 (N, F). Its tensors
have the names that timm gives them, and are handed over when it is loaded.
"""

_TRUNK = "visual.trunk."
_HEAD_TENSORS = ("visual.head.proj.weight", "visual.head.proj.bias")
_LITE0 = {
    "timm_model_name": "tf_efficientnet_lite0",
    "timm_pool": "",
    "timm_proj": "linear",
    "timm_proj_bias": True,
}
"""What makes an image tower this one, its size aside."""


def supports(specification: ModelSpecification, header: Mapping[str, Stored]) -> bool:
    """Return whether EfficientNet computes what the model's own image tower computes.

    It does for EfficientNet-Lite0 with a linear projection, with weights in float32 or float16.
    """
    config = specification.config
    ignored = ("image_size", "timm_model_pretrained")
    vision = {key: value for key, value in config["vision_cfg"].items() if key not in ignored}
    if vision != _LITE0 or "multimodal_cfg" in config:
        return False
    dimension = specification.dimension
    head = [header[name] for name in _HEAD_TENSORS if name in header]
    return [each.shape for each in head if each.is_plain] == [
        (dimension, EfficientNet.num_features),
        (dimension,),
    ]


class EfficientNet:
    """The tower with its weights; several threads may call it at once."""

    pictures_at_once = 8
    """A thread is as fast by 4 as by 32, and less is held."""

    num_features = 1280

    def __init__(
        self,
        specification: ModelSpecification,
        tensors: Mapping[str, npt.NDArray[Any]],
        *,
        threads: int,
    ) -> None:
        """Load the weights, or raise ModelError; `threads` work together on each call."""
        mean, std = (
            np.array(each, dtype=np.float32).reshape(1, 3, 1, 1)
            for each in (specification.preprocessing.mean, specification.preprocessing.std)
        )
        self._weight_DF, self._bias_D = (as_float32(tensors[each]) for each in _HEAD_TENSORS)
        weights = {name: each for name, each in tensors.items() if name.startswith(_TRUNK)}
        weights |= {"scale": 1 / (255 * std), "shift": -mean / std}
        self._graph = Graph(GRAPH, specification.name, threads=threads, constants=weights)

    def embed(self, pixels_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features projected to the length of an embedding, float32 (N, D)."""
        return self.features(pixels_NHWC) @ self._weight_DF.T + self._bias_D

    def features(self, pixels_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return what the trunk pools, float32 (N, F), of uint8 pictures before normalisation."""
        pooled = self._graph.run(hand_over({"pixels": pixels_NHWC}))
        features_NF: npt.NDArray[np.float32] = pooled.numpy()
        return features_NF
