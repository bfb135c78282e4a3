"""Pairs made ready: each picture decoded once, as pixels or as features in the output folder.

Shape suffixes: N pictures, T captions, M captions of a picture, L positions, S pixels a side as
the model sees, B pixels a side of the finer square, C channels, F features.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import blake3
import numpy as np
import numpy.typing as npt
import torch

from rclip_like.data.arrays import in_batches
from rclip_like.images.decoding import Product
from rclip_like.images.products import FinerSquare, Square
from rclip_like.settings import ReadSettings
from rclip_like.train.augment import can_be_mirrored, cut, draw_crop, finer_size
from rclip_like.train.batches import Rows
from rclip_like.train.checkpoint import (
    FINER_PIXELS,
    IMAGE_FEATURES,
    PIXELS,
    PREPARED_FILES,
    TEXT_FEATURES,
    remove_files,
)
from rclip_like.train.plan import Plan
from rclip_like.train.reuse import reusable, rows_of
from rclip_like.train.spool import (
    Manifest,
    Row,
    RowFile,
    Stored,
    map_rows,
    pixels_bytes,
    require_room,
)
from rclip_like.train.survey import Survey, read_rows
from rclip_like.train.towers import BATCH_SIZE, Towers
from rclip_like.train.values import OnProgress, TrainProgress
from rclip_like.values import Picture, Trouble

Pixels = npt.NDArray[np.uint8]
CaptionNumbers: TypeAlias = Sequence[tuple[int, ...]]
"""The numbers of each row's captions, equal for equal tokens."""

_TEXTS_AT_ONCE = 1024
_GONE = "is not there any more"


class Prepared(NamedTuple):
    """The pairs of a run whose pictures could be read, row by row (N).

    rows: which pictures of the survey they are. digests: of their contents. captions: the numbers
    of each row's captions, equal for equal tokens. skipped: the pictures that could not be read.
    """

    rows: Rows
    digests: tuple[bytes, ...]
    images: PixelImages | FeatureImages
    texts: TokenTexts | FeatureTexts
    captions: CaptionNumbers
    skipped: tuple[Trouble, ...]

    def fingerprint(self, surveyed: Survey) -> str:
        """Return a digest over all pictures and the tokens of their captions, in their order."""
        everything = blake3.blake3()
        for row, digest in zip(self.rows, self.digests, strict=True):
            everything.update(digest + surveyed.tokens[row].tobytes())
        return everything.hexdigest()


def prepare(
    survey: Survey, towers: Towers, plan: Plan, output: Path, report: OnProgress
) -> Prepared:
    """Return the pairs ready to be trained on, from what an earlier run left or read anew.

    Worker processes read the pictures within ReadSettings' limits. Where a tower is locked, its
    features are computed, float32 as the model searches; else pixels are spooled, for a plan that
    augments in two sizes. All of that lies in `output` for its owner alone, mapped into memory.
    Raises TrainingError as `reusable` and where the disk is too small, ReaderError, ModelError.
    """
    numbers = caption_numbers(survey.tokens)
    manifest = reusable(output, _recipe(towers, plan), survey)
    if manifest is None:
        manifest = _make(survey, towers, plan, output, report, numbers)
        manifest.save(output)
    rows = np.flatnonzero([row.digest != "" for row in manifest.rows])
    digests = tuple(bytes.fromhex(manifest.rows[row].digest) for row in rows)
    numbers = [numbers[row] for row in rows]
    if towers.locks_text_tower:
        features = manifest.open_array(output, TEXT_FEATURES)
        texts: TokenTexts | FeatureTexts = FeatureTexts(features, numbers)
    else:
        texts = TokenTexts([survey.tokens[row] for row in rows])
    unread = [Trouble(os.fsencode(row.name), row.reason) for row in manifest.rows if not row.digest]
    return Prepared(
        rows,
        digests,
        _images(survey, towers, plan, manifest, output, rows),
        texts,
        numbers,
        tuple(unread),
    )


def caption_numbers(tokens: Sequence[npt.NDArray[np.int64]]) -> list[tuple[int, ...]]:
    """Return for each row, tokens (M, L), the numbers of its captions, in the order they come in.

    Captions with equal tokens have equal numbers: those that differ in case or spaces alone, or
    beyond the context.
    """
    numbers: dict[bytes, int] = {}
    return [
        tuple(numbers.setdefault(tokens_L.tobytes(), len(numbers)) for tokens_L in row)
        for row in tokens
    ]


