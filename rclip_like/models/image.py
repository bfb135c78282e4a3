"""Image towers in NumPy: one query picture costs a fraction of a second and no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rclip_like.errors import ModelError
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.tensors import map_tensors
from rclip_like.models.transformer import Array, Transformer
from rclip_like.models.unit import unit_row

if TYPE_CHECKING:
    from rclip_like.values import Embedding, Pixels

# Shape suffixes: H, W pixels, C colours, P patches, V pixels of a patch, T class token and patches,
# D embedding; in the transformer W is its width.

_VIT_KEYS = frozenset(
    ["image_size", "layers", "width", "head_width", "mlp_ratio", "patch_size", "norm_kwargs"]
    + ["ls_init_value", "no_ln_pre", "patch_dropout", "pos_embed_type", "pool_type"]
    + ["attn_pooler_queries", "attn_pooler_heads", "timm_model_pretrained", "timm_drop"]
)
"""Keys of `vision_cfg` that the transformer understands; any other, when set, changes the model."""


def supports(specification: ModelSpecification) -> bool:
    """Return whether ImageTower computes what the model's own image tower computes.

    It does for vision transformers read at the class token, with weights in float32 or float16
    safetensors.
    """
    config = specification.config
    if "multimodal_cfg" in config or specification.weights.suffix != ".safetensors":
        return False
    if not _is_plain_transformer(config["vision_cfg"]):
        return False
    tensors = map_tensors(specification.weights)
    positions = tensors.get("visual.positional_embedding")
    # open_clip stretches the positions of pictures of another size.
    return "visual.proj" in tensors and positions is not None and len(positions) == _places(config)


def _places(config: Mapping[str, Any]) -> int:
    """Return how many tokens a picture is: its patches and the class token."""
    vision = config["vision_cfg"]
    across = int(vision.get("image_size", 224)) // int(vision.get("patch_size", 16))
    return 1 + across * across


def _is_plain_transformer(vision: Mapping[str, Any]) -> bool:
    return (
        not {key for key, value in vision.items() if value} - _VIT_KEYS
        and all(
            isinstance(vision.get(key, 1), int) for key in ("layers", "patch_size", "image_size")
        )
        and vision.get("pos_embed_type", "learnable") in ("learnable", "sin_cos_2d")
        and vision.get("pool_type", "tok") == "tok"
        and set(vision.get("norm_kwargs") or {}) <= {"eps"}
    )


class ImageTower:
    """The weights of an image tower, memory-mapped."""

    def __init__(self, specification: ModelSpecification, tensors: Mapping[str, Any]) -> None:
        self._name = specification.name
        self._preprocessing = specification.preprocessing
        vision = specification.config["vision_cfg"]
        quick = bool(specification.config.get("quick_gelu"))
        self._features = VisionTransformer(tensors, vision, quick=quick)

    @classmethod
    def load(cls, specification: ModelSpecification) -> ImageTower:
        """Return the tower of a model that `supports` accepts.

        Raises ModelError when the weight file cannot be read.
        """
        return cls(specification, map_tensors(specification.weights))

    def encode(self, pixels_HWC: Pixels) -> Embedding:
        """Return the unit float32 row (D,) of one picture, uint8 before normalisation.

        Raises ModelError when a tensor is missing or gives values that are no numbers.
        """
        image_HWC = pixels_HWC.astype(np.float32) / np.float32(255)
        image_HWC -= np.array(self._preprocessing.mean, dtype=np.float32)
        image_HWC /= np.array(self._preprocessing.std, dtype=np.float32)
        try:
            features_D = self._features.features(image_HWC)
        except KeyError as error:
            raise ModelError(f"the weights of {self._name} lack {error.args[0]}") from error
        return unit_row(features_D, self._name)


class VisionTransformer:
    """CLIP's vision transformer (Radford et al. 2021, section 2.4)."""

    def __init__(
        self, tensors: Mapping[str, Any], vision: Mapping[str, Any], *, quick: bool
    ) -> None:
        self._patch: int = vision.get("patch_size", 16)
        heads = vision.get("width", 768) // vision.get("head_width", 64)
        self._layers = Transformer(
            tensors, "visual.", vision, num_heads=heads, causal=False, quick=quick
        )

    def features(self, image_HWC: Array) -> Array:
        """Return the features float32 (D,) of one normalised picture."""
        layers = self._layers
        kernel_WV = layers.weight("conv1.weight").transpose(0, 2, 3, 1)
        patches_PW = _patches(image_HWC, self._patch) @ kernel_WV.reshape(len(kernel_WV), -1).T
        x_TW = np.concatenate([layers.weight("class_embedding")[np.newaxis], patches_PW])
        x_TW += layers.weight("positional_embedding")
        if layers.has("ln_pre.weight"):
            x_TW = layers.normalise(x_TW, "ln_pre")
        x_TW = layers.run(x_TW, [len(x_TW)])
        features_D: Array = layers.normalise(x_TW[0], "ln_post") @ layers.weight("proj")
        return features_D


def _patches(image_HWC: Array, side: int) -> npt.NDArray[np.float32]:
    """Return the picture's square patches row by row, each as one row of its pixels (P, V).

    What is left over at the right and the bottom is dropped, as a convolution drops it.
    """
    high, wide = image_HWC.shape[0] // side, image_HWC.shape[1] // side
    cut = image_HWC[: high * side, : wide * side].reshape(high, side, wide, side, 3)
    return cut.transpose(0, 2, 1, 3, 4).reshape(high * wide, -1)
