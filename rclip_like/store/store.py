"""Store: one open index, read under no lock and written to under one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rclip_like.errors import StoreError
from rclip_like.settings.beside import is_beside
from rclip_like.store import opening
from rclip_like.store.connection import Connection
from rclip_like.store.lock import IndexLock
from rclip_like.store.portable import refuse_default_model
from rclip_like.store.reading import Reader
from rclip_like.store.side_files import real_path

if TYPE_CHECKING:
    from rclip_like.store.checking import Checkup
    from rclip_like.store.dropping import Removal
    from rclip_like.store.names import Names
    from rclip_like.store.relocating import Relocation
    from rclip_like.store.saved import SavedSearches
    from rclip_like.store.writing import Writer

_DEFAULT_MODEL = "default_model"


class Store(Reader):
    """One open index: what can be asked of it, and the ways to write to it.

    One thread at a time may use it; `another()` opens one more for another thread.
    """

    def __init__(self, path: Path, connection: Connection) -> None:
        super().__init__(connection)
        self.path = Path(os.path.abspath(path))
        self.identity = opening.identity_of(self.path)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        create: bool,
        on_wait: Callable[[], None] | None = None,
    ) -> Store:
        """Return the index at `path`, or where a link there leads; see opening.open_index."""
        real = real_path(path)
        connection = opening.open_index(real, create=create, on_wait=on_wait)
        return cls(real, connection)

    @classmethod
    def open_readonly(cls, path: Path) -> Store:
        """Return the index at `path` for reading alone, also from a read-only medium."""
        return cls(real := real_path(path), opening.open_index_readonly(real))

    def another(self) -> Store:
        """Return a second, reading look at the same index, for another thread."""
        return type(self).open_readonly(self.path)

    def is_replaced(self) -> bool:
        """Return whether the index's path leads to another file than the one opened."""
        there = opening.identity_of(self.path)
        return there is not None and there != self.identity

    def close(self) -> None:
        """Close the file; what was committed is on the disk."""
        self.connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Reading.

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all questions inside the block see one committed state, whatever is written.

        Where SQLite can hold none, StoreError is raised at the end if anything was written.
        """
        self.look_anew()
        try:
            with self.connection.transaction("DEFERRED"):
                yield
        except Exception as error:
            self._refuse_if_written(error)
            raise
        self._refuse_if_written()

    def look_anew(self) -> None:
        """Forget what was read before another process wrote, where SQLite did not notice it."""
        if self._was_written():
            anew = opening.open_index_readonly(self.path)
            self.connection.close()
            self.connection = anew

    def _was_written(self) -> bool:
        """Return whether what was read under no lock may be of several states."""
        opened_at = self.connection.opened_at
        now = opened_at and opening.state_of(self.path)
        return now is not None and now != opened_at

    def _refuse_if_written(self, error: Exception | None = None) -> None:
        if self._was_written():
            raise StoreError(
                f"{self.path}: another process wrote to it meanwhile; ask again"
            ) from error

    @property
    def checkup(self) -> Checkup:
        """What distrusts the rows and the matrix."""
        from rclip_like.store.checking import Checkup

        return Checkup(self.connection)

    def default_model(self) -> str | None:
        """Return the model's name that `models use` wrote into this index, or None.

        None for one beside pictures: it may come from somebody else.
        """
        return None if is_beside(self.path) else self.setting(_DEFAULT_MODEL)

    def set_default_model(self, name: str) -> None:
        """Make `name` the model of searches in this index that name none; not beside pictures."""
        refuse_default_model(self.connection)
        self.put_setting(_DEFAULT_MODEL, name)

    # Writing.

    @property
    def saved(self) -> SavedSearches:
        """The searches of this index that were given a name."""
        from rclip_like.store.saved import SavedSearches

        return SavedSearches(self.connection)

    @property
    def names(self) -> Names:
        """The names of this index that stand for pictures."""
        from rclip_like.store.names import Names

        return Names(self.connection)

    @contextmanager
    def writing(self, *, wait: bool, on_wait: Callable[[], None] | None = None) -> Iterator[Writer]:
        """Hold the one indexer's lock for the block, and give what writes under it.

        Raises as IndexLock.held does.
        """
        from rclip_like.store.writing import Writer

        with IndexLock(self.path).held(wait=wait, on_wait=on_wait):
            yield Writer(self)

    @contextmanager
    def removal(self) -> Iterator[Removal]:
        """Give what marks and counts rows, and with a Writer drops them.

        It has a connection of its own.
        """
        from rclip_like.store.dropping import Removal

        with closing(opening.open_index(self.path, create=False)) as connection:
            yield Removal(connection)

    def relocation(self, old: bytes, new: bytes) -> Relocation:
        """Return what counts the paths below one folder, and with a Writer moves them to another.

        old, new: different absolute paths.
        """
        from rclip_like.store.relocating import Relocation

        return Relocation(self.connection, old, new)
