"""What a run can learn from, found out from captions and headers before any pixel is decoded.

Shape suffixes: T captions, M captions of a picture, L positions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple, TypeAlias

import blake3
import numpy as np
import numpy.typing as npt

from rclip_like.data.examples import Example
from rclip_like.data.pairs import PairSource, open_pairs
from rclip_like.data.reading import read_examples
from rclip_like.errors import Remedy, TrainingError, UsageError, counted
from rclip_like.evaluate.templates import DEFAULT_TEMPLATES, fill, templates_of
from rclip_like.images.decoding import Product, Unreadable
from rclip_like.images.headers import check_start, read_start
from rclip_like.images.limits import within_memory
from rclip_like.images.worker import read_bytes
from rclip_like.settings import ReadSettings
from rclip_like.train.settings import TrainSettings
from rclip_like.train.values import NUM_NAMED
from rclip_like.values import Picture, Trouble

Tokenize: TypeAlias = Callable[..., Any]
"""open_clip's tokenizer: texts (M,) and, if asked, another context length, to tokens (M, L)."""
FileFacts: TypeAlias = tuple[int, int]
"""A file's size in bytes and its mtime in nanoseconds; for a picture in a shard, the shard's."""
_AT_ONCE = 1000
_MOST_SHOWN = 60


class Survey(NamedTuple):
    """The pairs of a training run that can be used as far as their captions and headers tell.

    format, source: as in PairSource. By picture, in the order of the source: names; captions, for
    labelled sets the templates filled; labels, () for captioned pictures; tokens (M, L) int64;
    sizes: width and height in pixels before turning upright, (0, 0) where only decoding tells;
    file_facts. skipped: what cannot be used. cut: the captions that are longer than the model's
    context, each after the name of its picture.
    """

    format: str
    source: PairSource
    names: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...]
    tokens: tuple[npt.NDArray[np.int64], ...]
    sizes: tuple[tuple[int, int], ...]
    file_facts: tuple[FileFacts, ...]
    skipped: tuple[Trouble, ...]
    cut: tuple[tuple[str, str], ...]

    @property
    def num_cut(self) -> int:
        """The number of captions that are longer than the model's context."""
        return len(self.cut)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about the captions for the user."""
        if not self.num_cut:
            return ()
        total = counted(sum(map(len, self.captions)), "caption")
        verb = "is" if self.num_cut == 1 else "are"
        return (
            f"{self.num_cut:,} of {total} {verb} longer than the {self.tokens[0].shape[1]} "
            "tokens (pieces of words) that the model reads; the rest of them has no effect",
        )


def survey(settings: TrainSettings, tokenize: Tokenize) -> Survey:
    """Return the usable pairs, found by reading captions and headers; no pixel is decoded.

    Raises TrainingError if more than the tolerated share of the pairs cannot be used, for fewer
    than two pairs, and for captions or pictures that are all equal; UsageError for templates where
    there are no labels; and as `open_pairs`.
    """
    source = open_pairs(settings.data, settings.pairs)
    templates = _templates_for(source, settings)
    usable, skipped, may_be_equal = _look_at(source)
    require_usable(len(usable), skipped, settings.tolerance)
    captions = tuple(
        each.captions or tuple(fill(template, each.label) for template in templates)
        for each in usable
    )
    tokens, is_cut = _tokenized(captions, tokenize)
    named = ((each.name, text) for each, row in zip(usable, captions, strict=True) for text in row)
    labels = tuple(each.label for each in usable) if source.labels else ()
    _require_different_captions(captions, tokens, labels)
    if may_be_equal:
        _require_different_pictures(source)
    return Survey(
        source.format,
        source,
        tuple(each.name for each in usable),
        captions,
        labels,
        tokens,
        tuple(each.size for each in usable),
        tuple(each.file_facts for each in usable),
        tuple(skipped),
        tuple(pair for pair, cut in zip(named, is_cut, strict=True) if cut),
    )


def require_usable(num_pairs: int, skipped: Sequence[Trouble], tolerance: float) -> None:
    """Raise TrainingError if too many pairs cannot be used, or too few are left to learn from.

    tolerance: the share of all pairs that may be unusable.
    """
    named = [f"{os.fsdecode(each.path)}: {each.reason}" for each in skipped[:NUM_NAMED]]
    if len(skipped) > NUM_NAMED:
        named.append(f"and {len(skipped) - NUM_NAMED:,} more")
    total = num_pairs + len(skipped)
    if len(skipped) > tolerance * total:
        share = "one in ten" if tolerance == 0.1 else f"{tolerance:.0%}"
        stopped = (
            f"stopped: {len(skipped):,} of {total:,} pairs cannot be used, and at most {share} may "
            "be"
        )
        raise TrainingError("; ".join((stopped, *named)), Remedy.ALLOW_UNUSABLE)
    if num_pairs < 2:
        there = "there is only one" if num_pairs else "there are none"
        raise TrainingError(
            "; ".join((f"training needs at least two pairs, and {there}", *named)),
            "add pictures with captions; a few dozen can already help",
        )


def read_rows(
    found: Survey, products: tuple[Product, ...], limits: ReadSettings
) -> Generator[tuple[int, Picture] | Trouble, None, None]:
    """Yield the row of each pair that the survey found, ascending, with its picture.

    A Trouble stands for a picture that cannot be read, and for what went wrong since the survey.
    Raises ReaderError.
    """
    rows = {name: row for row, name in enumerate(found.names)}
    skipped = {trouble.path for trouble in found.skipped}
    wanted = (
        each
        for each in found.source.pairs()
        if (each.name in rows if isinstance(each, Example) else each.path not in skipped)
    )
    for read in read_examples(wanted, products, limits):
        yield read if isinstance(read, Trouble) else (rows[read[0].name], read[1])


def _templates_for(source: PairSource, settings: TrainSettings) -> tuple[str, ...]:
    if settings.templates is None:
        return source.templates or templates_of(DEFAULT_TEMPLATES)
    if not source.labels:
        raise UsageError(
            f"{settings.data} has captions of its own, so that templates have no effect"
        )
    return templates_of(settings.templates)


class _Usable(NamedTuple):
    """A pair whose header was read."""

    name: str
    captions: tuple[str, ...]
    label: str
    size: tuple[int, int]
    file_facts: FileFacts


def _look_at(source: PairSource) -> tuple[list[_Usable], list[Trouble], bool]:
    """Return the usable pairs, the others, and whether all pictures begin alike."""
    usable: list[_Usable] = []
    skipped: list[Trouble] = []
    limits = within_memory(ReadSettings())
    shards: dict[str, FileFacts] = {}
    first, may_be_equal = None, True
    for example in source.headers():
        if isinstance(example, Trouble):
            skipped.append(example)
            continue
        try:
            if example.content is None:
                start, status = read_start(example.name, limits)
                facts = status.st_size, status.st_mtime_ns
            else:
                start = example.content
                facts = shards.get(example.shard) or _facts_of(example.shard)
                shards[example.shard] = facts
            size = check_start(start, example.name, limits)
        except Unreadable as error:
            skipped.append(Trouble(os.fsencode(example.name), error.reason, code=error.code))
            continue
        first = start if first is None else first
        may_be_equal = may_be_equal and start == first
        usable.append(_Usable(example.name, example.captions, example.label or "", size, facts))
    return usable, skipped, may_be_equal


def _facts_of(path: str) -> FileFacts:
    try:
        status = os.stat(path)
    except OSError:  # gone; reading it will say so
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _tokenized(
    captions: Sequence[Sequence[str]], tokenize: Tokenize
) -> tuple[tuple[npt.NDArray[np.int64], ...], npt.NDArray[np.bool_]]:
    """Return the tokens of each picture's captions, and whether the context cuts each caption."""
    flat = [caption for row in captions for caption in row]
    tokens_TL = np.concatenate(
        [
            tokenize(flat[start : start + _AT_ONCE]).numpy()
            for start in range(0, len(flat), _AT_ONCE)
        ]
    )
    # Padding is 0, so that only a caption that fills the context can have been cut.
    is_cut_T = tokens_TL[:, -1] != 0
    full = [caption for caption, last in zip(flat, is_cut_T, strict=True) if last]
    if full:
        longer = tokenize(full, tokens_TL.shape[1] + 1).numpy()
        is_cut_T[is_cut_T] = longer[:, -1] != 0
    ends = np.cumsum([len(row) for row in captions])
    return tuple(np.split(tokens_TL, ends[:-1])), is_cut_T


