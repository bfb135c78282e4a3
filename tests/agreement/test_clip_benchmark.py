"""Figures beside those of CLIP_benchmark: equal where it is right, and where they part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from clip_benchmark.metrics import zeroshot_classification, zeroshot_retrieval

from rclip_like.evaluate.confusion import accuracy, confusion, nearest
from rclip_like.evaluate.retrieval import positives_of_captions, retrieve
from rclip_like.evaluate.templates import templates_of
from rclip_like.evaluate.words import mean_average_precision
from rclip_like.evaluate.zero_shot import build_classifier

NUM_IMAGES, CAPTIONS_EACH, DIMENSION = 40, 5, 16


def unit_rows(number: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(number, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Encoder:
    """A model whose pictures are their embeddings, and whose texts have given ones."""

    def __init__(self, texts: Sequence[str], rows: np.ndarray) -> None:
        self.number_of = {text: number for number, text in enumerate(texts)}
        self.rows = torch.from_numpy(rows)

    def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.tensor([self.number_of[text] for text in texts])

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.rows[tokens]

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        return images


def by_their_retrieval(
    images: np.ndarray, captions: Sequence[Sequence[str]], model: Encoder, ks: Sequence[int]
) -> dict[str, float]:
    """Return what CLIP_benchmark's own function gives, in batches of fifteen pictures."""
    loader = [
        (torch.from_numpy(images[start : start + 15]), captions[start : start + 15])
        for start in range(0, len(images), 15)
    ]
    found: dict[str, float] = zeroshot_retrieval.evaluate(
        model, loader, model.tokenize, "cpu", amp=False, recall_k_list=list(ks)
    )
    return found


def by_ours(
    images: np.ndarray, texts: np.ndarray, captions: Sequence[Sequence[str]], ks: Sequence[int]
) -> dict[str, float]:
    flat = [caption for own in captions for caption in own]
    owners = [number for number, own in enumerate(captions) for _ in own]
    of_texts, of_images = positives_of_captions(flat, owners, len(images))
    found, back = retrieve(texts, images, of_texts, ks), retrieve(images, texts, of_images, ks)
    return {f"image_retrieval_recall@{k}": float(found.hits[k].mean()) for k in ks} | {
        f"text_retrieval_recall@{k}": float(np.nanmean(back.hits[k])) for k in ks
    }


