"""The stages of the recipe, each kept in a file so that a stopped run goes on where it was.

Shape suffixes: N strings or pairs, T teacher's dimension, F features, E embedding's dimension.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from rclip_like.models.towers.torch_classifier import build_trunk
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.batches import Rows
from rclip_like.train.text_tower import text_features

from . import corpus, features, wordnet
from .contrast import Floats, Pictures, class_residuals
from .distil import Lesson
from .pairs import (
    Subject,
    class_features,
    class_subject,
    noun_words,
    photo_subject,
)
from .photos import Photo, is_held_out, read_training_photos, read_validation_photos
from .teacher import load_teacher
from .unlocked import MapPictures, cached_maps
from .wordnet import Synset
from .words import plural

DEVELOPMENT_SHARE = 0.06
CONTEXT_LENGTH = 32
VIEWS = (0, 2)
"""The photo as a search sees it, and a random part of it; the number seeds the part."""
MAP_VIEWS = (0, 2, 3, 4)
"""More of them where the trunk's last blocks learn, which remember single views better."""
OWN_SHARE = 4
PLURAL_PULL = 0.5
"""How far the row of a plural is drawn to its singular's."""
TOKEN_PULL = 0.7
"""How far the token of a plural is drawn to its singular's, in an edition that is gone on from.

Measured with the first edition on all training photos, sixty everyday words, precision@10: singular
0.845, plural 0.757; at 0.5 the plural has 0.825, at 0.75 0.837. Recall of development captions was
30.2, 29.1 and, at 1, 28.4 (29.9 before).
"""
TEXTS_AT_ONCE = 128
CLASS_OFFSET = 6.0
"""Length of a class's offset from the mean, as of classes with photos, noise of few taken off."""


@dataclass(frozen=True)
class Sources:
    """Where everything comes from and is kept: starter folder, WordNet's data.noun, work folder."""

    data: Path
    wordnet: Path
    work: Path

    @cached_property
    def photos(self) -> list[Photo]:
        """The training photos."""
        return read_training_photos(self.data)

    @cached_property
    def held_out(self) -> npt.NDArray[np.bool_]:
        """Which training photos only measure, (N,)."""
        return np.array([is_held_out(photo, DEVELOPMENT_SHARE) for photo in self.photos])

    @cached_property
    def nouns(self) -> dict[str, Synset]:
        """WordNet's nouns."""
        return wordnet.read_nouns(self.wordnet)

    @cached_property
    def class_names(self) -> list[str]:
        """ImageNet's class names as open_clip words them."""
        return list(import_open_clip().IMAGENET_CLASSNAMES)

    @cached_property
    def tokenizer(self) -> Any:
        """open_clip's tokenizer for the model's context."""
        return import_open_clip().SimpleTokenizer(context_length=CONTEXT_LENGTH)

    @cached_property
    def subjects(self) -> list[Subject]:
        """What is true of each training photo and, after them, of each class."""
        sure = noun_words(self.nouns)
        photos = [photo_subject(photo, self.nouns, sure) for photo in self.photos]
        named = zip(wordnet.imagenet_identifiers(), self.class_names, strict=True)
        return photos + [class_subject(identifier, name, self.nouns) for identifier, name in named]


def collect_strings(sources: Sources) -> list[str]:
    """Return the corpus, from its file or collected and written."""
    place = sources.work / "strings.json"
    if place.exists():
        kept: list[str] = json.loads(place.read_text())
        return kept
    validation = read_validation_photos(sources.data)
    strings = corpus.collect(
        corpus.read_captions(sources.data),
        sources.photos,
        wordnet.imagenet_21k().values(),
        [caption for photo in validation for caption in photo.captions],
        seed=0,
    )
    classes = corpus.class_strings(sources.class_names, sources.nouns)
    strings = list(dict.fromkeys(classes + strings))
    place.write_text(json.dumps(strings))
    return strings


def teach(sources: Sources, name: str, strings: list[str]) -> npt.NDArray[np.float16]:
    """Return the teacher's rows of the strings (N, T), from the file of that name or computed."""
    place = sources.work / f"{name}.npy"
    if not place.exists():
        features.write_array(place, load_teacher().encode(strings))
    rows: npt.NDArray[np.float16] = np.load(place)
    assert len(rows) == len(strings), f"{place} belongs to other strings: delete it"
    return rows


def build_lesson(sources: Sources, strings: list[str]) -> Lesson:
    """Return the strings as tokens beside the teacher's rows."""
    tokens = sources.tokenizer(strings).numpy().astype(np.uint16)
    return Lesson(tokens, teach(sources, "teacher", strings))


def own_lesson(sources: Sources, model: Any) -> Lesson:
    """Return strings beside what the model's text tower makes of them now, plurals brought closer.

    Every OWN_SHARE-th string of the corpus is enough for as few steps as follow.
    """
    strings = collect_strings(sources)[::OWN_SHARE]
    strings = list(dict.fromkeys([*strings, *(plural(text) for text in strings if text.isalpha())]))
    tokens = sources.tokenizer(strings).numpy().astype(np.uint16)
    path = sources.work / "own-features.npy"
    if not path.exists():
        features.write_array(path, text_rows(model, tokens))
    rows: npt.NDArray[np.float16] = np.load(path)
    assert len(rows) == len(strings), f"{path} belongs to other strings: delete it"
    return Lesson(tokens, with_plurals_closer(strings, rows))


