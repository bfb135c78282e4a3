"""Whole runs whose batches are taken in pieces, or whose equal pairs count as right."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from rclip_like.train.folder import WEIGHTS
from rclip_like.train.run import train
from rclip_like.train.settings import LoopOptions, TrainSettings


@pytest.fixture
def settings(captioned: Callable[..., Path], tiny_model: Path, tmp_path: Path) -> TrainSettings:
    """Twelve pictures, of which two in turn have the same caption beside their own."""
    data = captioned(12)
    for number in range(12):
        path = data / f"{number:03}.txt"
        path.write_text(path.read_text() + f"shared by {number // 2}\n")
    loop = LoopOptions(epochs=2, batch_size=6, lr=1e-3)
    options = {"preset": "all", "unlock_image_tower": True, "folds": 0, "alpha": 1.0}
    return TrainSettings(data, tmp_path / "whole", str(tiny_model), loop=loop, **options)


def test_a_run_in_pieces_makes_the_same_model(settings: TrainSettings, tmp_path: Path) -> None:
    pieces = replace(settings.loop, piece_size=4)
    in_pieces = replace(settings, output=tmp_path / "in pieces", loop=pieces)
    for each in (settings, in_pieces):
        train(each)
    whole, found = (load_file(each.output / WEIGHTS) for each in (settings, in_pieces))
    start = load_file(Path(str(settings.model)) / WEIGHTS)
    assert whole.keys() == found.keys()
    for name, values in whole.items():
        assert np.allclose(values, found[name], atol=1e-5), name
    assert any(np.abs(whole[name] - start[name]).max() > 1e-4 for name in start)


def test_where_equal_pairs_are_right_the_log_has_their_floor(settings: TrainSettings) -> None:
    train(replace(settings, positives="positive"))
    lines = (settings.output / "log.jsonl").read_text().splitlines()
    floors = [line["floor"] for line in map(json.loads, lines) if "floor" in line]
    assert max(floors) > 0
    assert min(floors) >= 0
