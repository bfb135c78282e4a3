"""CLIP's vision transformer (Radford et al. 2021, section 2.4) on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.models.specification import ModelSpecification
from rclip_like.models.towers.onnx_graph import Graph, hand_over
from rclip_like.models.towers.tensors import Stored, as_float32
from rclip_like.models.towers.transformer import PARTS, SCALES, layer_shapes
from rclip_like.values import Preprocessing

# Shape suffixes: N pictures, H pixels down, C colours, V and U pixels of a patch down and across, T
# tokens (class token and patches), W width, of pictures in pixels, D embedding.

_GRAPHS = Path(__file__).parents[1] / "graphs"

PATCHES = _GRAPHS / "vit_patches.onnx"
"""Pixels to the first tokens, as `graphs/draw_graphs.py` draws it, like the graphs of the layers.

They hold no weights and know no sizes: these are inputs, memory-mapped, so that a model with
float32 weights is there at once and takes no memory for them. A graph made for one model, weights
inside, is up to a tenth faster, after 0.6 to 1 s and at a copy of the weights.
"""

LAYERS = {False: _GRAPHS / "vit_layer_gelu.onnx", True: _GRAPHS / "vit_layer_quick_gelu.onnx"}
"""Tokens to tokens, by whether the model has OpenAI's QuickGELU, x * sigmoid(1.702 x)."""

LAST_LAYERS = {
    False: _GRAPHS / "vit_last_layer_gelu.onnx",
    True: _GRAPHS / "vit_last_layer_quick_gelu.onnx",
}
"""Tokens to features: of the class token alone, in under a third of a layer's time."""

EPSILON = 1e-5
"""Of the layer normalisations."""

_MOST_PICTURES, _MOST_TOKENS = 8, 520
"""What a thread takes at a time: 8 pictures of 65 tokens are as fast as 4, and faster than 16."""

_PREFIX = "visual."

_KEYS = frozenset(
    ["image_size", "layers", "width", "head_width", "mlp_ratio", "patch_size"]
    + ["ls_init_value", "patch_dropout", "pos_embed_type", "pool_type"]
    + ["attn_pooler_queries", "attn_pooler_heads", "timm_model_pretrained", "timm_drop"]
)
"""Keys of `vision_cfg` that are understood here; any other, when set, changes the model."""


def supports(specification: ModelSpecification, header: Mapping[str, Stored]) -> bool:
    """Return whether VisionTransformer computes what the model's own image tower computes.

    It does for vision transformers read at the class token, with all their weights and no others,
    in float32 or float16, each of the size that the configuration says.
    """
    config = specification.config
    if "multimodal_cfg" in config or not _is_plain(config["vision_cfg"]):
        return False
    found = {name: each for name, each in header.items() if name.startswith(_PREFIX)}
    sizes = _Sizes.of(specification)
    is_divisible = sizes.heads > 0 and sizes.width % sizes.heads == 0
    stored = {name: each.is_plain and each.shape for name, each in found.items()}
    return is_divisible and sizes.across > 0 and stored == sizes.shapes()


def _is_plain(vision: Mapping[str, Any]) -> bool:
    sizes = ("layers", "patch_size", "image_size")
    # What is computed once from sines and cosines is stored like what is learnt; open_clip wants
    # four parts of it for each patch.
    is_divisible = vision.get("pos_embed_type") != "sin_cos_2d" or vision.get("width", 768) % 4 == 0
    return (
        not {key for key, value in vision.items() if value} - _KEYS
        and all(isinstance(vision.get(key, 1), int) for key in sizes)
        and vision.get("pool_type", "tok") == "tok"
        and is_divisible
    )


class _Sizes(NamedTuple):
    """The sizes of a tower: counts, and widths in numbers or pixels."""

    layers: int
    width: int
    heads: int
    hidden: int
    patch: int
    across: int
    """Patches in a row, and rows of them."""
    dimension: int
    is_scaled: bool
    """Whether layers have `SCALES`."""

    @classmethod
    def of(cls, specification: ModelSpecification) -> _Sizes:
        """Return what a plain `vision_cfg` says, its defaults those of open_clip."""
        vision = specification.config["vision_cfg"]
        width, patch = vision.get("width", 768), vision.get("patch_size", 16)
        return cls(
            layers=vision.get("layers", 12),
            width=width,
            heads=width // vision.get("head_width", 64),
            hidden=int(width * vision.get("mlp_ratio", 4.0)),
            patch=patch,
            across=specification.preprocessing.size // patch,
            dimension=specification.dimension,
            is_scaled=vision.get("ls_init_value") is not None,
        )

    @property
    def tokens(self) -> int:
        """How many tokens a picture is: its patches and the class token."""
        return 1 + self.across**2

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of all weights by name."""
        width = self.width
        shapes: dict[str, tuple[int, ...]] = {
            "class_embedding": (width,),
            "positional_embedding": (self.tokens, width),
            "conv1.weight": (width, 3, self.patch, self.patch),
            "proj": (width, self.dimension),
        }
        shapes |= {f"{name}.{part}": (width,) for name in ("ln_pre", "ln_post") for part in PARTS}
        for number in range(self.layers):
            layer = self.layer_shapes()
            shapes |= {_layer_prefix(number) + name: shape for name, shape in layer.items()}
        return {_PREFIX + name: shape for name, shape in shapes.items()}

    def layer_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of one layer's weights."""
        return layer_shapes(self.width, self.hidden, is_scaled=self.is_scaled)


