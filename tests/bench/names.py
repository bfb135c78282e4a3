"""Print how well names of one's own find what they stand for, beside the words, as JSON.

PYTHONPATH=tests:rclip_like/builtin python -m bench.names STARTER FOLDER [--draws 5]

Photos of the tier web, training and validation shards together, are indexed in FOLDER. A name gets
5 photos of each of the 30 labels with the most photos among those that occur in no other tier, and
15 of each that has at least 30. Precision at 10 is over all other photos of the tier: for the name,
the label's word, and both in one query. Each is the mean over the labels, and over draws of the
photos that are named; intervals of 95 % are over the labels. The same for the mean of the named
photos' rows, which the name is unless a probe was better in folds.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from recipe.photos import Photo, read_shard

from rclip_like import Library
from rclip_like.evaluate.intervals import bootstrap_statistic
from rclip_like.ranking import combine

NUM_LABELS, FEW = 30, 5
MANY, FEWEST_OF_MANY = 15, 30
AT = 10


class Found(NamedTuple):
    """Precision at 10 of the four queries, and how the name was made."""

    name: float
    mean: float
    word: float
    both: float
    method: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("starter", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=5)
    options = parser.parse_args(arguments)
    tiers: dict[str, set[str]] = {}
    photos: list[Photo] = []
    for shard in sorted(options.starter.glob("*-0*.tar.gz")):
        for photo in read_shard(shard):
            if photo.label is not None:
                tiers.setdefault(photo.label, set()).add(photo.tier)
                photos += [photo] if photo.tier == "web" else []
    numbers = Counter(photo.label for photo in photos if tiers[photo.label or ""] == {"web"})
    few = [label or "" for label, _ in numbers.most_common(NUM_LABELS)]
    many = [label or "" for label, number in numbers.items() if number >= FEWEST_OF_MANY]
    with Library(options.folder / "index.db", model="builtin") as library:
        paths = _indexed(library, photos, options.folder / "photos")
        labels = np.array([photo.label for photo in photos])
        found = {
            f"{number}_of_each_of_{len(some)}": [
                [*_find(library, paths, labels, label, number, options.draws)] for label in some
            ]
            for some, number in ((few, FEW), (sorted(many), MANY))
        }
    figures = {key: _figures(value) for key, value in found.items()}
    print(json.dumps({"photos": len(photos), "draws": options.draws, **figures}, indent=1))


def _indexed(library: Library, photos: Sequence[Photo], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05}.jpg" for number in range(len(photos))]
    for path, photo in zip(paths, photos, strict=True):
        if not path.exists():
            path.write_bytes(photo.data)
            os.utime(path, (0, 0))  # else the clock's grain makes the newest ones doubtful
    library.index(folder)
    return paths


def _find(
    library: Library, paths: Sequence[Path], labels: Any, label: str, number: int, draws: int
) -> Iterator[Found]:
    rows, is_indexed = library.embeddings(paths)
    assert is_indexed.all()
    (word,) = library.embed_texts([label])
    for seed in range(draws):
        of_label = np.flatnonzero(labels == label)
        chosen = np.random.default_rng(seed).choice(of_label, number, replace=False)
        named = library.name("it", [paths[each] for each in chosen], replace=True).name.rows[0]
        rest = np.setdiff1d(np.arange(len(paths)), chosen)
        both = combine(np.stack([named.embedding, word]), [1.0, 1.0])
        mean = combine(rows[chosen], [1.0] * number)
        queries = {"name": named.embedding, "mean": mean, "word": word, "both": both}
        yield Found(**_precisions(queries, rows[rest], labels[rest] == label), method=named.method)


def _precisions(queries: Mapping[str, Any], rows: Any, is_right: Any) -> dict[str, float]:
    return {
        key: float(is_right[np.argsort(-(rows @ query), kind="stable")[:AT]].mean())
        for key, query in queries.items()
    }


def _figures(found: Sequence[Sequence[Found]]) -> dict[str, object]:
    """Return each query's mean over labels, with its interval, and what the name gains."""
    table = np.array([np.mean([each[:4] for each in draws], axis=0) for draws in found])

    def interval(values: Any) -> list[float]:
        bounds = bootstrap_statistic(lambda chosen: float(values[chosen].mean()), len(values))
        return [round(float(each), 3) for each in bounds]

    columns = {key: interval(table[:, at]) for at, key in enumerate(Found._fields[:4])}
    methods = Counter(each.method for draws in found for each in draws)
    gain = {"name_above_word": interval(table[:, 0] - table[:, 2])}
    gain["both_above_word"] = interval(table[:, 3] - table[:, 2])
    return {**columns, **gain, "made_by": dict(methods)}


if __name__ == "__main__":
    main()
