"""The layout of a set leaves no trace in what is learnt from it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import pytest
from written_sets import LAYOUTS, drawn_pairs

from rclip_like.train.run import train
from rclip_like.train.settings import LoopOptions, TrainSettings

PAIRS = drawn_pairs(8)
LOOP = LoopOptions(epochs=1, batch_size=4, lr=1e-3)


@cache
def trained_on(layout: str, folder: Path, model: Path) -> tuple[int, str]:
    """Return the number of pairs, and a digest of the weights after a short run."""
    data = LAYOUTS[layout](folder / f"data-{layout}", PAIRS)
    output = folder / f"out-{layout}"
    settings = TrainSettings(
        data, output, str(model), preset="all", loop=LOOP, folds=0, held_out=0.0, alpha=1.0
    )
    report = train(settings)
    weights = (output / "open_clip_model.safetensors").read_bytes()
    return report.num_pairs, hashlib.sha256(weights).hexdigest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("layouts")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_pairs_make_the_same_model_from_any_layout(
    layout: str, folder: Path, tiny_model: Path
) -> None:
    num_pairs, digest = trained_on(layout, folder, tiny_model)
    assert num_pairs == len(PAIRS)
    assert digest == trained_on("txt", folder, tiny_model)[1]
