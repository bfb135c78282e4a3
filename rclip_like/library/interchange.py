"""The part of `Library` that takes an index out and in: whole copies and Parquet shards."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rclip_like.errors import InterchangeError, ModelError, RootError
from rclip_like.library.model import LibraryModel
from rclip_like.library.reach import expanded
from rclip_like.settings import path_of
from rclip_like.values import AnyPath

if TYPE_CHECKING:
    from rclip_like.interchange.checking import ModelOfShard
    from rclip_like.interchange.exporting import Exported
    from rclip_like.interchange.importing import Imported
    from rclip_like.store import Store

INSTALL_PARQUET = "python -m pip install 'pyarrow>=20.0'"


class LibraryInterchange(LibraryModel):
    """The part of a `Library` that takes its index elsewhere, and takes others in."""

    def copy_index(self, path: str | os.PathLike[str], *, replace: bool = False) -> int:
        """Write a whole copy of the index to `path` and return its size in bytes.

        Safe while another process indexes. Raises StoreError when something is there already,
        unless it is an index and `replace` is set.
        """
        from rclip_like.store.copying import copy_index

        return copy_index(self._index.open(), Path(path), replace=replace)

    def export_parquet(
        self,
        folder: str | os.PathLike[str],
        paths: AnyPath | Sequence[AnyPath] = (),
        *,
        replace: bool = False,
    ) -> Exported:
        """Write what is indexed under `paths` (default: all) into a new folder of Parquet shards.

        Of several models, the library's embeddings are written. Raises InterchangeError when
        pyarrow is missing, or something is there already, unless it is an export and `replace`
        is set; RootError when nothing is indexed under one of the paths; ModelError when the model
        is not here.
        """
        _refuse_without_pyarrow()
        from rclip_like.interchange.exporting import export_shards
        from rclip_like.upkeep.pruning import as_roots, unknown_paths

        store, named = self._index.open(), expanded(paths)
        for path in unknown_paths(store, named):
            raise RootError(f"{os.fsdecode(path)}: nothing is indexed there")
        roots = as_roots(named) if named else None
        return export_shards(
            store, path_of(os.fspath(folder)), roots, self._exported_model(store), replace=replace
        )

    def import_parquet(
        self,
        folders: AnyPath | Sequence[AnyPath],
        *,
        wait: bool = True,
        on_wait: Callable[[], None] | None = None,
    ) -> Imported:
        """Merge the Parquet shards in some folders into the index, which is made if need be.

        One beside pictures must be there: no shard says in which folder it would be wanted. Raises
        InterchangeError when pyarrow is missing, and for shards that are not as they should be or
        of a model that neither the index nor the library uses: then nothing is merged. Raises
        IndexLocked when another process writes and `wait` is off.
        """
        _refuse_without_pyarrow()
        from rclip_like.interchange.importing import import_shards, shards_in

        shards = shards_in([Path(os.fsdecode(each)) for each in expanded(folders)])
        store = self._index.open_to_write(on_wait=on_wait)
        return import_shards(store, shards, self._chosen_model, wait=wait, on_wait=on_wait)

    def _exported_model(self, store: Store) -> ModelOfShard | None:
        from rclip_like.interchange.checking import ModelOfShard

        models = store.models()
        if not models:
            return None
        fingerprint = models[0][2] if len(models) == 1 else self.specification.fingerprint
        described = store.described_model(fingerprint)
        return None if described is None else ModelOfShard(*described)

    def _chosen_model(self) -> ModelOfShard | None:
        """Return the model that the library uses, None where it is not here."""
        from rclip_like.interchange.checking import ModelOfShard
        from rclip_like.models.fingerprint import PREPROCESSING_VERSION

        try:
            chosen = self.specification
        except ModelError:
            return None
        return ModelOfShard(
            chosen.name, chosen.fingerprint, PREPROCESSING_VERSION, chosen.dimension
        )


def _refuse_without_pyarrow() -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise InterchangeError(
            "Parquet files need the package pyarrow", f"install it: {INSTALL_PARQUET}"
        )
