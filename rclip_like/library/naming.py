"""The part of `Library` that gives names to pictures, for queries such as `@rex`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.errors import Remedy, UsageError, counted
from rclip_like.library.model import LibraryModel
from rclip_like.library.reach import expanded
from rclip_like.query import Kind, Term
from rclip_like.query.terms import is_name
from rclip_like.spelling import composed
from rclip_like.values import AnyPath, NameGlobs, Trouble

if TYPE_CHECKING:
    from rclip_like.evaluate.probe_file import Probe
    from rclip_like.store import StoredFile
    from rclip_like.store.names import Method, Name
    from rclip_like.values import Embedding, Embeddings

_MOST_SHOWN = 20
_NUM_BACKGROUND = 2048


class Naming(NamedTuple):
    """What giving a name came to.

    num_new: the pictures that it did not stand for before. troubles: the paths, as given, that
    give no picture, and why; the others were taken.
    """

    name: Name
    num_new: int
    troubles: tuple[Trouble, ...] = ()


class LibraryNames(LibraryModel):
    """The part of a `Library` that gives names to pictures; a query has them as @NAME.

    A name is a word of letters, digits, dashes and underscores, and belongs to one index. It is
    kept as the digests of its pictures and one row for the model in use; for another model the row
    is made of the pictures' own rows in the index. Raises StoreError where the index cannot be
    read, or written to where that is asked for.
    """

    def name(
        self,
        name: str,
        pictures: AnyPath | Sequence[AnyPath],
        *,
        add: bool = False,
        replace: bool = False,
    ) -> Naming:
        """Let a name stand for pictures, indexed or not; the index is made where there is none.

        Those that are not indexed are read and encoded, and nothing of them is kept but the name's
        row and their digests. add: beside the pictures that the name has. Raises UsageError for a
        name that is not a word, one that is taken unless `add` or `replace` is given, and where no
        picture can be read.
        """
        name = _word(name)
        store = self._index.open_to_write()
        store.names.refuse_unwritable()
        before = store.names.find(name)
        if before is not None and not (add or replace):
            raise _taken([name], Remedy.REPLACE_NAME)
        if before is not None and add and not before.digests:
            raise UsageError(f"@{name} was made from a probe, so no picture can be added to it")
        rows, troubles = self._rows_of_files(expanded(pictures))
        if not rows:
            first = troubles[0] if troubles else None
            why = f": {os.fsdecode(first.path)}: {first.reason}" if first else ""
            advice = (first.remedy,) if first and first.remedy else ()
            raise UsageError(f"no picture to name{why}", *advice)
        earlier = self._rows_before(before) if before is not None and add else _EarlierRows()
        new = {digest: row for digest, row in rows.items() if digest not in earlier.digests}
        named = self._made(name, earlier, new)
        store.names.put([named], replace=True)
        return Naming(named, len(new), troubles)

    def name_label(self, name: str, probe: Probe, label: str, *, replace: bool = False) -> Name:
        """Let a name stand for what a probe finds as this label; it has no pictures of its own.

        Its row is the direction from the other labels to this one, for the probe's model alone.
        Raises UsageError as `name` does, for an unknown label, and for a probe of features that no
        index holds; ModelError for a probe of another model than the one in use.
        """
        from rclip_like.evaluate.named import row_of_label
        from rclip_like.store.names import Name, NameRow

        word, model = _word(name), self.specification
        probe.require_model(model)
        if probe.features != "index" or probe.dimension != model.dimension:
            raise UsageError("this probe is of features that no index holds, so it cannot be named")
        if label not in probe.labels:
            close = ", ".join(probe.labels[:_MOST_SHOWN])
            more = ", ..." if len(probe.labels) > _MOST_SHOWN else ""
            raise UsageError(f"the probe has no label {label!r}; it has {close}{more}")
        row = row_of_label(probe.weights, probe.labels.index(label))
        named = Name(word, (), (NameRow(model.name, model.fingerprint, "probe", row),))
        if self._index.open_to_write().names.put([named], replace=replace):
            raise _taken([word], Remedy.REPLACE_NAMES)
        return named

    def names(self) -> list[Name]:
        """Return all names of the index, in order."""
        store = self._index.existing()
        return [] if store is None else store.names.every()

    def find_name(self, name: str) -> Name:
        """Return a name by its word, with or without the @; UsageError for an unknown one."""
        store = self._index.existing()
        found = None if store is None else store.names.find(_without_at(name))
        if found is None:
            raise self._unknown(_without_at(name))
        return found

    def _find_asked(self, name: str) -> Name:
        """Return a name of a query, which could be read as words; UsageError says so."""
        try:
            return self.find_name(name)
        except UsageError as error:
            raise UsageError(error.reason, Remedy.READ_AS_WORDS) from error

    def files_of_name(self, name: str) -> list[StoredFile]:
        """Return the indexed files that the name stands for, there or not, by path bytes."""
        from rclip_like.store.contents import files_of_digests

        found, store = self.find_name(name), self._index.open()
        files = files_of_digests(store, found.digests, None).values()
        return sorted((file for some in files for file in some), key=lambda file: file.path)

    def remove_name(self, name: str) -> None:
        """Forget a name; no picture is touched. Raises UsageError for an unknown one."""
        if not self._index.open().names.remove(_without_at(name)):
            raise self._unknown(_without_at(name))

    def import_names(self, names: Sequence[Name], *, replace: bool = False) -> None:
        """Keep names that were exported, all or none. Raises UsageError if one is taken."""
        taken = self._index.open_to_write().names.put(names, replace=replace)
        if taken:
            raise _taken(taken, Remedy.REPLACE_NAMES)

    def refuse_unknown_names(self, terms: Sequence[Term]) -> None:
        """Raise UsageError for the first of the terms that is an unknown name."""
        for term in terms:
            if term.kind is Kind.NAMED:
                self._find_asked(term.value)

    def rows_of_names(
        self, terms: Sequence[Term]
    ) -> tuple[Mapping[str, Embedding], tuple[str, ...]]:
        """Return the unit row of each name among the terms, by the term's value, and notes.

        Empty where the model never indexed. Raises UsageError for an unknown name, and for one
        without a row for this model of whose pictures none is indexed.
        """
        rows: dict[str, Embedding] = {}
        notes: dict[str, None] = {}
        for value in [term.value for term in terms if term.kind is Kind.NAMED]:
            found = self._find_asked(value)
            row = found.row_for(self.specification.fingerprint)
            if row is not None and len(row.embedding) == self.specification.dimension:
                rows[value] = row.embedding
            elif (encoded := self._encoded()) is not None:
                if not found.digests:
                    raise UsageError(
                        f"{value} was made from a probe of the model {found.rows[0].model}"
                        if found.rows
                        else f"{value} was made from a probe, and its row is damaged",
                        Remedy.NAME_MODEL,
                    )
                pictures = encoded.of_digests(found.digests)
                stacked = [each.embedding for each in pictures if each is not None]
                rows[value] = self._mean_of(value, stacked)
                if len(stacked) < len(pictures):
                    notes[
                        f"{value} was named with another model; {len(stacked):,} of its "
                        f"{counted(len(pictures), 'picture')} are indexed for "
                        f"{self.specification.name} and stand for it"
                    ] = None
        return rows, tuple(notes)

    def _mean_of(self, value: str, rows: list[Embedding]) -> Embedding:
        import numpy as np

        from rclip_like.ranking import combine

        if not rows:
            raise UsageError(
                f"{value} was named with another model, and none of its pictures is indexed for "
                f"{self.specification.name}",
                Remedy.NAME_AGAIN,
            )
        return combine(np.stack(rows), [1.0] * len(rows))

    def _rows_of_files(
        self, paths: Sequence[bytes]
    ) -> tuple[dict[bytes, Embedding], tuple[Trouble, ...]]:
        """Return the unit row of each content, by digest, and the files that give none."""
        encoded = self._encoded()
        indexed = encoded.of_paths(paths) if encoded is not None else [None] * len(paths)
        new = [path for path, each in zip(paths, indexed, strict=True) if each is None]
        rows = {each.digest: each.embedding for each in indexed if each is not None}
        folders = dict.fromkeys(filter(os.path.isdir, new))
        troubles = [
            Trouble(path, "this is a folder", remedy=Remedy.NAME_PICTURES) for path in folders
        ]
        new = [path for path in new if path not in folders]
        if new:
            from rclip_like.query.pictures import digested_pictures

            for each in digested_pictures(self.model, new, self.settings.read):
                if isinstance(each, Trouble):
                    troubles.append(each)
                else:
                    rows.setdefault(*each)
        return rows, tuple(troubles)

    def _rows_before(self, before: Name) -> _EarlierRows:
        """Return the rows of a name: from the index, else the mean that it was stored with."""
        encoded = self._encoded()
        found = encoded.of_digests(before.digests) if encoded is not None else []
        rows = [each.embedding for each in found if each is not None]
        if len(rows) == len(before.digests) and rows:
            return _EarlierRows(before.digests, tuple(rows))
        row = before.row_for(self.specification.fingerprint)
        if row is None:
            return _EarlierRows(before.digests, (self._mean_of(f"@{before.name}", rows),), True)
        return _EarlierRows(before.digests, (row.embedding,), True)

    def _made(self, name: str, earlier: _EarlierRows, new: Mapping[bytes, Embedding]) -> Name:
        """Return the name with its row for the model in use."""
        import numpy as np

        from rclip_like.evaluate.named import FEWEST_PROBED, row_of
        from rclip_like.ranking import combine
        from rclip_like.store.names import MOST_PICTURES, Name, NameRow

        digests = (*earlier.digests, *new)
        if len(digests) > MOST_PICTURES:
            raise UsageError(f"a name can stand for {MOST_PICTURES:,} pictures at most")
        rows = np.stack([*earlier.rows, *new.values()])
        if earlier.is_summed_up:
            embedding = combine(rows, [float(len(earlier.digests)), *[1.0] * len(new)])
            method: Method = "mean"
        else:
            is_many = len(rows) >= FEWEST_PROBED
            embedding, method = row_of(rows, self._background() if is_many else rows[:0])
        model = self.specification
        return Name(name, digests, (NameRow(model.name, model.fingerprint, method, embedding),))

    def _background(self) -> Embeddings:
        """Return rows of the index's pictures, unit float32 (B, D), evenly spaced."""
        import numpy as np

        from rclip_like.settings import Filters
        from rclip_like.store.embeddings import are_unit

        store = self._index.open()
        model_id = store.model_id(self.specification.fingerprint)
        if model_id is None:
            return np.empty((0, self.specification.dimension), np.float32)
        sample = store.select(model_id, None, Filters(), NameGlobs()).sample(_NUM_BACKGROUND)
        return sample[are_unit(sample)].astype(np.float32)

    def _unknown(self, name: str) -> UsageError:
        """Return the error for an unknown name, which lists the names of the index."""
        store = self._index.existing()
        names = [] if store is None else store.names.spellings()
        if not names:
            return UsageError(f"there is no name @{name}, as this index has no names yet")
        alike = [f"@{each}" for each in names if each.casefold() == name.casefold()]
        if alike:
            meant = ", ".join(alike)
            return UsageError(f"there is no name @{name}, but {meant}; names are case-sensitive")
        shown = ", ".join(f"@{each}" for each in names[:_MOST_SHOWN])
        more = f" and {len(names) - _MOST_SHOWN:,} more" if len(names) > _MOST_SHOWN else ""
        return UsageError(f"there is no name @{name}; there are {shown}{more}")


class _EarlierRows(NamedTuple):
    """What a name had: its digests, and one row for each, or one for all if it is summed up."""

    digests: tuple[bytes, ...] = ()
    rows: tuple[Embedding, ...] = ()
    is_summed_up: bool = False


def _without_at(name: str) -> str:
    return composed(name).removeprefix("@")


def _word(name: str) -> str:
    """Return a name as it is stored. Raises UsageError if no query could have it."""
    word = _without_at(name)
    if not is_name(word):
        raise UsageError(
            f"{name!r} cannot be a name, which is a word of at most 64 letters, digits, dashes and "
            "underscores, and not a number"
        )
    return word


def _taken(names: Sequence[str], remedy: Remedy) -> UsageError:
    several = ", ".join(f"@{name}" for name in names)
    exist = "exists" if len(names) == 1 else "exist"
    return UsageError(f"{several} {exist} already", remedy)