class Loader:
    """Pictures with their labels, in one batch."""

    def __init__(self, images: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> None:
        self.batch = torch.from_numpy(images), torch.from_numpy(truth)
        self.dataset = SimpleNamespace(classes=labels)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        yield self.batch


def classified(num_labels: int) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Return scores (N, L), the truth, and CLIP_benchmark's figures of the same embeddings."""
    labels = [f"thing {number}" for number in range(num_labels)]
    model = Encoder(labels, unit_rows(num_labels, 7))
    images, truth = unit_rows(300, 8), np.random.default_rng(9).integers(0, num_labels, 300)
    theirs = zeroshot_classification.evaluate(
        model, Loader(images, truth, labels), model.tokenize, labels, ["{c}"], "cpu", amp=False
    )
    classifier = build_classifier(
        dict.fromkeys(labels, ()),
        ["{}"],
        lambda texts: model.rows[model.tokenize(texts)].numpy(),
    )
    return classifier.scores(images), truth, theirs


@pytest.fixture
def _older_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their top-k accuracy takes an array of one element as a number, as NumPy did before 2.4."""
    monkeypatch.setattr(
        zeroshot_classification, "float", lambda array: np.ravel(array)[0].item(), raising=False
    )


def test_recall_equals_theirs_both_ways_with_several_captions_a_picture() -> None:
    captions = [[f"{n} {m}" for m in range(CAPTIONS_EACH)] for n in range(NUM_IMAGES)]
    flat = [caption for own in captions for caption in own]
    images = unit_rows(NUM_IMAGES, 1)
    texts = images.repeat(CAPTIONS_EACH, 0) + unit_rows(len(flat), 2)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    ours = by_ours(images, texts, captions, (1, 5, 10))
    theirs = by_their_retrieval(images, captions, Encoder(flat, texts), (1, 5, 10))
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert 0.1 < ours["image_retrieval_recall@1"] < 0.95


@pytest.mark.parametrize("name", ["photo", "simple", "imagenet80"])
def test_zero_shot_weights_equal_theirs(name: str) -> None:
    labels, templates = ["cat", "dog", "red car"], templates_of(name)
    texts = [template.replace("{}", label) for label in labels for template in templates]
    model = Encoder(texts, unit_rows(len(texts), 3))
    theirs = zeroshot_classification.zero_shot_classifier(
        model,
        model.tokenize,
        labels,
        [template.replace("{}", "{c}") for template in templates],
        "cpu",
        amp=False,
    )
    ours = build_classifier(
        dict.fromkeys(labels, ()),
        templates,
        lambda some: model.rows[model.tokenize(some)].numpy(),
    )
    assert np.abs(ours.rows - theirs.numpy().T).max() < 1e-6


@pytest.mark.usefixtures("_older_numpy")
def test_accuracies_equal_theirs() -> None:
    scores, truth, theirs = classified(9)
    ours, by_class = accuracy(scores, truth), confusion(truth, nearest(scores), 9)
    assert ours.acc1 == pytest.approx(theirs["acc1"], abs=1e-6)
    assert ours.acc5 == pytest.approx(theirs["acc5"], abs=1e-6)
    recall = by_class.mean_per_class_recall()
    assert recall == pytest.approx(theirs["mean_per_class_recall"], abs=1e-6)


def test_average_precision_equals_theirs_without_ties() -> None:
    random = np.random.default_rng(5)
    scores, targets = random.normal(size=(50, 6)).astype(np.float32), random.random((50, 6)) < 0.3
    theirs = zeroshot_classification.average_precision_per_class(
        torch.from_numpy(scores), torch.from_numpy(targets.astype(np.int64))
    )
    ours = mean_average_precision(scores, targets)
    assert np.allclose(ours.by_label, theirs.numpy(), atol=1e-6)
    assert ours.macro == pytest.approx(theirs.mean().item(), abs=1e-6)


def test_they_count_an_equal_caption_of_another_picture_as_wrong() -> None:
    """Five pictures with one caption, each found perfectly: theirs is a fifth."""
    captions, images = [["a dog"]] * 5, np.tile(unit_rows(1, 1), (5, 1))
    texts = images.copy()
    theirs = by_their_retrieval(images, captions, Encoder(["a dog"], texts[:1]), (1,))
    assert theirs["image_retrieval_recall@1"] == pytest.approx(0.2)
    assert by_ours(images, texts, captions, (1,)) == {
        "image_retrieval_recall@1": 1.0,
        "text_retrieval_recall@1": 1.0,
    }


def test_they_have_no_recall_at_more_than_there_are() -> None:
    captions, rows = [["a"], ["b"], ["c"]], unit_rows(3, 1)
    with pytest.raises(RuntimeError, match="out of range"):
        by_their_retrieval(rows, captions, Encoder("abc", rows), (5,))
    assert set(by_ours(rows, rows, captions, (5,)).values()) == {1.0}


def test_their_figures_of_equal_scores_depend_on_the_order_of_the_data() -> None:
    """Pictures that all look alike: the caption's own is first or last, as it happens to stand."""
    images, captions = np.tile(unit_rows(1, 1), (4, 1)), [["a"], ["b"], ["c"], ["d"]]
    texts = np.tile(unit_rows(1, 2), (4, 1))
    assert by_ours(images, texts, captions, (1, 2)) == {
        "image_retrieval_recall@1": 0.25,
        "image_retrieval_recall@2": 0.5,
        "text_retrieval_recall@1": 0.25,
        "text_retrieval_recall@2": 0.5,
    }
    theirs = []
    for position in range(4):
        only = [["a"] if number == position else [] for number in range(4)]
        found = by_their_retrieval(images, only, Encoder("a", texts[:1]), (1,))
        theirs.append(found["image_retrieval_recall@1"])
        assert by_ours(images, texts[:1], only, (1,))["image_retrieval_recall@1"] == 0.25
    assert sorted(theirs) == [0.0, 0.0, 0.0, 1.0]


def test_their_average_precision_of_equal_scores_depends_on_the_order_of_the_data() -> None:
    scores, targets = np.ones((8, 1), np.float32), np.zeros((8, 1), bool)
    targets[:4] = True
    theirs = {
        zeroshot_classification.average_precision_per_class(
            torch.from_numpy(scores), torch.from_numpy(each.astype(np.int64).copy())
        ).item()
        for each in (targets, targets[::-1])
    }
    assert len(theirs) == 2
    assert mean_average_precision(scores, targets).macro == 0.5
    assert mean_average_precision(scores, targets[::-1]).macro == 0.5


def test_they_count_a_label_without_pictures_as_zero() -> None:
    scores, targets = np.eye(4, 2, dtype=np.float32), np.zeros((4, 2), bool)
    targets[0, 0] = True
    theirs = zeroshot_classification.average_precision_per_class(
        torch.from_numpy(scores), torch.from_numpy(targets.astype(np.int64))
    )
    assert theirs.tolist() == [1.0, 0.0]
    ours = mean_average_precision(scores, targets)
    assert (ours.macro, ours.num_without) == (1.0, 1)


@pytest.mark.usefixtures("_older_numpy")
def test_they_tell_the_best_five_of_five_labels() -> None:
    scores, truth, theirs = classified(5)
    assert theirs["acc5"] == 1.0
    assert accuracy(scores, truth).acc5 is None
