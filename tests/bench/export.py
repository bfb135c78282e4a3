"""Write the peer's two ONNX files from a model folder: python -m bench.export MODEL FOLDER."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import torch

from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model

CONTEXT = 77


class _Half(torch.nn.Module):
    """One tower of a model as a module of its own: `method` is what it computes."""

    def __init__(self, model: Any, method: str) -> None:
        super().__init__()
        self.model = model
        self._method = method

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = getattr(self.model, self._method)(batch)
        return features


def main(folder: str, target: str) -> None:
    """Write visual.onnx and textual.onnx; both take any number of items."""
    specification = resolve(folder)
    model = load_model(specification)
    side = specification.preprocessing.size
    # The fused attention of inference has no counterpart in ONNX.
    torch.backends.mha.set_fastpath_enabled(False)
    texts_NL = torch.zeros(2, CONTEXT, dtype=torch.long)
    texts_NL[:, 5] = 49_407  # the end of the text, where it is read
    _write(_Half(model, "encode_image"), torch.zeros(2, 3, side, side), Path(target, "visual.onnx"))
    _write(_Half(model, "encode_text"), texts_NL, Path(target, "textual.onnx"))


def _write(half: _Half, example: torch.Tensor, path: Path) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            half.eval(),
            (example,),
            str(path),
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
