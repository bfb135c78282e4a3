"""Labels that `classify` prints beside a ten-line program of open_clip's on the same files."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import run
from reference_clip import encode, save_photos

from rclip_like.evaluate.templates import templates_of
from rclip_like.models.names import BUILTIN_FOLDER
from rclip_like.models.towers.tensors import Weights

LABELS = ("a cat", "a dog", "rocket", "cup of coffee", "astronaut", "eye", "galaxy", "street")
TEMPLATES = "simple"
_NUM_STARTER = 150

pytestmark = pytest.mark.skipif(
    not (BUILTIN_FOLDER / "open_clip_model.safetensors").exists(),
    reason="this copy comes without builtin/",
)


def open_clip_probabilities(paths: list[Path]) -> np.ndarray:
    """Return open_clip's probabilities (N, L), with the templates' mean in embedding space."""
    templates = templates_of(TEMPLATES)
    texts = [template.replace("{}", label) for label in LABELS for template in templates]
    images, words = encode(BUILTIN_FOLDER, paths, texts)
    weights = words.reshape(len(LABELS), len(templates), -1).mean(1)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    stored = Weights(BUILTIN_FOLDER / "open_clip_model.safetensors").tensors()["logit_scale"]
    powers = np.exp(np.exp(stored.astype(np.float64)) * (images @ weights.T))
    probabilities: np.ndarray = powers / powers.sum(1, keepdims=True)
    return probabilities


def classified(folder: Path, *options: str) -> dict[str, dict[str, float]]:
    """Return the probability of each label by path, as `classify --json` prints them."""
    words = ("--labels", ",".join(LABELS), "--templates", TEMPLATES, "--top", "0", "--json")
    finished = run("classify", *words, folder, *options)
    assert finished.returncode == 0, finished.stderr.decode()
    rows = map(json.loads, finished.stdout.splitlines())
    return {
        row["path"]: {each["label"]: each["probability"] for each in row["labels"]} for row in rows
    }


def compare(folder: Path, paths: list[Path]) -> None:
    theirs = dict(zip(map(str, paths), open_clip_probabilities(paths), strict=True))
    fresh = classified(folder, "--fresh", "--precision", "fp32")
    stored = classified(folder)
    assert fresh.keys() == stored.keys() == theirs.keys()
    ours = np.array([[fresh[path][label] for label in LABELS] for path in theirs])
    expected = np.array(list(theirs.values()))
    assert np.abs(ours - expected).max() < 1e-4
    indexed = np.array([[stored[path][label] for label in LABELS] for path in theirs])
    agreement = float(np.mean(indexed.argmax(1) == expected.argmax(1)))
    assert agreement >= 0.99
    assert len(set(expected.argmax(1).tolist())) > 3, "the model cannot tell the pictures apart"


def test_large_jpegs_get_the_same_probabilities(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    paths = save_photos(tmp_path / "photos", ".jpg")
    for path in paths:
        with Image.open(path) as image:
            larger = image.resize((image.width * 3, image.height * 3), Image.Resampling.BICUBIC)
        larger.save(path, quality=90)
    compare(tmp_path / "photos", paths)


def test_photographs_get_the_same_probabilities(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    compare(tmp_path / "photos", save_photos(tmp_path / "photos", ".png"))
    likeliest = {
        Path(path).stem: max(labels, key=labels.__getitem__)
        for path, labels in classified(tmp_path / "photos").items()
    }
    assert likeliest["chelsea"] == "a cat"
    assert likeliest["coffee"] == "cup of coffee"
    assert likeliest["rocket"] == "rocket"


@pytest.mark.skipif("CLIPFIND_STARTER" not in os.environ, reason="needs the starter photos")
def test_starter_photos_get_the_same_probabilities(tmp_path: Path) -> None:
    shard = next(iter(sorted(Path(os.environ["CLIPFIND_STARTER"]).glob("val-*.tar.gz"))))
    folder = tmp_path / "photos"
    folder.mkdir()
    with tarfile.open(shard) as archive:
        members = [each for each in archive if each.name.endswith(".jpg")][:_NUM_STARTER]
        archive.extractall(folder, members, filter="data")
    compare(folder, sorted(folder.iterdir()))
