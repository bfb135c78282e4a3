"""Models measured on sets: which figures, of which pictures, and compared how."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from drawn_pairs import describe, draw_picture
from labelled_sets import examples_of, write_classes, write_files
from small_index import SmallIndex, settle
from tiny_model import make_tiny_model

from rclip_like.data.embedding import EmbeddedSet, embed_set
from rclip_like.data.sets import open_set
from rclip_like.errors import DataError, UsageError
from rclip_like.evaluate.report import LineChart
from rclip_like.measure.captions import PICTURE_TO_TEXT, TEXT_TO_PICTURE
from rclip_like.measure.confidence import measure_confidence
from rclip_like.measure.label_report import label_sections
from rclip_like.measure.labels import measure_scores
from rclip_like.measure.report import evaluation_report
from rclip_like.measure.run import Candidate, Evaluation, common_pictures, evaluate, sample
from rclip_like.measure.settings import EvaluateSettings
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.settings import EncoderSettings, ReadSettings

READ = ReadSettings(workers=2)
FP32 = EncoderSettings(batch_size=4, precision="fp32", device="cpu")
SETTINGS = EvaluateSettings()
LABELS = ("red car", "dog", "house", "tree", "cup", "boat")


@pytest.fixture
def model(tiny_model: Path) -> Model:
    return Model(resolve(str(tiny_model)), FP32)


@pytest.fixture
def captioned_set(tmp_path: Path) -> Path:
    """Return a folder of pictures with two captions each; the last two share one."""
    files: dict[str, bytes | str] = {}
    for number in range(12):
        files[f"{number:02}.png"] = draw_picture(number)
        other = "the same" if number > 9 else f"no {number} drawn"
        files[f"{number:02}.txt"] = f"{describe(number)}\n{other}\n"
    return write_files(tmp_path / "captioned", files)


class TextModel(Model):
    """A model that refuses to encode pictures."""

    def pictures(self, pixels_NHWC: object) -> NoReturn:
        """Fail."""
        raise AssertionError("pictures were encoded")


def _evaluate(data: Path, *models: Model, settings: EvaluateSettings = SETTINGS) -> Evaluation:
    candidates = [Candidate(model, None) for model in models]
    return evaluate(open_set(data), candidates, settings, READ)


def test_retrieval_is_that_of_brute_force(captioned_set: Path, model: Model) -> None:
    found = _evaluate(captioned_set, model).models[0].captions
    assert found is not None
    embedded = embed_set(open_set(captioned_set), model, None, READ)
    captions = [caption for group in embedded.captions for caption in group]
    owners = [number for number, group in enumerate(embedded.captions) for _ in group]
    scores = model.texts(captions) @ embedded.rows.T
    right = [
        [number for number, group in enumerate(embedded.captions) if caption in group]
        for caption in captions
    ]
    for k in (1, 5, 10):
        best = np.argsort(-scores, axis=1)[:, :k]
        hits = [bool(set(some) & set(own)) for some, own in zip(best, right, strict=True)]
        measured = found.figures[TEXT_TO_PICTURE][f"recall@{k}"].interval
        assert measured.value == pytest.approx(np.mean(hits))
        assert measured.low <= measured.value <= measured.high
    first = np.argmax(scores.T, axis=1)
    own = [number in right[caption] for number, caption in enumerate(first)]
    assert found.figures[PICTURE_TO_TEXT]["recall@1"].interval.value == pytest.approx(np.mean(own))
    assert (found.num_pictures, found.num_captions) == (12, len(owners))
    assert found.num_shared == 2


def test_labels_are_those_of_the_nearest_text(tmp_path: Path, model: Model) -> None:
    data = write_classes(tmp_path / "labelled", LABELS, each=4)
    found = _evaluate(data, model).models[0].labels
    assert found is not None
    embedded = embed_set(open_set(data), model, None, READ)
    texts = model.texts([f"a photo of a {label}." for label in embedded.labels])
    predicted = np.argmax(embedded.rows @ texts.T, axis=1)
    right = predicted == embedded.label_numbers
    assert found.figures["acc1"].interval.value == pytest.approx(right.mean())
    recalls = [right[embedded.label_numbers == number].mean() for number in range(len(LABELS))]
    recall = found.figures["mean_per_class_recall"].interval
    assert recall.value == pytest.approx(np.mean(recalls))
    assert recall.low <= recall.value <= recall.high
    assert "acc5" in found.figures
    assert found.confusion.counts.sum() == len(embedded.names) == 24


def test_labels_that_read_alike_share_their_pictures_and_are_named(
    tmp_path: Path, model: Model
) -> None:
    data = write_classes(tmp_path / "labelled", ("Orange", "orange"), each=4)
    found = _evaluate(data, model)
    labels = found.models[0].labels
    assert labels is not None
    assert labels.figures["acc1"].interval.value == 0.5
    assert labels.figures["mean_per_class_recall"].interval.value == 0.5
    assert labels.figures["macro_f1"].interval.value == 0.5
    assert labels.confusion.counts.tolist() == [[2, 2], [2, 2]]
    assert any("'Orange' and 'orange'" in note for note in found.notes)


def test_templates_of_the_set_are_used_unless_others_are_named(
    tmp_path: Path, model: Model
) -> None:
    data = write_classes(tmp_path / "labelled", LABELS[:2])
    (data / "zeroshot_classification_templates.txt").write_text("a drawing of a {c}.\n")
    of_set = _evaluate(data, model).models[0].labels
    of_name = _evaluate(data, model, settings=EvaluateSettings(templates="none")).models[0].labels
    assert of_set is not None
    assert of_name is not None
    assert of_set.templates == ("a drawing of a {}.",)
    assert of_name.templates == ("{}",)
    assert "acc5" not in of_set.figures


def test_a_model_against_itself_differs_by_nothing(captioned_set: Path, model: Model) -> None:
    found = _evaluate(captioned_set, model).models[0].captions
    assert found is not None
    for figures in found.figures.values():
        for key, measured in figures.items():
            nothing = measured.minus(measured, 0)
            if key == "median_rank":
                assert nothing is None
                continue
            assert nothing is not None
            assert nothing.value == 0
            assert not nothing.low > 0
            assert not nothing.high < 0


def test_several_models_are_measured_on_the_pictures_that_all_have(
    captioned_set: Path, model: Model, tmp_path: Path
) -> None:
    other = Model(resolve(str(make_tiny_model(tmp_path / "other", seed=1))), FP32)
    evaluation = _evaluate(captioned_set, model, other)
    first, second = (each.captions for each in evaluation.models)
    assert first is not None
    assert second is not None
    measured = second.figures[TEXT_TO_PICTURE]["recall@5"]
    of_first = first.figures[TEXT_TO_PICTURE]["recall@5"]
    difference = measured.minus(of_first, 0)
    assert difference is not None
    assert difference.value == pytest.approx(measured.interval.value - of_first.interval.value)
    tables = evaluation_report(evaluation, "1").sections[0].tables
    assert [table.key for table in tables] == ["recall", "true-recall", "ranks", "differences"]
    assert len(tables[-1].rows) == 2


def _embedded(names: tuple[str, ...]) -> EmbeddedSet:
    rows = np.arange(len(names), dtype=np.float32)[:, None]
    numbers = np.full(len(names), -1)
    digests = tuple(name.encode() for name in names)
    return EmbeddedSet("set", (), names, digests, rows, numbers, ((),) * len(names), (), 0, 0)


def test_a_picture_that_one_model_could_not_use_is_left_out_of_all() -> None:
    first, second = common_pictures([_embedded(("a", "b", "c")), _embedded(("b", "c", "d"))])
    assert first.names == second.names == ("b", "c")
    assert first.rows[:, 0].tolist() == [1, 2]
    assert second.rows[:, 0].tolist() == [0, 1]


def test_what_is_indexed_is_not_encoded_again(captioned_set: Path, tiny_model: Path) -> None:
    index = SmallIndex(captioned_set.parent / "index.db", tiny_model)
    for path in captioned_set.glob("*.png"):
        settle(path)
    index.update(captioned_set)
    model_id = index.store.model_id(index.specification.fingerprint)
    assert model_id is not None
    candidate = Candidate(TextModel(index.specification, FP32), index.store.embeddings(model_id))
    of_index = evaluate(open_set(captioned_set), [candidate], SETTINGS, READ).models[0]
    assert (of_index.num_encoded, of_index.num_from_index) == (0, 12)
    fresh = _evaluate(captioned_set, index.model).models[0]
    assert (fresh.num_encoded, fresh.num_from_index) == (12, 0)


def test_a_sample_is_drawn_by_the_seed_and_keeps_its_order(tmp_path: Path) -> None:
    data = open_set(write_classes(tmp_path / "labelled", LABELS, each=4))

    def names(seed: int) -> list[str]:
        drawn, num = sample(data, 7, seed)
        assert (num, drawn.total, drawn.labels) == (24, 7, data.labels)
        return [each.name for each in examples_of(drawn)]

    every = [each.name for each in examples_of(data)]
    assert len(names(0)) == 7
    assert names(0) == sorted(names(0), key=every.index)
    assert names(0) != names(1)
    assert sample(data, 100, 0)[0].total == 24


def test_a_split_of_a_set_without_splits_is_said_to_have_no_effect(
    captioned_set: Path, model: Model
) -> None:
    evaluated = _evaluate(captioned_set, model, settings=SETTINGS._replace(split="nope"))
    assert evaluated.notes == ("captioned has no splits; all of it was measured",)
    assert not _evaluate(captioned_set, model).notes


def test_nothing_to_measure_is_said(tmp_path: Path, model: Model) -> None:
    data = write_files(tmp_path / "broken", {"cat/1.png": b"no picture", "dog/1.png": b"neither"})
    with pytest.raises(DataError, match="no picture can be used"):
        _evaluate(data, model)


def test_too_few_pictures_have_no_calibration() -> None:
    logits = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    truth = np.random.default_rng(1).integers(0, 3, 500)
    few, some, many = (measure_confidence(logits[:n], truth[:n], 0) for n in (150, 300, 500))
    assert few.own is None
    assert "200" in few.reason
    assert some.own is not None
    assert some.fitted is None
    assert "half" in some.reason
    assert many.own is not None
    assert many.fitted is not None
    assert many.own_half is not None
    assert many.fitted.nll.value <= many.own_half.nll.value
    assert many.fitted.num == 250


def test_a_report_has_no_time_but_its_own(captioned_set: Path, model: Model) -> None:
    first, second = (
        evaluation_report(_evaluate(captioned_set, model), "1", when) for when in ("then", "now")
    )
    assert first != second
    assert first._replace(when="") == second._replace(when="")


def test_templates_for_a_set_without_labels_are_refused(captioned_set: Path, model: Model) -> None:
    with pytest.raises(UsageError, match="templates are for labels"):
        _evaluate(captioned_set, model, settings=EvaluateSettings(templates="simple"))


def test_the_reliability_chart_leaves_out_bins_with_few_pictures() -> None:
    random = np.random.default_rng(0)
    logits, truth = random.normal(size=(300, 4)).astype(np.float32), random.integers(0, 4, 300)
    figures = measure_scores(logits, logits, truth, ("a", "b", "c", "d"), 0)
    half = figures.confidence.own_half
    if half is None:  # half of the pictures are too few
        half = figures.confidence.own
    assert half is not None
    (chart,) = (
        each
        for section in label_sections([("m", figures)], {"m": 1.0}, 0)
        for each in section.charts
        if each.key == "reliability"
    )
    assert isinstance(chart, LineChart)
    assert any(0 < each.num < 10 for each in half.bins)
    assert len(chart.lines[0].x) == sum(each.num >= 10 for each in half.bins)
