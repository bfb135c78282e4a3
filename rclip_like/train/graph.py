"""Write the graph of `builtin`'s image tower, without weights: python -m rclip_like.train.graph.

The graph is EfficientNet-Lite0 (Tan and Le 2019) as timm builds it with TensorFlow's padding and
normalisation, up to the pooled features, with the preprocessing of pixels before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper

from rclip_like.models.graph import GRAPH
from rclip_like.models.specification import BUILTIN, resolve
from rclip_like.models.tensors import map_tensors

_OPSET, _IR_VERSION = 17, 9
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""How far apart the first block of each stage looks."""
_EPSILON = 1e-3
"""Of the batch normalisations, as TensorFlow has it."""
_COLOURS = [1, 3, 1, 1]


class _Drawing:
    """A graph while it is drawn: each method adds nodes and returns the name of the result."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self._shapes = shapes
        self._nodes: list[Any] = []
        self._weights: dict[str, Any] = {}

    def draw(self) -> onnx.ModelProto:
        """Return the whole graph."""
        x = self._node("Cast", "pixels", to=TensorProto.FLOAT)
        x = self._node("Transpose", x, perm=[0, 3, 1, 2])
        x = self._node("Mul", x, self._weight("scale", _COLOURS))
        x = self._node("Add", x, self._weight("shift", _COLOURS))
        x = self._convolution(x, "conv_stem", "bn1", stride=2)
        for stage, stride in enumerate(_STRIDES):
            number = 0
            while self._has(f"blocks.{stage}.{number}.conv_dw"):
                x = self._block(x, f"blocks.{stage}.{number}", stride if number == 0 else 1)
                number += 1
        x = self._convolution(x, "conv_head", "bn2")
        x = self._node("Flatten", self._node("GlobalAveragePool", x))
        return self._model(x)

    def _block(self, x: str, name: str, stride: int) -> str:
        """Add an inverted residual (Sandler et al. 2018, figure 4)."""
        y, last, number = x, "conv_pw", 1
        if self._has(f"{name}.conv_pwl"):
            y = self._convolution(y, f"{name}.conv_pw", f"{name}.bn1")
            last, number = "conv_pwl", 2
        y = self._convolution(y, f"{name}.conv_dw", f"{name}.bn{number}", stride=stride)
        y = self._convolution(y, f"{name}.{last}", f"{name}.bn{number + 1}", is_cut=False)
        wide = self._shape(f"{name}.conv_pw")[1]
        is_residual = stride == 1 and wide == self._shape(f"{name}.{last}")[0]
        return self._node("Add", x, y) if is_residual else y

    def _convolution(
        self, x: str, name: str, norm: str, *, stride: int = 1, is_cut: bool = True
    ) -> str:
        """Add a convolution and its normalisation, and cut the result to 0..6 if wanted."""
        channels, _, side, _ = self._shape(name)
        y = self._node(
            "Conv",
            x,
            self._trunk(f"{name}.weight"),
            auto_pad="SAME_UPPER",
            group=channels if name.endswith("conv_dw") else 1,
            kernel_shape=[side, side],
            strides=[stride, stride],
        )
        parts = ("weight", "bias", "running_mean", "running_var")
        statistics = [self._trunk(f"{norm}.{part}") for part in parts]
        y = self._node("BatchNormalization", y, *statistics, epsilon=_EPSILON)
        return self._node("Clip", y, "zero", "six") if is_cut else y

    def _node(self, operation: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operation}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, inputs, [name], name=name, **attributes))
        return name

    def _trunk(self, name: str) -> str:
        return self._weight(f"visual.trunk.{name}", self._shapes[f"visual.trunk.{name}"])

    def _weight(self, name: str, shape: Sequence[int]) -> str:
        """Declare a tensor whose values are handed over when the graph is loaded."""
        weight = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="the model's weights")
        self._weights[name] = weight
        return name

    def _has(self, name: str) -> bool:
        return f"visual.trunk.{name}.weight" in self._shapes

    def _shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[f"visual.trunk.{name}.weight"]

    def _model(self, output: str) -> onnx.ModelProto:
        self._nodes.append(helper.make_node("Identity", [output], ["features"]))
        bounds = [
            helper.make_tensor(name, TensorProto.FLOAT, [], [value])
            for name, value in (("zero", 0.0), ("six", 6.0))
        ]
        width = self._shape("conv_head")[0]
        pixels, features = (
            helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", "H", "W", 3]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", width]),
        )
        weights = [*bounds, *self._weights.values()]
        graph = helper.make_graph(self._nodes, GRAPH.stem, [pixels], [features], weights)
        opset = helper.make_opsetid("", _OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)


def draw() -> bytes:
    """Return the graph as ONNX has it, drawn from the shapes of the built-in weights."""
    tensors = map_tensors(resolve(BUILTIN).weights)
    drawing = _Drawing({name: tensor.shape for name, tensor in tensors.items()})
    drawn: bytes = drawing.draw().SerializeToString(deterministic=True)
    return drawn


if __name__ == "__main__":
    GRAPH.write_bytes(draw())
