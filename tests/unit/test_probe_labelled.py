"""Labelled folders made ready for a probe: splits, copies, and labels that cannot be learnt."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from labelled_folder import write_labelled

from rclip_like.errors import DataError
from rclip_like.evaluate.splits import TEST, TRAIN, VALIDATION
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.probe.labelled import LabelledSet, read_labelled
from rclip_like.probe.settings import ProbeSettings
from rclip_like.settings import EncoderSettings, ReadSettings

READ = ReadSettings(workers=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    from tiny_model import make_tiny_model

    folder = make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
    return Model(resolve(str(folder)), EncoderSettings("cpu", "fp32", threads=1))


def _read(folder: Path, model: Model, settings: ProbeSettings = ProbeSettings()) -> LabelledSet:  # noqa: B008
    return read_labelled(folder, model, None, READ, settings, None)


def test_a_folder_is_split_by_content_whatever_the_names(tmp_path: Path, model: Model) -> None:
    folder = write_labelled(tmp_path / "a", {"red": 10, "blue": 10})
    found = _read(folder, model)
    assert found.labels == ("blue", "red")
    assert np.bincount(found.splits).tolist() == [12, 4, 4]
    assert found.names[0] == "blue/000.png"
    assert not found.has_own_split
    for number, path in enumerate(sorted((folder / "red").iterdir(), reverse=True)):
        path.rename(path.with_name(f"x{number}.png"))
    again = _read(folder, model)
    splits = dict(zip(found.digests, found.splits, strict=True))
    assert splits == dict(zip(again.digests, again.splits, strict=True))


def test_the_folders_of_a_set_decide_the_splits(tmp_path: Path, model: Model) -> None:
    for split, number in (("train", 6), ("val", 2), ("test", 3)):
        write_labelled(tmp_path / "a", {f"{split}/red": number, f"{split}/blue": number})
    found = _read(tmp_path / "a", model)
    assert found.has_own_split
    for split, name in ((TRAIN, "train"), (VALIDATION, "val"), (TEST, "test")):
        # Equal noise in two splits would be copies: the label's path seeds it.
        assert {found.names[position].split("/")[0] for position in found.on(split)} == {name}
    shutil.rmtree(tmp_path / "a" / "val")
    found = _read(tmp_path / "a", model)
    assert [len(found.on(split)) for split in (TRAIN, VALIDATION, TEST)] == [10, 2, 6]
    assert all(found.names[position].startswith("train/") for position in found.on(VALIDATION))


def test_without_a_test_folder_val_tests(tmp_path: Path, model: Model) -> None:
    for split in ("train", "val"):
        write_labelled(tmp_path / "a", {f"{split}/red": 5, f"{split}/blue": 5})
    found = _read(tmp_path / "a", model)
    assert {found.names[position].split("/")[0] for position in found.on(TEST)} == {"val"}
    assert len(found.on(VALIDATION)) == 2


def test_copies_count_once_and_contents_of_two_labels_not_at_all(
    tmp_path: Path, model: Model
) -> None:
    folder = write_labelled(tmp_path / "a", {"red": 6, "blue": 6})
    shutil.copy(folder / "red/000.png", folder / "red/copy.png")
    shutil.copy(folder / "red/001.png", folder / "blue/other.png")
    found = _read(folder, model)
    assert len(found.names) == len(set(found.digests)) == 11
    assert not {"red/001.png", "blue/other.png"} & set(found.names)
    assert found.notes == (
        "left out as identical to a picture with another label: 2",
        "left out as copies of other pictures: 1",
    )


def test_of_copies_in_two_splits_the_one_that_tests_stays(tmp_path: Path, model: Model) -> None:
    folder = write_labelled(tmp_path / "a", {"train/red": 5, "train/blue": 5, "test/red": 2})
    write_labelled(folder, {"test/blue": 2})
    shutil.copy(folder / "train/red/000.png", folder / "test/red/copy.png")
    found = _read(folder, model)
    assert "test/red/copy.png" in found.names
    assert "train/red/000.png" not in found.names


def test_a_label_of_one_picture_trains_and_one_without_training_pictures_is_left_out(
    tmp_path: Path, model: Model
) -> None:
    folder = write_labelled(tmp_path / "a", {"red": 5, "blue": 1})
    found = _read(folder, model)
    blue = [found.names.index("blue/000.png")]
    assert found.splits[blue].tolist() == [TRAIN]
    for label in ("red", "blue"):
        write_labelled(tmp_path / "b", {f"train/{label}": 4, f"test/{label}": 2})
    write_labelled(tmp_path / "b", {"test/green": 2})
    found = _read(tmp_path / "b", model)
    assert found.labels == ("blue", "red")
    assert not any("green" in name for name in found.names)
    assert found.notes == ("left out: 1 label with no training pictures: green",)
    assert set(found.numbers.tolist()) == {0, 1}


@pytest.mark.parametrize("label", ["a\tb", "not-utf8-\udcff"])
def test_a_label_that_is_no_line_of_text_is_left_out(
    tmp_path: Path, model: Model, label: str
) -> None:
    folder = write_labelled(tmp_path / "a", {"red": 3, "blue": 3})
    (folder / "red").rename(folder / label)
    write_labelled(folder, {"green": 3})
    found = _read(folder, model)
    assert found.labels == ("blue", "green")
    assert "with a name that is not a line of text" in found.notes[0]


def test_one_label_is_too_few_to_learn(tmp_path: Path, model: Model) -> None:
    folder = write_labelled(tmp_path / "a", {"red": 5})
    with pytest.raises(DataError, match="of two labels, but only 'red' has any"):
        _read(folder, model)


def test_captions_alone_are_no_labels(captioned, model: Model) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match="has no labels; make a folder of pictures for each label"):
        _read(captioned(4), model)


def test_features_of_the_tower_stand_beside_the_embeddings(tmp_path: Path, model: Model) -> None:
    folder = write_labelled(tmp_path / "a", {"red": 4, "blue": 4})
    index, tower = (_read(folder, model, ProbeSettings(kind)) for kind in ("index", "tower"))
    assert index.features is index.rows or np.array_equal(index.features, index.rows)
    assert np.array_equal(tower.rows, index.rows)
    assert not np.allclose(np.linalg.norm(tower.features, axis=1), 1)
