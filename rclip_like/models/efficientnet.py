"""EfficientNet-Lite0, the image tower of `builtin`, in NumPy (Tan and Le 2019; no torch)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from rclip_like.models.tensors import as_float32
from rclip_like.models.transformer import Array

# Shape suffixes: H, W pixels, C colours or channels, O channels of the result, D embedding.

_STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""How far apart the first block of each stage looks."""
_EPSILON = np.float32(1e-3)
"""Of the batch normalisations, as TensorFlow has it; its padding is used as well."""


class EfficientNetLite0:
    """The weights, memory-mapped; KeyError names a tensor that is missing."""

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        self._tensors = tensors

    def features(self, image_HWC: Array) -> Array:
        """Return the features float32 (D,) of one normalised picture."""
        x_HWC = _relu6(self._normalise(self._stem(image_HWC), "bn1"))
        for stage, stride in enumerate(_STRIDES):
            number = 0
            while self._has(f"blocks.{stage}.{number}.conv_dw.weight"):
                block = f"blocks.{stage}.{number}"
                x_HWC = self._block(x_HWC, block, stride if number == 0 else 1)
                number += 1
        x_HWC = _relu6(self._normalise(self._mix(x_HWC, "conv_head"), "bn2"))
        features_D: Array = self._tensor("visual.head.proj.weight") @ x_HWC.mean(axis=(0, 1))
        return features_D + self._tensor("visual.head.proj.bias")

    def _block(self, x_HWC: Array, name: str, stride: int) -> Array:
        """Return what an inverted residual makes of x (Sandler et al. 2018, figure 4)."""
        y_HWC = x_HWC
        last = "conv_pw"
        number = 1
        if self._has(f"{name}.conv_pwl.weight"):
            y_HWC = _relu6(self._normalise(self._mix(x_HWC, f"{name}.conv_pw"), f"{name}.bn1"))
            last, number = "conv_pwl", 2
        kernel_HWC = self._trunk(f"{name}.conv_dw.weight")[:, 0].transpose(1, 2, 0)
        y_HWC = _relu6(self._normalise(_depthwise(y_HWC, kernel_HWC, stride), f"{name}.bn{number}"))
        y_HWC = self._normalise(self._mix(y_HWC, f"{name}.{last}"), f"{name}.bn{number + 1}")
        return y_HWC + x_HWC if y_HWC.shape == x_HWC.shape else y_HWC

    def _stem(self, image_HWC: Array) -> Array:
        kernel_OCHW = self._trunk("conv_stem.weight")
        seen = _windows(image_HWC, kernel_OCHW.shape[-1], 2)
        products = [part @ kernel_OCHW[:, :, down, right].T for down, right, part in seen]
        total_HWO: Array = np.sum(products, axis=0, dtype=np.float32)
        return total_HWO

    def _mix(self, x_HWC: Array, name: str) -> Array:
        """Return each pixel's channels through a convolution of one pixel."""
        mixed_HWO: Array = x_HWC @ self._trunk(f"{name}.weight")[:, :, 0, 0].T
        return mixed_HWO

    def _normalise(self, x_HWC: Array, name: str) -> Array:
        """Return x through a batch normalisation, in place."""
        gain_C = self._trunk(f"{name}.weight") / np.sqrt(
            self._trunk(f"{name}.running_var") + _EPSILON
        )
        x_HWC *= gain_C
        x_HWC += self._trunk(f"{name}.bias") - self._trunk(f"{name}.running_mean") * gain_C
        return x_HWC

    def _has(self, name: str) -> bool:
        return f"visual.trunk.{name}" in self._tensors

    def _trunk(self, name: str) -> Array:
        return self._tensor(f"visual.trunk.{name}")

    def _tensor(self, name: str) -> Array:
        return as_float32(self._tensors[name])


def _depthwise(x_HWC: Array, kernel_HWC: Array, stride: int) -> Array:
    """Return each channel through its own small kernel."""
    total = np.zeros(1, dtype=np.float32)
    for down, right, part in _windows(x_HWC, len(kernel_HWC), stride):
        total = total + part * kernel_HWC[down, right]
    return total


def _windows(x_HWC: Array, side: int, stride: int) -> Iterator[tuple[int, int, Array]]:
    """Yield each place of a square kernel with what it sees of x, for all steps of the kernel.

    Zeros surround x as TensorFlow's SAME has it: one more below and to the right where uneven.
    """
    steps = [-(-length // stride) for length in x_HWC.shape[:2]]
    spans = [(number - 1) * stride + 1 for number in steps]
    missing = [
        max(span + side - 1 - length, 0)
        for span, length in zip(spans, x_HWC.shape[:2], strict=True)
    ]
    around = [(number // 2, number - number // 2) for number in missing]
    padded_HWC = np.pad(x_HWC, (*around, (0, 0)))
    for down in range(side):
        for right in range(side):
            rows = slice(down, down + spans[0], stride)
            columns = slice(right, right + spans[1], stride)
            yield down, right, padded_HWC[rows, columns]


def _relu6(x: Array) -> Array:
    return np.clip(x, 0, 6, out=x)
