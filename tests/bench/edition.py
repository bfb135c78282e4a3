"""Hold one edition of the built-in model against another: captions, words, copies, the demo, speed.

PYTHONPATH=tests:rclip_like/builtin python -m bench.edition STARTER OLD NEW [--photos development]

OLD and NEW are model folders. Each line has the figure of both and the difference with an interval
of 95 % from paired resamples: of photos (captions, labels, copies) or of words. The development
photos are those of the training shards that the recipe never trains on: only they may choose
between models. The validation shards are for the report at the end.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from demo.album import NAMES, write_album
from demo.questions import QUESTIONS, Asker
from recipe.everyday import EVERYDAY_WORDS
from recipe.figures import ACCURACY_AT, PRECISION_AT, RECALL_AT, TEMPLATE, TIERS
from recipe.measure import encode_photos
from recipe.photos import (
    Photo,
    is_held_out,
    read_training_photos,
    read_validation_photos,
    wordings_by_label,
)
from recipe.stages import DEVELOPMENT_SHARE
from recipe.words import WORDS, mentions

from bench.edition_copies import KINDS, copies
from rclip_like.evaluate.intervals import paired_bootstrap
from rclip_like.evaluate.retrieval import positives_of_captions, retrieve
from rclip_like.evaluate.words import precision
from rclip_like.evaluate.zero_shot import build_classifier, top_k_hits
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.settings import EncoderSettings

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.evaluate.ties import Counts, Shares

FEW_RIGHT = 10
"""A word with fewer right photos does not count among the sixty."""
LEAST_PRECISION = 0.3
COPIES_AMONG, COPY_DRAWS = 3000, 300
PHOTO_ROUNDS, QUERY_ROUNDS, SPEED_PHOTOS = 15, 200, 32
QUERY = "two children on a sandy beach"


class Edition(NamedTuple):
    """A model with its rows of the photos, unit float32 (N, D)."""

    name: str
    model: Model
    images: npt.NDArray[np.float32]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print all figures of both models."""
    parser = argparse.ArgumentParser(prog="bench.edition", description=__doc__)
    parser.add_argument("starter", type=Path)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--photos", choices=("validation", "development"), default="validation")
    options = parser.parse_args(arguments)
    photos = read_photos(options.starter, options.photos)
    settings = EncoderSettings(precision="fp32")
    models = [Model(resolve(name), settings) for name in (options.old, options.new)]
    old, new = (Edition(m.specification.name, m, encode_photos(photos, m)) for m in models)
    print(f"{len(photos)} {options.photos} photos; old: {old.name}; new: {new.name}")
    print(f"{'':34}{'old':>7} {'new':>7}  difference, 95 % interval")
    for part in (compare_captions, compare_labels, compare_words, compare_everyday):
        part(photos, old, new)
    compare_copies(photos, old, new)
    compare_demo(old, new)
    compare_speed(old, new)


def read_photos(starter: Path, which: str) -> list[Photo]:
    """Return the validation photos, or those of training that the recipe keeps to measure on."""
    if which == "validation":
        return read_validation_photos(starter)
    photos = read_training_photos(starter)
    return [photo for photo in photos if is_held_out(photo, DEVELOPMENT_SHARE)]


def say(name: str, old: Shares, new: Shares, groups: Counts | None = None) -> None:
    """Print one line: the means of both in percent, and the paired difference in points."""
    change = paired_bootstrap(old, new, groups=groups)
    value, low, high = (100 * end for end in change)
    before, after = 100 * np.nanmean(old), 100 * np.nanmean(new)
    print(
        f"{name:34}{before:7.1f} {after:7.1f}  {value:+.1f} [{low:+.1f}, {high:+.1f}]", flush=True
    )


def compare_captions(photos: Sequence[Photo], old: Edition, new: Edition) -> None:
    """Print the recall of captions among the captioned photos; an equal caption counts as right."""
    rows = [row for row, photo in enumerate(photos) if photo.captions]
    captions = [caption for row in rows for caption in photos[row].captions]
    owners = [place for place, row in enumerate(rows) for _ in photos[row].captions]
    right, _ = positives_of_captions(captions, owners, len(rows))
    found = [
        retrieve(each.model.texts(captions), each.images[rows], right, RECALL_AT)
        for each in (old, new)
    ]
    for k in RECALL_AT:
        say(f"captions recall@{k}", found[0].hits[k], found[1].hits[k], np.array(owners))


def compare_labels(photos: Sequence[Photo], old: Edition, new: Edition) -> None:
    """Print top-1 and top-5 of the labels, among all labels of these photos."""
    wordings = wordings_by_label(photos)
    number_of = {label: number for number, label in enumerate(wordings)}
    classifiers = [build_classifier(wordings, [TEMPLATE], e.model.texts) for e in (old, new)]
    for group, tiers in TIERS.items():
        rows = [row for row, photo in enumerate(photos) if photo.label and photo.tier in tiers]
        if not rows:
            continue
        truth = np.array([number_of[photos[row].label or ""] for row in rows])
        hits = [
            top_k_hits(classifier.scores(each.images[rows]), truth, ACCURACY_AT)
            for each, classifier in zip((old, new), classifiers, strict=True)
        ]
        for k in ACCURACY_AT:
            say(f"labels {group}, top-{k}", hits[0][k], hits[1][k])


