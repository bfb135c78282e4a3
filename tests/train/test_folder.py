"""The model folder that training writes, on a disk that does not hold it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rclip_like.errors import TrainingError
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.train.folder import copy_model_folder, save_model_folder

if sys.platform == "win32":
    pytest.skip("limits of Unix", allow_module_level=True)

import resource


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let no file grow beyond 100 kB, as on a disk that is almost full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_weights_that_cannot_be_written_are_named(
    tiny_model: Path, tmp_path: Path, small_files: None
) -> None:
    found = resolve(str(tiny_model))
    named = rf"{tmp_path / 'out'}/open_clip_model\.safetensors cannot be written: .*[Ff]ile"
    with pytest.raises(TrainingError, match=named):
        save_model_folder(tmp_path / "out", load_model(found), found.config, found.preprocessing)
    with pytest.raises(TrainingError, match=named):
        copy_model_folder(found, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
