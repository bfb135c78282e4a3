"""CLIP's vision transformer (Radford et al. 2021, section 2.4) on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rclip_like.errors import ModelError
from rclip_like.models.runtime import Graph, hand_over
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.tensors import as_float32, map_tensors
from rclip_like.values import Preprocessing

# Shape suffixes: N pictures, H and W pixels, C colours, P and Q patches down and across, V and U
# pixels of a patch down and across, T tokens (class token and patches), W width, D embedding.

_HERE = Path(__file__).parent

PATCHES = _HERE / "vit_patches.onnx"
"""Pixels to the first tokens, as `train.graphs` writes it, like the graphs of the layers.

They hold no weights and know no sizes: these are inputs, memory-mapped, so that a model is there
at once and takes no memory of its own. A graph made for one model, weights inside, is 2 to 8 %
faster, but takes a second and twice the size of the weights.
"""

LAYERS = {False: _HERE / "vit_layer_gelu.onnx", True: _HERE / "vit_layer_quick_gelu.onnx"}
"""Tokens to tokens, by whether the model has OpenAI's QuickGELU, x * sigmoid(1.702 x)."""

LAST_LAYERS = {
    False: _HERE / "vit_last_layer_gelu.onnx",
    True: _HERE / "vit_last_layer_quick_gelu.onnx",
}
"""Tokens to features; as only the class token is read, they do a sixth of a layer's work."""

_LAYER_TENSORS = (
    *("ln_1.weight", "ln_1.bias", "attn.in_proj_weight", "attn.in_proj_bias"),
    *("attn.out_proj.weight", "attn.out_proj.bias", "ln_2.weight", "ln_2.bias"),
    *("mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias"),
)
_SCALES = ("ls_1.gamma", "ls_2.gamma")
"""What both halves of a layer are multiplied with (Touvron et al. 2021), where a model has it."""

EPSILON = 1e-5
"""Of the layer normalisations."""

_MOST_PICTURES, _MOST_TOKENS = 8, 520
"""What a thread takes at a time: more is slower (for larger models), or more is lost by a kill."""

_KEYS = frozenset(
    ["image_size", "layers", "width", "head_width", "mlp_ratio", "patch_size"]
    + ["ls_init_value", "patch_dropout", "pos_embed_type", "pool_type"]
    + ["attn_pooler_queries", "attn_pooler_heads", "timm_model_pretrained", "timm_drop"]
)
"""Keys of `vision_cfg` that are understood here; any other, when set, changes the model."""


def supports(specification: ModelSpecification) -> bool:
    """Return whether VisionTransformer computes what the model's own image tower computes.

    It does for vision transformers read at the class token, with weights in float32 or float16
    safetensors.
    """
    config = specification.config
    if "multimodal_cfg" in config or specification.weights.suffix != ".safetensors":
        return False
    if not _is_plain(config["vision_cfg"]):
        return False
    tensors = map_tensors(specification.weights)
    positions = tensors.get("visual.positional_embedding")
    across = specification.preprocessing.size // config["vision_cfg"].get("patch_size", 16)
    # open_clip stretches the positions of pictures of another size.
    return "visual.proj" in tensors and positions is not None and len(positions) == 1 + across**2


def _is_plain(vision: Mapping[str, Any]) -> bool:
    return (
        not {key for key, value in vision.items() if value} - _KEYS
        and all(
            isinstance(vision.get(key, 1), int) for key in ("layers", "patch_size", "image_size")
        )
        and vision.get("pos_embed_type", "learnable") in ("learnable", "sin_cos_2d")
        and vision.get("layers", 12) > 0
        and vision.get("pool_type", "tok") == "tok"
    )


