"""Captioned pictures on the disk, small and drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from drawn_pairs import describe, draw_picture


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Two threads and one add in another order; bits are compared here."""
    torch.set_num_threads(1)


@pytest.fixture
def captioned(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of folders with so many pictures and same-named captions."""

    def make(number: int, name: str = "data") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for index in range(number):
            (folder / f"{index:03}.png").write_bytes(draw_picture(index))
            (folder / f"{index:03}.txt").write_text(f"{describe(index)}\nno {index} drawn\n")
        return folder

    return make
