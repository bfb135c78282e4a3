"""Which texts are true of which pictures: photos, and ImageNet's classes as made-up pictures.

Shape suffixes: N rows, F features, K classes.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .corpus import normalise
from .photos import Photo
from .wordnet import Synset, wider_words
from .words import is_irregular, plural

CAPTION_SHARE = 0.85
"""How often a captioned photo is shown with a caption and not with a word of its captions."""
TYPED_SHARE = 0.25
"""How often a caption is cut down to the few words that somebody would type."""
PLURAL_SHARE = 0.25
"""How often a name stands in the plural, so that plurals lie beside their singulars."""
LEAST_CAPTIONS = 3
"""A word in so many captions of one photo is taken as a name of something in it."""
_UNTYPED = """
    a an the is are was were be being been has have had in on at of to by for from with while as
    and or into onto up down out off over through along near next front behind under between
    around across there that this these it its does his her their he she they who which some
    another each other very just one someone something them him against during it all
"""
UNTYPED = frozenset(_UNTYPED.split())
"""Words that people leave out of a query."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture and its texts: whole captions, names to put into templates, and what is true.

    `names` are drawn by weight. `known` holds all normalised texts and words that must not count
    as wrong for the picture, more than are taught.
    """

    captions: tuple[str, ...]
    names: tuple[str, ...]
    weights: tuple[float, ...]
    known: frozenset[str]

    def draw(self, generator: random.Random, templates: Sequence[str]) -> tuple[str, str]:
        """Return one text for a visit, and the normalised form by which it is recognised."""
        if self.captions and (not self.names or generator.random() < CAPTION_SHARE):
            caption = generator.choice(self.captions)
            if generator.random() < TYPED_SHARE:
                caption = typed_query(caption, generator)
            return caption, normalise(caption)
        name = generator.choices(self.names, self.weights)[0]
        if re.search("[a-rt-z]$", name) and generator.random() < PLURAL_SHARE:
            name = plural(name)
            return name, normalise(name)
        return generator.choice(templates).format(name), normalise(name)


def photo_subject(photo: Photo, nouns: dict[str, Synset], sure: frozenset[str]) -> Subject:
    """Return what is known of one photo; `sure` are the words that may be names."""
    return _captioned(photo, sure) if photo.captions else _labelled(photo, nouns)


def class_subject(identifier: str, name: str, nouns: dict[str, Synset]) -> Subject:
    """Return the texts of one ImageNet class: its name, synonyms and the words above it."""
    meaning = nouns.get(identifier)
    own = tuple(dict.fromkeys([name, *(meaning.names if meaning else ())]))
    return _named(own, {wider_words(nouns, identifier): 0.4})


def typed_query(caption: str, generator: random.Random) -> str:
    """Return two to four words of a caption in their order, or the caption if it has fewer.

    "A brown dog runs on a beach." may become "brown dog beach".
    """
    words = [word for word in re.findall("[a-z]{2,}", caption.lower()) if word not in UNTYPED]
    if len(words) < 2:
        return caption
    kept = sorted(generator.sample(range(len(words)), min(len(words), generator.randint(2, 4))))
    return " ".join(words[place] for place in kept)


def noun_words(nouns: dict[str, Synset]) -> frozenset[str]:
    """Return the common nouns among WordNet's names of things, with their plurals."""
    found = singulars(nouns)
    return frozenset({*found, *found.values()})


def singulars(nouns: dict[str, Synset]) -> dict[str, str]:
    """Return the singular of each plural of WordNet's common nouns.

    Left out are names with capitals or less than three letters, mostly abbreviations, and what
    people use as other words ("does" is no plural of "doe"). Of several singulars an irregular one
    is taken, else the one with the most meanings.
    """
    meanings = Counter(name for meaning in nouns.values() for name in meaning.names)
    common = {
        name
        for name in meanings
        if re.fullmatch("[a-z]{3,}", name) and not {name, plural(name)} & UNTYPED
    }
    plurals = {plural(name) for name in common if plural(name) != name}
    ordered = sorted(common - plurals, key=lambda name: (is_irregular(name), meanings[name], name))
    return {plural(name): name for name in ordered}


def not_negative(rows: Sequence[Subject], texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return (N, N): whether text j is known to be true of picture i (the diagonal is not).

    A text of which each word is known of a picture counts as true of it.
    """
    columns: dict[str, list[int]] = {}
    for column, text in enumerate(texts):
        columns.setdefault(text, []).append(column)
    parted = [(text, frozenset(text.split()), places) for text, places in columns.items()]
    mask = np.zeros((len(rows), len(texts)), dtype=bool)
    for row, subject in enumerate(rows):
        for text, words, places in parted:
            if words <= subject.known or text in subject.known:
                mask[row, places] = True
    np.fill_diagonal(mask, False)
    return mask


def class_features(
    rows_KF: npt.NDArray[np.float32], photos_NF: npt.NDArray[np.float32], length: float
) -> npt.NDArray[np.float32]:
    """Return made-up mean features of each class, (K, F), from the classifier's rows.

    A linear classifier's row is the inverse covariance times the class's mean (linear
    discriminant analysis), so the covariance times the row points from the mean of all pictures to
    the class's. Measured on classes with photos: cosine to their true offset 0.45, of the bare rows
    0.32. length: how long these offsets are made.
    """
    mean_F = photos_NF.mean(0)
    offsets_NF = photos_NF - mean_F
    directions_KF = (rows_KF - rows_KF.mean(0)) @ (offsets_NF.T @ offsets_NF)
    directions_KF /= np.linalg.norm(directions_KF, axis=1, keepdims=True)
    made: npt.NDArray[np.float32] = mean_F + directions_KF * length
    return made


def _labelled(photo: Photo, nouns: dict[str, Synset]) -> Subject:
    assert photo.label is not None
    own = tuple(dict.fromkeys([photo.label, *photo.names]))
    wide = wider_words(nouns, photo.wnid) if photo.wnid else ()
    kind = (photo.kind,) if photo.kind else ()
    return _named(own, {kind: 0.4, wide: 0.4, photo.objects: 0.6})


def _named(own: tuple[str, ...], others: dict[tuple[str, ...], float]) -> Subject:
    """Return a subject by its own names and by groups of others, each sharing its weight."""
    weighted = {name: 1.0 if place == 0 else 0.5 for place, name in enumerate(own)}
    for group, weight in others.items():
        for name in group:
            weighted.setdefault(name, weight / len(group))
    words = {word for name in weighted for word in name.split()}
    known = _known([*weighted, *words])
    return Subject((), tuple(weighted), tuple(weighted.values()), known)


def _captioned(photo: Photo, sure: frozenset[str]) -> Subject:
    spoken = [re.findall("[a-z]+", caption.lower()) for caption in photo.captions]
    counts = Counter(word for words in spoken for word in sorted(set(words)))
    names = [word for word, count in counts.items() if count >= LEAST_CAPTIONS and word in sure]
    pairs = {" ".join(pair) for words in spoken for pair in pairwise(words)}
    known = _known([*photo.captions, *counts, *pairs])
    return Subject(photo.captions, tuple(names), tuple(1.0 for _ in names), known)


def _known(texts: Iterable[str]) -> frozenset[str]:
    forms = {normalise(text) for text in texts}
    return frozenset(
        forms | {plural(form) for form in forms} | {form.removesuffix("s") for form in forms}
    )
