"""What there is to learn from: pairs, captions and headers, before any pixel is decoded.

Shape suffixes: M captions of a picture, L positions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from rclip_like.data.examples import Example
from rclip_like.data.pairs import PairSource, open_pairs
from rclip_like.data.reading import read_examples
from rclip_like.errors import Remedy, TrainingError
from rclip_like.evaluate.templates import DEFAULT_TEMPLATES, fill, templates_of
from rclip_like.images.decoding import Product
from rclip_like.settings import ReadSettings
from rclip_like.train.settings import TrainSettings
from rclip_like.train.values import NUM_NAMED
from rclip_like.values import Picture, Trouble

Tokenize: TypeAlias = Callable[..., Any]
"""open_clip's tokenizer: texts (M,) and, if asked, another context length, to tokens (M, L)."""
FileFacts: TypeAlias = tuple[int, int]
"""A file's size in bytes and its mtime in nanoseconds, for shards those of the shard."""


class Survey(NamedTuple):
    """The pairs of a training run that can be used as far as their captions and headers tell.

    format, source: as in PairSource. By picture, in the order of the source: names; captions, for
    labelled sets the templates filled; labels, () for captioned pictures; tokens (M, L) int64;
    sizes: width and height in pixels before turning upright, (0, 0) where only decoding tells;
    file_facts. skipped: what cannot be used. num_cut: the captions that are longer than the model's
    context.
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
    num_cut: int


def survey(settings: TrainSettings, tokenize: Tokenize) -> Survey:
    """Return what the captions and headers of the data tell.

    Raises TrainingError for data from which nothing can be learnt, and as `open_pairs`.
    """
    source = open_pairs(settings.data, settings.pairs)
    templates = templates_of(settings.templates or DEFAULT_TEMPLATES)
    if settings.templates is None and source.templates:
        templates = source.templates
    examples, skipped = [], []
    for example in source.headers():
        if isinstance(example, Trouble):
            skipped.append(example)
        else:
            examples.append(_with_captions(example, templates))
    require_usable(len(examples), skipped, settings.tolerance)
    captions = tuple(example.captions for example in examples)
    tokens, num_cut = _tokenized(captions, tokenize)
    return Survey(
        source.format,
        source,
        tuple(example.name for example in examples),
        captions,
        tuple(example.label or "" for example in examples) if source.labels else (),
        tokens,
        tuple((0, 0) for _ in examples),
        tuple(_file_facts(example) for example in examples),
        tuple(skipped),
        num_cut,
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
        few = f"training needs at least two pairs, and there {'is' if num_pairs else 'are'} "
        raise TrainingError("; ".join((f"{few}{num_pairs or 'none'}", *named)))


def read_rows(
    found: Survey, products: tuple[Product, ...], limits: ReadSettings
) -> Iterator[tuple[int, Picture] | Trouble]:
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


def _with_captions(example: Example, templates: Sequence[str]) -> Example:
    if example.captions or example.label is None:
        return example
    return example._replace(captions=tuple(fill(each, example.label) for each in templates))


def _file_facts(example: Example) -> FileFacts:
    path = example.name if example.content is None else example.name.rpartition(":")[0]
    try:
        facts = os.stat(path)
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns


def _tokenized(
    captions: Sequence[Sequence[str]], tokenize: Tokenize
) -> tuple[tuple[npt.NDArray[np.int64], ...], int]:
    """Return the tokens of each picture's captions, and how many captions the context cuts."""
    rows, num_cut = [], 0
    for row in captions:
        tokens_ML = tokenize(list(row)).numpy()
        rows.append(tokens_ML)
        # Padding is 0, so that only a caption that fills the context can have been cut.
        full = [caption for caption, last in zip(row, tokens_ML[:, -1], strict=True) if last]
        if full:
            longer = tokenize(full, tokens_ML.shape[1] + 1).numpy()
            num_cut += int(np.count_nonzero(longer[:, -1]))
    return tuple(rows), num_cut
