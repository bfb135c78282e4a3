"""Parquet parts of other indexes, checked and merged into one."""

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
from rclip_like.interchange.checking import ModelOfPart, checked_rows, model_of
from rclip_like.interchange.columns import COLUMNS, KINDS, Kind
from rclip_like.interchange.parquet import Part, Row, read_head
from rclip_like.store import Store
from rclip_like.store.contents import has_content

if TYPE_CHECKING:
    from rclip_like.store import Writer

_MOST_PARTS = 100_000
_CONTENTS_A_TRANSACTION = 1000


class Imported(NamedTuple):
    """How many rows of each kind were read, in how many parts."""

    rows: dict[Kind, int]
    num_parts: int


def import_parts(
    store: Store,
    folders: Sequence[Path],
    chosen: Callable[[], ModelOfPart | None],
    *,
    wait: bool = True,
    on_wait: Callable[[], None] | None = None,
) -> Imported:
    """Merge the parts in some folders into an index, in any order to the same rows.

    All parts are checked before anything is written. Each transaction leaves the index sound, and
    an import that was stopped is done again from the start, to the same end. chosen: returns the
    model that the library uses, None where it is not here; embeddings are taken of the models that
    the index has, and of that one. Raises InterchangeError for parts that are not as they should
    be or of another model, IndexLocked when another process writes and `wait` is off.
    """
    parts = [read_head(path) for folder in folders for path in _parquet_files(folder)]
    if not parts:
        raise InterchangeError(f"{os.fspath(folders[0])}: there is no part of an index in it")
    parts.sort(key=lambda part: (KINDS.index(part.kind), part.path))
    models = {part.path: _accepted(store, part, chosen) for part in parts}
    numbers = _checked(store, parts)
    with store.writing(wait=wait, on_wait=on_wait) as writer:
        for part in parts:
            _merge(writer, part, models[part.path])
        while writer.words.index_some():
            pass
        for model_id, *_ in store.models():
            writer.extend_matrix(model_id)
    return Imported(numbers, len(parts))


def _checked(store: Store, parts: Sequence[Part]) -> dict[Kind, int]:
    """Return how many rows of each kind there are, once all are as they should be.

    parts: those with facts come first. Raises InterchangeError, also for a content without facts.
    """
    numbers = dict.fromkeys(KINDS, 0)
    seen: list[npt.NDArray[np.uint64]] = []
    known = np.empty(0, np.uint64)
    for part in parts:
        names = [column.name for column in COLUMNS[part.kind]]
        at = names.index("digest") if "digest" in names and part.kind != "hidden" else None
        if part.kind != "facts" and seen:
            known, seen = np.unique(np.concatenate(seen)), []
        for rows in checked_rows(part):
            numbers[part.kind] += len(rows)
            if at is None or not rows:
                continue
            # Eight bytes tell contents apart: a million take 8 MB.
            digests = np.frombuffer(b"".join(row[at][:8] for row in rows), np.uint64)
            if part.kind == "facts":
                seen.append(digests)
                continue
            for number in np.flatnonzero(~np.isin(digests, known)).tolist():
                if not has_content(store, rows[number][at]):
                    raise InterchangeError(
                        f"{part.path}: the facts of the picture {rows[number][at].hex()} are in "
                        "none of the parts"
                    )
    return numbers


def _parquet_files(folder: Path) -> Iterator[Path]:
    """Yield the paths of the parts in a folder and below, hidden ones left out."""
    if not folder.is_dir():
        raise InterchangeError(f"{folder}: there is no such folder")
    number = 0
    for inner, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(".parquet") and not name.startswith("."):
                if (number := number + 1) > _MOST_PARTS:
                    raise InterchangeError(f"{folder}: more than {_MOST_PARTS:,} parts are in it")
                yield Path(inner, name)


def _accepted(
    store: Store, part: Part, chosen: Callable[[], ModelOfPart | None]
) -> ModelOfPart | None:
    """Return the model of a part, None for one without embeddings; raise for one not wanted."""
    model = model_of(part) if part.kind == "embeddings" else None
    if model is None:
        return None
    indexed = store.described_model(model.fingerprint)
    wanted = chosen() if indexed is None else ModelOfPart(*indexed)
    if wanted is None or wanted.fingerprint != model.fingerprint:
        raise InterchangeError(
            f"{part.path}: this part is of the model {model.name!r} (fingerprint "
            f"{model.fingerprint[:12]}), which this index does not use",
            Remedy.NAME_MODEL,
        )
    if wanted[2:] != model[2:]:
        raise InterchangeError(
            f"{part.path}: this part says other things of the model {wanted.name!r} than it does"
        )
    return wanted


def _merge(writer: Writer, part: Part, model: ModelOfPart | None) -> None:
    merging = writer.merging
    if part.kind != "embeddings":
        for rows in checked_rows(part):
            getattr(merging, part.kind)(rows)
        return
    if model is None:
        return
    model_id = writer.add_model(
        model.name,
        model.fingerprint,
        preprocessing_version=model.preprocessing_version,
        dimension=model.dimension,
    )
    rows_of_all = chain.from_iterable(checked_rows(part))
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
