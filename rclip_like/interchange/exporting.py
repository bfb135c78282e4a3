"""What an index holds, written as Parquet shards into a new folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from rclip_like.errors import InterchangeError, Remedy
from rclip_like.files import FOLDER_MODE
from rclip_like.interchange.checking import ModelOfShard
from rclip_like.interchange.columns import KINDS, Kind
from rclip_like.interchange.parquet import Row, write_shard
from rclip_like.store import Store, ranges_of
from rclip_like.store.embeddings import are_unit, stacked
from rclip_like.store.exporting import ExportedRows
from rclip_like.store.lock import sole_writer
from rclip_like.values import Root

_PART_ROWS = 65_536
_PART_BYTES = 64 << 20


class Exported(NamedTuple):
    """How many rows of each kind were written, and how many were left out as damaged."""

    rows: dict[Kind, int]
    num_shards: int
    num_damaged: int


def export_shards(
    store: Store,
    folder: Path,
    roots: Sequence[Root] | None,
    model: ModelOfShard | None,
    *,
    replace: bool = False,
) -> Exported:
    """Write what is indexed under the roots (None: all) into a new folder of Parquet shards.

    model: whose embeddings are written. All rows are of one moment, whoever writes meanwhile. The
    folder gets its name when it is whole; what a killed export left is removed by the next one.
    Raises InterchangeError when the folder has anything in it, unless it is an export and
    `replace` is set, when another export writes it, and when it cannot be written.
    """
    folder = Path(os.path.abspath(folder))
    _refuse_what_is_there(folder, replace=replace)
    draft = folder.with_name(f".{folder.name}.part")
    try:
        with sole_writer(draft) as is_alone:
            if not is_alone:
                raise InterchangeError(
                    f"{folder}: another export is writing this folder",
                    "wait until it is done, or name another folder",
                )
            _put_back(folder)
            _refuse_what_is_there(folder, replace=replace)  # another export may have ended
            shutil.rmtree(draft, ignore_errors=True)
            if os.path.lexists(draft):
                raise InterchangeError(f"{draft}: this is in the way", "remove it")
            draft.mkdir(FOLDER_MODE)
            try:
                with store.snapshot():
                    exported = _Writing(store, draft, roots, model).go()
                _put_in_place(draft, folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise InterchangeError(
            f"{folder}: the files cannot be written ({_reason(error)})",
            "check the permissions of the folder and the free space",
        ) from error
    return exported


def _reason(error: OSError) -> str:
    """Return why a file cannot be written; pyarrow writes the system's number into its text."""
    number = re.search(r"\[errno (\d+)\]", str(error))
    return os.strerror(int(number[1])) if number else error.strerror or str(error)


def _refuse_what_is_there(folder: Path, *, replace: bool) -> None:
    if not folder.parent.is_dir():
        raise InterchangeError(f"{folder}: there is no folder {folder.parent}")
    if not os.path.lexists(folder):
        return
    if folder.is_symlink():
        raise InterchangeError(f"{folder}: this is a link; name the folder that it leads to")
    if not folder.is_dir():
        raise InterchangeError(f"{folder}: this is there already and is not a folder")
    names = os.listdir(folder)
    if not {*names} <= {*KINDS}:
        raise InterchangeError(f"{folder}: other files are in this folder; name a new one")
    if names and not replace:
        raise InterchangeError(f"{folder} exists already", Remedy.REPLACE)


def _put_back(folder: Path) -> None:
    """Give an export its name again that was moved away when a kill stopped the new one."""
    if not os.path.lexists(folder):
        with suppress(FileNotFoundError):
            os.rename(_moved_away(folder), folder)


def _moved_away(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.before")


def _put_in_place(draft: Path, folder: Path) -> None:
    """Give the draft its name; an export that has it is moved away first, and then removed."""
    before = _moved_away(folder)
    shutil.rmtree(before, ignore_errors=True)
    with suppress(FileNotFoundError):
        os.rename(folder, before)
    os.rename(draft, folder)
    shutil.rmtree(before, ignore_errors=True)


class _Writing:
    """One export into a draft folder."""

    def __init__(
        self, store: Store, draft: Path, roots: Sequence[Root] | None, model: ModelOfShard | None
    ) -> None:
        self._store, self._draft, self._model = store, draft, model
        self._source = ExportedRows(store.connection, ranges_of(roots))
        self._num_damaged = self._num_shards = 0

    def go(self) -> Exported:
        """Write all kinds, and return what that came to."""
        source = self._source
        rows: dict[Kind, Iterator[Row]] = {
            "facts": source.facts(),
            "embeddings": self._embeddings(),
            "words": source.words(),
            "files": source.files(),
            "sidecars": source.sidecars(),
            "hidden": source.hidden(),
            "saved": source.saved(),
            "names": source.names(),
        }
        numbers = {kind: self._write(kind, rows[kind]) for kind in KINDS}
        return Exported(numbers, self._num_shards, self._num_damaged)

    def _embeddings(self) -> Iterator[Row]:
        """Yield what the model has encoded; what is damaged is left out and counted."""
        model = self._model
        model_id = None if model is None else self._store.model_id(model.fingerprint)
        if model is None or model_id is None:
            return
        for *row, second, embedding in self._source.embeddings(model_id):
            if not are_unit(stacked([embedding])).all():
                self._num_damaged += 1
                continue
            yield (*row, *model, second, embedding)

    def _write(self, kind: Kind, rows: Iterator[Row]) -> int:
        """Write rows into as many shards as they take; those of one content stand in one shard."""
        dimension = self._model.dimension if kind == "embeddings" and self._model else 0
        row_bytes = 2 * dimension + 256
        most = max(1, min(_PART_ROWS, _PART_BYTES // row_bytes))
        number = total = 0
        following: Row | None = next(rows, None)
        if following is None and kind == "facts":  # an export of nothing is one, too
            write_shard(self._draft / kind / "00000.parquet", kind, ())
            number = 1
        while following is not None:
            head, following = following, None

            def some(head: Row = head) -> Iterator[Row]:
                nonlocal following
                last = head[0]
                for count, row in enumerate(chain([head], rows)):
                    if count >= most and row[0] != last:
                        following = row
                        return
                    last = row[0]
                    yield row

            path = self._draft / kind / f"{number:05}.parquet"
            total += write_shard(path, kind, some(), dimension)
            number += 1
        self._num_shards += number
        return total
