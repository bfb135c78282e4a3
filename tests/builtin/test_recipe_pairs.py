"""The recipe's pairs: what is true of a picture, and classes made up from a classifier."""

from __future__ import annotations

import random

import numpy as np
from recipe.pairs import (
    class_features,
    class_subject,
    not_negative,
    noun_words,
    photo_subject,
    singulars,
    typed_query,
)
from recipe.photos import Photo
from recipe.wordnet import Synset

NOUNS = {
    "n1": Synset(("guitar",), "plucked", ("n2",)),
    "n2": Synset(("musical instrument",), "makes music", ("n3",)),
    "n3": Synset(("device",), "made for a purpose"),
}
SURE = frozenset({"dog", "ball"})
GUITAR = Photo("g", b"", "s", "open", label="banjo", names=("five-string",), wnid="n1")
RUNNING = Photo("r", b"", "s", "research", captions=("A dog runs.", "A dog, wet", "The dog", "x"))


def test_a_labelled_photo_is_named_by_label_synonyms_and_wider_words() -> None:
    subject = photo_subject(GUITAR, NOUNS, SURE)
    assert dict(zip(subject.names, subject.weights, strict=True)) == {
        "banjo": 1.0,
        "five-string": 0.5,
        "musical instrument": 0.4,
    }


def test_words_that_most_captions_share_name_a_photo() -> None:
    subject = photo_subject(RUNNING, NOUNS, SURE)
    assert subject.names == ("dog",)
    assert {"a dog runs", "runs", "dog runs", "dogs"} <= subject.known


def test_a_plural_has_one_singular_and_is_not_another_word() -> None:
    names = [("I", "hi", "doe"), ("leave",), ("leaf",), ("men",), ("man",), ("rose",), ("ros",)]
    names += [("rose",), ("glasses",), ("glass",), ("in",), ("sheep",)]
    nouns = {f"n{number}": Synset(each, "") for number, each in enumerate(names)}
    assert singulars(nouns) == {
        "leaves": "leaf",
        "men": "man",
        "roses": "rose",
        "glasses": "glass",
        "sheep": "sheep",
    }
    assert not noun_words(nouns) & {"i", "is", "hi", "his", "in", "ins", "does", "mens"}


def test_what_is_known_of_a_picture_is_no_wrong_text_for_it() -> None:
    subjects = [photo_subject(GUITAR, NOUNS, SURE), photo_subject(RUNNING, NOUNS, SURE)]
    mask = not_negative(subjects, ["musical instrument", "cat"])
    assert mask.tolist() == [[False, False], [False, False]]
    mask = not_negative(subjects, ["dog", "musical instrument"])
    assert mask.tolist() == [[False, True], [True, False]]


def test_a_visit_draws_a_caption_or_a_name_in_a_template() -> None:
    subject = class_subject("n1", "acoustic guitar", NOUNS)
    drawn = {subject.draw(random.Random(seed), ("{}", "a {}")) for seed in range(200)}
    assert ("a acoustic guitar", "acoustic guitar") in drawn
    assert ("musical instrument", "musical instrument") in drawn
    assert "device" not in subject.known
    captioned = photo_subject(RUNNING, NOUNS, SURE)
    texts = {captioned.draw(random.Random(seed), ("{}",))[0] for seed in range(300)}
    assert texts == {*RUNNING.captions, "dog", "dogs", "dog runs", "dog wet"}


def test_a_typed_query_keeps_a_few_words_in_their_order() -> None:
    caption = "A brown dog runs on the beach."
    typed = {typed_query(caption, random.Random(seed)) for seed in range(200)}
    assert {"brown dog", "dog beach", "brown dog runs", "brown dog runs beach"} <= typed
    assert all(2 <= len(query.split()) <= 4 for query in typed)
    assert typed_query("On the beach", random.Random(0)) == "On the beach"


def test_words_that_are_each_known_of_a_picture_are_true_of_it_together() -> None:
    subjects = [photo_subject(RUNNING, NOUNS, SURE), photo_subject(GUITAR, NOUNS, SURE)]
    assert not_negative(subjects, ["x", "wet dog runs"]).tolist() == [[False, True], [False, False]]
    assert not not_negative(subjects, ["x", "wet cat runs"]).any()


def test_classes_made_from_a_classifier_point_to_their_means() -> None:
    random_rows = np.random.default_rng(2)
    means = (random_rows.normal(size=(10, 24)) * 0.4).astype(np.float32)
    truth = random_rows.integers(0, 10, 3000)
    spread = np.linspace(0.2, 2, 24)
    photos = (means[truth] + random_rows.normal(size=(3000, 24)) * spread).astype(np.float32)
    rows = means / spread**2
    made = class_features(rows, photos, 3.0) - photos.mean(0)
    offsets = means - photos.mean(0)

    def agreement(guess: np.ndarray) -> float:
        norms = np.linalg.norm(guess, axis=1) * np.linalg.norm(offsets, axis=1)
        return float(((guess * offsets).sum(1) / norms).mean())

    assert np.allclose(np.linalg.norm(made, axis=1), 3.0, atol=1e-4)
    assert agreement(made) > 0.9
    assert agreement(made) > agreement(rows - rows.mean(0)) + 0.2
