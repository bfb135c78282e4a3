"""What a run was expected to take, beside what it took."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

RUN = """
import json, sys
from pathlib import Path
import torch
from rclip_like.train.dry_run import dry_run
from rclip_like.train.run import train
from rclip_like.train.settings import LoopOptions, TrainSettings

torch.set_num_threads(1)
loop = LoopOptions(epochs=2, batch_size=12, piece_size=12)
data, output = map(Path, sys.argv[1:])
settings = TrainSettings(data, output, preset="all", unlock_image_tower=True, loop=loop, folds=0)
expected = dry_run(settings).estimate
train(settings)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([expected.peak_bytes, int(status["VmHWM"].split()[0]) * 1024]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells how much a process took")
def test_memory_is_foreseen_within_a_fifth(captioned: Callable[..., Path], tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", RUN, captioned(14), tmp_path / "out"]
    ran = subprocess.run(arguments, capture_output=True, check=True, text=True)
    expected, taken = json.loads(ran.stdout.splitlines()[-1])
    assert 0.8 < expected / taken < 1.2, (expected, taken)
