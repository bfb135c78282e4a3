"""The built-in model's folder: size, card, and what it reaches on the starter photos."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from recipe.measure import measure_starter
from safetensors.torch import load_file

from rclip_like.models.names import BUILTIN_FOLDER
from rclip_like.models.specification import resolve
from rclip_like.models.towers.tensors import Weights
from rclip_like.models.towers.text_tower import supports
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.settings import EncoderSettings

WEIGHTS = BUILTIN_FOLDER / "open_clip_model.safetensors"
pytestmark = pytest.mark.skipif(not WEIGHTS.exists(), reason="this copy comes without builtin/")


def test_the_folder_is_at_most_forty_megabytes() -> None:
    total = sum(path.stat().st_size for path in BUILTIN_FOLDER.rglob("*") if path.is_file())
    assert 10_000_000 < total <= 40_000_000


def test_the_weights_are_finite_half_precision() -> None:
    for name, value in load_file(WEIGHTS).items():
        if value.is_floating_point():
            assert value.dtype.itemsize == 2, name
            assert value.isfinite().all(), name


def test_open_clip_loads_the_folder() -> None:
    open_clip = import_open_clip()
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{BUILTIN_FOLDER}")
    assert model.text_projection.shape == (256, 256)


def test_texts_need_no_torch() -> None:
    builtin = resolve("builtin")
    assert supports(builtin, Weights(builtin.weights).header)


@pytest.mark.parametrize(
    "word",
    ["Flickr8k", "WordNet", "MiniLM", "EfficientNet", "ImageNet", "COCO", "licence", "wrong",
     "English", "counting", "bias", "typographic", "rclip_like.builtin.recipe", "Measured with"],
)  # fmt: skip
def test_the_card_tells_sources_limits_and_how_to_make_it_again(word: str) -> None:
    assert word.lower() in (BUILTIN_FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8").lower()


@pytest.mark.long
@pytest.mark.skipif("CLIPFIND_STARTER" not in os.environ, reason="needs the starter photos")
def test_the_figures_are_at_least_the_promised_ones() -> None:
    starter = Path(os.environ["CLIPFIND_STARTER"])
    figures = measure_starter(starter, None, EncoderSettings(precision="fp32"))
    for k, least in ((1, 0.215), (5, 0.51), (10, 0.65)):
        assert figures.recall[k] >= least, k
    known, web = (figures.accuracy[group].accuracy for group in ("open and research", "web"))
    assert (known[1] >= 0.47, known[5] >= 0.74) == (True, True)
    assert (web[1] >= 0.25, web[5] >= 0.485) == (True, True)
