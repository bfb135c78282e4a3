"""Print how well `--min-score auto` tells what is there from what is not, as JSON.

PYTHONPATH=tests:rclip_like/builtin python -m bench.cutoff STARTER [--set development|test]

The words of cutoff_words.tsv are searched for one by one, half of them names of what no photo of
their set shows, by its labels and captions. Test words are for the validation photos, on which
nothing was chosen. Development words, by which the cut-off was made, are for photos that `builtin`
was not trained on either: those of its training set that were held out, and the tier web. A photo
is right if a label or a caption of it has the word; those that nobody wrote the word down for count
as wrong, for the perfect cut as well. Intervals of 95 % are over the words.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from recipe.photos import (
    Photo,
    is_held_out,
    read_shard,
    read_training_photos,
    read_validation_photos,
)
from recipe.stages import DEVELOPMENT_SHARE
from recipe.words import mentions

from bench.peer import FOLDER
from rclip_like import Library, Query, SearchSettings
from rclip_like.evaluate.intervals import bootstrap_statistic, wilson
from rclip_like.query import Kind

WORDS = Path(__file__).with_name("cutoff_words.tsv")
FEW = 10
GATES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9)


class Word(NamedTuple):
    """A word with other wordings that mean it as well."""

    text: str
    is_present: bool
    others: tuple[str, ...]


class Searched(NamedTuple):
    """What a search for a word gave: F1 as cut and as the best cut there is, 0 to 1.

    presence: as the report has it. num_right: of the photos of the set.
    """

    word: Word
    presence: float
    num_shown: int
    num_right: int
    f1: float
    best_f1: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of a set as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("starter", type=Path)
    parser.add_argument("--set", choices=("development", "test"), default="test")
    parser.add_argument("--words", action="store_true", help="print the figures of each word, too")
    options = parser.parse_args(arguments)
    photos = read_photos(options.starter, options.set)
    searched = search_all(read_words(options.set), photos, FOLDER / "cutoff" / options.set)
    print(json.dumps(figures(searched, len(photos)), indent=1))
    if options.words:
        for each in searched:
            print(json.dumps({**each._asdict(), "word": each.word.text}))


def read_photos(starter: Path, name: str) -> list[Photo]:
    """Return the photos that a set's words are searched among."""
    if name == "test":
        return read_validation_photos(starter)
    training = read_training_photos(starter)
    web = [photo for shard in sorted(starter.glob("train-web-*")) for photo in read_shard(shard)]
    return [photo for photo in training if is_held_out(photo, DEVELOPMENT_SHARE)] + web


def read_words(name: str) -> list[Word]:
    """Return the words of a set."""
    rows = [line.split("\t") for line in WORDS.read_text(encoding="utf-8").splitlines()[1:]]
    return [
        Word(text, kind == "present", tuple(others.split("|")) if others else ())
        for set_name, text, kind, others in rows
        if set_name == name
    ]


def search_all(words: Sequence[Word], photos: Sequence[Photo], folder: Path) -> list[Searched]:
    """Return what a search for each word gives among the photos, written and indexed in a folder.

    Raises AssertionError for a word that is there and should not be, or the other way round.
    """
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(photos):
        path = folder / "photos" / f"{number:05}.jpg"
        if not path.exists():
            path.write_bytes(photo.data)
    with Library(folder / "index.db", model="builtin") as library:
        library.index(folder / "photos")
        return [search_for(word, library, folder / "photos", photos) for word in words]


def search_for(word: Word, library: Library, folder: Path, photos: Sequence[Photo]) -> Searched:
    """Return what a search for the word gives."""
    forms = [form.lower() for form in (word.text, *word.others)]
    right = {
        f"{number:05}.jpg"
        for number, photo in enumerate(photos)
        if any(mentions(form, photo.words()) for form in forms)
    }
    assert bool(right) == word.is_present, (word, len(right))
    query, settings = Query(word.text, kind=Kind.TEXT), SearchSettings(top=0)
    every = library.search(query, folder, settings, update=False)
    is_right = np.array([Path(match.path).name in right for match in every.matches])
    number = np.arange(1, len(is_right) + 1)
    f1 = 2 * is_right.cumsum() / (number + len(right))
    cut = library.search(query, folder, settings._replace(min_score="auto"), update=False)
    num_shown = len(cut.matches)
    assert cut.presence is not None
    assert [match.path for match in cut.matches] == [m.path for m in every.matches[:num_shown]]
    return Searched(
        word,
        cut.presence,
        num_shown,
        len(right),
        float(f1[num_shown - 1]) if num_shown else 0.0,
        float(f1.max()),
    )


def figures(searched: Sequence[Searched], num_photos: int) -> dict[str, Any]:
    """Return the figures of all words; shares with the ends of their intervals."""
    present = [each for each in searched if each.word.is_present]
    absent = [each for each in searched if not each.word.is_present]
    few = [each for each in present if each.num_right < FEW]
    f1 = np.array([(each.f1, each.best_f1) for each in present])

    def share_of_perfect(numbers: Any) -> float:
        some = f1[numbers].mean(0)
        return float(some[0] / some[1])

    return {
        "photos": num_photos,
        "absent_words_silenced": _silenced(absent),
        "present_words_silenced": _silenced(present),
        "present_words_of_few_silenced": _silenced(few),
        "few_silenced": [each.word.text for each in few if not each.num_shown],
        "f1": round(float(f1[:, 0].mean()), 3),
        "f1_of_perfect_cuts": round(float(f1[:, 1].mean()), 3),
        "f1_share_of_perfect": _rounded(*bootstrap_statistic(share_of_perfect, len(f1))),
        "curve": [
            {
                "least_presence": gate,
                "absent_silenced": _share_below(absent, gate),
                "present_lost": _share_below(present, gate),
                "few_lost": _share_below(few, gate),
            }
            for gate in GATES
        ],
        "presence_and_truth": _reliability(searched),
    }


def _silenced(some: Sequence[Searched]) -> dict[str, object]:
    silent = sum(not each.num_shown for each in some)
    return {"silenced": silent, "words": len(some), "share": _rounded(*wilson(silent, len(some)))}


def _share_below(some: Sequence[Searched], gate: float) -> float:
    return round(sum(each.presence < gate for each in some) / len(some), 3)


def _reliability(searched: Sequence[Searched]) -> list[dict[str, float]]:
    """Return by fifths of presence how many words there are, and which share of them is there."""
    rows = []
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        some = [each for each in searched if low <= each.presence < low + 0.2]
        there = sum(each.word.is_present for each in some)
        share = there / len(some) if some else math.nan
        rows.append({"from": low, "words": len(some), "there": round(share, 3)})
    return rows


def _rounded(*numbers: float) -> list[float]:
    return [round(number, 3) for number in numbers]


if __name__ == "__main__":
    main()
