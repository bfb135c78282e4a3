"""A small labelled set, drawn, for tests of the suite."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rclip_like.data.examples import PictureSet
from rclip_like.measure.suite.parts import Parts
from rclip_like.measure.suite.squares import LabelledSquare, Squares, spool_squares
from rclip_like.measure.suite.subject import Pace, Subject, SuiteProgress
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.settings import EncoderSettings

LABELS = ("red square", "green square", "blue square")


def drawn_squares(number: int = 12, size: int = 32) -> Squares:
    """Return pictures of a square in one of three colours on noise, their labels in turn."""
    return spool_squares((_drawn(each, size) for each in range(number)), size)


def _drawn(number: int, size: int) -> LabelledSquare:
    drawn = np.random.default_rng(number)
    pixels = drawn.integers(60, 120, (size, size, 3), dtype=np.uint8)
    label = number % len(LABELS)
    top, left = drawn.integers(0, size // 2, 2)
    pixels[top : top + size // 2, left : left + size // 2] = 0
    pixels[top : top + size // 2, left : left + size // 2, label] = 230
    digest = hashlib.sha256(pixels.tobytes()).digest()
    return LabelledSquare(f"{number:03}.png", digest, label, pixels)


def drawn_set(labels: tuple[str, ...] = LABELS) -> PictureSet:
    """Return what the drawn squares were read from, without its examples."""
    return PictureSet("drawn", labels, (), lambda: iter(()))


def tiny(folder: Path) -> Model:
    """Return the tiny model on one thread, so that every machine computes alike."""
    return Model(resolve(str(folder)), EncoderSettings(threads=1, precision="fp32"))


def make_subject(
    folder: Path,
    number: int = 12,
    parts: Path | None = None,
    on_progress: Callable[[SuiteProgress], None] | None = None,
) -> Subject:
    """Return the drawn set with the tiny model."""
    return Subject(
        squares=drawn_squares(number),
        labels=LABELS,
        model=tiny(folder),
        parts=Parts(parts, "key"),
        pace=Pace(1, 0, on_progress),
        seed=0,
    )
