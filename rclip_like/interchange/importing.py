"""Parquet shards of other indexes, checked and merged into one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.errors import InterchangeError, Remedy
from rclip_like.interchange.checking import ModelOfShard, checked_rows, model_of
from rclip_like.interchange.columns import COLUMNS, KINDS, Kind
from rclip_like.interchange.parquet import Row, Shard, read_head
from rclip_like.store import Store
from rclip_like.store.contents import has_content

if TYPE_CHECKING:
    from rclip_like.store import Writer

_MOST_SHARDS = 100_000
_CONTENTS_A_TRANSACTION = 1000


class Imported(NamedTuple):
    """How many rows of each kind were read, in how many shards."""

    rows: dict[Kind, int]
    num_shards: int


def shards_in(folders: Sequence[Path]) -> list[Shard]:
    """Return the shards in some folders, in the order in which they are merged.

    Raises InterchangeError for a folder that is not there, and for what is not a shard.
    """
    shards = [read_head(path) for folder in folders for path in _parquet_files(folder)]
    if not shards:
        raise InterchangeError(f"{os.fspath(folders[0])}: no exported index is in this folder")
    return sorted(shards, key=lambda shard: (KINDS.index(shard.kind), shard.path))


def import_shards(
    store: Store,
    shards: Sequence[Shard],
    chosen: Callable[[], ModelOfShard | None],
    *,
    wait: bool = True,
    on_wait: Callable[[], None] | None = None,
) -> Imported:
    """Merge shards, as `shards_in` returns them, into an index, in any order to the same rows.

    All shards are checked before anything is written. Each transaction leaves the index sound, and
    an import that was stopped is done again from the start, to the same end. chosen: returns the
    model that the library uses, None where it is not here; embeddings are taken of the models that
    the index has, and of that one. Raises InterchangeError for shards that are not as they should
    be or of another model, IndexLocked when another process writes and `wait` is off.
    """
    models = {shard.path: _accepted(store, shard, chosen) for shard in shards}
    numbers = _checked(store, shards)
    with store.writing(wait=wait, on_wait=on_wait) as writer:
        for shard in shards:
            _merge(writer, shard, models[shard.path])
        while writer.words.index_some():
            pass
        for model_id, *_ in store.models():
            writer.extend_matrix(model_id)
    return Imported(numbers, len(shards))


def _checked(store: Store, shards: Sequence[Shard]) -> dict[Kind, int]:
    """Return how many rows of each kind there are, once all are as they should be.

    shards: those with facts come first. Raises InterchangeError, also for a content without facts.
    """
    numbers = dict.fromkeys(KINDS, 0)
    seen: list[npt.NDArray[np.uint64]] = []
    with_facts = np.empty(0, np.uint64)
    for shard in shards:
        names = [column.name for column in COLUMNS[shard.kind]]
        at = names.index("digest") if "digest" in names and shard.kind != "hidden" else None
        if shard.kind != "facts" and seen:
            with_facts, seen = np.unique(np.concatenate(seen)), []
        for rows in checked_rows(shard):
            numbers[shard.kind] += len(rows)
            if at is None or not rows:
                continue
            # Eight bytes tell contents apart: a million take 8 MB.
            digests = np.frombuffer(b"".join(row[at][:8] for row in rows), np.uint64)
            if shard.kind == "facts":
                seen.append(digests)
                continue
            for number in np.flatnonzero(~np.isin(digests, with_facts)).tolist():
                if not has_content(store, rows[number][at]):
                    raise InterchangeError(
                        f"{shard.path}: the facts of the picture {rows[number][at].hex()} are in "
                        "none of the files"
                    )
    return numbers


def _parquet_files(folder: Path) -> Iterator[Path]:
    """Yield the paths of the shards in a folder and below, hidden ones left out."""
    if not folder.is_dir():
        raise InterchangeError(f"{folder}: there is no such folder")
    number = 0
    for inner, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(".parquet") and not name.startswith("."):
                if (number := number + 1) > _MOST_SHARDS:
                    raise InterchangeError(
                        f"{folder}: more than {_MOST_SHARDS:,} Parquet files are in it"
                    )
                yield Path(inner, name)


def _accepted(
    store: Store, shard: Shard, chosen: Callable[[], ModelOfShard | None]
) -> ModelOfShard | None:
    """Return the model of a shard, None for one without embeddings; raise for one not wanted."""
    model = model_of(shard) if shard.kind == "embeddings" else None
    if model is None:
        return None
    indexed = store.described_model(model.fingerprint)
    wanted = chosen() if indexed is None else ModelOfShard(*indexed)
    if wanted is None or wanted.fingerprint != model.fingerprint:
        raise InterchangeError(
            f"{shard.path}: this file is of the model {model.name!r} (fingerprint "
            f"{model.fingerprint[:12]}), which this index does not use",
            Remedy.NAME_MODEL,
        )
    if wanted[2:] != model[2:]:
        raise InterchangeError(
            f"{shard.path}: this file describes the model {wanted.name!r} differently"
        )
    return wanted


def _merge(writer: Writer, shard: Shard, model: ModelOfShard | None) -> None:
    merging = writer.merging
    if shard.kind != "embeddings":
        for rows in checked_rows(shard):
            getattr(merging, shard.kind)(rows)
        return
    if model is None:
        return
    model_id = writer.add_model(
        model.name,
        model.fingerprint,
        preprocessing_version=model.preprocessing_version,
        dimension=model.dimension,
    )
    rows_of_all = chain.from_iterable(checked_rows(shard))
    for some in _by_contents((*row[:4], *row[-2:]) for row in rows_of_all):
        merging.embeddings(model_id, some)


def _by_contents(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield rows in lists of whole contents."""
    some: list[Row] = []
    for number, (_, group) in enumerate(groupby(rows, key=itemgetter(0)), 1):
        some += group
        if number % _CONTENTS_A_TRANSACTION == 0:
            yield some
            some = []
    if some:
        yield some
