"""Print what a batch in pieces takes: python -m bench.pieces MODEL PAIRS PIECE [GRADIENTS].

MODEL is a model folder, `builtin`, `small-vit` or `tiny`, the latter two with random weights. The
figures are those of one step with both towers trained: seconds, the peak of the process's memory
and the loss. PIECE 0 stands for the whole batch in one graph, whose image tower torch runs again
in parts (torch.utils.checkpoint), for memory would not hold it. GRADIENTS names a file to write the
gradients to.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch.utils.checkpoint import checkpoint

from bench.measure import figures_of
from bench.report import Result
from bench.scale import Scale
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.batches import Batch
from rclip_like.train.equality import EqualNumbers
from rclip_like.train.learner import Learner
from rclip_like.train.settings import LoopSettings

SEED = 0
_END_OF_TEXT = 49_407
_LENGTH = 12
_PART = 16
_SIZES = {
    # embedding, pixels a side, patch, width and layers of the pictures' tower and of the texts'
    "small-vit": (128, 128, 16, 192, 6, 128, 4),
    "tiny": (32, 32, 16, 32, 2, 32, 2),
}
_STEPS = (("small-vit", "pieces-vit"), ("builtin", "pieces-builtin"))


def measure_pieces(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Compare the memory of a batch in pieces with that of one piece, and of the largest batch."""
    few, vit, builtin, many = map(str, scale.pieces)
    for (name, budget), pairs in zip(_STEPS, (vit, builtin), strict=True):
        plain = figures_of("bench.pieces", name, few, few)
        parts = figures_of("bench.pieces", name, pairs, few)
        conditions = {"batch_size": pairs, "piece_size": few, "seconds": parts["seconds"]}
        far = _difference(name, pairs, few)
        yield Result(budget, parts["peak_mb"], plain["peak_mb"], conditions | {"difference": far})
    largest = figures_of("bench.pieces", "tiny", many, "256")
    yield Result("pieces-largest", largest["peak_mb"], None, {"batch_size": many, **largest})


def main(name: str, num_pairs: str, piece_size: str, gradients: str | None = None) -> None:
    """Take one step and print one JSON object; peak_mb is 0 where the system does not say."""
    model = _model(name)
    batch = _batch(int(num_pairs), model.visual.image_size)
    size = int(piece_size) or None
    encode = lambda images: model.encode_image(images, normalize=True)  # noqa: E731
    learner = Learner(
        model,
        encode if size else lambda images: _run_again(encode, images),
        LoopSettings(piece_size=size, max_gradient=float("inf")),
    )
    begun = time.perf_counter()
    figures = learner.learn(batch, 0, 0.0)
    seconds = time.perf_counter() - begun
    peak_mb = _peak_mb()
    if gradients:
        torch.save({name: value.grad for name, value in model.named_parameters()}, gradients)
    print(json.dumps({"seconds": round(seconds, 2), "peak_mb": peak_mb, "loss": figures.loss}))


def _difference(name: str, num_pairs: str, piece_size: str) -> float:
    """Return how far gradients in pieces are from those of one graph, relative to their norm."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for size in (piece_size, "0"):
            path = Path(folder, f"{size}.pt")
            figures_of("bench.pieces", name, num_pairs, size, str(path))
            found.append(torch.load(path))
    first, second = found
    far = sum(float((first[name] - second[name]).double().square().sum()) for name in second)
    norm = sum(float(value.double().square().sum()) for value in second.values())
    return float((far / norm) ** 0.5)


def _run_again(encode: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> Any:
    parts = images.split(_PART)
    return torch.cat([checkpoint(encode, part, use_reentrant=False) for part in parts])


def _model(name: str) -> Any:
    if name not in _SIZES:
        return load_model(resolve(name)).requires_grad_(True)
    torch.manual_seed(SEED)
    return import_open_clip().CLIP(**_configuration(name))


def _configuration(name: str) -> dict[str, Any]:
    embedding, side, patch, width, layers, text_width, text_layers = _SIZES[name]
    image = {"image_size": side, "patch_size": patch, "width": width, "layers": layers}
    text = {"context_length": 77, "width": text_width, "heads": 2, "layers": text_layers}
    return {"embed_dim": embedding, "vision_cfg": image | {"head_width": 16}, "text_cfg": text}


def save_model(name: str, folder: Path, **preprocessing: Any) -> Path:
    """Write a model of random weights as a folder that clipfind and open_clip load; return it."""
    tensors = {key: value.contiguous() for key, value in _model(name).state_dict().items()}
    folder.mkdir(parents=True)
    save_file(tensors, folder / "open_clip_model.safetensors")
    described = {"model_cfg": _configuration(name), "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    return folder


def _batch(num_pairs: int, side: int | tuple[int, int]) -> Batch:
    """Return pairs of noise, whose pixels are bytes until a piece is taken."""
    side = side if isinstance(side, int) else side[0]
    random = np.random.default_rng(SEED)
    pixels_NCSS = random.integers(0, 256, (num_pairs, 3, side, side), dtype=np.uint8)
    tokens_NL = torch.zeros(num_pairs, 77, dtype=torch.long)
    tokens_NL[:, :_LENGTH] = torch.from_numpy(random.integers(1, 40_000, (num_pairs, _LENGTH)))
    tokens_NL[:, _LENGTH - 1] = _END_OF_TEXT
    numbers = np.arange(num_pairs)
    return Batch(
        numbers,
        lambda part: torch.from_numpy(pixels_NCSS[part]).float() / 127.5 - 1,
        tokens_NL,
        EqualNumbers(numbers[:, None] // 2, numbers // 2, numbers),
    )


def _peak_mb() -> float:
    """Return the most memory that this program held since it began."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024, 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
