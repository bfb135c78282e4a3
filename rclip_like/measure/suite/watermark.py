"""Watermarks: whether a watermarked picture finds its original, and a differently marked copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.intervals import wilson
from rclip_like.evaluate.report import Column, Interval, PictureChart, Section, Table
from rclip_like.measure.suite.drawing import watermarked
from rclip_like.measure.suite.subject import Subject
from rclip_like.measure.suite.wording import percent

if TYPE_CHECKING:
    from rclip_like.values import Embeddings, Pixels

PAPER = "Pictures match across different watermarks."
LIMITS = (
    "The watermarks are drawn: rows of one word with a third of the opacity. Cropped, rotated or "
    "recoloured copies are not measured, nor missing originals."
)
LIGHT, DARK = "SAMPLE", "PREVIEW"
_ROWS_AT_ONCE = 1024
_SHOWN = 3


def num_pictures(num: int) -> int:
    """Return how many pictures are encoded."""
    return 2 * num


def measure(subject: Subject) -> Section:
    """Return recall@1 of watermarked pictures, among originals and among other copies."""
    pixels, originals = subject.squares.pixels, subject.rows
    num = len(pixels)
    light = subject.embedded("watermark-light", num, lambda: map(light_mark, pixels))
    dark = subject.embedded("watermark-dark", num, lambda: map(dark_mark, pixels))
    among_originals = _recall(first_found(light, originals))
    across = _recall(first_found(light, dark))
    against = _recall(first_found(light, originals, others=light))
    columns = (
        Column("query", "Picture", "text"),
        Column("among", "Finds", "text"),
        Column("recall", "Recall@1", "share"),
    )
    query = f"with {LIGHT} on it"
    rows = (
        (query, "its original among all originals", among_originals),
        (query, f"its copy with {DARK} among all copies with {DARK}", across),
        (query, f"its original among all originals and the other pictures with {LIGHT}", against),
    )
    table = Table("recall", "The nearest picture", columns, rows, "Equal cosines share a hit.")
    sentences = (
        f"With a watermark, {percent(among_originals)} of the pictures find their original first "
        f"among {num:,}, and {percent(across)} their copy with another watermark.",
        f"{percent(against)} find their original even among pictures with the same watermark, "
        "where the content must outweigh the watermark.",
    )
    chart = PictureChart("copies", "Photos, and their two watermarked copies", _photos(subject))
    return Section("watermark", "Watermarks", sentences, (table,), (chart,), PAPER, LIMITS)


def light_mark(pixels: Pixels) -> Pixels:
    """Return the picture with the light watermark."""
    return watermarked(pixels, LIGHT)


def dark_mark(pixels: Pixels) -> Pixels:
    """Return the picture with the dark watermark."""
    return watermarked(pixels, DARK, is_dark=True)


def first_found(
    queries: Embeddings, gallery: Embeddings, others: Embeddings | None = None
) -> npt.NDArray[np.float64]:
    """Return for each query (N,) the probability that its own row of the gallery (N, D) is first.

    Equal scores come in random order. others (N, D): further rows that compete, except for the
    query's own.
    """
    chances = np.empty(len(queries))
    for start in range(0, len(queries), _ROWS_AT_ONCE):
        part = np.arange(start, min(start + _ROWS_AT_ONCE, len(queries)))
        scores = queries[part] @ gallery.T
        own = scores[np.arange(len(part)), part]
        better, tied = (scores > own[:, None]).sum(1), (scores == own[:, None]).sum(1)
        if others is not None:
            beside = queries[part] @ others.T
            beside[np.arange(len(part)), part] = -np.inf
            better += (beside > own[:, None]).sum(1)
            tied += (beside == own[:, None]).sum(1)
        chances[part] = np.where(better == 0, 1 / tied, 0.0)
    return chances


def _recall(chances: npt.NDArray[np.float64]) -> Interval:
    return wilson(float(chances.sum()), len(chances))


def _photos(subject: Subject) -> tuple[tuple[str, tuple[tuple[Pixels, str], ...]], ...]:
    rows = []
    for number in range(min(_SHOWN, len(subject.truth))):
        pixels = np.array(subject.squares.pixels[number])
        pictures = (pixels, "original"), (light_mark(pixels), LIGHT), (dark_mark(pixels), DARK)
        rows.append((subject.labels[subject.truth[number]], pictures))
    return tuple(rows)