def plural_tokens(tokenizer: Any, nouns: Iterable[str]) -> npt.NDArray[np.int64]:
    """Return the tokens (N, 2) of nouns and their plurals, where both are a single token."""
    pairs = [(noun, plural(noun)) for noun in sorted(nouns) if plural(noun) != noun]
    columns = zip(*pairs, strict=True)
    tokens_N2L = np.stack([tokenizer([*column]).numpy() for column in columns], axis=1)
    is_single_N = (tokens_N2L.argmax(axis=2) == 2).all(axis=1)  # after start and word comes the end
    found_N2: npt.NDArray[np.int64] = tokens_N2L[is_single_N, :, 1]
    return found_N2


@torch.no_grad()
def draw_plural_tokens(model: Any, pairs_N2: npt.NDArray[np.int64]) -> None:
    """Draw the embedding of each plural's token to its singular's."""
    singular_N, plural_N = torch.from_numpy(pairs_N2).T
    rows = model.token_embedding.weight
    rows[plural_N] = torch.lerp(rows[plural_N], rows[singular_N], TOKEN_PULL)


def with_plurals_closer(
    strings: Sequence[str], rows_ND: npt.NDArray[np.float16]
) -> npt.NDArray[np.float16]:
    """Return unit rows: that of a plural lies between its own and its singular's."""
    row_of = dict(zip(strings, rows_ND.astype(np.float32), strict=True))
    for text in filter(str.isalpha, strings):
        if (many := plural(text)) in row_of and many != text:
            nearer = (1 - PLURAL_PULL) * row_of[many] + PLURAL_PULL * row_of[text]
            row_of[many] = nearer / np.linalg.norm(nearer)
    return np.stack(list(row_of.values())).astype(np.float16)


@torch.inference_mode()
def text_rows(model: Any, tokens_NL: npt.NDArray[np.uint16]) -> npt.NDArray[np.float16]:
    """Return the text tower's features as unit rows (N, D)."""
    order = tokens_NL.argmax(axis=1).argsort(kind="stable")
    rows = np.empty((len(tokens_NL), model.text_projection.shape[0]), np.float16)
    for start in range(0, len(order), TEXTS_AT_ONCE):
        chosen = order[start : start + TEXTS_AT_ONCE]
        tokens = torch.from_numpy(tokens_NL[chosen].astype(np.int64))
        rows[chosen] = F.normalize(text_features(model, tokens), dim=1).half().numpy()
    return rows


def build_pictures(sources: Sources, views_asked: Sequence[int] = VIEWS) -> Pictures:
    """Return the features of the photos in these views, and of the classes, computing once."""
    views = [
        features.cached_view(sources.work / f"training-{view}.npy", sources.photos, view, seed=0)
        for view in views_asked
    ]
    photos_NF = views[0].astype(np.float32)
    rows_KF = build_trunk().classifier.weight.detach().numpy()  # type: ignore[union-attr,operator]
    kinds = [
        None if held_out else photo.wnid
        for photo, held_out in zip(sources.photos, sources.held_out, strict=True)
    ]
    return Pictures(
        [view.astype(np.float32) for view in views],
        class_features(rows_KF, photos_NF, CLASS_OFFSET),
        class_residuals(photos_NF, kinds),
    )


def build_map_pictures(sources: Sources, pictures: Pictures) -> MapPictures:
    """Return the maps of all views before the trunk's last blocks, with the classes of pictures."""
    maps = [
        cached_maps(sources.work / f"maps-{view}.npy", sources.photos, view, seed=0)
        for view in MAP_VIEWS
    ]
    return MapPictures(maps, pictures.classes_KF, pictures.residuals_NF)


def list_visits(sources: Sources, class_visits: int) -> Rows:
    """Return the rows of an epoch: learnt photos once, classes so many times."""
    photos = np.flatnonzero(~sources.held_out)
    classes = np.arange(len(sources.photos), len(sources.subjects))
    return np.concatenate([photos, np.tile(classes, class_visits)])


class TeacherRows:
    """Looks up the teacher's rows of strings, asking the teacher for those not met before."""

    def __init__(self, strings: list[str], rows_NT: npt.NDArray[np.float16]) -> None:
        self._row = dict(zip(strings, rows_NT, strict=True))
        self._teacher = load_teacher()

    def __call__(self, texts: list[str]) -> torch.Tensor:
        """Return the rows as float32 (N, T)."""
        new = [text for text in dict.fromkeys(texts) if text not in self._row]
        if new:
            self._row |= dict(zip(new, self._teacher.encode(new), strict=True))
        return torch.from_numpy(np.stack([self._row[text] for text in texts]).astype(np.float32))


def mean_features(pictures: Pictures) -> Floats:
    """Return the mean of the photos' features, (F,)."""
    mean: Floats = pictures.views[0].mean(0)
    return mean
