"""The layers of CLIP's text transformer, in NumPy on memory-mapped weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rclip_like.models.towers.tensors import as_float32

# Shape suffixes: T tokens of several items one after another, L tokens of one item, W width,
# H heads, K width of a head, F width of the hidden layer.

Array = npt.NDArray[np.float32]

SCALES = ("ls_1.gamma", "ls_2.gamma")
"""What both halves of a layer are multiplied with (Touvron et al. 2021), where a model has it."""

PARTS = ("weight", "bias")

_ERF_TERMS = (-0.227540999, 0.886680345, -0.635426489, 0.649580784, 0.091379739, 0.235326619)


class Transformer:
    """The weights of one tower behind `prefix`; only what is used is read from the disk.

    config: `text_cfg`. Every method raises KeyError with the name of a tensor that is missing.
    """

    def __init__(
        self,
        tensors: Mapping[str, Any],
        prefix: str,
        config: Mapping[str, Any],
        *,
        num_heads: int,
        causal: bool,
        quick: bool,
    ) -> None:
        self._tensors = tensors
        self._converted: dict[str, Array] | None = None
        self._prefix = prefix
        self._num_layers: int = config.get("layers", 12)
        self._num_heads = num_heads
        self._epsilon = np.float32((config.get("norm_kwargs") or {}).get("eps", 1e-5))
        self._causal = causal
        self._activate = quick_gelu if quick else gelu

    def run(self, x_TW: Array, lengths: Sequence[int]) -> Array:
        """Return what all layers make of items with so many tokens each, one after another."""
        for layer in range(self._num_layers):
            x_TW = self._block(x_TW, f"transformer.resblocks.{layer}", lengths)
        if self._converted is None:
            self._converted = {}
        return x_TW

    def normalise(self, x: Array, name: str) -> Array:
        """Return rows of mean 0 and variance 1, with the gain and bias behind `name`."""
        centred: Array = x - x.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        centred /= np.sqrt(variance + self._epsilon)
        centred *= self.weight(f"{name}.weight")
        centred += self.weight(f"{name}.bias")
        return centred

    def linear(self, x: Array, prefix: str) -> Array:
        """Return x through the linear layer behind `prefix`."""
        product: Array = x @ self.weight(prefix + "weight").T
        product += self.weight(prefix + "bias")
        return product

    def weight(self, name: str) -> Array:
        """Return a tensor of this tower in float32; from the second run on the result is kept.

        One text alone is quicker where each layer's weights take the memory of those before.
        """
        if self._converted is None:
            return as_float32(self.tensor(name))
        if name not in self._converted:
            self._converted[name] = as_float32(self.tensor(name))
        return self._converted[name]

    def tensor(self, name: str) -> npt.NDArray[Any]:
        """Return a tensor of this tower as it is stored."""
        tensor: npt.NDArray[Any] = self._tensors[self._prefix + name]
        return tensor

    def has(self, name: str) -> bool:
        """Return whether the tower has a tensor of that name."""
        return self._prefix + name in self._tensors

    def _block(self, x_TW: Array, name: str, lengths: Sequence[int]) -> Array:
        attended_TW = self._attend(self.normalise(x_TW, f"{name}.ln_1"), f"{name}.attn", lengths)
        x_TW = x_TW + self._scale(attended_TW, f"{name}.ls_1")
        hidden_TF = self.linear(self.normalise(x_TW, f"{name}.ln_2"), f"{name}.mlp.c_fc.")
        changed_TW = self.linear(self._activate(hidden_TF), f"{name}.mlp.c_proj.")
        return x_TW + self._scale(changed_TW, f"{name}.ls_2")

    def _attend(self, x_TW: Array, name: str, lengths: Sequence[int]) -> Array:
        """Return each item's self-attention (Vaswani et al. 2017, equation 1)."""
        in_T3W = self.linear(x_TW, f"{name}.in_proj_")
        items = np.split(in_T3W, np.cumsum(lengths)[:-1])
        return self.linear(np.concatenate([self._mix(item) for item in items]), f"{name}.out_proj.")

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

    def _scale(self, x: Array, name: str) -> Array:
        return x * self.weight(f"{name}.gamma") if self.has(f"{name}.gamma") else x


def layer_shapes(width: int, hidden: int, *, is_scaled: bool) -> dict[str, tuple[int, ...]]:
    """Return the shapes of one layer's weights by name, in a picture's tower and a text's.

    hidden: the width between its two linear layers. is_scaled: whether it has `SCALES`.
    """
    shapes: dict[str, tuple[int, ...]] = {
        f"{name}.{part}": (width,) for name in ("ln_1", "ln_2") for part in PARTS
    }
    for prefix, outputs, inputs in (
        ("attn.in_proj_", 3 * width, width),
        ("attn.out_proj.", width, width),
        ("mlp.c_fc.", hidden, width),
        ("mlp.c_proj.", width, hidden),
    ):
        shapes |= {prefix + "weight": (outputs, inputs), prefix + "bias": (outputs,)}
    return shapes | (dict.fromkeys(SCALES, (width,)) if is_scaled else {})


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