@dataclass(frozen=True)
class PixelImages:
    """Pictures as uint8 pixels (N, S, S, C), and in a finer square to cut crops from, or None.

    may_mirror (N,): whether an epoch may see a picture mirrored.
    """

    pixels_NSSC: Pixels
    finer_NBBC: Pixels | None
    may_mirror: npt.NDArray[np.bool_]
    seed: int

    def rows(self, rows: Rows, epoch: int | None = None) -> torch.Tensor:
        """Return the pictures, uint8 (N, S, S, C), as an epoch sees them or as a search does."""
        if epoch is None or self.finer_NBBC is None:
            return torch.from_numpy(np.asarray(self.pixels_NSSC[rows]))
        size, finer = self.pixels_NSSC.shape[1], self.finer_NBBC.shape[1]
        seen_NSSC = np.empty((len(rows), size, size, 3), np.uint8)
        for number, row in enumerate(rows.tolist()):
            may_mirror = bool(self.may_mirror[row])
            crop = draw_crop(
                size, finer, seed=self.seed, epoch=epoch, row=row, may_mirror=may_mirror
            )
            seen_NSSC[number] = cut(self.finer_NBBC[row], crop, size)
        return torch.from_numpy(seen_NSSC)


@dataclass(frozen=True)
class FeatureImages:
    """Pictures as features of the locked part of the image tower, float32 (N, F)."""

    features_NF: npt.NDArray[np.float32]

    def rows(self, rows: Rows, epoch: int | None = None) -> torch.Tensor:
        """Return the features (N, F) of the rows; every epoch sees the same."""
        return torch.from_numpy(np.asarray(self.features_NF[rows]))


@dataclass(frozen=True)
class TokenTexts:
    """The captions of all pictures as tokens, (M, L) for the M captions of a picture."""

    tokens: Sequence[npt.NDArray[np.int64]]

    def rows(self, rows: Rows, drawn: Sequence[int]) -> torch.Tensor:
        """Return the tokens (N, L) of the caption drawn for each row."""
        chosen = [self.tokens[row][number] for row, number in zip(rows, drawn, strict=True)]
        return torch.from_numpy(np.stack(chosen))

    def all_of(self, rows: Rows | int) -> torch.Tensor:
        """Return the tokens (T, L) of all captions of these rows, or of one."""
        return torch.from_numpy(np.concatenate([self.tokens[row] for row in np.atleast_1d(rows)]))


@dataclass(frozen=True)
class FeatureTexts:
    """Captions as features (T, F) of the locked part of the text tower, equal ones once.

    numbers: the features' numbers of each row's captions.
    """

    features_TF: npt.NDArray[np.float32]
    numbers: CaptionNumbers

    def rows(self, rows: Rows, drawn: Sequence[int]) -> torch.Tensor:
        """Return the features (N, F) of the caption drawn for each row."""
        chosen = [self.numbers[row][number] for row, number in zip(rows, drawn, strict=True)]
        return torch.from_numpy(np.asarray(self.features_TF[chosen]))

    def all_of(self, rows: Rows | int) -> torch.Tensor:
        """Return the features (T, F) of all captions of these rows, or of one."""
        every = [number for row in np.atleast_1d(rows) for number in self.numbers[row]]
        return torch.from_numpy(np.asarray(self.features_TF[every]))


def _recipe(towers: Towers, plan: Plan) -> dict[str, Any]:
    """Return what prepared pairs depend on, beside the pictures and captions."""
    augments = plan.augments and not towers.locks_image_tower
    return {
        "model": towers.fingerprint,
        "preprocessing": repr(towers.preprocessing),
        "image_tower_lock": towers.locks_image_tower,
        "text_tower_lock": towers.locks_text_tower,
        "augmentation": finer_size(towers.preprocessing.size) if augments else 0,
    }


def _make(
    survey: Survey,
    towers: Towers,
    plan: Plan,
    output: Path,
    report: OnProgress,
    numbers: CaptionNumbers,
) -> Manifest:
    """Write the arrays of all pictures and captions, and return what they hold."""
    remove_files(output, PREPARED_FILES)
    recipe = _recipe(towers, plan)
    size, augments = towers.preprocessing.size, bool(recipe["augmentation"])
    arrays = {}
    if towers.locks_text_tower:
        texts_TL = _unique_captions(survey.tokens, numbers)
        arrays[TEXT_FEATURES] = _write_texts(texts_TL, towers, output / TEXT_FEATURES, report)
    products: tuple[Product, ...] = (Square.of(towers.preprocessing),)
    if augments:
        products += (FinerSquare.of_size(finer_size(size), towers.preprocessing),)
    if not towers.locks_image_tower:
        require_room(output, pixels_bytes(len(survey.names), size, augments=augments))
    into = _Found(rows_of(survey), {}, {})
    read = _read(survey, products, into, report)
    if towers.locks_image_tower:
        with RowFile(output / IMAGE_FEATURES) as file:
            squares = (picture.products[Square.name][0] for picture in read)
            for part_NSSC in in_batches(squares, BATCH_SIZE):
                file.append(towers.image_features(part_NSSC))
        arrays[IMAGE_FEATURES] = file.stored
    else:
        names = dict(zip((PIXELS, FINER_PIXELS), products, strict=False))
        arrays |= _write_pixels(read, output, {name: each.name for name, each in names.items()})
    return Manifest(recipe, into.rows(), arrays)


