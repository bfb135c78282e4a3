"""Typographic attack: a drawn label with a wrong name on each picture, and two controls."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.intervals import (
    mean_interval,
    paired_bootstrap,
    paired_difference,
    wilson,
)
from rclip_like.evaluate.report import Column, Interval, PictureChart, Section, Table
from rclip_like.measure.suite.corruptions import generator_of
from rclip_like.measure.suite.drawing import is_drawable, labelled
from rclip_like.measure.suite.subject import Numbers, Subject
from rclip_like.measure.suite.wording import is_clear, percent, points

if TYPE_CHECKING:
    from rclip_like.values import Embeddings, Pixels

TITLE = "Typographic attack"
PAPER = "The paper does not measure typographic attacks."
OTHERS = (
    "Goh et al. (2021), Multimodal Neurons in Artificial Neural Networks, a later paper on CLIP: "
    "an apple gets 85.6 % for 'Granny Smith', and 99.7 % for 'iPod' with a note on it that says "
    "'iPod'."
)
LIMITS = (
    "The labels are drawn, not photographed, in one typeface and at one position. Without a clear "
    "effect here there may still be a small one, and other models may read. Intervals of shares "
    "count pictures as independent, although several carry the same name; those of cosines "
    "resample the names."
)
_SHOWN = 4

KINDS = ("none", "blank", "random", "name")
_TITLES = {
    "none": "no label",
    "blank": "a blank label",
    "random": "random letters",
    "name": "a wrong name",
}


class _Found(NamedTuple):
    """The results with one kind of drawn label, (N,).

    right: whether a picture gets its true label; attacked: whether it gets the wrong name, whose
    number is in targets. cosines: with the wrong name, minus the mean over all other wrong labels,
    so that a change which raises all cosines does not count.
    """

    answers: Numbers
    right: npt.NDArray[np.bool_]
    attacked: npt.NDArray[np.bool_]
    cosines: npt.NDArray[np.float32]
    targets: Numbers


def num_pictures(num: int) -> int:
    """Return how many pictures are encoded."""
    return (len(KINDS) - 1) * num


def measure(subject: Subject) -> Section:
    """Return how often a wrong name on a picture becomes its label, beside the controls."""
    names = [number for number, label in enumerate(subject.labels) if is_drawable(label)]
    if len(names) < 2:
        sentence = "Not measured: fewer than two labels can be drawn in Pillow's own typeface."
        return Section("typography", TITLE, (sentence,), paper=PAPER, others=OTHERS)
    targets = wrong_labels(subject, np.array(names))
    found = {kind: _found(subject, kind, targets) for kind in KINDS}
    over_random, over_blank = (
        paired_difference(found[control].attacked, found["name"].attacked, seed=subject.seed)
        for control in ("random", "blank")
    )
    return Section(
        "typography",
        TITLE,
        _sentences(subject, found, over_random, over_blank),
        (_by_label(found), _differences(subject, found)),
        (_photos(subject, targets, found),),
        PAPER,
        LIMITS,
        OTHERS,
    )


def wrong_labels(subject: Subject, names: Numbers) -> Numbers:
    """Return a wrong label for each picture (N,), drawn from `names` by seed and content."""
    targets = np.empty(len(subject.truth), np.int64)
    for number, (digest, label) in enumerate(
        zip(subject.squares.digests, subject.truth, strict=True)
    ):
        others = names[names != label]
        targets[number] = others[generator_of(subject.seed, digest, "target").integers(len(others))]
    return targets


def random_letters(text: str, drawn: np.random.Generator) -> str:
    """Return random lower-case letters of the text's length that do not spell the text."""
    while True:
        letters = "".join(drawn.choice(list(string.ascii_lowercase), len(text)))
        if letters != text.casefold():
            return letters


def _pictures(subject: Subject, kind: str, targets: Numbers) -> Iterator[Pixels]:
    squares = subject.squares
    for pixels, digest, target in zip(squares.pixels, squares.digests, targets, strict=True):
        yield labelled(pixels, _text(subject, kind, digest, target))


def _text(subject: Subject, kind: str, digest: bytes, target: int) -> str:
    name = subject.labels[target]
    if kind == "random":
        return random_letters(name, generator_of(subject.seed, digest, "letters"))
    return name if kind == "name" else ""


def _found(subject: Subject, kind: str, targets: Numbers) -> _Found:
    rows: Embeddings = subject.rows
    if kind != "none":
        rows = subject.embedded(
            f"label-{kind}", len(targets), lambda: _pictures(subject, kind, targets)
        )
    scores = subject.of_labels.scores(rows)
    answers = scores.argmax(1)
    cosines = _over_other_labels(scores, targets, subject.truth)
    return _Found(answers, answers == subject.truth, answers == targets, cosines, targets)


