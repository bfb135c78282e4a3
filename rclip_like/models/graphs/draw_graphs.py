"""Draw the graphs of the image towers, without weights: run this file in a checkout.

Those of a vision transformer serve all of its sizes: CLIP's (Radford et al. 2021), one for pixels
to the first tokens and one a kind of layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onnx import TensorProto, helper

from rclip_like.models.names import BUILTIN
from rclip_like.models.specification import resolve
from rclip_like.models.towers import efficientnet, vision_transformer
from rclip_like.models.towers.tensors import Weights

_OPSET, _IR_VERSION = 20, 9
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""How far apart the first block of each stage of EfficientNet-Lite0 looks."""
_EPSILON = 1e-3
"""Of its batch normalisations, as TensorFlow has it."""
_COLOURS = [1, 3, 1, 1]


class _Drawing:
    """A graph while it is drawn: each method adds to it and returns the name of the result."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._inputs: dict[str, Any] = {}
        self._tensors: list[Any] = []

    def input(self, name: str, rank: int, kind: int = TensorProto.FLOAT) -> str:
        """Declare once what is given with each call, of so many dimensions."""
        sides = [f"{name}.{number}" for number in range(rank)]
        self._inputs[name] = helper.make_tensor_value_info(name, kind, sides)
        return name

    def shape(self, name: str) -> str:
        """Declare once a shape that is given with each call."""
        return self.input(name, 1, TensorProto.INT64)

    def number(self, name: str, value: float) -> str:
        """Add a number, as float32."""
        self._tensors.append(helper.make_tensor(name, TensorProto.FLOAT, [], [value]))
        return name

    def whole_numbers(self, name: str, *values: int, rank: int = 1) -> str:
        """Add a list of whole numbers, or one of them as a scalar, of rank 0."""
        shape = [len(values)] * rank
        self._tensors.append(helper.make_tensor(name, TensorProto.INT64, shape, values))
        return name

    def weight(self, name: str, shape: Sequence[int]) -> str:
        """Declare a tensor whose values are handed over when the graph is loaded."""
        weight = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="the model's weights")
        self._tensors.append(weight)
        return name

    def node(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation of ONNX with one result."""
        name = f"{operation}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, inputs, [name], name=name, **attributes))
        return name

    def draw(self, name: str, result: str, rank: int) -> bytes:
        """Return the whole graph as ONNX has it; its result is called `result` outside, too."""
        self._nodes.append(helper.make_node("Identity", [result], ["result"]))
        sides = [f"result.{number}" for number in range(rank)]
        output = helper.make_tensor_value_info("result", TensorProto.FLOAT, sides)
        graph = helper.make_graph(
            self._nodes, name, list(self._inputs.values()), [output], self._tensors
        )
        opset = helper.make_opsetid("", _OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
        drawn: bytes = model.SerializeToString(deterministic=True)
        return drawn


# The vision transformer.


def draw_patches() -> bytes:
    """Return pixels to the first tokens, uint8 (N, H, W, C) to float32 (N * T, W)."""
    drawing = _Drawing()
    x = drawing.input("pixels", 4, TensorProto.UINT8)
    x = drawing.node("Reshape", x, drawing.shape("grid"))
    x = drawing.node("Transpose", x, perm=[0, 1, 3, 2, 4, 5])
    x = drawing.node("Reshape", x, drawing.shape("flat"))
    x = drawing.node("Cast", x, to=TensorProto.FLOAT)
    x = drawing.node("Mul", x, drawing.input("scale", 1))
    x = drawing.node("Add", x, drawing.input("shift", 1))
    x = drawing.node("Gemm", x, drawing.input("kernel", 2), transB=1)
    x = drawing.node("Reshape", x, drawing.shape("per_picture"))
    before = drawing.whole_numbers("one_token_before", 0, 1, 0, 0, 0, 0)
    x = drawing.node("Pad", x, before)
    x = drawing.node("Add", x, drawing.input("positions", 2))
    x = drawing.node("Reshape", x, drawing.shape("rows"))
    x = _normalise(drawing, x, "ln_pre")
    return drawing.draw(vision_transformer.PATCHES.stem, x, rank=2)


def draw_layer(*, quick: bool) -> bytes:
    """Return a layer, float32 (N * T, W) to the same (Dosovitskiy et al. 2020, equations 2, 3)."""
    drawing = _Drawing()
    x = drawing.input("x", 2)
    y = _attend(drawing, *_queries_keys_values(drawing, _normalise(drawing, x, "ln_1")))
    x = _perceive(drawing, _add(drawing, x, y, "ls_1.gamma"), quick=quick)
    return drawing.draw(vision_transformer.LAYERS[quick].stem, x, rank=2)


def draw_last_layer(*, quick: bool) -> bytes:
    """Return the last layer, float32 (N * T, W) to the features (N, D).

    Of it only the class token is read, so that the others go no further than their keys and values.
    """
    drawing = _Drawing()
    x = drawing.input("x", 2)
    query, key, value = _queries_keys_values(drawing, _normalise(drawing, x, "ln_1"))
    token = drawing.whole_numbers("class_token", 0)
    query = drawing.node("Gather", query, token, axis=2)
    x = drawing.node("Reshape", x, drawing.shape("per_picture"))
    x = drawing.node("Gather", x, token, axis=1)
    x = drawing.node("Reshape", x, drawing.shape("rows"))
    x = _add(drawing, x, _attend(drawing, query, key, value), "ls_1.gamma")
    x = _normalise(drawing, _perceive(drawing, x, quick=quick), "ln_post")
    x = drawing.node("MatMul", x, drawing.input("proj", 2))
    return drawing.draw(vision_transformer.LAST_LAYERS[quick].stem, x, rank=2)


def _queries_keys_values(drawing: _Drawing, x: str) -> tuple[str, str, str]:
    """Add the first half of self-attention: each (N, heads, T, width of a head)."""
    x = drawing.node("Reshape", _linear(drawing, x, "attn.in_proj_"), drawing.shape("heads"))
    x = drawing.node("Transpose", x, perm=[2, 0, 3, 1, 4])
    query, key, value = (
        drawing.node("Gather", x, drawing.whole_numbers(name, number, rank=0), axis=0)
        for number, name in enumerate(("query", "key", "value"))
    )
    return query, key, value


def _attend(drawing: _Drawing, query: str, key: str, value: str) -> str:
    """Add self-attention within each picture (Vaswani et al. 2017, equation 1)."""
    query = drawing.node("Mul", query, drawing.input("query_scale", 0))
    scores = drawing.node("MatMul", query, drawing.node("Transpose", key, perm=[0, 1, 3, 2]))
    mixed = drawing.node("MatMul", drawing.node("Softmax", scores, axis=-1), value)
    mixed = drawing.node("Transpose", mixed, perm=[0, 2, 1, 3])
    return _linear(drawing, drawing.node("Reshape", mixed, drawing.shape("rows")), "attn.out_proj.")


def _perceive(drawing: _Drawing, x: str, *, quick: bool) -> str:
    """Add the second half of a layer, a perceptron with one hidden layer for each token."""
    hidden = _linear(drawing, _normalise(drawing, x, "ln_2"), "mlp.c_fc.")
    y = _linear(drawing, _activate(drawing, hidden, quick=quick), "mlp.c_proj.")
    return _add(drawing, x, y, "ls_2.gamma")


def _add(drawing: _Drawing, x: str, change: str, scale: str) -> str:
    return drawing.node("Add", x, drawing.node("Mul", change, drawing.input(scale, 1)))


def _activate(drawing: _Drawing, x: str, *, quick: bool) -> str:
    if not quick:
        return drawing.node("Gelu", x)
    steep = drawing.node("Mul", x, drawing.number("steepness", 1.702))
    return drawing.node("Mul", x, drawing.node("Sigmoid", steep))


def _normalise(drawing: _Drawing, x: str, name: str) -> str:
    gain, bias = (drawing.input(f"{name}.{part}", 1) for part in ("weight", "bias"))
    return drawing.node(
        "LayerNormalization", x, gain, bias, axis=-1, epsilon=vision_transformer.EPSILON
    )


def _linear(drawing: _Drawing, x: str, prefix: str) -> str:
    weight, bias = drawing.input(prefix + "weight", 2), drawing.input(prefix + "bias", 1)
    return drawing.node("Gemm", x, weight, bias, transB=1)


# EfficientNet-Lite0, as timm builds it with TensorFlow's padding and normalisation.


def draw_efficientnet() -> bytes:
    """Return pixels to pooled features, from the shapes of the built-in weights."""
    tensors = Weights(resolve(BUILTIN).weights).tensors()
    return _EfficientNet({name: tensor.shape for name, tensor in tensors.items()}).draw()


class _EfficientNet:
    """The graph of EfficientNet-Lite0 while it is drawn."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self._shapes = shapes
        self._drawing = _Drawing()
        self._bounds = [self._drawing.number("zero", 0.0), self._drawing.number("six", 6.0)]

    def draw(self) -> bytes:
        """Return the whole graph."""
        drawing = self._drawing
        x = drawing.input("pixels", 4, TensorProto.UINT8)
        x = drawing.node(
            "Transpose", drawing.node("Cast", x, to=TensorProto.FLOAT), perm=[0, 3, 1, 2]
        )
        x = drawing.node("Mul", x, drawing.weight("scale", _COLOURS))
        x = drawing.node("Add", x, drawing.weight("shift", _COLOURS))
        x = self._convolution(x, "conv_stem", "bn1", stride=2)
        for stage, stride in enumerate(_STRIDES):
            number = 0
            while self._has(f"blocks.{stage}.{number}.conv_dw"):
                x = self._block(x, f"blocks.{stage}.{number}", stride if number == 0 else 1)
                number += 1
        x = self._convolution(x, "conv_head", "bn2")
        x = drawing.node("Flatten", drawing.node("GlobalAveragePool", x))
        return drawing.draw(efficientnet.GRAPH.stem, x, rank=2)

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
        return self._drawing.node("Add", x, y) if is_residual else y

    def _convolution(
        self, x: str, name: str, norm: str, *, stride: int = 1, is_cut: bool = True
    ) -> str:
        """Add a convolution and its normalisation, and cut the result to 0..6 if wanted."""
        channels, _, side, _ = self._shape(name)
        y = self._drawing.node(
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
        y = self._drawing.node("BatchNormalization", y, *statistics, epsilon=_EPSILON)
        return self._drawing.node("Clip", y, *self._bounds) if is_cut else y

    def _trunk(self, name: str) -> str:
        name = f"visual.trunk.{name}"
        return self._drawing.weight(name, self._shapes[name])

    def _has(self, name: str) -> bool:
        return f"visual.trunk.{name}.weight" in self._shapes

    def _shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[f"visual.trunk.{name}.weight"]


def draw_all() -> dict[Path, bytes]:
    """Return all graphs by the installed files that hold them."""
    drawn = {efficientnet.GRAPH: draw_efficientnet(), vision_transformer.PATCHES: draw_patches()}
    for quick in (False, True):
        drawn[vision_transformer.LAYERS[quick]] = draw_layer(quick=quick)
        drawn[vision_transformer.LAST_LAYERS[quick]] = draw_last_layer(quick=quick)
    return drawn


if __name__ == "__main__":
    for installed, graph in draw_all().items():
        Path(__file__).with_name(installed.name).write_bytes(graph)
