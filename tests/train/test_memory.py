"""How many pairs of a step are in memory at a time."""

from __future__ import annotations

import pytest

from rclip_like.errors import TrainingError
from rclip_like.train.memory import StepMemory, choose_piece_size, out_of_memory
from rclip_like.train.settings import LoopSettings

GB = 1 << 30
ROOMY = StepMemory(pair_bytes=80e6, state_bytes=GB, own_bytes=GB, free_bytes=16 * GB)


def piece_size(memory: StepMemory, **loop: int) -> int | None:
    return choose_piece_size(memory, LoopSettings(**loop), is_locked=False)


def test_a_batch_that_takes_little_is_not_cut() -> None:
    assert piece_size(ROOMY._replace(pair_bytes=1e6), batch_size=256) is None
    assert piece_size(ROOMY, batch_size=8) is None


def test_pieces_take_half_of_what_is_free_and_two_gigabytes_at_most() -> None:
    assert piece_size(ROOMY, batch_size=256) == 16
    assert piece_size(ROOMY._replace(free_bytes=2 * GB), batch_size=256) == 4
    assert piece_size(ROOMY._replace(pair_bytes=1.2 * GB), batch_size=256) == 1


def test_pieces_of_the_users_size_are_taken_or_refused() -> None:
    assert piece_size(ROOMY, batch_size=256, piece_size=100) == 100
    assert piece_size(ROOMY, batch_size=64, piece_size=100) == 64
    with pytest.raises(TrainingError, match=r"takes about 21\.2 GB .*; try a piece_size of 201"):
        piece_size(ROOMY, batch_size=256, piece_size=251)


def test_a_pair_that_does_not_fit_is_refused() -> None:
    memory = ROOMY._replace(pair_bytes=16.0 * GB)
    with pytest.raises(TrainingError, match=r"with 1 pair at a time, .* set lock_image_tower"):
        piece_size(memory, batch_size=256)
    with pytest.raises(TrainingError, match=r"there are 17\.2 GB$"):
        choose_piece_size(memory, LoopSettings(), is_locked=True)


def test_memory_that_runs_out_is_answered_with_smaller_pieces() -> None:
    assert "try a piece_size of 4" in str(out_of_memory(8, is_locked=True))
    assert str(out_of_memory(1, is_locked=True)) == (
        "not enough memory for a single pair of a step at a time"
    )
