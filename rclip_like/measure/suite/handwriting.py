"""Handwritten digits: read by words, by a probe on features, and by a probe on pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from rclip_like.evaluate.digits import Digits, load_digits
from rclip_like.evaluate.intervals import paired_difference, wilson
from rclip_like.evaluate.report import Column, PictureChart, Section, Table
from rclip_like.measure.suite.corruptions import generator_of
from rclip_like.measure.suite.probing import probe_answers, split_features
from rclip_like.measure.suite.subject import Numbers, Subject
from rclip_like.measure.suite.wording import percent, points

if TYPE_CHECKING:
    from rclip_like.values import Pixels

TITLE = "Handwritten digits"
PAPER = (
    "Pictures that training hardly ever saw stay hard: zero-shot CLIP reads 88 % of MNIST's "
    "handwritten digits, and logistic regression on their pixels does better."
)
LIMITS = (
    "These are not MNIST but some of scikit-learn's 1,797 digits of 8 x 8 pixels, enlarged: less "
    "sharp than anything a model is trained on, and the same people wrote the training and the "
    "test digits. The figures are not comparable with the paper's."
)
TEMPLATE = 'a photo of the number: "{}".'
EACH = 60
"""The number of pictures drawn for each digit; on all 1,797 the probes would take minutes."""
_SHOWN = 10
_MARGIN = 2
"""Black pixels around the 8 x 8 of a digit, which reaches their edges."""


def num_pictures() -> int:
    """Return how many pictures are encoded: for their features, and for their embeddings."""
    return 2 * 10 * EACH


def measure(subject: Subject) -> Section:
    """Return the accuracies of zero-shot labels and of probes on features and on pixels."""
    digits, size = _drawn(subject.seed), subject.squares.pixels.shape[1]
    made = subject.made(
        "digits",
        num_pictures(),
        lambda: {
            "rows": subject.embed(_pictures(digits, size)),
            "features": subject.features(_pictures(digits, size)),
        },
    )
    contents = [b"%d" % number for number in range(len(digits.numbers))]
    flat = digits.pixels.reshape(len(digits.pixels), -1) / 255
    split, test = split_features(made["features"], digits.numbers, contents, subject.seed)
    by_pixels, _ = split_features(flat, digits.numbers, contents, subject.seed)
    classifier = subject.classifier([str(number) for number in range(10)], (TEMPLATE,))
    zero_shot = classifier.scores(made["rows"]).argmax(1)
    expected = digits.numbers[test]
    right = {
        "zero-shot, in words": zero_shot[test] == expected,
        "probe on the features": probe_answers(split) == expected,
        "probe on the pixels": probe_answers(by_pixels) == expected,
    }
    zero, probe, plain = (wilson(int(each.sum()), len(each)) for each in right.values())
    over_pixels = paired_difference(*(list(right.values())[::-1][:2]), seed=subject.seed)
    columns = (Column("by", "read by", "text"), Column("accuracy", "accuracy", "share"))
    rows = tuple(zip(right, (zero, probe, plain), strict=True))
    note = (
        f"Of {len(digits.numbers):,} digits three fifths are fitted on, a fifth validates, and "
        f"{len(expected):,} test. The prompt is {TEMPLATE!r}."
    )
    sentences = (
        f"Words read {percent(zero)} of the digits right (chance is 10.0 %), a probe on the "
        f"model's features {percent(probe)}, and a probe on the 64 pixels {percent(plain)}. "
        f"Features minus pixels: {points(over_pixels)}.",
    )
    return Section(
        "digits",
        TITLE,
        sentences,
        (Table("digits", "Ten digits", columns, rows, note),),
        (_examples(digits, size, zero_shot),),
        PAPER,
        LIMITS,
    )


def _drawn(seed: int) -> Digits:
    """Return `EACH` digits of each kind, drawn by the seed, in scikit-learn's order."""
    pixels, numbers = load_digits()
    drawn = generator_of(seed, "digits")
    each = [drawn.permutation(np.flatnonzero(numbers == number))[:EACH] for number in range(10)]
    chosen = np.sort(np.concatenate(each))
    return Digits(pixels[chosen], numbers[chosen])


def _pictures(digits: Digits, size: int) -> Iterator[Pixels]:
    return (_enlarged(pixels, size) for pixels in digits.pixels)


def _enlarged(pixels: Pixels, size: int) -> Pixels:
    framed = Image.fromarray(np.pad(pixels, _MARGIN))
    grey = framed.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(grey.convert("RGB"))


def _examples(digits: Digits, size: int, answers: Numbers) -> PictureChart:
    pictures = tuple(
        (
            _enlarged(digits.pixels[number], size),
            f"{digits.numbers[number]}, given {answers[number]}",
        )
        for number in range(_SHOWN)
    )
    return PictureChart("digits", "Digits, and the readings by words", (("", pictures),))
