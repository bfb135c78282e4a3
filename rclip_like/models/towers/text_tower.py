"""The text tower of a standard CLIP in NumPy: one query costs milliseconds and no torch."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rclip_like.errors import ModelError
from rclip_like.models.schema import is_custom
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.towers.tensors import Stored, as_float32, unit_rows
from rclip_like.models.towers.tokenizer import END, is_cut, tokenize
from rclip_like.models.towers.transformer import PARTS, Array, Transformer, layer_shapes

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

# Shape suffixes: N texts, T tokens of several texts one after another, W width, D embedding.

TEXTS_AT_ONCE = 64
_KNOWN_KEYS = frozenset(
    ["context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio", "pad_id", "eos_id"]
    + ["pool_type", "proj_type", "proj_bias", "no_causal_mask", "norm_kwargs", "ls_init_value"]
)
"""Keys of `text_cfg` that this tower understands; any other, when it is set, changes the model."""


def supports(specification: ModelSpecification, header: Mapping[str, Stored]) -> bool:
    """Return whether TextTower computes what the model's own text tower computes.

    It does for transformers with learned positions read at the end token, with the default
    tokenizer and all their weights and no others beside the image tower's, in float32 or float16,
    each of the size that the configuration says.
    """
    config = specification.config
    text = config["text_cfg"]
    pool = text.get("pool_type", "argmax")
    foreign = {key for key, value in text.items() if value} - _KNOWN_KEYS
    reads_end = pool == "argmax" or (pool == "eos" and text.get("eos_id") == END)
    has_vocabulary = text.get("vocab_size", END + 1) == END + 1
    if foreign or "multimodal_cfg" in config or not reads_end or not has_vocabulary:
        return False
    found = {name: each for name, each in header.items() if not name.startswith("visual.")}
    scale, bias = found.pop("logit_scale", None), found.pop("logit_bias", None)
    knows_bias = config.get("init_logit_bias") is not None
    if scale is None or math.prod(scale.shape) != 1 or (bias is not None and not knows_bias):
        return False
    shapes = _shapes(specification, _prefix(found))
    return {name: each.is_plain and each.shape for name, each in found.items()} == shapes


def _prefix(names: Container[str]) -> str:
    """Return what stands before the names of a text tower's weights."""
    return "text." if "text.ln_final.weight" in names else ""


def _shapes(specification: ModelSpecification, prefix: str) -> dict[str, tuple[int, ...]] | None:
    """Return the shapes of a text tower's weights by name, or None if open_clip makes no such."""
    text, dimension = specification.config["text_cfg"], specification.dimension
    width, heads = text.get("width", 512), text.get("heads", 8)
    projects = text.get("proj_type", "linear") != "none"
    if width % heads or not (projects or width == dimension):
        return None
    is_of_its_own = is_custom(specification.config)
    # open_clip renames the weights of a text tower without a prefix if it finds this projection.
    if is_of_its_own != bool(prefix) and not (
        is_of_its_own and projects and not text.get("proj_bias")
    ):
        return None
    shapes: dict[str, tuple[int, ...]] = {
        "token_embedding.weight": (END + 1, width),
        "positional_embedding": (specification.context_length, width),
        **{f"ln_final.{part}": (width,) for part in PARTS},
    }
    if projects and text.get("proj_bias"):
        shapes["text_projection.weight"] = (dimension, width)
        shapes["text_projection.bias"] = (dimension,)
    elif projects:
        shapes["text_projection"] = (width, dimension)
    hidden = int(width * text.get("mlp_ratio", 4.0))
    layer = layer_shapes(width, hidden, is_scaled=text.get("ls_init_value") is not None)
    for number in range(text.get("layers", 12)):
        shapes |= {f"transformer.resblocks.{number}.{name}": each for name, each in layer.items()}
    return {prefix + name: shape for name, shape in shapes.items()}


class TextTower:
    """The text tower of a model that `supports` accepts; only what the texts need is read."""

    def __init__(self, specification: ModelSpecification, tensors: Mapping[str, Any]) -> None:
        self._name = specification.name
        text = specification.config["text_cfg"]
        self._context_length = specification.context_length
        self._causal = not text.get("no_causal_mask")
        self._layers = Transformer(
            tensors,
            # With `custom_text` the tower is an object of its own.
            _prefix(tensors),
            text,
            num_heads=text.get("heads", 8),
            causal=self._causal,
            quick=bool(specification.config.get("quick_gelu")),
        )

    def texts(self, texts: Sequence[str]) -> Embeddings:
        """Return unit float32 rows (N, D), in order; texts too long are cut as open_clip does.

        Raises ModelError when a tensor is missing or gives values that are not numbers.
        """
        parts = [texts[i : i + TEXTS_AT_ONCE] for i in range(0, len(texts), TEXTS_AT_ONCE)]
        try:
            features_ND = np.concatenate([self._encode(part) for part in parts])
        except KeyError as error:
            raise ModelError(f"the weights of {self._name} lack {error.args[0]}") from error
        return unit_rows(features_ND, self._name)

    def is_cut(self, text: str) -> bool:
        """Return whether a text is longer than the model's context, so that its end is lost."""
        return is_cut(text, self._context_length)

    def _encode(self, texts: Sequence[str]) -> Array:
        tokens = [tokenize(text, self._context_length) for text in texts]
        last = [row.index(END) for row in tokens]
        # The first end token sees those up to it, or without a causal mask all with padding.
        if self._causal:
            tokens = [row[: end + 1] for row, end in zip(tokens, last, strict=True)]
        else:
            tokens = [row + [0] * (self._context_length - len(row)) for row in tokens]
        lengths = [len(row) for row in tokens]
        layers = self._layers
        x_TW = as_float32(layers.tensor("token_embedding.weight")[np.concatenate(tokens)])
        positions = as_float32(layers.tensor("positional_embedding")[: max(lengths)])
        x_TW += np.concatenate([positions[:length] for length in lengths])
        x_TW = layers.run(x_TW, lengths)
        starts = np.cumsum([0, *lengths[:-1]])
        x_NW = layers.normalise(x_TW[starts + last], "ln_final")
        if layers.has("text_projection"):
            features_ND: Array = x_NW @ layers.weight("text_projection")
            return features_ND
        has_bias = layers.has("text_projection.weight")
        return layers.linear(x_NW, "text_projection.") if has_bias else x_NW
