"""The stages of the recipe, each kept in a file so that a stopped run goes on where it was.

Shape suffixes: N strings or pairs, T teacher's dimension, F features, E embedding's dimension.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from rclip_like.files import write_whole
from rclip_like.models.towers.torch_classifier import build_trunk
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.batches import Rows
from rclip_like.train.text_tower import text_features

from . import corpus, features, wordnet
from .contrast import Classes, Pictures, class_residuals
from .distil import Lesson
from .pairs import (
    Subject,
    class_features,
    class_subject,
    noun_words,
    photo_subject,
    singulars,
)
from .photos import Photo, is_held_out, read_training_photos, read_validation_photos
from .teacher import load_teacher
from .unlocked import MapPictures, cached_maps
from .wordnet import Synset

DEVELOPMENT_SHARE = 0.06
CONTEXT_LENGTH = 32
VIEWS = (0, 2)
"""The photo as a search sees it, and a random part of it; the number seeds the part."""
MAP_VIEWS = (0, 2, 3, features.SMALL_VIEW)
"""More of them where the trunk's last blocks learn, which learn single views by heart."""
OWN_SHARE = 4
PLURAL_PULL = 0.5
"""How far the row of a plural is drawn to its singular's."""
TOKEN_PULL = 0.7
"""How far the token of a plural is drawn to its singular's, where an earlier edition is taken up.

Measured with the first edition: precision@10 of sixty everyday words on all training photos, 84.5
in the singular, and recall@1, 5, 10 of development captions. Plurals that are not drawn have 75.7,
at a recall of 29.9 60.8 73.2; 0.5: 82.5, 30.1 60.5 72.8; 0.7: 83.8, 29.4 60.3 72.5; 1: 84.5, 28.4
59.5 72.1. What captions lose, training wins back.
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
    def singulars(self) -> dict[str, str]:
        """The singular of each plural of a common noun."""
        return singulars(self.nouns)

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
    measured = read_validation_photos(sources.data)
    measured += [photo for photo, out in zip(sources.photos, sources.held_out, strict=True) if out]
    strings = corpus.collect(
        corpus.read_captions(sources.data),
        sources.photos,
        wordnet.imagenet_21k().values(),
        [caption for photo in measured for caption in photo.captions],
        seed=0,
    )
    classes = corpus.class_strings(sources.class_names, sources.nouns)
    strings = list(dict.fromkeys(classes + strings))
    with write_whole(place) as draft:
        draft.write_text(json.dumps(strings))
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
    chosen = set(strings)
    plurals = [many for many, one in sources.singulars.items() if one in chosen]
    strings = list(dict.fromkeys([*strings, *plurals]))
    tokens = sources.tokenizer(strings).numpy().astype(np.uint16)
    path = sources.work / f"own-features-{digest_of(model)}.npy"
    if not path.exists():
        features.write_array(path, text_rows(model, tokens))
    rows: npt.NDArray[np.float16] = np.load(path)
    assert len(rows) == len(strings), f"{path} belongs to other strings: delete it"
    return Lesson(tokens, with_plurals_closer(strings, rows, sources.singulars))


def digest_of(model: Any) -> str:
    """Return a short digest of all weights, to tell what a file was made with."""
    digest = hashlib.blake2b(digest_size=8)
    for value in model.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def plural_tokens(tokenizer: Any, singulars: Mapping[str, str]) -> npt.NDArray[np.int64]:
    """Return the tokens (N, 2) of nouns and their plurals, where both are a single token."""
    tokens_2NL = [tokenizer([*words]).numpy() for words in (singulars.values(), singulars)]
    tokens_N2L = np.stack(tokens_2NL, axis=1)
    is_single_N = (tokens_N2L.argmax(axis=2) == 2).all(axis=1)  # after start and word comes the end
    found_N2 = tokens_N2L[is_single_N, :, 1]
    changing_N2: npt.NDArray[np.int64] = found_N2[found_N2[:, 0] != found_N2[:, 1]]
    return changing_N2


@torch.no_grad()
def draw_plural_tokens(model: Any, pairs_N2: npt.NDArray[np.int64]) -> None:
    """Draw the embedding of each plural's token to its singular's."""
    singular_N, plural_N = torch.from_numpy(pairs_N2).T
    rows = model.token_embedding.weight
    rows[plural_N] = torch.lerp(rows[plural_N], rows[singular_N], TOKEN_PULL)


def with_plurals_closer(
    strings: Sequence[str], rows_ND: npt.NDArray[np.float16], singulars: Mapping[str, str]
) -> npt.NDArray[np.float16]:
    """Return unit rows: that of a plural lies between its own and its singular's."""
    row_of = dict(zip(strings, rows_ND.astype(np.float32), strict=True))
    closer = dict(row_of)
    for many in singulars.keys() & row_of.keys():
        if (one := singulars[many]) in row_of:
            mixed = (1 - PLURAL_PULL) * row_of[many] + PLURAL_PULL * row_of[one]
            closer[many] = mixed / np.linalg.norm(mixed)
    return np.stack(list(closer.values())).astype(np.float16)


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
    photos_NF = views[0][~sources.held_out].astype(np.float32)
    rows_KF = build_trunk().classifier.weight.detach().numpy()  # type: ignore[union-attr,operator]
    kinds = [
        photo.wnid
        for photo, held_out in zip(sources.photos, sources.held_out, strict=True)
        if not held_out
    ]
    means_KF = class_features(rows_KF, photos_NF, CLASS_OFFSET)
    classes = Classes(means_KF, class_residuals(photos_NF, kinds))
    return Pictures([view.astype(np.float32) for view in views], classes)


def build_map_pictures(sources: Sources, pictures: Pictures) -> MapPictures:
    """Return the maps of all views before the trunk's last blocks, with the classes of pictures."""
    maps = [
        cached_maps(sources.work / f"maps-{view}.npy", sources.photos, view, seed=0)
        for view in MAP_VIEWS
    ]
    return MapPictures(maps, pictures.classes)


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


def mean_features(sources: Sources, pictures: Pictures) -> torch.Tensor:
    """Return the mean of the features of the photos that are learnt from, (F,)."""
    return torch.from_numpy(pictures.views[0][~sources.held_out].mean(0))
