"""Models whose towers are loaded once, whichever threads call them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reference_clip import photos
from tiny_model import captioning_config, make_tiny_model, tiny_config

from rclip_like.errors import ModelError
from rclip_like.library import Library
from rclip_like.models import model as model_module
from rclip_like.models.model import Model
from rclip_like.models.names import BUILTIN
from rclip_like.models.specification import resolve
from rclip_like.models.towers.tensors import Weights
from rclip_like.models.towers.torch_tower import TorchTower, load_torch_tower, unprojected
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.settings import EncoderSettings, IndexSettings, ReadSettings

EXACT = EncoderSettings("cpu", "fp32")
TEXTS = ["a cat", "red car at night"]
THREADS = 8
TIMM = {"timm_model_name": "tf_efficientnet_lite0", "image_size": 32}
opened: list[str] = []


def note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and arguments[1]:  # a mode: what calls os.open beneath has none
        opened.append(str(arguments[0]))


sys.addaudithook(note)  # Python has no way to take it off


def in_threads(call: Callable[[], Any]) -> list[Any]:
    """Return what a call returns in each of several threads that begin at once."""
    begin = threading.Barrier(THREADS)
    results: list[Any] = []

    def run() -> None:
        begin.wait(timeout=30)
        results.append(call())

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(results) == THREADS
    return results


def test_threads_get_the_same_rows_from_towers_that_are_loaded_once(tiny_model: Path) -> None:
    model, pixels = Model(resolve(str(tiny_model)), EXACT), photos(32)
    weights = str(model.specification.weights)
    opened.clear()
    rows = in_threads(
        lambda: np.concatenate(
            [model.texts(TEXTS), model.pictures(pixels), [model.picture(pixels[0])]]
        )
    )
    assert opened.count(weights) == 1
    # One tower for batches, one for single pictures, and a graph of patches for each.
    assert sum(name.endswith("vit_patches.onnx") for name in opened) == 2
    alone = Model(resolve(str(tiny_model)), EXACT)
    expected = np.concatenate([alone.texts(TEXTS), alone.pictures(pixels)])
    for each in rows:
        np.testing.assert_allclose(each[:-1], expected, atol=1e-6)
        assert each[-1] @ each[len(TEXTS)] > 0.999999


def test_nothing_is_opened_before_it_is_needed(tiny_model: Path) -> None:
    specification = resolve(str(tiny_model))
    opened.clear()
    model = Model(specification)
    assert not opened
    model.texts(["a cat"])
    assert not [name for name in opened if name.endswith(".onnx")]


class CountedModel(Model):
    """A model that counts how often torch loads it."""

    loads = 0

    def _load_torch_tower(self) -> TorchTower:
        self.loads += 1
        return super()._load_torch_tower()


def test_torch_loads_a_model_once_for_texts_and_pictures(tmp_path: Path) -> None:
    config = tiny_config()
    towers = {name: config[name] for name in ("vision_cfg", "text_cfg")}
    other = {name: tower | {"pool_type": "avg"} for name, tower in towers.items()}
    other["text_cfg"]["pool_type"] = "last"
    model = CountedModel(resolve(str(make_tiny_model(tmp_path, **other))), EXACT)
    pixels = photos(32)
    rows = in_threads(
        lambda: (model.texts(TEXTS), model.pictures(pixels), model.picture(pixels[0]))
    )
    assert model.loads == 1
    for texts, pictures, picture in rows:
        np.testing.assert_array_equal(texts, rows[0][0])
        np.testing.assert_allclose(pictures, rows[0][1], atol=1e-6)
        np.testing.assert_allclose(picture, pictures[0], atol=1e-6)


def test_what_cannot_be_loaded_fails_each_time(tmp_path: Path) -> None:
    specification = resolve(str(make_tiny_model(tmp_path)))
    specification.weights.write_bytes(b"damaged")
    model = Model(specification)
    for _ in range(2):
        with pytest.raises(ModelError, match="cannot be loaded as safetensors"):
            model.texts(["a cat"])


def test_libraries_in_several_threads_share_a_model(tmp_path: Path, tiny_model: Path) -> None:
    from PIL import Image

    for number, pixels in enumerate(photos(32)):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    model = Model(resolve(str(tiny_model)), EXACT)
    read = ReadSettings(workers=1)
    with Library(tmp_path / "index.db", model=model, read=read) as library:
        library.index([tmp_path])
    opened.clear()

    def search() -> list[tuple[bytes, float]]:
        with Library(tmp_path / "index.db", model=model, read=read) as library:
            report = library.search("a cat", [tmp_path], update=None)
        return [(match.path, match.score) for match in report.matches]

    results = in_threads(search)
    assert all(matches == results[0] for matches in results)
    assert len(results[0]) == len(photos(32))
    # Indexing has mapped the weights: the text tower stands on the same map.
    assert str(model.specification.weights) not in opened


def test_a_library_has_the_name_of_the_model_that_it_is_given(
    tmp_path: Path, tiny_model: Path
) -> None:
    model = Model(resolve(str(tiny_model)))
    with Library(tmp_path / "index.db", model=model) as library:
        assert library.model is model
        assert library.chosen_model() == model.specification.name
        library.index([], IndexSettings())


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing import torch, as where it is not installed."""
    from rclip_like.models.towers import torch_tower

    monkeypatch.delitem(sys.modules, torch_tower.__name__)
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.usefixtures("without_torch")
def test_without_torch_a_sign_of_a_gpu_or_of_bf16_changes_nothing(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "_GPU_SIGNS", (str(tmp_path),))
    (tmp_path / "cpuinfo").write_text("flags : fpu avx2 avx512_bf16\n")
    monkeypatch.setattr(model_module, "_PROCESSOR", tmp_path / "cpuinfo")
    assert Model(resolve(str(tiny_model))).pictures(photos(32)).shape[1] == 32