class VisionTransformer:
    """The tower with its weights memory-mapped, as `cpu_encoder.Tower` describes it."""

    def __init__(self, specification: ModelSpecification, *, threads: int) -> None:
        """Map the weights; `threads` work together on each call.

        Raises ModelError when they cannot be read or do not fit.
        """
        name, config = specification.name, specification.config
        weights = _Weights(specification)
        fitting = _MOST_TOKENS // weights.num_tokens
        self.pictures_at_once = max(1, min(fitting, _MOST_PICTURES))
        self._visible_side = weights.across * weights.patch
        try:
            self._patch_inputs = weights.of_patches(specification.preprocessing)
            *self._layer_inputs, last = weights.of_layers()
            self._last_inputs = last | weights.of_end()
        except KeyError as error:
            raise ModelError(f"the weights of {name} lack {error.args[0]}") from error
        quick = bool(config.get("quick_gelu"))
        self._patches = Graph(PATCHES, name, threads=threads)
        self._layer = Graph(LAYERS[quick], name, threads=threads)
        self._last_layer = Graph(LAST_LAYERS[quick], name, threads=threads)

    def features(self, pixels_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features float32 (N, D) of uint8 pictures before normalisation."""
        # What fills no patch is dropped, as a convolution drops it.
        visible = {"pixels": pixels_NHWC[:, : self._visible_side, : self._visible_side]}
        x = self._patches.run(hand_over(visible) | self._patch_inputs)
        for inputs in self._layer_inputs:
            x = self._layer.run({"x": x} | inputs)
        features_ND: npt.NDArray[np.float32] = self._last_layer.run(
            {"x": x} | self._last_inputs
        ).numpy()
        return features_ND


class _Weights:
    """A model's weights by the names of the graphs' inputs, and the shapes that go with them.

    Every method raises KeyError with the name of a tensor that is missing.
    """

    def __init__(self, specification: ModelSpecification) -> None:
        self._vision = specification.config["vision_cfg"]
        self._tensors = map_tensors(specification.weights)
        self.patch: int = self._vision.get("patch_size", 16)
        self.across = specification.preprocessing.size // self.patch
        self.num_tokens = 1 + self.across**2
        self._width: int = self._vision.get("width", 768)
        self._num_layers: int = self._vision.get("layers", 12)
        self._refuse_misfits(specification.name)

    def of_patches(self, preprocessing: Preprocessing) -> dict[str, Any]:
        """Return what the graph of the patches takes beside the pixels."""
        mean_C, std_C = (
            np.array(each, dtype=np.float32) for each in (preprocessing.mean, preprocessing.std)
        )
        across, patch, num_pixels = self.across, self.patch, self.patch**2
        kernel_WCVU = self._tensor("conv1.weight")
        positions_TW = as_float32(self._tensor("positional_embedding")).copy()
        positions_TW[0] += self._tensor("class_embedding")
        return hand_over(
            {
                "grid": np.array([-1, across, patch, across, patch, 3]),
                "flat": np.array([-1, 3 * num_pixels]),
                "per_picture": np.array([-1, across**2, self._width]),
                "rows": np.array([-1, self._width]),
                "scale": np.tile(1 / (255 * std_C), num_pixels),
                "shift": np.tile(-mean_C / std_C, num_pixels),
                "kernel": kernel_WCVU.transpose(0, 2, 3, 1).reshape(self._width, -1),
                "positions": positions_TW,
                "ln_pre.weight": self._tensor("ln_pre.weight"),
                "ln_pre.bias": self._tensor("ln_pre.bias"),
            }
        )

    def of_layers(self) -> Iterator[dict[str, Any]]:
        """Yield what each layer takes beside the tokens."""
        head_width: int = self._vision.get("head_width", 64)
        num_heads = self._width // head_width
        shared = hand_over(
            {
                "heads": np.array([-1, self.num_tokens, 3, num_heads, head_width]),
                "rows": np.array([-1, self._width]),
                "query_scale": np.array(head_width**-0.5, dtype=np.float32),
            }
        )
        one = np.ones(1, dtype=np.float32)
        for number in range(self._num_layers):
            prefix = _layer_prefix(number)
            weights = {name: self._tensor(prefix + name) for name in _LAYER_TENSORS}
            scales = {name: self._tensors.get(f"visual.{prefix}{name}", one) for name in _SCALES}
            yield hand_over(weights | scales) | shared

    def of_end(self) -> dict[str, Any]:
        """Return what the last layer takes beside that."""
        weights = {name: self._tensor(name) for name in ("ln_post.weight", "ln_post.bias", "proj")}
        return hand_over(weights | {"per_picture": np.array([-1, self.num_tokens, self._width])})

    def _tensor(self, name: str) -> npt.NDArray[Any]:
        return self._tensors[f"visual.{name}"]

    def _refuse_misfits(self, name: str) -> None:
        """Raise ModelError for weights of another size than the configuration says."""
        places = {
            "class_embedding": (self._width,),
            "conv1.weight": (self._width, 3, self.patch, self.patch),
        }
        for place, shape in places.items():
            found = self._tensors.get(f"visual.{place}")
            if found is not None and found.shape != shape:
                raise ModelError(
                    f"the weights of {name} do not fit its configuration: visual.{place} is "
                    f"{found.shape}, not {shape}"
                )
        if f"visual.{_layer_prefix(self._num_layers)}ln_1.weight" in self._tensors:
            raise ModelError(
                f"the weights of {name} do not fit its configuration: they have more than "
                f"{self._num_layers} layers"
            )


def _layer_prefix(number: int) -> str:
    return f"transformer.resblocks.{number}."
