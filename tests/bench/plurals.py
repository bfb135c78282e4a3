"""Print what plurals find, read as typed, as their singular, and as the mean of both, as JSON.

PYTHONPATH=tests:rclip_like/builtin python -m bench.plurals STARTER

The photos are those of the development words in cutoff.py. Of "any" a photo is right if the word or
its plural is written of it, of "several" if the plural is. Words with too few right photos are left
out. Differences are to the plural as typed, with intervals of 95 % over the words.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from recipe.measure import encode_photos

from bench.cutoff import read_photos
from rclip_like.evaluate.intervals import paired_bootstrap
from rclip_like.evaluate.words import average_precision, precision
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.settings import EncoderSettings

if TYPE_CHECKING:
    from recipe.photos import Photo

    from rclip_like.evaluate.words import Scores, Shares

_PAIRS = (
    "dog dogs,cat cats,horse horses,flower flowers,dolphin dolphins,lobster lobsters,mountain "
    "mountains,shark sharks,rose roses,cow cows,pig pigs,crab crabs,turtle turtles,penguin "
    "penguins,snake snakes,bear bears,rabbit rabbits,seal seals,daisy daisies,dandelion "
    "dandelions,tulip tulips,sunflower sunflowers,duck ducks,otter otters,eel eels,seahorse "
    "seahorses,turkey turkeys,octopus octopuses,eagle eagles,lion lions,wolf wolves,chicken "
    "chickens,lily lilies,building buildings,tree trees,boat boats,car cars,child children,woman "
    "women,boy boys,girl girls,bird birds,bike bikes,ball balls,chair chairs,ape apes,spider "
    "spiders,glacier glaciers,squid squids,starfish starfishes"
)
PAIRS = [tuple(pair.split()) for pair in _PAIRS.split(",")]
LEAST_RIGHT = {"any": 10, "several": 5}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of both kinds of right photos as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("starter", type=Path)
    photos = read_photos(parser.parse_args(arguments).starter, "development")
    model = Model(resolve("builtin"), EncoderSettings(precision="fp32"))
    images = encode_photos(photos, model)
    singular, plural = (model.texts(list(words)) for words in zip(*PAIRS, strict=True))
    mean = singular + plural
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    readings = {"as typed": plural, "singular": singular, "mean": mean}
    scores = {name: texts @ images.T for name, texts in readings.items()}
    found = {}
    for kind, least in LEAST_RIGHT.items():
        gains = np.array([_is_right(photos, pair, kind) for pair in PAIRS], dtype=np.float64)
        kept = gains.sum(1) >= least
        found[kind] = _figures({name: each[kept] for name, each in scores.items()}, gains[kept])
    print(json.dumps(found, indent=1))


def _is_right(photos: Sequence[Photo], pair: tuple[str, ...], kind: str) -> list[bool]:
    forms = "|".join(pair if kind == "any" else pair[1:])
    return [
        any(re.search(rf"\b({forms})\b", text.lower()) for text in photo.words())
        for photo in photos
    ]


def _figures(scores: dict[str, Scores], gains: Shares) -> dict[str, Any]:
    found: dict[str, Any] = {"words": len(gains)}
    measures = {
        "precision@5": lambda some: precision(some, gains, 5),
        "precision@10": lambda some: precision(some, gains, 10),
        "average precision": lambda some: average_precision(some, gains),
    }
    for measure, of in measures.items():
        reached = {name: of(some) for name, some in scores.items()}
        found[measure] = {name: round(float(each.mean()), 3) for name, each in reached.items()}
        for name in ("singular", "mean"):
            difference = paired_bootstrap(reached["as typed"], reached[name])
            found[measure][f"{name} - as typed"] = [round(number, 3) for number in difference]
    return found


if __name__ == "__main__":
    main()