def _over_other_labels(
    scores: npt.NDArray[np.float32], targets: Numbers, truth: Numbers
) -> npt.NDArray[np.float32]:
    rows = np.arange(len(targets))
    own = scores[rows, targets]
    num_others = scores.shape[1] - 2
    if not num_others:
        return own
    others = (scores.sum(1) - own - scores[rows, truth]) / num_others
    return np.asarray(own - others, np.float32)


def _by_label(found: dict[str, _Found]) -> Table:
    columns = (
        Column("label", "on the picture", "text"),
        Column("accuracy", "get their label", "share"),
        Column("attacked", "get the wrong name", "share"),
        Column("cosine", "cosine with the wrong name"),
    )
    rows = tuple(
        (
            _TITLES[kind],
            wilson(int(each.right.sum()), len(each.right)),
            wilson(int(each.attacked.sum()), len(each.attacked)),
            mean_interval(each.cosines, groups=each.targets),
        )
        for kind, each in found.items()
    )
    note = (
        "The wrong name is another label of the set, one for each picture, the same in all rows. "
        "The mean cosine with all other wrong labels is subtracted from the cosines with it."
    )
    return Table("labels", "By what is on the picture", columns, rows, note)


def _differences(subject: Subject, found: dict[str, _Found]) -> Table:
    columns = (
        Column("difference", "difference", "text"),
        Column("attacked", "get the wrong name", "points"),
        Column("accuracy", "get their label", "points"),
        Column("cosine", "cosine with the wrong name"),
    )
    pairs = (("name", "random"), ("name", "blank"), ("random", "blank"), ("blank", "none"))
    rows = tuple(
        (
            f"{_TITLES[second]} minus {_TITLES[first]}",
            paired_difference(found[first].attacked, found[second].attacked, seed=subject.seed),
            paired_difference(found[first].right, found[second].right, seed=subject.seed),
            _cosine_difference(subject, found[first], found[second]),
        )
        for second, first in pairs
    )
    note = (
        "The first row is the effect of the name over random letters, the second its effect over a "
        "blank label, the last the effect of covering a part of the picture."
    )
    return Table(
        "differences", "What the text adds, and what the label covers", columns, rows, note
    )


def _cosine_difference(subject: Subject, first: _Found, second: _Found) -> Interval:
    """Return second minus first, resampling names, since the pictures with one name share it."""
    return paired_difference(first.cosines, second.cosines, groups=first.targets, seed=subject.seed)


def _sentences(
    subject: Subject, found: dict[str, _Found], over_random: Interval, over_blank: Interval
) -> tuple[str, ...]:
    success = percent(float(found["name"].attacked.mean()))
    by_name = paired_bootstrap(
        found["random"].attacked,
        found["name"].attacked,
        groups=found["name"].targets,
        seed=subject.seed,
    )
    effect = (
        "the text has an effect"
        if over_random.low > 0 and over_blank.low > 0 and by_name.low > 0
        else "no clear effect of the text"
    )
    cosine = _cosine_difference(subject, found["random"], found["name"])
    drawn = f"{cosine.value:+.4f} ({cosine.low:+.4f} to {cosine.high:+.4f})"
    closer = "does" if is_clear(cosine) and cosine.value > 0 else "does not measurably"
    return (
        f"With a wrong name on them, {success} of the pictures get this name as their label; with "
        f"random letters of the same length, {percent(float(found['random'].attacked.mean()))}. "
        f"The name minus random letters is {points(over_random)}, minus a blank label "
        f"{points(over_blank)}: {effect}.",
        f"The name {closer} raise the cosine with its own text, relative to other labels, more "
        f"than random letters do: the difference is {drawn}.",
    )


def _photos(subject: Subject, targets: Numbers, found: dict[str, _Found]) -> PictureChart:
    order = np.argsort(~(found["none"].right & found["name"].attacked), kind="stable")[:_SHOWN]
    rows = []
    for number in order.tolist():
        pixels, digest = np.array(subject.squares.pixels[number]), subject.squares.digests[number]
        pictures = []
        for kind in KINDS:
            text = _text(subject, kind, digest, int(targets[number]))
            shown = pixels if kind == "none" else labelled(pixels, text)
            pictures.append((shown, subject.labels[found[kind].answers[number]]))
        rows.append((subject.labels[subject.truth[number]], tuple(pictures)))
    title = "Labels given without a label, with a blank one, random letters, a wrong name"
    return PictureChart("photos", title, tuple(rows))
