"""The image tower of `builtin` on ONNX Runtime: half of torch's time on a CPU, and no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rclip_like.errors import ModelError
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.tensors import as_float32, map_tensors
from rclip_like.models.unit import unit_rows

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

# Shape suffixes: N pictures, H and W pixels, C colours, F pooled features, D embedding.

GRAPH = Path(__file__).with_name("efficientnet_lite0.onnx")
"""EfficientNet-Lite0 (Tan and Le 2019) without weights, as `train.graph` writes it.

It takes uint8 (N, H, W, C), `scale` and `shift` (1, C, 1, 1) and gives float32 (N, F). Its tensors
have the names that timm gives them, and are handed over when it is loaded.
"""

BATCH_SIZE = 16
"""One thread takes 14 ms a picture by 4 as by 32, at 140 to 490 MB."""

_TRUNK = "visual.trunk."
_HEAD = "visual.head.proj."
_LITE0 = {
    "timm_model_name": "tf_efficientnet_lite0",
    "timm_pool": "",
    "timm_proj": "linear",
    "timm_proj_bias": True,
}
"""What makes an image tower that of `builtin`, its size aside."""


def supports(specification: ModelSpecification) -> bool:
    """Return whether GraphEncoder computes what the model's own image tower computes.

    It does for EfficientNet-Lite0 with a linear projection, with weights in float32 or float16
    safetensors.
    """
    config = specification.config
    ignored = ("image_size", "timm_model_pretrained")
    vision = {key: value for key, value in config["vision_cfg"].items() if key not in ignored}
    if vision != _LITE0 or "multimodal_cfg" in config:
        return False
    if specification.weights.suffix != ".safetensors":
        return False
    return _HEAD + "bias" in map_tensors(specification.weights)


class GraphEncoder:
    """The picture half of `encoder.Encoder`, on the CPU in float32."""

    def __init__(
        self,
        specification: ModelSpecification,
        *,
        threads: int | None = None,
        batch_size: int | None = None,
    ) -> None:
        """Load the image tower; None: as many threads as there are cores, BATCH_SIZE pictures.

        Raises ModelError when the weights cannot be read or do not fit.
        """
        self.batch_size = batch_size or BATCH_SIZE
        self._name = specification.name
        tensors = map_tensors(specification.weights)
        mean, std = (
            np.array(each, dtype=np.float32).reshape(1, 3, 1, 1)
            for each in (specification.preprocessing.mean, specification.preprocessing.std)
        )
        try:
            self._weight_DF = as_float32(tensors[_HEAD + "weight"])
            self._bias_D = as_float32(tensors[_HEAD + "bias"])
        except KeyError as error:
            raise ModelError(f"the weights of {self._name} lack {error.args[0]}") from error
        weights = {name: each for name, each in tensors.items() if name.startswith(_TRUNK)}
        weights |= {"scale": 1 / (255 * std), "shift": -mean / std}
        self._session, self._errors = _start(weights, threads or 0, self._name)

    def encode_pictures(self, pixels_NHWC: npt.NDArray[np.uint8]) -> Embeddings:
        """Return unit float32 rows (N, D) for uint8 pictures (N, S, S, 3) before normalisation."""
        starts = range(0, len(pixels_NHWC), self.batch_size)
        features = [self._pooled(pixels_NHWC[at : at + self.batch_size]) for at in starts]
        pooled_NF = np.concatenate([np.empty((0, self._weight_DF.shape[1]), np.float32), *features])
        return unit_rows(pooled_NF @ self._weight_DF.T + self._bias_D, self._name)

    def _pooled(self, pixels_NHWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        try:
            (pooled_NF,) = self._session.run(None, {"pixels": np.ascontiguousarray(pixels_NHWC)})
        except self._errors as error:
            raise ModelError(f"ONNX Runtime cannot run {self._name}: {error}") from error
        features: npt.NDArray[np.float32] = pooled_NF
        return features


def _start(
    weights: dict[str, npt.NDArray[Any]], threads: int, name: str
) -> tuple[Any, tuple[type[Exception], ...]]:
    """Return the graph with its weights, ready to run, and the errors that it may raise then."""
    import onnxruntime  # 0.05 s, and most commands encode nothing
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    errors = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.RuntimeException)
    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that spin while they wait take the cores on which the next pictures are decoded.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    values = [
        onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(as_float32(each)))
        for each in weights.values()
    ]
    try:
        options.add_external_initializers(list(weights), values)
        session = onnxruntime.InferenceSession(
            GRAPH.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except errors as error:
        raise ModelError(f"the weights of {name} do not fit its configuration: {error}") from error
    return session, errors