@dataclass(frozen=True)
class _Found:
    """The rows of a survey, and what reading found: digests by row, reasons by name."""

    surveyed: list[Row]
    digests: dict[int, str]
    reasons: dict[str, str]

    def rows(self) -> tuple[Row, ...]:
        """Return all rows, each with a digest or a reason."""
        return tuple(
            row._replace(digest=self.digests[number])
            if number in self.digests
            else row._replace(reason=self.reasons.get(row.name, _GONE))
            for number, row in enumerate(self.surveyed)
        )


def _read(
    survey: Survey, products: tuple[Product, ...], into: _Found, report: OnProgress
) -> Iterator[Picture]:
    """Yield the pictures of a survey in its order, and note them, or why there is none."""
    total = len(survey.names)
    with closing(read_rows(survey, products, ReadSettings())) as read:
        for found in read:
            if isinstance(found, Trouble):
                into.reasons[os.fsdecode(found.path)] = found.reason
            else:
                row, picture = found
                into.digests[row] = picture.digest.hex()
                yield picture
            report(TrainProgress("reading", len(into.digests) + len(into.reasons), total))


def _write_pixels(
    read: Iterator[Picture], output: Path, products: Mapping[str, str]
) -> dict[str, Stored]:
    """Write a product of each picture into each of these files, and return what they hold."""
    with ExitStack() as stack:
        files = {name: stack.enter_context(RowFile(output / name)) for name in products}
        for picture in read:
            for name, product in products.items():
                files[name].append(picture.products[product][0][None])
    return {name: file.stored for name, file in files.items()}


def _write_texts(
    texts_TL: npt.NDArray[np.int64], towers: Towers, path: Path, report: OnProgress
) -> Stored:
    """Write the features of captions, and return what the file holds."""
    with RowFile(path) as file:
        for start in range(0, len(texts_TL), _TEXTS_AT_ONCE):
            file.append(towers.text_features(texts_TL[start : start + _TEXTS_AT_ONCE]))
            done = min(start + _TEXTS_AT_ONCE, len(texts_TL))
            report(TrainProgress("reading", done, len(texts_TL), title="encoding captions"))
    return file.stored


def _unique_captions(
    tokens: Sequence[npt.NDArray[np.int64]], numbers: CaptionNumbers
) -> npt.NDArray[np.int64]:
    """Return the tokens (T, L) of all captions by their numbers, equal ones once."""
    first: dict[int, npt.NDArray[np.int64]] = {}
    for tokens_ML, row in zip(tokens, numbers, strict=True):
        for caption, number in zip(tokens_ML, row, strict=True):
            first.setdefault(number, caption)
    return np.stack([first[number] for number in range(len(first))])


def _images(
    survey: Survey, towers: Towers, plan: Plan, manifest: Manifest, output: Path, rows: Rows
) -> PixelImages | FeatureImages:
    if towers.locks_image_tower:
        return FeatureImages(manifest.open_array(output, IMAGE_FEATURES))
    finer, may_mirror = None, np.zeros(len(rows), bool)
    if FINER_PIXELS in manifest.arrays:
        finer = manifest.open_array(output, FINER_PIXELS)
        may_mirror = np.array([can_be_mirrored(survey.captions[row]) for row in rows])
    pixels = manifest.open_array(output, PIXELS)
    return PixelImages(pixels, finer, may_mirror, plan.loop.seed)


def load_images(
    pictures: Iterable[Pixels], towers: Towers, path: Path
) -> PixelImages | FeatureImages:
    """Return pictures (S, S, C) that only measure, as pixels in a working file or as features."""
    if towers.locks_image_tower:
        parts = [towers.image_features(part) for part in in_batches(pictures, BATCH_SIZE)]
        return FeatureImages(np.concatenate(parts) if parts else np.zeros((0, 1), np.float32))
    number, size = 0, towers.preprocessing.size
    with RowFile(path) as file:
        for pixels_SSC in pictures:
            file.append(pixels_SSC[None])
            number += 1
    pixels_NSSC = np.zeros((0, size, size, 3), np.uint8)
    if number:
        pixels_NSSC = map_rows(path, file.stored)
    return PixelImages(pixels_NSSC, None, np.zeros(number, bool), 0)


def load_texts(
    tokens: Sequence[npt.NDArray[np.int64]], towers: Towers
) -> TokenTexts | FeatureTexts:
    """Return captions (M, L) of pictures that only measure, as tokens or as features in memory."""
    if not towers.locks_text_tower:
        return TokenTexts(tokens)
    numbers = caption_numbers(tokens)
    return FeatureTexts(towers.text_features(_unique_captions(tokens, numbers)), numbers)