def compare_words(photos: Sequence[Photo], old: Edition, new: Edition) -> None:
    """Print precision@10 of the twenty words."""
    right_of = [[mentions(word, photo.words()) for photo in photos] for word in WORDS]
    first, second = (_precisions(each, WORDS, np.array(right_of)) for each in (old, new))
    say(f"twenty words precision@{PRECISION_AT}", first, second)


def compare_everyday(photos: Sequence[Photo], old: Edition, new: Edition) -> None:
    """Print precision@10 of the sixty words: singular, plural, with an adjective, and the weak."""
    said = np.array([[word.is_said(p.words()) for p in photos] for word in EVERYDAY_WORDS])
    counted = np.flatnonzero(said.sum(1) >= FEW_RIGHT)
    words = [EVERYDAY_WORDS[row] for row in counted]
    editions = (old, new)
    singular = [_precisions(e, [w.singular for w in words], said[counted]) for e in editions]
    plural = [_precisions(e, [w.plural for w in words], said[counted]) for e in editions]
    say(f"everyday words ({len(words)}), singular", *singular)
    say(f"everyday words ({len(words)}), plural", *plural)
    print("  columns of the next two lines: singular, plural")
    for each, one, many in zip(("old", "new"), singular, plural, strict=True):
        say(f"  {each}", one, many)
    dressed = [word for word in EVERYDAY_WORDS if word.phrase]
    true = np.array([[word.phrase_is_said(p.words()) for p in photos] for word in dressed])
    enough = np.flatnonzero(true.sum(1) >= FEW_RIGHT)
    phrases = [dressed[row].phrase for row in enough]
    say(
        f"with an adjective ({len(phrases)})",
        *(_precisions(e, phrases, true[enough]) for e in editions),
    )
    for each, forms in (("old", (singular[0], plural[0])), ("new", (singular[1], plural[1]))):
        for form, values in zip(("singular", "plural"), forms, strict=True):
            weak = [
                f"{word.singular} {value:.1f}"
                for word, value in zip(words, values, strict=True)
                if value < LEAST_PRECISION - 1e-9
            ]
            print(f"  {each}: {form} below {LEAST_PRECISION}: {', '.join(weak) or 'none'}")


def _precisions(
    edition: Edition, words: Sequence[str], right_WN: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    scores = edition.model.texts(list(words)) @ edition.images.T
    return np.nan_to_num(precision(scores, right_WN.astype(np.float64), PRECISION_AT))


def compare_copies(photos: Sequence[Photo], old: Edition, new: Edition) -> None:
    """Print how often a changed copy of a photo finds that photo first."""
    among = min(COPIES_AMONG, len(photos))
    drawn = np.random.default_rng(0).permutation(among)[:COPY_DRAWS]
    print(f"copies of {len(drawn)} photos, each to be found first among {among}:")
    for kind in KINDS:
        changed = copies([photos[row] for row in drawn], kind)
        found = []
        for each in (old, new):
            scores = encode_photos(changed, each.model) @ each.images[:among].T
            found.append((scores.argmax(1) == drawn).astype(np.float64))
        say(f"  {kind}", *found)


def compare_demo(old: Edition, new: Edition) -> None:
    """Print the answers to the demonstration's questions that changed, and how many are right."""
    with tempfile.TemporaryDirectory() as folder:
        asker = Asker(Path(folder) / "album")
        write_album(asker.album)
        answers = [dict(_answers(asker, edition)) for edition in (old, new)]
    right = [
        sum(
            answer[query] in {NAMES[source] for source in sources}
            for query, sources in QUESTIONS.items()
        )
        for answer in answers
    ]
    print(f"{'questions of make demo':34}{right[0]:7d} {right[1]:7d}  of {len(QUESTIONS)}")
    for query in QUESTIONS:
        first, second = (answer[query] for answer in answers)
        if first != second:
            print(f"  {query}: {first or 'nothing'}, now {second or 'nothing'}")


def _answers(asker: Asker, edition: Edition) -> Iterator[tuple[str, str]]:
    folder = str(edition.model.specification.weights.parent.absolute())
    for query in QUESTIONS:
        arguments = (query, asker.album.name, "-t", "1", "-f", "--model", folder)
        found = asker.ask(*arguments).stdout.strip()
        yield query, found.removeprefix(asker.album.name + "/")


def compare_speed(old: Edition, new: Edition) -> None:
    """Print photos a second and milliseconds a query, both models by turns, the best of many."""
    pixels = np.random.default_rng(0).integers(0, 256, (SPEED_PHOTOS, 224, 224, 3), np.uint8)
    models = (old.model, new.model)
    photos = _alternate(PHOTO_ROUNDS, [lambda m=m: m.pictures(pixels) for m in models])  # type: ignore[misc]
    queries = _alternate(QUERY_ROUNDS, [lambda m=m: m.texts([QUERY]) for m in models])  # type: ignore[misc]
    first, second = (SPEED_PHOTOS / seconds for seconds in photos)
    print(f"{'photos a second':34}{first:7.1f} {second:7.1f}")
    print(f"{'milliseconds a query':34}{1000 * queries[0]:7.2f} {1000 * queries[1]:7.2f}")


def _alternate(rounds: int, runs: Sequence[Callable[[], object]]) -> list[float]:
    """Return the least seconds of each: beside other programs a median says how busy they were."""
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds + 1):
        for run, seconds in zip(runs, taken, strict=True):
            began = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - began)
    return [min(seconds[1:]) for seconds in taken]


if __name__ == "__main__":
    main()
