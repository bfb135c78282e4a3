"""Labels from embeddings: which are given, in which order, and with which probabilities."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
import pytest
from small_index import RefusingModel, make_picture

from rclip_like.classify.labelling import Labelling, Pictures, Scores, ZeroShot, labelled
from rclip_like.classify.settings import ClassifySettings
from rclip_like.classify.values import LabelledPicture
from rclip_like.classify.zero_shot import wordings_of, zero_shot
from rclip_like.errors import RootError, UsageError
from rclip_like.evaluate.zero_shot import Classifier
from rclip_like.filing import Filed, ToFile, file_into
from rclip_like.filing.sidecars import add_tags
from rclip_like.library import Library
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.selected import SelectedPage, SelectedPicture
from rclip_like.settings import EncoderSettings
from rclip_like.values import PictureFacts, Trouble

LABELS = ("cat", "dog", "bird")


def pictures(number: int) -> tuple[SelectedPicture, ...]:
    return tuple(
        SelectedPicture(b"%04d.jpg" % each, b"/x/%04d.jpg" % each, PictureFacts(1, 1))
        for each in range(number)
    )


def given(
    probabilities: Sequence[Sequence[float]], settings: ClassifySettings
) -> list[LabelledPicture]:
    values = np.array(probabilities)
    scores = Scores(np.log(values), values)
    return list(labelled(pictures(len(values)), LABELS, scores, settings, "tiny"))


def names(picture: LabelledPicture) -> list[str]:
    return [each.label for each in picture.labels]


def test_the_likeliest_label_is_given() -> None:
    (picture,) = given([[0.2, 0.7, 0.1]], ClassifySettings())
    assert (picture.label, picture.best.probability) == ("dog", 0.7)
    assert picture.labels == (picture.best,)


def test_up_to_k_labels_stand_in_order_and_equal_ones_in_that_of_the_list() -> None:
    settings = ClassifySettings(top=2)
    found = given([[0.2, 0.7, 0.1], [0.2, 0.4, 0.4], [1 / 3, 1 / 3, 1 / 3]], settings)
    assert [names(picture) for picture in found] == [
        ["dog", "cat"],
        ["dog", "bird"],
        ["cat", "dog"],
    ]
    (every,) = given([[0.2, 0.7, 0.1]], ClassifySettings(top=0))
    assert names(every) == ["dog", "cat", "bird"]


def test_below_the_threshold_no_label_is_given_and_the_best_is_still_told() -> None:
    settings = ClassifySettings(threshold=0.5)
    unsure, sure = given([[0.4, 0.3, 0.3], [0.5, 0.3, 0.2]], settings)
    assert (unsure.label, unsure.labels, unsure.best.label) == (None, (), "cat")
    assert sure.label == "cat"
    (several,) = given([[0.2, 0.45, 0.35]], ClassifySettings(threshold=0.3, top=3))
    assert names(several) == ["dog", "bird"]


def test_with_multi_each_label_has_to_reach_the_threshold() -> None:
    found = given([[0.9, 0.6, 0.1], [0.4, 0.1, 0.2]], ClassifySettings(multi=True))
    assert [names(picture) for picture in found] == [["cat", "dog"], []]
    (few,) = given([[0.6, 0.9, 0.7]], ClassifySettings(multi=True, top=2, threshold=0.2))
    assert names(few) == ["dog", "bird"]


def pages(rows: np.ndarray, size: int) -> Generator[SelectedPage]:
    every = pictures(len(rows))
    for start in range(0, len(rows), size):
        some = slice(start, start + size)
        yield SelectedPage(every[some], rows[some], stale=1, damaged=2)


def scorer(number: int = 3, *, multi: bool = False) -> ZeroShot:
    rows = np.eye(4, dtype=np.float32)
    classifier = Classifier(LABELS[:number], rows[:number], np.arange(number), rows[3])
    return ZeroShot(classifier, 10.0, multi)


def test_probabilities_are_the_softmax_of_the_scaled_cosines() -> None:
    rows = np.random.default_rng(1).normal(size=(9, 4)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    labelling = Labelling(Pictures(pages(rows, 4)), scorer(), ClassifySettings(top=0), "tiny")
    for row, picture in zip(rows, labelling, strict=True):
        powers = np.exp(10.0 * row[:3].astype(np.float64))
        expected = dict(zip(LABELS, powers / powers.sum(), strict=True))
        assert {each.label: each.probability for each in picture.labels} == pytest.approx(expected)
        cosines = {each.label: each.score for each in picture.labels}
        assert cosines == pytest.approx(dict(zip(LABELS, row, strict=False)), abs=1e-6)


def test_with_multi_a_label_stands_against_something_alone() -> None:
    row = np.array([[0.5, 0.1, 0.0, 0.3]], np.float32)
    alone = Labelling(
        Pictures(pages(row, 4)), scorer(1, multi=True), ClassifySettings(multi=True), "tiny"
    )
    (picture,) = alone
    assert picture.best.probability == pytest.approx(1 / (1 + np.exp(-10.0 * (0.5 - 0.3))))


def test_the_counts_are_whole_after_the_last_picture() -> None:
    rows = np.eye(4, dtype=np.float32)[[0, 0, 1, 3]]
    settings = ClassifySettings(threshold=0.5)
    labelling = Labelling(Pictures(pages(rows, 3)), scorer(), settings, "tiny")
    assert len(list(labelling)) == labelling.num_pictures == 4
    assert labelling.counts == {"cat": 2, "dog": 1, None: 1}
    assert (labelling.stale, labelling.damaged) == (2, 4)


def test_a_page_is_asked_for_when_it_is_needed_and_no_sooner() -> None:
    taken = []

    def watched() -> Generator[SelectedPage]:
        for page in pages(np.eye(4, dtype=np.float32), 1):
            taken.append(page)
            yield page

    given = iter(Labelling(Pictures(watched()), scorer(), ClassifySettings(), "tiny"))
    assert not taken
    next(given)
    assert len(taken) == 1


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([], "no labels"),
        (["cat", "cat"], "repeated"),
        (["cat", " "], "empty"),
        (["cat", "None of these"], "can be named"),
        ("cat", "single text"),
    ],
)
def test_labels_that_make_no_sense_are_refused(labels: Sequence[str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        wordings_of(labels)


def test_one_label_alone_is_refused_unless_each_stands_alone(tiny: Model) -> None:
    with pytest.raises(UsageError, match="every picture would get the only label"):
        zero_shot(tiny, ["cat"], ClassifySettings())
    assert zero_shot(tiny, ["cat"], ClassifySettings(multi=True)).scorer.labels == ("cat",)


def test_the_encoding_of_texts_tells_how_far_it_is(tiny: Model) -> None:
    steps: list[tuple[int, int]] = []
    labels = {f"word {number}": (f"word {number}", f"thing {number}") for number in range(200)}
    zero_shot(tiny, labels, ClassifySettings(), lambda done, total: steps.append((done, total)))
    assert steps == [(256, 400), (400, 400)]


def test_texts_that_the_model_cannot_read_are_named(tiny: Model) -> None:
    notes = zero_shot(tiny, ["cat", "very " * 80 + "long"], ClassifySettings()).notes
    assert "longer than" in notes[0]


@pytest.fixture
def tiny(tiny_model: Path) -> Model:
    return Model(resolve(str(tiny_model)), EncoderSettings(device="cpu", precision="fp32"))


@pytest.fixture
def library(tmp_path: Path, tiny: Model) -> Library:
    return Library(tmp_path / "index.db", model=tiny)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    (tmp_path / "album" / "deep").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "deep/c.jpg")):
        make_picture(tmp_path / "album" / name, number)
    return tmp_path / "album"


def test_the_index_is_brought_up_to_date_first_and_no_picture_encoded_again(
    library: Library, album: Path, tiny: Model
) -> None:
    first = list(library.classify(["cat", "dog"], [album]))
    assert [picture.absolute for picture in first] == [
        str(album / name) for name in ("a.png", "b.png", "deep/c.jpg")
    ]

    class TextsAlone(RefusingModel):
        texts = tiny.texts  # type: ignore[assignment]

    again = Library(library.database, model=TextsAlone(tiny.specification))
    assert list(again.classify(["cat", "dog"], [album])) == first


def test_what_changed_since_it_was_indexed_is_left_out_and_counted(
    library: Library, album: Path
) -> None:
    library.index([album])
    (album / "a.png").write_bytes(b"changed")
    (album / "b.png").unlink()
    labelling = library.classify(["cat", "dog"], [album], update=False)
    assert [picture.path for picture in labelling] == [str(album / "deep" / "c.jpg")]
    assert labelling.stale == 2


def test_without_the_index_the_same_labels_come_out_and_none_is_written(
    library: Library, album: Path
) -> None:
    settings = ClassifySettings(fresh=True)
    (album / "broken.jpg").write_bytes(b"no picture")
    labelling = library.classify(["cat", "dog"], [album], settings)
    fresh = list(labelling)
    assert not library.database.exists()
    assert [trouble.path for trouble in labelling.troubles] == [bytes(album / "broken.jpg")]
    stored = list(library.classify(["cat", "dog"], [album]))
    for one, other in zip(fresh, stored, strict=True):
        assert one.label == other.label
        assert one.best.probability == pytest.approx(other.best.probability, abs=0.01)


def test_an_empty_folder_and_one_that_is_not_there(library: Library, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    labelling = library.classify(["cat", "dog"], [tmp_path / "empty"])
    assert list(labelling) == []
    assert labelling.notes == ("no pictures were found here",)
    with pytest.raises(RootError, match="no such folder"):
        library.classify(["cat", "dog"], [tmp_path / "nowhere"])


@pytest.mark.parametrize("fresh", [False, True])
def test_a_picture_that_is_replaced_after_it_was_labelled_is_neither_filed_nor_tagged(
    library: Library, album: Path, tmp_path: Path, fresh: bool
) -> None:
    first, second, _ = library.classify(["cat", "dog"], [album], ClassifySettings(fresh=fresh))
    make_picture(album / "b.png", 7)
    to_file = [ToFile(each.absolute_bytes, "cat", each.version) for each in (first, second)]
    filed, trouble = file_into(to_file, tmp_path / "filed", "move")
    assert isinstance(filed, Filed)
    assert trouble == Trouble(bytes(album / "b.png"), "has changed since it was read", False)
    tagged = add_tags(second.absolute_bytes, ["cat"], "digikam", version=second.version)
    assert tagged == trouble
    assert not list(album.glob("*.xmp"))
