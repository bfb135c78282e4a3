"""The parts of the domains on which training is measured, and the folders made of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from bench.domain_sets import NUM_PARTS, Item, NotHere, labels, parts_of, write_set
from PIL import Image


def picture(seed: int, noise: float = 0.0) -> bytes:
    random = np.random.default_rng(seed)
    pixels = random.uniform(0, 255, (32, 32, 3))
    pixels += noise * np.random.default_rng(99).normal(size=pixels.shape)
    stream = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def items(number: int, label: str | None = None) -> list[Item]:
    return [
        Item(f"{label}/{n}", ".png", picture(n + len(label or "")), f"thing {n}", label)
        for n in range(number)
    ]


def test_equal_captions_and_near_copies_are_in_one_part() -> None:
    some = items(40)
    some += [Item("same words", ".png", picture(900), "Thing 3.")]
    some += [Item("near copy", ".png", picture(5, noise=8.0), "another one")]
    parts = parts_of(some)
    assert parts[40] == parts[3]
    assert parts[41] == parts[5]
    assert np.bincount(parts).tolist() == [9, 9, 8, 8, 8]


def test_each_label_is_spread_over_the_parts() -> None:
    some = items(20, "cat") + items(20, "horse")
    parts = parts_of(some)
    assert np.bincount(parts[:20]).tolist() == [4] * NUM_PARTS
    assert np.bincount(parts[20:]).tolist() == [4] * NUM_PARTS


def test_a_set_is_written_as_a_user_would_have_it(tmp_path: Path) -> None:
    write_set(items(1) + items(1, "cat"), tmp_path)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert found == ["None-0.png", "None-0.txt", "cat/cat-0.png"]
    assert (tmp_path / "None-0.txt").read_text() == "thing 0\n"


def test_without_the_starter_set_it_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(NotHere, match="--starter"):
        labels(tmp_path)
