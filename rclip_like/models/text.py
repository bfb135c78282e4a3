"""The text tower of a standard CLIP in NumPy: one query costs milliseconds and no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rclip_like.errors import ModelError
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.tensors import as_float32, map_tensors
from rclip_like.models.tokenizer import END, tokenize

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

# Shape suffixes: N texts, T tokens of several texts one after another, L tokens of one text,
# W width, H heads, K width of a head, F width of the hidden layer, D embedding.

Array = npt.NDArray[np.float32]

TEXTS_AT_ONCE = 64
_KNOWN_KEYS = frozenset(
    ["context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio", "pad_id", "eos_id"]
    + ["pool_type", "proj_type", "proj_bias", "no_causal_mask", "norm_kwargs", "ls_init_value"]
)
"""Keys of `text_cfg` that this tower understands; any other, when it is set, changes the model."""

_ERF_TERMS = (-0.227540999, 0.886680345, -0.635426489, 0.649580784, 0.091379739, 0.235326619)


def supports(specification: ModelSpecification) -> bool:
    """Return whether TextTower computes what the model's own text tower computes.

    It does for transformers with learned positions read at the end token, with the default
    tokenizer and weights in float32 or float16 safetensors.
    """
    config = specification.config
    text = config.get("text_cfg") or {}
    foreign = {key for key, value in text.items() if value} - _KNOWN_KEYS
    return (
        not foreign
        and "multimodal_cfg" not in config
        and _reads_end(text)
        and set(text.get("norm_kwargs") or {}) <= {"eps"}
        and text.get("vocab_size", END + 1) == END + 1
        and specification.weights.suffix == ".safetensors"
        and _is_stored_plainly(specification)
    )


def _reads_end(text: Mapping[str, Any]) -> bool:
    pool = text.get("pool_type", "argmax")
    return pool == "argmax" or (pool == "eos" and text.get("eos_id") == END)


def _is_stored_plainly(specification: ModelSpecification) -> bool:
    tensors = map_tensors(specification.weights)
    return any(name in tensors for name in ("ln_final.weight", "text.ln_final.weight"))


class TextTower:
    """The weights of a text tower, memory-mapped; only what the texts need is read."""

    def __init__(self, specification: ModelSpecification, tensors: Mapping[str, Any]) -> None:
        self._name = specification.name
        self._tensors = tensors
        text = specification.config["text_cfg"]
        self._context_length = specification.context_length
        self._num_layers: int = text.get("layers", 12)
        self._num_heads: int = text.get("heads", 8)
        self._epsilon = np.float32((text.get("norm_kwargs") or {}).get("eps", 1e-5))
        self._causal = not text.get("no_causal_mask")
        self._activate = quick_gelu if specification.config.get("quick_gelu") else gelu

    @classmethod
    def load(cls, specification: ModelSpecification) -> TextTower:
        """Return the tower of a model that `supports` accepts.

        Raises ModelError when the weight file cannot be read.
        """
        return cls(specification, map_tensors(specification.weights))

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return unit float32 rows (N, D), in order; texts too long are cut as open_clip does.

        Raises ModelError when a tensor is missing.
        """
        parts = [texts[i : i + TEXTS_AT_ONCE] for i in range(0, len(texts), TEXTS_AT_ONCE)]
        try:
            features_ND = np.concatenate([self._encode(part) for part in parts])
        except KeyError as error:
            raise ModelError(f"the weights of {self._name} lack {error.args[0]}") from error
        embeddings_ND: Embeddings = features_ND / np.linalg.norm(features_ND, axis=1, keepdims=True)
        return embeddings_ND

    def _encode(self, texts: Sequence[str]) -> Array:
        tokens = [tokenize(text, self._context_length) for text in texts]
        last = [row.index(END) for row in tokens]
        tokens = [self._visible(row, end) for row, end in zip(tokens, last, strict=True)]
        lengths = [len(row) for row in tokens]
        x_TW = as_float32(self._tensor("token_embedding.weight")[np.concatenate(tokens)])
        positions = as_float32(self._tensor("positional_embedding")[: max(lengths)])
        x_TW += np.concatenate([positions[:length] for length in lengths])
        for layer in range(self._num_layers):
            x_TW = self._block(x_TW, f"transformer.resblocks.{layer}", lengths)
        starts = np.cumsum([0, *lengths[:-1]])
        return self._project(self._normalise(x_TW[starts + last], "ln_final"))

    def _visible(self, tokens: list[int], end: int) -> list[int]:
        """Return the tokens that the first end token sees: those up to it, or all with padding."""
        if self._causal:
            return tokens[: end + 1]
        return tokens + [0] * (self._context_length - len(tokens))

    def _block(self, x_TW: Array, name: str, lengths: Sequence[int]) -> Array:
        attended_TW = self._attend(self._normalise(x_TW, f"{name}.ln_1"), f"{name}.attn", lengths)
        x_TW = x_TW + self._scale(attended_TW, f"{name}.ls_1")
        hidden_TF = self._linear(self._normalise(x_TW, f"{name}.ln_2"), f"{name}.mlp.c_fc.")
        changed_TW = self._linear(self._activate(hidden_TF), f"{name}.mlp.c_proj.")
        return x_TW + self._scale(changed_TW, f"{name}.ls_2")

    def _attend(self, x_TW: Array, name: str, lengths: Sequence[int]) -> Array:
        """Return each text's self-attention (Vaswani et al. 2017, equation 1)."""
        in_T3W = self._linear(x_TW, f"{name}.in_proj_")
        texts = np.split(in_T3W, np.cumsum(lengths)[:-1])
        return self._linear(
            np.concatenate([self._mix(text) for text in texts]), f"{name}.out_proj."
        )

    def _mix(self, in_L3W: Array) -> Array:
        length, width = len(in_L3W), in_L3W.shape[1] // 3
        split = in_L3W.reshape(length, 3, self._num_heads, width // self._num_heads)
        q_HLK, k_HLK, v_HLK = split.transpose(1, 2, 0, 3)
        scores_HLL = q_HLK @ k_HLK.transpose(0, 2, 1)
        scores_HLL *= np.float32(q_HLK.shape[-1] ** -0.5)
        if self._causal:
            scores_HLL[:, np.triu(np.ones((length, length), dtype=bool), k=1)] = -np.inf
        weights_HLL = np.exp(scores_HLL - scores_HLL.max(axis=-1, keepdims=True))
        weights_HLL /= weights_HLL.sum(axis=-1, keepdims=True)
        mixed_LW: Array = (weights_HLL @ v_HLK).transpose(1, 0, 2).reshape(length, width)
        return mixed_LW

    def _normalise(self, x: Array, name: str) -> Array:
        centred: Array = x - x.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        centred /= np.sqrt(variance + self._epsilon)
        centred *= self._weight(f"{name}.weight")
        centred += self._weight(f"{name}.bias")
        return centred

    def _linear(self, x: Array, prefix: str) -> Array:
        product: Array = x @ self._weight(prefix + "weight").T
        product += self._weight(prefix + "bias")
        return product

    def _scale(self, x: Array, name: str) -> Array:
        return x * self._weight(f"{name}.gamma") if self._has(f"{name}.gamma") else x

    def _project(self, x_NW: Array) -> Array:
        if self._has("text_projection"):
            features_ND: Array = x_NW @ self._weight("text_projection")
            return features_ND
        if self._has("text_projection.weight"):
            return self._linear(x_NW, "text_projection.")
        return x_NW

    def _weight(self, name: str) -> Array:
        return as_float32(self._tensor(name))

    def _has(self, name: str) -> bool:
        return name in self._tensors or "text." + name in self._tensors

    def _tensor(self, name: str) -> npt.NDArray[Any]:
        """Return a tensor under its plain name or, with `custom_text`, behind `text.`."""
        full = name if name in self._tensors else "text." + name
        tensor: npt.NDArray[Any] = self._tensors[full]
        return tensor


def quick_gelu(x: Array) -> Array:
    """Return x * sigmoid(1.702 x), the activation of OpenAI's models."""
    with np.errstate(over="ignore"):
        activated: Array = x / (1 + np.exp(np.float32(-1.702) * x))
    return activated


def gelu(x: Array) -> Array:
    """Return x times the normal distribution function of x."""
    return (0.5 * x * (1 + erf(x * 0.5**0.5))).astype(np.float32)


def erf(x: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the error function, float64 within 1e-8.

    The form is Abramowitz and Stegun's 7.1.26; one term more, fitted in double precision, makes
    it fifteen times as exact. In float32 its alternating terms would cost a digit.
    """
    magnitude = np.abs(np.asarray(x, dtype=np.float64))
    t = 1 / (1 + 0.39 * magnitude)
    series = np.full_like(t, _ERF_TERMS[0])
    for term in _ERF_TERMS[1:]:
        series *= t
        series += term
    series *= t * np.exp(-magnitude * magnitude)
    return np.copysign(1 - series, x)
