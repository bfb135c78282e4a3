"""Watermarks: whether a watermarked picture finds its original, and a differently marked copy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from rclip_like.evaluate.intervals import wilson
from rclip_like.evaluate.report import Column, Interval, PictureChart, Section, Table
from rclip_like.measure.suite.drawing import watermarked
from rclip_like.measure.suite.subject import Subject
from rclip_like.measure.suite.wording import percent

if TYPE_CHECKING:
    from rclip_like.values import Embeddings, Pixels

TITLE = "Watermarks"
PAPER = "The paper does not measure watermarks."
OTHERS = (
    "Notes on CLIP say that pictures match across different watermarks; we do not know their "
    "source."
)
LIMITS = (
    "The watermarks are drawn: rows of one word with a third of the opacity, at the same position "
    "on every picture. Cropped, rotated or recoloured copies are not measured, nor missing "
    "originals. Plain pixels find such copies too, so they are shown beside the model."
)
LIGHT, DARK = "SAMPLE", "PREVIEW"
_ROWS_AT_ONCE = 1024
_SHOWN = 3
_PIXELS = 16
_BOX = Image.Resampling.BOX


def num_pictures(num: int) -> int:
    """Return how many pictures are encoded."""
    return 2 * num


def measure(subject: Subject) -> Section:
    """Return recall@1 of watermarked pictures, among originals and among other copies."""
    pixels, originals = subject.squares.pixels, subject.rows
    num = len(pixels)
    light = subject.embedded("watermark-light", num, lambda: map(light_mark, pixels))
    dark = subject.embedded("watermark-dark", num, lambda: map(dark_mark, pixels))
    among_originals, across, against = _recalls(light, dark, originals)
    plain = _recalls(*(pixel_rows(map(mark, pixels)) for mark in (light_mark, dark_mark, _as_is)))
    columns = (
        Column("finds", f"with {LIGHT} on it, a picture finds", "text"),
        Column("recall", "recall@1", "share"),
        Column("pixels_recall", "by its pixels alone", "share"),
    )
    rows = (
        ("its original among all originals", among_originals, plain[0]),
        (f"its copy with {DARK} among all such copies", across, plain[1]),
        (f"its original among originals and others with {LIGHT}", against, plain[2]),
    )
    note = (
        f"Pixels are those of {_PIXELS} x {_PIXELS} grey pictures, compared by their correlation. "
        "Equal scores share a hit."
    )
    table = Table("recall", "The nearest picture", columns, rows, note)
    sentences = (
        f"With a watermark, {percent(among_originals)} of the pictures find their original first "
        f"among {num:,} (by their pixels alone {percent(plain[0].value)}), and {percent(across)} "
        f"their copy with another watermark (by pixels {percent(plain[1].value)}).",
        f"{percent(against)} find their original even among pictures with the same watermark, "
        f"where the content must outweigh the watermark (by pixels {percent(plain[2].value)}).",
    )
    chart = PictureChart("copies", "Photos, and their two watermarked copies", _photos(subject))
    return Section("watermark", TITLE, sentences, (table,), (chart,), PAPER, LIMITS, OTHERS)


def light_mark(pixels: Pixels) -> Pixels:
    """Return the picture with the light watermark."""
    return watermarked(pixels, LIGHT)


def dark_mark(pixels: Pixels) -> Pixels:
    """Return the picture with the dark watermark."""
    return watermarked(pixels, DARK, is_dark=True)


def pixel_rows(pictures: Iterable[Pixels]) -> Embeddings:
    """Return unit rows float32 (N, P * P) of small grey pictures; their products are correlations.

    P is `_PIXELS`.
    """
    size = _PIXELS, _PIXELS
    small = [Image.fromarray(each).convert("L").resize(size, _BOX) for each in pictures]
    rows = np.stack([np.asarray(each, np.float32).ravel() for each in small])
    rows -= rows.mean(1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Embeddings = rows / np.maximum(lengths, 1e-6)
    return unit


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


def _recalls(light: Embeddings, dark: Embeddings, originals: Embeddings) -> list[Interval]:
    """Return recall@1 among originals, among dark copies, and beside all other light copies."""
    return [
        _recall(first_found(light, originals)),
        _recall(first_found(light, dark)),
        _recall(first_found(light, originals, others=light)),
    ]


def _as_is(pixels: Pixels) -> Pixels:
    return pixels


def _recall(chances: npt.NDArray[np.float64]) -> Interval:
    return wilson(float(chances.sum()), len(chances))


def _photos(subject: Subject) -> tuple[tuple[str, tuple[tuple[Pixels, str], ...]], ...]:
    rows = []
    _, firsts = np.unique(subject.truth, return_index=True)  # a picture of each label
    for number in firsts[np.linspace(0, len(firsts) - 1, min(_SHOWN, len(firsts))).astype(int)]:
        pixels = np.array(subject.squares.pixels[number])
        pictures = (pixels, "original"), (light_mark(pixels), LIGHT), (dark_mark(pixels), DARK)
        rows.append((subject.labels[subject.truth[number]], pictures))
    return tuple(rows)
