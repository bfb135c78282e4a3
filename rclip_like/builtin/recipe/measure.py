"""Measure a model on the starter set: python -m rclip_like.builtin.recipe.measure --data FOLDER."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rclip_like.data.arrays import in_batches
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.settings import EncoderSettings

from .figures import TEMPLATE, Figures, measure
from .photos import Photo, read_squares, read_validation_photos
from .words import WORDS

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

CHUNK = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say, print tables or one JSON object, and return 0."""
    options = _parse(arguments)
    settings = EncoderSettings(precision="fp32")
    figures = measure_starter(options.data, options.model, settings, options.words.split(","))
    sys.stdout.write(as_json(figures) if options.json else as_tables(figures))
    return 0


def measure_starter(
    data: Path, name: str | None, settings: EncoderSettings, words: Sequence[str] = WORDS
) -> Figures:
    """Return a model's figures on the validation shards of the starter folder.

    Photos and texts go the way they go in a search: the tool's own reading and `Model`. Raises
    ClipfindError.
    """
    model = Model(resolve(name), settings)
    photos = read_validation_photos(data)
    return measure(photos, encode_photos(photos, model), model.texts, words)


def encode_photos(photos: Sequence[Photo], model: Model) -> Embeddings:
    """Return unit rows (N, D) of the photos. Raises PictureError."""
    squares = read_squares(photos, model.specification.preprocessing)
    return np.concatenate([model.pictures(pixels) for pixels in in_batches(squares, CHUNK)])


def as_json(figures: Figures) -> str:
    """Return the figures as one line of JSON."""
    return json.dumps(asdict(figures) | {"mean_precision": figures.mean_precision()}) + "\n"


def as_tables(figures: Figures) -> str:
    """Return the three tables as text, shares in percent."""
    lines = [
        f"Captions: text to photo, {figures.num_captions} captions, {figures.num_captioned} photos",
        *(f"  recall@{k:<2} {100 * share:5.1f} %" for k, share in figures.recall.items()),
        f"Labels: {figures.num_labels} candidates, template {TEMPLATE!r}",
    ]
    for group, reached in figures.accuracy.items():
        shares = "  ".join(f"top-{k} {100 * v:5.1f} %" for k, v in reached.accuracy.items())
        lines.append(f"  {group:<18} {reached.num_photos:>5} photos  {shares}")
    lines.append(f"Words: precision@10 over {figures.num_photos} photos")
    lines += [f"  {word:<19} {100 * share:5.0f} %" for word, share in figures.precision.items()]
    lines.append(f"  {'mean':<19} {100 * figures.mean_precision():5.1f} %")
    return "\n".join(lines) + "\n"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="rclip_like.builtin.recipe.measure", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the starter folder")
    parser.add_argument("--model", help="a model's name or folder; the built-in one otherwise")
    parser.add_argument(
        "--words", default=",".join(WORDS), help="words to look for, separated by commas"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
