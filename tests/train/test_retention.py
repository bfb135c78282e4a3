"""What training forgets, on each kind of pictures that it is measured on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from drawn_pairs import COLOURS, draw_picture

from rclip_like.data.embedding import embed_set
from rclip_like.data.sets import open_set
from rclip_like.errors import DataError, StoreError, TrainingError
from rclip_like.evaluate.report import Interval
from rclip_like.measure.captions import measure_captions
from rclip_like.measure.labels import measure_labels
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.settings import EncoderSettings, ReadSettings
from rclip_like.train import retention
from rclip_like.train.retention import (
    OwnPictures,
    Retention,
    measures_pictures,
    open_retention,
)
from rclip_like.train.retention_figures import Retained, changes, worst
from rclip_like.train.retention_sets import check_general_set
from rclip_like.train.settings import TrainSettings
from rclip_like.train.towers import Towers

MakeData = Callable[..., Path]


class Opened(NamedTuple):
    towers: Towers
    retention: Retention | None


@pytest.fixture
def open_with(tmp_path: Path, tiny_model: Path) -> Callable[..., Opened]:
    """Return what opens the retention of a run with these settings, with the run's towers."""

    def open_(
        *, is_locked: bool = True, own_pictures: OwnPictures | None = None, **options: Any
    ) -> Opened:
        (tmp_path / "out").mkdir(exist_ok=True)
        options.setdefault("model", str(tiny_model))
        settings = TrainSettings(tmp_path, tmp_path / "out", **options)
        specification = resolve(settings.model)
        towers = Towers(
            load_model(specification),
            specification.preprocessing,
            torch.device("cpu"),
            locks_image_tower=is_locked,
            locks_text_tower=is_locked,
        )
        tokenize = import_open_clip().SimpleTokenizer(context_length=specification.context_length)
        found = open_retention(
            settings, specification, towers, tokenize, own_pictures, lambda progress: None
        )
        return Opened(towers, found)

    return open_


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Return a folder with a folder of drawn pictures for each colour."""
    for number in range(24):
        folder = tmp_path / "labelled" / list(COLOURS)[number % 4]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:02}.png").write_bytes(draw_picture(number))
    return tmp_path / "labelled"


@torch.no_grad()
def spoil(towers: Towers) -> None:
    torch.manual_seed(0)
    projection = towers.model.text_projection
    projection.copy_(torch.randn_like(projection))


def lost_most(before: Retained, after: Retained) -> Interval:
    return worst(changes(before, after)).lost


@pytest.mark.parametrize("is_locked", [True, False])
def test_labels_are_found_as_evaluate_finds_them(
    open_with: Callable[..., Opened], labelled: Path, tiny_model: Path, is_locked: bool
) -> None:
    opened = open_with(retain=labelled, is_locked=is_locked)
    assert opened.retention is not None
    (figure,) = opened.retention.measure(opened.towers).figures
    model = Model(resolve(str(tiny_model)), EncoderSettings(precision="fp32"))
    embedded = embed_set(open_set(labelled), model, None, ReadSettings())
    expected = measure_labels(embedded, model, ("a photo of a {}.",), 0).figures["acc1"]
    assert figure.share == pytest.approx(expected.interval.value)
    assert opened.retention.title == "24 pictures of labelled"


def test_captions_are_found_as_evaluate_finds_them(
    open_with: Callable[..., Opened], captioned: MakeData, tiny_model: Path
) -> None:
    data = captioned(24)
    opened = open_with(retain=data)
    assert opened.retention is not None
    figures = opened.retention.measure(opened.towers).figures
    model = Model(resolve(str(tiny_model)), EncoderSettings(precision="fp32"))
    expected = measure_captions(embed_set(open_set(data), model, None, ReadSettings()), model, 0)
    for figure, k in zip(figures, (1, 5, 10), strict=True):
        recall = expected.figures["image_retrieval"][f"recall@{k}"]
        assert figure.share == pytest.approx(recall.interval.value)
        assert figure.decides is (k == 10)


def test_a_model_as_it_was_forgot_nothing(
    open_with: Callable[..., Opened], captioned: MakeData
) -> None:
    towers, opened = open_with(retain=captioned(24))
    assert opened is not None
    before = opened.measure(towers)
    assert lost_most(before, opened.measure(towers)).value == 0


def test_a_spoilt_model_forgot_by_the_bootstrap_over_pictures(
    open_with: Callable[..., Opened], labelled: Path
) -> None:
    towers, opened = open_with(retain=labelled)
    assert opened is not None
    before = opened.measure(towers)
    spoil(towers)
    after = opened.measure(towers)
    lost = lost_most(before, after)
    assert lost.value == pytest.approx(100 * (before.figures[0].share - after.figures[0].share))
    assert lost.low <= lost.value <= lost.high


def test_pictures_that_cannot_be_used_are_named(
    open_with: Callable[..., Opened], labelled: Path
) -> None:
    (labelled / "red" / "broken.png").write_bytes(b"no picture")
    opened = open_with(retain=labelled).retention
    assert opened is not None
    assert [Path(each.path.decode()).name for each in opened.skipped] == ["broken.png"]
    assert opened.material.num_pictures == 24


def test_a_set_without_a_usable_picture_is_refused(
    open_with: Callable[..., Opened], tmp_path: Path
) -> None:
    (tmp_path / "broken" / "red").mkdir(parents=True)
    (tmp_path / "broken" / "red" / "one.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="broken: no picture can be used"):
        open_with(retain=tmp_path / "broken")


def test_a_set_that_cannot_measure_is_refused_before_the_model_is_loaded(
    captioned: MakeData, tmp_path: Path
) -> None:
    data = captioned(6)
    trained = [str(path) for path in sorted(data.glob("*.png"))]
    with pytest.raises(DataError, match="what is forgotten, does not exist"):
        check_general_set(tmp_path / "missing", trained)
    with pytest.raises(TrainingError, match=f"6 pictures of {data} are learnt from, too"):
        check_general_set(data, trained)
    with pytest.raises(TrainingError, match=r"1 picture of .* is learnt from, too"):
        check_general_set(data, trained[:1])
    note = check_general_set(captioned(7, "others"), trained)
    assert note is not None
    assert "has 7 pictures: with fewer than 100" in note


def test_nothing_is_measured_on_without_any_pictures(open_with: Callable[..., Opened]) -> None:
    assert open_with().retention is None


@pytest.fixture
def own_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnPictures:
    """Return twenty drawn pictures as an index would give them; that many are enough here."""
    monkeypatch.setattr(retention, "LEAST_OWN", 20)
    paths = [tmp_path / f"own{number}.png" for number in range(20)]
    for number, path in enumerate(paths):
        path.write_bytes(draw_picture(number))
    return lambda number, seed, outside: [str(path) for path in paths[:number]]


@pytest.mark.parametrize("is_locked", [True, False])
def test_own_pictures_keep_their_neighbours_under_the_model_as_it_was(
    open_with: Callable[..., Opened], own_pictures: OwnPictures, is_locked: bool
) -> None:
    towers, opened = open_with(own_pictures=own_pictures, is_locked=is_locked)
    assert opened is not None
    assert opened.kind == "index"
    assert opened.title == "20 pictures of your index"
    figures = opened.measure(towers).figures
    assert [figure.key for figure in figures] == ["neighbours", "queries"]
    assert [figure.share for figure in figures] == [1.0, 1.0]


def test_queries_whose_best_pictures_change_are_forgotten(
    open_with: Callable[..., Opened], own_pictures: OwnPictures
) -> None:
    towers, opened = open_with(own_pictures=own_pictures)
    assert opened is not None
    before = opened.measure(towers)
    spoil(towers)
    after = opened.measure(towers)
    of_neighbours, of_queries = changes(before, after)
    assert of_neighbours.lost.value == 0
    assert of_queries == worst((of_neighbours, of_queries))
    assert of_queries.lost.low > 0


def test_too_few_own_pictures_measure_nothing(
    open_with: Callable[..., Opened], own_pictures: OwnPictures, tmp_path: Path
) -> None:
    def fewer(number: int, seed: int, outside: Path) -> list[str]:
        return list(own_pictures(19, seed, outside))

    assert open_with(own_pictures=fewer).retention is None
    for path in own_pictures(2, 0, tmp_path):
        Path(path).write_bytes(b"no picture")
    assert open_with(own_pictures=own_pictures).retention is None


def test_a_named_set_goes_before_own_pictures(
    open_with: Callable[..., Opened], own_pictures: OwnPictures, labelled: Path
) -> None:
    opened = open_with(own_pictures=own_pictures, retain=labelled).retention
    assert opened is not None
    assert opened.kind == "set"


def test_pictures_beside_the_table_that_is_trained_on_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").touch()
    asked = []

    def note(number: int, seed: int, outside: Path) -> list[str]:
        asked.append(outside)
        return []

    for data in (tmp_path, tmp_path / "captions.csv"):
        assert not measures_pictures(TrainSettings(data), note)
    assert asked == [tmp_path, tmp_path]


def test_a_damaged_index_measures_nothing(open_with: Callable[..., Opened]) -> None:
    def fail(number: int, seed: int, outside: Path) -> list[str]:
        raise StoreError("the index is damaged")

    assert open_with(own_pictures=fail).retention is None


def test_the_built_in_model_is_measured_on_the_features_in_the_package(
    open_with: Callable[..., Opened],
) -> None:
    towers, opened = open_with(model=None)
    assert opened is not None
    assert opened.kind == "package"
    before = opened.measure(towers)
    assert [figure.share for figure in before.figures] == pytest.approx(
        [0.947, 0.908, 1.0], abs=0.005
    )
    spoil(towers)
    after = opened.measure(towers)
    lost = [each.lost.value for each in changes(before, after)]
    assert min(lost) > 1
    assert lost_most(before, after).value == max(lost)


def test_an_unlocked_image_tower_cannot_be_measured_on_features(
    open_with: Callable[..., Opened],
) -> None:
    assert open_with(model=None, is_locked=False).retention is None
