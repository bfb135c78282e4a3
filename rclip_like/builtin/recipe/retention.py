"""Make the general set that `train` measures on: python -m rclip_like.builtin.recipe.retention.

Photos of the tier `open` whose sources have a licence, as features of the image trunk. The photos
themselves are not kept.

Shape suffixes: N photos, F features.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import save

from rclip_like.files import write_whole
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.train.general_set import GENERAL_SET, LARGEST, image_tower_digest
from rclip_like.train.prepare import load_images
from rclip_like.train.towers import Towers

from .photos import Photo, read_shard, read_squares

SHARD = "train-open-000.tar.gz"
LICENSED = ("caltech101", "clothing", "grocery", "trashnet")
"""The sources with a licence; `houses` has none."""
MOST_PER_LABEL = 13
TEMPLATE = "a photo of a {}."
ALL_LABELS = "labels.tsv"


def main() -> int:
    """Write the set beside the model."""
    options = _parse()
    photos = list(choose(read_shard(options.data / SHARD)))
    labels = (options.data / ALL_LABELS).read_text(encoding="utf-8").splitlines()
    others = [line.partition("\t")[0] for line in labels]
    specification = resolve(None)
    features_NF = compute_features(photos, specification)
    digest = image_tower_digest(specification)
    assert digest is not None
    content = packed(features_NF, photos, others, digest)
    with write_whole(options.output / GENERAL_SET.name, 0o666) as draft:
        draft.write_bytes(content)
    return 0


def choose(photos: Iterable[Photo]) -> Iterator[Photo]:
    """Yield the licensed photos, the first MOST_PER_LABEL of each label, in their order."""
    seen = Counter[str]()
    for photo in photos:
        if photo.source in LICENSED and photo.label is not None:
            seen[photo.label] += 1
            if seen[photo.label] <= MOST_PER_LABEL:
                yield photo


def compute_features(
    photos: Sequence[Photo], specification: ModelSpecification
) -> npt.NDArray[np.float32]:
    """Return the features (N, F) that training has of these photos. Raises PictureError."""
    model: Any = load_model(specification)
    towers = Towers(model, specification.preprocessing, torch.device("cpu"), True, True)
    images = load_images(read_squares(photos, specification.preprocessing), towers, Path())
    features_NF: npt.NDArray[np.float32] = images.rows(np.arange(len(photos))).numpy()
    return features_NF


def packed(
    features_NF: npt.NDArray[np.float32],
    photos: Sequence[Photo],
    others: Iterable[str],
    image_tower: str,
) -> bytes:
    """Return the set as a safetensors file.

    Features are at least 0 and are kept as shares of the largest one of their photo. others: labels
    without photos, which make the choice harder. image_tower: its digest.
    """
    own = sorted({photo.label or "" for photo in photos})
    labels = list(dict.fromkeys((*own, *others)))
    scales_N = features_NF.max(axis=1) / LARGEST
    described = {"image_tower": image_tower, "templates": [TEMPLATE], "labels": labels}
    return save(
        {
            "features": np.round(features_NF / scales_N[:, None]).astype(np.uint8),
            "scales": scales_N.astype(np.float32),
            "labels": np.array([own.index(photo.label or "") for photo in photos], np.int16),
        },
        metadata={"set": json.dumps(described)},
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="rclip_like.builtin.recipe.retention", description=__doc__
    )
    parser.add_argument("--data", type=Path, required=True, help="the starter folder")
    parser.add_argument(
        "--output", type=Path, required=True, help="the folder to write the file into"
    )
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
