"""Prepare a labelled set for a probe: read it, embed it, leave out copies, and split it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from rclip_like.data.embedding import EmbeddedSet, OnProgress, embed_set
from rclip_like.data.sets import PictureSet, open_set
from rclip_like.errors import DataError
from rclip_like.evaluate.labels import normalised
from rclip_like.evaluate.probe import Features, Numbers
from rclip_like.evaluate.probe_file import FeatureKind, is_usable_label
from rclip_like.evaluate.splits import TEST, TRAIN, VALIDATION, Splits, split_by_content
from rclip_like.probe.settings import ProbeSettings
from rclip_like.settings import ReadSettings
from rclip_like.values import Trouble

if TYPE_CHECKING:
    from rclip_like.models.model import Model
    from rclip_like.store.embeddings import ModelEmbeddings
    from rclip_like.values import Embeddings

_SPLITS_OF_FOLDERS = {
    ("test", "train", "val"): {"train": TRAIN, "val": VALIDATION, "test": TEST},
    ("test", "train"): {"train": TRAIN, "test": TEST},
    ("train", "val"): {"train": TRAIN, "val": TEST},
}
"""The splits that a set's own folders stand for; any other set is split by content."""
_NUM_NAMED = 5

Embed: TypeAlias = Callable[[PictureSet, FeatureKind], EmbeddedSet]


class LabelledSet(NamedTuple):
    """The pictures that a probe is fitted on and measured with, each content once.

    labels: L names, each with training pictures. numbers (N,): label numbers. features (N, F): what
    the probe is fitted on. rows: unit embeddings (N, D) for zero-shot labels, the same array if the
    features are of the index. names (N,): paths relative to the folder. digests, splits: (N,).
    has_own_split: the split is that of the set's folders. num_encoded,
    num_from_index: pictures whose features were encoded, and rows taken from the index; with
    features of the tower these can be the same pictures. notes: sentences on pictures left out.
    """

    name: str
    labels: tuple[str, ...]
    templates: tuple[str, ...]
    names: tuple[str, ...]
    digests: tuple[bytes, ...]
    numbers: Numbers
    features: Features
    rows: Embeddings
    splits: Splits
    has_own_split: bool
    num_encoded: int
    num_from_index: int
    troubles: tuple[Trouble, ...]
    notes: tuple[str, ...]

    def on(self, *splits: int) -> Numbers:
        """Return the positions of the pictures in these splits, ascending."""
        return np.flatnonzero(np.isin(self.splits, splits))

    def taken(self, positions: Numbers) -> LabelledSet:
        """Return the set with only the pictures at these positions."""
        return self._replace(
            names=tuple(self.names[position] for position in positions),
            digests=tuple(self.digests[position] for position in positions),
            numbers=self.numbers[positions],
            features=self.features[positions],
            rows=self.rows[positions],
            splits=self.splits[positions],
        )


def read_labelled(
    folder: Path,
    model: Model,
    stored: ModelEmbeddings | None,
    read: ReadSettings,
    settings: ProbeSettings,
    on_progress: OnProgress | None,
) -> LabelledSet:
    """Return the labelled set in a folder or shard, embedded, without copies, and split.

    The split is that of the set's folders `train`, `test` and `val`, or it is drawn by content:
    about 60, 20 and 20 per cent of each label. Raises DataError if fewer than two labels can be
    learnt, and as `open_set` and `embed_set` do.
    """
    opened = _open_any(folder)
    sets = [open_set(folder, split=name) for name in opened.splits] or [opened]
    if not any(each.labels for each in sets):
        raise DataError(f"{folder} has no labels", "make a folder of pictures for each label")

    def embed(pictures: PictureSet, kind: FeatureKind) -> EmbeddedSet:
        return embed_set(pictures, model, stored, read, features=kind, on_progress=on_progress)

    found = _joined(folder, sets, [_embedded(each, settings.features, embed) for each in sets])
    found = _without_copies(_without_odd_labels(found))
    kept = _without_unlearnt_labels(_with_splits(found, settings.seed))
    if len(kept.labels) < 2:
        number = f"only {kept.labels[0]!r} has any" if kept.labels else "no label has any"
        raise DataError(
            f"{folder}: a probe needs training pictures of two labels, but {number}",
            "make a folder of pictures for each label",
        )
    return kept


def _open_any(folder: Path) -> PictureSet:
    """Return the set, or any one of its splits."""
    with suppress(DataError):
        return open_set(folder, split="train")
    return open_set(folder)


def _embedded(
    pictures: PictureSet, features: FeatureKind, embed: Embed
) -> tuple[EmbeddedSet, Features]:
    """Return a set with its embeddings, and its features of the kind asked for, row for row."""
    embedded = embed(pictures, "index")
    if features == "index":
        return embedded, embedded.rows
    tower = embed(pictures, "tower")
    if embedded.names != tower.names or embedded.digests != tower.digests:
        raise DataError(f"{pictures.name}: pictures changed while they were read; try again")
    return embedded._replace(num_encoded=tower.num_encoded), tower.rows


