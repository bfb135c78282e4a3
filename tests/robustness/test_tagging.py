"""Tagging that is killed, or whose disk is full: each sidecar is as it was, or whole."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from private_mounts import needs_mounts, run_on_small_disk
from tagging_runs import CONTENT, make_pictures

from rclip_like.filing.sidecars import Tagged, add_tags, read_tags

PROGRAM = Path(__file__).parents[1] / "tagging_runs.py"
NUM_KILLS = 15


def test_killed_tagging_leaves_whole_sidecars(tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path, 20)
    chance = random.Random(0)
    for _ in range(NUM_KILLS):
        run = subprocess.Popen(
            [sys.executable, PROGRAM, "tag", tmp_path],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
        )
        assert run.stdout is not None
        assert run.stdout.readline() == b"begun\n"
        time.sleep(chance.random() / 10)
        run.kill()
        run.communicate()
        for picture in pictures:
            keywords = read_tags(bytes(picture) + b".xmp").keywords
            assert keywords[0] == "elephant"
            assert keywords[1:] == tuple(f"tag {each}" for each in range(len(keywords) - 1))
    drafts = {path.name for path in tmp_path.iterdir() if path.suffix not in (".jpg", ".xmp")}
    assert len(drafts) <= NUM_KILLS
    assert all(name.startswith(".clipfind-") for name in drafts)
    assert isinstance(add_tags(bytes(pictures[0]), ["cat"], "digikam"), Tagged)
    assert len(Path(f"{pictures[0]}.xmp").read_bytes()) > len(CONTENT)


@needs_mounts
def test_full_disk_leaves_sidecars_as_they_are(tmp_path: Path) -> None:
    run_on_small_disk(tmp_path / "disk", "2m", PROGRAM, "fill")
