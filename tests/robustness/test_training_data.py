"""Hostile and broken pictures among those that are trained on: each costs its pair alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from damaged_pictures import MAKERS
from drawn_pairs import draw_picture, write_shard

from rclip_like.train.run import train
from rclip_like.train.settings import LoopOptions, TrainSettings
from rclip_like.train.values import TrainReport

DEADLY = """\
#!{python}
import os, signal, sys
sys.path[:] = sys.argv[3:]
from rclip_like.images import worker
decode = worker.decode
def deadly(data, *arguments):
    if b"deadly" in data:
        os.kill(os.getpid(), signal.SIGSEGV)
    return decode(data, *arguments)
worker.decode = deadly
worker.serve()
"""


def run(data: Path, model: Path, output: Path) -> TrainReport:
    loop = LoopOptions(epochs=1, batch_size=8)
    return train(
        TrainSettings(data, output, str(model), loop=loop, folds=0, alpha=1.0, tolerance=0.5)
    )


def skipped(report: TrainReport) -> dict[str, str]:
    return {os.path.basename(os.fsdecode(each.path)): each.reason for each in report.skipped}


def hostile_files() -> dict[str, bytes]:
    """Return pictures that are cut short, claim far more pixels than there are, or are none."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return {
        "a-cut.jpg": MAKERS["jpg"](pixels)[:700],
        "a-huge.gif": b"GIF89a\xff\xff\xff\xff\x80\0\0"
        + bytes(6)
        + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
        "a-text.png": b"no picture at all",
    }


@pytest.mark.parametrize("kind", ["folder", "shard"])
def test_hostile_pictures_cost_their_pairs_and_not_the_run(
    kind: str, captioned: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    clean = run(captioned(12, "clean"), tiny_model, tmp_path / "one")
    data = captioned(12)
    for name, content in hostile_files().items():
        (data / name).write_bytes(content)
        (data / name).with_suffix(".txt").write_text("a caption")
    if kind == "shard":
        files = sorted(data.iterdir())
        data = write_shard(tmp_path / "a.tar", {path.name: path.read_bytes() for path in files})
    report = run(data, tiny_model, tmp_path / "two")
    reasons = skipped(report)
    assert [name.rpartition(":")[2] for name in reasons] == [
        "a-huge.gif",
        "a-text.png",
        "a-cut.jpg",
    ]
    assert "megapixels" in next(iter(reasons.values()))
    assert (report.first_loss, report.last_loss) == (clean.first_loss, clean.last_loss)


def test_a_picture_that_kills_its_decoder_costs_its_pair(
    captioned: Callable[..., Path],
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = captioned(12)
    (data / "005.png").write_bytes(draw_picture(5) + b"deadly")
    python = tmp_path / "python"
    python.write_text(DEADLY.format(python=sys.executable))
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    report = run(data, tiny_model, tmp_path / "out")
    assert skipped(report) == {"005.png": "the decoder crashed"}
    assert report.num_pairs + report.num_held_out == 11