def _joined(
    folder: Path, sets: Sequence[PictureSet], parts: Sequence[tuple[EmbeddedSet, Features]]
) -> LabelledSet:
    """Return the labelled pictures of all splits as one set, split as its folders are."""
    split_names, prefix = sets[0].splits, f"{os.path.abspath(folder)}{os.sep}"
    split_of = _SPLITS_OF_FOLDERS.get(tuple(sorted(split_names)), {})
    labels = tuple(dict.fromkeys(label for part, _ in parts for label in part.labels))
    numbers, splits = [], []
    for (part, _), split_name in zip(parts, split_names or ("",), strict=True):
        number_of = np.array([*map(labels.index, part.labels), -1], np.int64)
        numbers.append(number_of[part.label_numbers])
        splits.append(np.full(len(part.names), split_of.get(split_name, TRAIN), np.int8))
    joined = LabelledSet(
        name=os.path.basename(os.path.abspath(folder)),
        labels=labels,
        templates=sets[0].templates,
        names=tuple(name.removeprefix(prefix) for part, _ in parts for name in part.names),
        digests=tuple(digest for part, _ in parts for digest in part.digests),
        numbers=np.concatenate(numbers),
        features=np.concatenate([features for _, features in parts]),
        rows=np.concatenate([part.rows for part, _ in parts]),
        splits=np.concatenate(splits),
        has_own_split=bool(split_of),
        num_encoded=sum(part.num_encoded for part, _ in parts),
        num_from_index=sum(part.num_from_index for part, _ in parts),
        troubles=tuple(trouble for part, _ in parts for trouble in part.troubles),
        notes=(),
    )
    return joined.taken(np.flatnonzero(joined.numbers >= 0))


def _without_copies(found: LabelledSet) -> LabelledSet:
    """Return the set with each content once, and without contents that have two labels.

    Of copies in several splits the one in the test split stays, so that no test picture is learnt.
    """
    positions_of: dict[bytes, list[int]] = {}
    for position in np.argsort(-found.splits, kind="stable").tolist():
        positions_of.setdefault(found.digests[position], []).append(position)
    groups = positions_of.values()
    clear = [group for group in groups if len({found.numbers[each] for each in group}) == 1]
    notes = []
    if odd := sum(map(len, groups)) - sum(map(len, clear)):
        notes.append(f"left out as identical to a picture with another label: {odd:,}")
    if copies := sum(map(len, clear)) - len(clear):
        notes.append(f"left out as copies of other pictures: {copies:,}")
    kept = found.taken(np.array(sorted(group[0] for group in clear), np.int64))
    return kept._replace(notes=(*kept.notes, *notes))


def _with_splits(found: LabelledSet, seed: int) -> LabelledSet:
    """Return the set with splits drawn by content where its folders do not give them."""
    if not found.has_own_split:
        return found._replace(splits=split_by_content(found.digests, found.numbers, seed))
    if len(found.on(VALIDATION)):
        return found
    train, splits = found.on(TRAIN), found.splits.copy()
    digests = [found.digests[position] for position in train]
    splits[train] = split_by_content(digests, found.numbers[train], seed, with_test=False)
    return found._replace(splits=splits)


def _without_odd_labels(found: LabelledSet) -> LabelledSet:
    first: dict[str, str] = {}
    for label in found.labels:
        other = first.setdefault(normalised(label), label)
        if other != label:
            raise DataError(
                f"the labels {other!r} and {label!r} differ only in capitals; join them"
            )
    odd = [not is_usable_label(label) for label in found.labels]
    return _without_labels(found, odd, "a name that is not a line of text")


def _without_unlearnt_labels(found: LabelledSet) -> LabelledSet:
    counts = np.bincount(found.numbers[found.on(TRAIN)], minlength=len(found.labels))
    return _without_labels(found, (counts == 0).tolist(), "no training pictures")


def _without_labels(found: LabelledSet, is_out: Sequence[bool], reason: str) -> LabelledSet:
    """Return the set without some labels and their pictures; `reason` goes into a note."""
    out = [label for label, is_so in zip(found.labels, is_out, strict=True) if is_so]
    if not out:
        return found
    named = ", ".join(out[:_NUM_NAMED]) + (", ..." if len(out) > _NUM_NAMED else "")
    note = f"left out: {len(out):,} {'label' if len(out) == 1 else 'labels'} with {reason}: {named}"
    new_number = np.cumsum(~np.array(is_out)) - 1
    kept = found.taken(np.flatnonzero(~np.array(is_out)[found.numbers]))
    labels = tuple(label for label, is_so in zip(found.labels, is_out, strict=True) if not is_so)
    return kept._replace(labels=labels, numbers=new_number[kept.numbers], notes=(*kept.notes, note))
