"""A probe from a labelled folder: its file and figures against scikit-learn called by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
from labelled_folder import write_labelled
from PIL import Image
from sklearn.linear_model import LogisticRegression

from rclip_like.errors import DataError, MeasureError, ModelError, UsageError
from rclip_like.evaluate.confusion import CLASS_COLUMNS
from rclip_like.evaluate.probe_file import read_probe
from rclip_like.evaluate.report import Table
from rclip_like.library import Library
from rclip_like.probe.settings import Probed, ProbeSettings
from rclip_like.settings import EncoderSettings, ReadSettings

SETTINGS = ProbeSettings(shots=(1, 2, 4), repeats=3, threads=1)


@pytest.fixture
def library(tiny_model: Path, tmp_path: Path) -> Library:
    return Library(
        tmp_path / "db.sqlite3",
        model=str(tiny_model),
        encoder=EncoderSettings("cpu", "fp32", threads=1),
        read=ReadSettings(workers=1),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_labelled(tmp_path / "set", {"red": 12, "green": 12, "blue": 12}, noise=110)


def _tables(probed: Probed) -> dict[str, Table]:
    return {table.key: table for section in probed.report.sections for table in section.tables}


def _objects(probed: Probed, key: str) -> list[dict[str, Any]]:
    table = _tables(probed)[key]
    keys = [column.key for column in table.columns]
    return [dict(zip(keys, row, strict=True)) for row in table.rows]


def test_the_probe_equals_scikit_learn_called_by_hand(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    probed = library.probe(folder, tmp_path / "p.safetensors", SETTINGS)
    probe = read_probe(tmp_path / "p.safetensors")
    pictures = _objects(probed, "pictures")
    rows = {split: [each for each in pictures if each["split"] == split] for split in _SPLITS}
    fitted, tested = rows["train"] + rows["validation"], rows["test"]
    embeddings = library.embed_pictures([folder / each["name"] for each in fitted + tested])
    numbers = np.array([probe.labels.index(each["label"]) for each in fitted + tested])
    by_hand = LogisticRegression(C=probe.c, max_iter=1000, tol=1e-6)
    by_hand.fit(embeddings[: len(fitted)].astype(np.float64), numbers[: len(fitted)])
    assert np.allclose(probe.weights, by_hand.coef_, atol=1e-5)
    given = by_hand.predict(embeddings[len(fitted) :])
    assert np.array_equal(probe.probabilities(embeddings[len(fitted) :]).argmax(axis=1), given)
    assert probe.accuracy is not None
    assert probe.accuracy.value == np.mean(given == numbers[len(fitted) :])
    assert (probe.num_pictures, probe.num_tested) == (len(fitted), len(tested)) == (30, 6)


_SPLITS = ("train", "validation", "test")


def test_two_runs_give_the_same_bits_but_for_the_day(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    probes = [
        library.probe(
            folder, tmp_path / f"{threads}.safetensors", SETTINGS._replace(threads=threads)
        )
        for threads in (1, 3)
    ]
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "3.safetensors").read_bytes()
    first, second = (each.report._replace(when="") for each in probes)
    assert repr(first) == repr(second)


def test_indexed_pictures_are_not_encoded_again(library: Library, folder: Path) -> None:
    fresh = library.probe(folder, settings=SETTINGS)
    assert (fresh.report.made["from_the_index"], fresh.report.made["encoded"]) == (0, 36)
    library.index(folder)
    indexed = library.probe(folder, settings=SETTINGS)
    assert (indexed.report.made["from_the_index"], indexed.report.made["encoded"]) == (36, 0)
    assert indexed.report.made["draws"] == fresh.report.made["draws"]


def test_another_model_gets_the_same_split_and_draws(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    from tiny_model import make_tiny_model

    other = Library(
        tmp_path / "db.sqlite3",
        model=str(make_tiny_model(tmp_path / "other", seed=1)),
        encoder=EncoderSettings("cpu", "fp32", threads=1),
    )
    first, second = (each.probe(folder, settings=SETTINGS) for each in (library, other))
    assert first.report.made["draws"] == second.report.made["draws"]
    assert _objects(first, "pictures") == _objects(second, "pictures")
    hashes = [[row["hash"] for row in _objects(each, "draws")] for each in (first, second)]
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0])) == 9
    with pytest.raises(ModelError, match="fitted with the model"):
        first.probe.require_model(other.specification)


def test_a_picture_is_in_the_draws_that_its_ranks_say(library: Library, folder: Path) -> None:
    probed = library.probe(folder, settings=SETTINGS)
    pictures, (curve, *_) = _objects(probed, "pictures"), [_objects(probed, "curve")]
    assert [row["shots"] for row in curve] == ["1", "2", "4", "all"]
    assert [row["num_pictures"] for row in curve] == [3, 6, 12, 30]
    for draw in range(3):
        ranks = [each[f"draw_{draw}"] for each in pictures if each["split"] == "train"]
        assert sorted(ranks) == sorted([*range(1, 9)] * 3)
    assert all(each["draw_0"] is None for each in pictures if each["split"] != "train")


def test_shots_that_no_label_has_are_named_and_left_out(library: Library, folder: Path) -> None:
    probed = library.probe(folder, settings=SETTINGS._replace(shots=(1, 8, 9, 16)))
    assert [row["shots"] for row in _objects(probed, "curve")] == ["1", "8", "all"]
    assert "No label has enough training pictures for 9, 16 per label." in probed.report.notes


def test_two_labels_of_two_pictures_can_be_learnt_and_tested(
    library: Library, tmp_path: Path
) -> None:
    folder = write_labelled(tmp_path / "small", {"red": 2, "blue": 2})
    probed = library.probe(folder, tmp_path / "p.safetensors", SETTINGS)
    assert (probed.probe.num_pictures, probed.probe.num_tested) == (2, 2)
    assert probed.probe.c == 1.0
    assert read_probe(tmp_path / "p.safetensors").labels == ("blue", "red")


def test_without_test_pictures_there_is_a_probe_and_no_figure(
    library: Library, tmp_path: Path
) -> None:
    folder = write_labelled(tmp_path / "small", {"red": 1, "blue": 1})
    probed = library.probe(folder, settings=SETTINGS)
    assert probed.probe.accuracy is None
    assert [section.key for section in probed.report.sections] == ["choice"]
    assert probed.report.notes == (
        "No label has two pictures, so no picture was left to test the probe with.",
    )


def test_near_copies_across_the_split_are_counted(library: Library, tmp_path: Path) -> None:
    # Noise so faint that all pictures of a colour are nearly equal.
    folder = write_labelled(tmp_path / "near", {"red": 10, "blue": 10}, noise=2)
    probed = library.probe(folder, settings=SETTINGS._replace(shots=()))
    assert _num_near(probed) == 4


PHOTOS = {
    "things": ("astronaut", "coffee", "rocket", "coins", "clock_motion", "page", "motorcycle_left"),
    "nature": ("chelsea", "moon", "hubble_deep_field", "grass", "gravel", "retina", "ihc"),
}


def _num_near(probed: Probed) -> int:
    (near,) = (each for each in probed.report.sections[0].sentences if "test pictures ha" in each)
    return int(near.split()[0])


@pytest.mark.parametrize("has_copies", [False, True])
def test_resized_and_cropped_copies_are_told_from_other_photos(
    tmp_path: Path, has_copies: bool
) -> None:
    photos = Path(skimage.__file__).parent / "data"
    for label, names in PHOTOS.items():
        (tmp_path / "set" / label).mkdir(parents=True)
        for name in names:
            path = next(photos.glob(f"{name}.*"))
            with Image.open(path) as opened:
                photo = opened.convert("RGB")
            out, (width, height) = tmp_path / "set" / label / name, photo.size
            photo.save(f"{out}.png")
            if has_copies:
                photo.resize((width * 9 // 10, height * 9 // 10)).save(f"{out}-s.jpg", quality=80)
                photo.crop((3, 3, width - 3, height - 3)).save(f"{out}-c.jpg", quality=95)
    library = Library(tmp_path / "db.sqlite3", encoder=EncoderSettings("cpu", "fp32", threads=1))
    probed = library.probe(tmp_path / "set", settings=SETTINGS._replace(shots=()))
    if has_copies:
        assert _num_near(probed) >= 7  # of 8
    else:
        assert _num_near(probed) == 0


def test_one_label_is_refused(library: Library, tmp_path: Path) -> None:
    folder = write_labelled(tmp_path / "small", {"red": 9})
    with pytest.raises(DataError, match="training pictures of two labels"):
        library.probe(folder, settings=SETTINGS)


def test_labels_that_differ_in_capitals_alone_are_refused(library: Library, tmp_path: Path) -> None:
    folder = write_labelled(tmp_path / "set", {"Cat": 3, "cat": 3})
    with pytest.raises(DataError, match="'Cat' and 'cat' differ only in capitals"):
        library.probe(folder, settings=SETTINGS)


def test_features_of_the_tower_are_said_in_file_and_report(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    probed = library.probe(folder, tmp_path / "p.safetensors", SETTINGS._replace(features="tower"))
    probe = read_probe(tmp_path / "p.safetensors")
    assert probe.features == "tower"
    assert "not scaled" in str(probed.report.made["features"])
    library.index(folder)
    made = library.probe(folder, settings=SETTINGS._replace(features="tower")).report.made
    assert (made["from_the_index"], made["encoded"]) == (36, 36)


def test_an_output_that_cannot_be_is_refused_before_any_work(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"ends in \.safetensors; write p\.bin\.safetensors"):
        library.probe(folder, tmp_path / "p.bin", SETTINGS)
    (tmp_path / "p.safetensors").write_bytes(b"a model")
    with pytest.raises(
        MeasureError, match="exists and is not overwritten; name another file for the probe"
    ):
        library.probe(tmp_path / "missing", tmp_path / "p.safetensors", SETTINGS)
    assert (tmp_path / "p.safetensors").read_bytes() == b"a model"


@pytest.mark.parametrize(
    "settings",
    [
        ProbeSettings(shots=(0,)),
        ProbeSettings(shots=(4, 2)),
        ProbeSettings(repeats=1),
        ProbeSettings(seed=-1),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    library: Library, folder: Path, settings: ProbeSettings
) -> None:
    with pytest.raises(UsageError, match=r"make|must be"):
        library.probe(folder, settings=settings)


def test_a_k_that_most_labels_do_not_have_is_not_on_the_curve(
    library: Library, tmp_path: Path
) -> None:
    settings = SETTINGS._replace(shots=(1, 4, 8))
    few = write_labelled(tmp_path / "few", {"red": 7, "green": 7, "blue": 20}, noise=110)
    probed = library.probe(few, tmp_path / "few.safetensors", settings)
    rows = {each["shots"]: each for each in _objects(probed, "curve")}
    assert rows["8"]["num_short"] == 2
    (section,) = (each for each in probed.report.sections if each.key == "shots")
    assert section.charts[0].lines[0].x == (1, 4)
    assert "beyond 8" not in " ".join(section.sentences)


def test_a_k_that_takes_all_training_pictures_has_no_spread(
    library: Library, tmp_path: Path
) -> None:
    folder = write_labelled(tmp_path / "set", {"red": 6, "green": 6, "blue": 6}, noise=110)
    probed = library.probe(folder, tmp_path / "p.safetensors", SETTINGS)
    last = _objects(probed, "curve")[-2]
    assert last["shots"] == "4"
    assert last["sd"] is None
    assert np.isnan(last["acc1"].low)


def test_the_report_has_the_columns_of_evaluate_and_intervals_of_labels(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    probed = library.probe(folder, tmp_path / "p.safetensors", SETTINGS)
    keys = [column.key for column in _tables(probed)["labels"].columns]
    assert keys[:6] == [column.key for column in CLASS_COLUMNS]
    for row in _objects(probed, "labels"):
        assert row["recall"].low < row["recall"].high
    (section,) = (each for each in probed.report.sections if each.key == "labels")
    assert "For no single label" in section.sentences[0]
