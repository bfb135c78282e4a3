"""Graphs on ONNX Runtime: float32 on the CPU, inputs by reference, not by copy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rclip_like.errors import ModelError
from rclip_like.models.towers.tensors import as_float32
from rclip_like.telemetry import switch_off


class Graph:
    """A graph file, ready to run; several threads may run it at once.

    name: the model's, for errors. constants: tensors that the graph declares without values, of
    which ONNX Runtime takes copies. Raises ModelError when they do not fit.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        threads: int,
        constants: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> None:
        onnxruntime = _onnxruntime()
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        self._errors: tuple[type[Exception], ...] = (
            *(state.Fail, state.InvalidArgument, state.InvalidGraph, state.RuntimeException),
        )
        self._name = name
        onnxruntime.set_default_logger_severity(4)  # what goes wrong is raised, not printed
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that spin while they wait take the cores on which the next pictures are decoded.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Kept, lest a version of it that takes no copies reads what is no longer there.
        self._constants = hand_over(constants or {})
        try:
            options.add_external_initializers(list(self._constants), list(self._constants.values()))
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except self._errors as error:
            reason = f"the weights of {name} do not fit its configuration: {error}"
            raise ModelError(reason) from error

    def run(self, inputs: Mapping[str, Any]) -> Any:
        """Return the graph's one result, an OrtValue, for OrtValues as `hand_over` makes them.

        Raises MemoryError when there is too little of it, ModelError when they do not fit.
        """
        try:
            (result,) = self._session.run_with_ort_values(None, inputs)
        except self._errors as error:
            if "alloc" in str(error).lower():  # of its arena, or std::bad_alloc
                raise MemoryError(str(error)) from error
            raise ModelError(f"ONNX Runtime cannot run {self._name}: {error}") from error
        return result


def hand_over(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Return arrays as OrtValues that share their memory; those in float16 become float32."""
    value, handed = _onnxruntime().OrtValue, {}
    for name, array in arrays.items():
        computable = as_float32(array) if array.dtype.kind == "f" else array
        handed[name] = value.ortvalue_from_numpy(np.ascontiguousarray(computable))
    return handed


def _onnxruntime() -> Any:
    """Return the module, which takes 0.05 s to import, and most commands encode nothing."""
    switch_off()
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # on Windows, where no variable does it
    return onnxruntime
