"""Our rows against open_clip's own encoding of the same files and texts, in float32."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from read_in_process import read_picture
from reference_clip import encode_files, encode_texts, save_photos, save_random_model
from tiny_model import make_tiny_model

from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_tower import load_torch_tower
from rclip_like.settings import EncoderSettings, ReadSettings

EXACT = EncoderSettings("cpu", "fp32", threads=2)
TEXTS = (
    "a photo of a cat",
    "red car at night",
    "an astronaut in a white suit, smiling",
    "cup of coffee",
    "naïve café — 日本の猫 &amp; 2024's best",
    "stars " * 100,
    "",
)


@pytest.fixture(scope="module", params=["ViT-B-32-256", "ViT-B-32-quickgelu"])
def full_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random_model(request.param, tmp_path_factory.mktemp("random") / request.param)


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("small"), image_size=224, layers=3)


def our_rows(folder: Path, paths: Sequence[Path]) -> np.ndarray:
    specification = resolve(str(folder))
    pictures = [
        read_picture(os.fsencode(path), specification.preprocessing, ReadSettings())
        for path in paths
    ]
    pixels = np.stack([picture.parts[0] for picture in pictures])
    return load_torch_tower(specification, EXACT).pictures(pixels)


def assert_files_agree(folder: Path, paths: Sequence[Path], least: float = 0.9999) -> None:
    ours, theirs = our_rows(folder, paths), encode_files(folder, paths)
    others = theirs @ theirs.T - 2 * np.eye(len(theirs))
    assert others.max() < 0.9999, "the model cannot tell the pictures apart: this proves nothing"
    assert (ours * theirs).sum(axis=1).min() >= least


def assert_texts_agree(folder: Path) -> None:
    specification = resolve(str(folder))
    theirs = encode_texts(folder, TEXTS)
    by_torch = load_torch_tower(specification, EXACT).texts(TEXTS)
    by_numpy = Model(specification).texts(TEXTS)
    assert (by_torch * theirs).sum(axis=1).min() >= 0.9999
    assert (by_numpy * theirs).sum(axis=1).min() >= 0.99999


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_pictures_agree_with_a_small_model(small_model: Path, tmp_path: Path, suffix: str) -> None:
    assert_files_agree(small_model, save_photos(tmp_path, suffix))


def test_large_photographs_agree_with_a_small_model(small_model: Path, tmp_path: Path) -> None:
    # Embeddings of length 32 feel a rounding of pixels more than those of length 512.
    assert_files_agree(small_model, save_photos(tmp_path, ".jpg", 4.1), least=0.9995)


def test_texts_agree_with_a_small_model(small_model: Path) -> None:
    assert_texts_agree(small_model)


@pytest.mark.long
@pytest.mark.parametrize(("suffix", "megapixels"), [(".jpg", None), (".png", 1.5)])
def test_pictures_decoded_in_full_agree(
    full_model: Path, tmp_path: Path, suffix: str, megapixels: float | None
) -> None:
    assert_files_agree(full_model, save_photos(tmp_path, suffix, megapixels))


@pytest.mark.long
@pytest.mark.parametrize("megapixels", [4.1, 12.0])
def test_large_photographs_agree_through_the_fast_path(
    full_model: Path, tmp_path: Path, megapixels: float
) -> None:
    paths = save_photos(tmp_path, ".jpg", megapixels)
    for path in paths:
        with Image.open(path) as photo:
            assert photo.width * photo.height >= 4_000_000
    assert_files_agree(full_model, paths)


@pytest.mark.long
def test_texts_agree(full_model: Path) -> None:
    assert_texts_agree(full_model)
