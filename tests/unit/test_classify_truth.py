"""True labels from folders and tables, and what the likeliest ones come to beside them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from small_index import make_picture

from rclip_like.classify.settings import ClassifySettings
from rclip_like.classify.truth import labels_of, truth_of_folders, truth_of_table
from rclip_like.errors import DataError, MeasureError
from rclip_like.evaluate.packages import has_research
from rclip_like.evaluate.report import Interval, MatrixChart
from rclip_like.library import Library
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.selected import SelectedPicture
from rclip_like.settings import EncoderSettings
from rclip_like.values import PictureFacts, Root

needs_research = pytest.mark.skipif(not has_research(), reason="needs scikit-learn and SciPy")


def picture(path: str) -> SelectedPicture:
    return SelectedPicture(os.fsencode(path), os.fsencode(path), PictureFacts(1, 1))


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/pictures/cat/a.jpg", "cat"),
        ("/pictures/cat/deep/a.jpg", "cat"),
        ("/pictures/a.jpg", "pictures"),
        ("/pictures/dog/b.jpg", "dog"),
        ("/elsewhere/horse/c.jpg", "horse"),
    ],
)
def test_the_first_folder_below_the_path_is_the_label(path: str, label: str) -> None:
    roots = [Root(b"pictures", b"/pictures"), Root(b"x", b"/elsewhere/horse/c.jpg", is_file=True)]
    assert truth_of_folders(roots)(picture(path)) == label


def test_without_a_path_the_folder_that_holds_the_picture_is_the_label() -> None:
    assert truth_of_folders(None)(picture("/pictures/cat/deep/a.jpg")) == "deep"


def test_a_table_names_pictures_from_its_own_folder(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        make_picture(tmp_path / name, 1)
    table = tmp_path / "labels.csv"
    table.write_text(f"path,label\na.jpg,cat\n{tmp_path}/b.jpg,red car\n")
    truth, troubles = truth_of_table(table)
    assert not troubles
    found = [truth(picture(str(tmp_path / name))) for name in ("a.jpg", "b.jpg", "c.jpg")]
    assert found == ["cat", "red car", None]
    with pytest.raises(DataError, match="not a table"):
        truth_of_table(tmp_path / "none.csv")


def test_folders_become_labels_with_spaces_in_their_wording() -> None:
    found = labels_of(["dog10", "dog2", "red_car", "red car"])
    assert list(found) == ["dog2", "dog10", "red car"]
    assert labels_of(["red_car"]) == {"red_car": ("red car",)}


@pytest.fixture
def library(tmp_path: Path, tiny_model: Path) -> Library:
    model = Model(resolve(str(tiny_model)), EncoderSettings(device="cpu", precision="fp32"))
    return Library(tmp_path / "index.db", model=model)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    folder = tmp_path / "labelled"
    for number, label in enumerate(("cat", "dog", "red_car")):
        (folder / label).mkdir(parents=True)
        for each in range(4):
            make_picture(folder / label / f"{each}.png", 10 * number + each)
    return folder


def test_a_table_s_lines_that_cannot_be_used_are_given_beside_those_of_every_split(
    tmp_path: Path,
) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        make_picture(tmp_path / name, 1)
    table = tmp_path / "labels.csv"
    lines = ["path,label,split", "a.jpg,cat,train", "b.jpg,dog,test", "c.jpg,cat,test"]
    table.write_text("\n".join([*lines, "c.jpg,dog,test"]) + "\n")
    truth, troubles = truth_of_table(table)
    found = [truth(picture(str(tmp_path / name))) for name in ("a.jpg", "b.jpg", "c.jpg")]
    assert found[:2] == ["cat", "dog"]
    (trouble,) = troubles
    assert trouble.path.endswith(b"c.jpg")


@needs_research
def test_the_report_equals_a_count_by_hand(library: Library, labelled: Path) -> None:
    labels = ["Cat", "dog", "red car"]
    judged = library.judge_labels("folders", labels, [labelled])
    given = list(library.classify(labels, [labelled]))
    truth = [Path(each.path).parent.name.replace("_", " ").lower() for each in given]
    right = [str(each.label).lower() == true for each, true in zip(given, truth, strict=True)]
    section = judged.report.sections[0]
    (row,) = section.tables[0].rows
    accuracy = row[1]
    assert isinstance(accuracy, Interval)
    assert accuracy.value == pytest.approx(np.mean(right))
    assert accuracy.low < accuracy.value < accuracy.high or accuracy.value in (0, 1)
    (chart,) = section.charts
    assert isinstance(chart, MatrixChart)
    assert chart.labels == ("Cat", "dog", "red car")
    assert chart.counts.sum(1).tolist() == [4, 4, 4]
    assert int(np.trace(chart.counts)) == sum(right)


@needs_research
def test_without_labels_the_folders_are_the_labels(library: Library, labelled: Path) -> None:
    judged = library.judge_labels("folders", None, [labelled])
    assert judged.labelling.labels == ("cat", "dog", "red_car")
    assert judged.report.made["pictures"] == 12


@needs_research
def test_pictures_that_are_not_indexed_have_no_true_label(library: Library, labelled: Path) -> None:
    with pytest.raises(MeasureError, match="no picture has a true label"):
        library.judge_labels("folders", None, [labelled], update=False)


@needs_research
def test_pictures_whose_label_is_not_in_the_list_are_left_out_and_counted(
    library: Library, labelled: Path
) -> None:
    judged = library.judge_labels("folders", ["cat", "red car"], [labelled])
    assert judged.report.made["pictures"] == 8
    assert any(note.startswith("4 more pictures") for note in judged.report.notes)
    with pytest.raises(MeasureError, match="such as 'cat', is among the 2 labels"):
        library.judge_labels("folders", ["horse", "tree"], [labelled])


@needs_research
def test_fresh_pictures_are_judged_without_an_index(library: Library, labelled: Path) -> None:
    judged = library.judge_labels("folders", None, [labelled], ClassifySettings(fresh=True))
    assert judged.report.made["pictures"] == 12
    assert not library.database.exists()