def _require_different_captions(
    captions: Sequence[Sequence[str]],
    tokens: Sequence[npt.NDArray[np.int64]],
    labels: Sequence[str],
) -> None:
    """Raise TrainingError if the model reads the same captions for all pictures."""
    different = {frozenset(tokens_L.tobytes() for tokens_L in tokens_ML) for tokens_ML in tokens}
    if len(different) > 1:
        return
    what = f"the label {labels[0]!r}" if labels else f"the caption {_shortened(captions[0][0])!r}"
    raise TrainingError(
        f"all {len(captions):,} pictures have {what}, so that there is nothing to tell apart",
        "sort the pictures into folders of at least two labels"
        if labels
        else "write captions that say how the pictures differ",
    )


def _require_different_pictures(source: PairSource) -> None:
    """Raise TrainingError if all pictures have the same content."""
    first, count = None, 0
    for example in source.pairs():
        if isinstance(example, Trouble):
            continue
        count += 1
        digest = content_digest(example)
        if first is not None and digest != first:
            return
        first = digest
    raise TrainingError(
        f"all {count:,} pictures are the same picture, so that there is nothing to tell apart",
        "did a script copy one file under many names?",
    )


def content_digest(example: Example) -> bytes:
    """Return the BLAKE3 digest of a picture's content; b"" if it cannot be read."""
    content = example.content
    if content is None:
        try:
            content = read_bytes(os.fsencode(example.name), within_memory(ReadSettings()))
        except Unreadable:  # reading it again will say so
            return b""
    return blake3.blake3(content).digest()


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "..."