@pytest.mark.usefixtures("without_torch")
def test_a_model_that_needs_torch_says_so_where_it_is_missing(tmp_path: Path) -> None:
    text = tiny_config()["text_cfg"] | {"pool_type": "last"}
    model = Model(resolve(str(make_tiny_model(tmp_path, text_cfg=text))))
    with pytest.raises(
        ModelError, match="which are not installed; install them with: python -m pip install"
    ):
        model.texts(["a cat"])


@pytest.mark.parametrize("more", [{}, {"dtype": "float16"}])
def test_the_logit_scale_is_no_logarithm_and_needs_no_torch(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    model = CountedModel(resolve(str(make_tiny_model(tmp_path, **more))))
    assert model.logit_scale == pytest.approx(1 / 0.07, rel=1e-3)
    assert model.loads == 0


def test_features_are_what_is_projected(tiny_model: Path) -> None:
    specification, pixels = resolve(str(tiny_model)), photos(32)
    model = Model(specification, EXACT)
    features = model.features(pixels)
    assert features.dtype == np.float32
    projected = features @ Weights(specification.weights).tensors()["visual.proj"]
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    assert (projected * model.pictures(pixels)).sum(axis=1).min() > 0.999999
    theirs = load_torch_tower(specification, EXACT).features(pixels)
    np.testing.assert_allclose(features, theirs, atol=1e-4)
    assert model.features(pixels[:0]).shape == (0, features.shape[1])


def test_features_of_the_built_in_model_equal_those_of_torch() -> None:
    specification = resolve(BUILTIN)
    pixels = photos(specification.preprocessing.size)
    features = Model(specification).features(pixels)
    assert features.shape == (len(pixels), 1280)
    theirs = load_torch_tower(specification, EXACT).features(pixels)
    np.testing.assert_allclose(features, theirs, atol=1e-3)


VISUAL = {
    "a vision transformer": tiny_config()["vision_cfg"],
    "timm's, with a projection": TIMM | {"timm_pool": "avg", "timm_proj": "linear"},
    "timm's, whose classifier projects": TIMM | {"timm_pool": "avg", "timm_proj": None},
}


@pytest.mark.parametrize("kind", VISUAL)
def test_features_are_what_a_tower_of_torch_projects(kind: str) -> None:
    visual = import_open_clip().CLIP(32, VISUAL[kind], tiny_config()["text_cfg"]).visual.eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features, rows = unprojected(visual, images), visual(images)
        if kind == "a vision transformer":
            projected = features @ visual.proj
        elif "classifier" in kind:
            projected = visual.trunk.get_classifier()(features)
        else:
            projected = visual.head(features)
    torch.testing.assert_close(projected, rows)


def test_features_of_a_model_that_writes_captions_are_those_that_are_projected() -> None:
    config = captioning_config()
    config.pop("custom_text")
    visual = import_open_clip().CoCa(**config).visual.eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(unprojected(visual, images) @ visual.proj, visual(images)[0])