class VisionTransformer:
    """The tower with its weights memory-mapped; several threads may call it at once.

    `pictures_at_once` are what a thread is quickest with.
    """

    def __init__(
        self,
        specification: ModelSpecification,
        tensors: Mapping[str, npt.NDArray[Any]],
        *,
        threads: int,
    ) -> None:
        """Take the weights as they lie in memory; `threads` work together on each call."""
        sizes = _Sizes.of(specification)
        own = {name: each for name, each in tensors.items() if name.startswith(_PREFIX)}
        tensors = {name.removeprefix(_PREFIX): each for name, each in own.items()}
        self.pictures_at_once = max(1, min(_MOST_TOKENS // sizes.tokens, _MOST_PICTURES))
        self.num_features = sizes.width
        self._side = specification.preprocessing.size
        self._visible_side = sizes.across * sizes.patch
        self._patch_inputs = _patch_inputs(tensors, sizes, specification.preprocessing)
        *self._layer_inputs, last = _layer_inputs(tensors, sizes)
        ending = {name: tensors[name] for name in ("ln_post.weight", "ln_post.bias", "proj")}
        per_picture = np.array([-1, sizes.tokens, sizes.width])
        self._last_inputs = last | hand_over(ending | {"per_picture": per_picture})
        self._unprojected = hand_over({"proj": np.eye(sizes.width, dtype=np.float32)})
        quick = bool(specification.config.get("quick_gelu"))
        self._patches, self._layer, self._last_layer = (
            Graph(path, specification.name, threads=threads)
            for path in (PATCHES, LAYERS[quick], LAST_LAYERS[quick])
        )

    def embed(self, pixels_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features projected to the length of an embedding, float32 (N, D)."""
        return self._run(pixels_NHWC, self._last_inputs)

    def features(self, pixels_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features float32 (N, F) of uint8 pictures before normalisation."""
        return self._run(pixels_NHWC, self._last_inputs | self._unprojected)

    def _run(
        self, pixels_NHWC: npt.NDArray[np.uint8], last_inputs: Mapping[str, Any]
    ) -> npt.NDArray[np.float32]:
        assert pixels_NHWC.shape[1:] == (self._side, self._side, 3)
        # What fills no patch is dropped, as a convolution drops it.
        visible = {"pixels": pixels_NHWC[:, : self._visible_side, : self._visible_side]}
        x = self._patches.run(hand_over(visible) | self._patch_inputs)
        for inputs in self._layer_inputs:
            x = self._layer.run({"x": x} | inputs)
        last_ND: npt.NDArray[np.float32] = self._last_layer.run({"x": x, **last_inputs}).numpy()
        return last_ND


def _patch_inputs(
    tensors: Mapping[str, npt.NDArray[Any]], sizes: _Sizes, preprocessing: Preprocessing
) -> dict[str, Any]:
    """Return what the graph of the patches takes beside the pixels."""
    mean_C, std_C = np.array([preprocessing.mean, preprocessing.std], dtype=np.float32)
    across, patch, width = sizes.across, sizes.patch, sizes.width
    kernel_WCVU = tensors["conv1.weight"]
    positions_TW = as_float32(tensors["positional_embedding"]).copy()
    positions_TW[0] += tensors["class_embedding"]
    inputs = {
        "grid": np.array([-1, across, patch, across, patch, 3]),
        "flat": np.array([-1, 3 * patch**2]),
        "per_picture": np.array([-1, across**2, width]),
        "rows": np.array([-1, width]),
        "scale": np.tile(1 / (255 * std_C), patch**2),
        "shift": np.tile(-mean_C / std_C, patch**2),
        "kernel": kernel_WCVU.transpose(0, 2, 3, 1).reshape(width, -1),
        "positions": positions_TW,
    }
    norm = {f"ln_pre.{part}": tensors[f"ln_pre.{part}"] for part in PARTS}
    return hand_over(inputs | norm)


def _layer_inputs(
    tensors: Mapping[str, npt.NDArray[Any]], sizes: _Sizes
) -> Iterator[dict[str, Any]]:
    """Yield what each layer takes beside the tokens."""
    head_width = sizes.width // sizes.heads
    inputs = {
        "heads": np.array([-1, sizes.tokens, 3, sizes.heads, head_width]),
        "rows": np.array([-1, sizes.width]),
        "query_scale": np.array(head_width**-0.5, dtype=np.float32),
    }
    shared = hand_over(inputs)
    unscaled = dict.fromkeys(SCALES, np.ones(1, dtype=np.float32))
    for number in range(sizes.layers):
        names = sizes.layer_shapes()
        weights = {name: tensors[_layer_prefix(number) + name] for name in names}
        yield hand_over(unscaled | weights) | shared


def _layer_prefix(number: int) -> str:
    return f"transformer.resblocks.{number}."
