"""How much is measured, and how often."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """The sizes of the data and the number of repeats of one run of the benchmarks."""

    repeats: int = 5
    num_photos: int = 400
    num_files: int = 100_000
    rows: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    growth: tuple[int, int] = (1_000, 20_000)
    labelled: tuple[int, int] = (1_000, 10_000)
    batch_size: int = 32
    num_steps: int = 4
    pieces: tuple[int, int, int, int] = (32, 512, 256, 32_768)
    trained: tuple[int, int, int] = (256, 64, 5)


QUICK = Scale(
    repeats=1,
    num_photos=12,
    num_files=2_000,
    rows=(1_000, 10_000),
    growth=(20, 60),
    labelled=(1_000, 2_000),
    batch_size=4,
    num_steps=1,
    pieces=(2, 8, 4, 4_096),
    trained=(8, 4, 1),
)
"""To see that everything runs; its figures say nothing."""
