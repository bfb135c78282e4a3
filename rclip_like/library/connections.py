"""The index of a library, opened once for each thread that uses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread, current_thread
from typing import TYPE_CHECKING

from rclip_like.files import close_folders
from rclip_like.settings import default_folders
from rclip_like.settings.beside import is_beside

if TYPE_CHECKING:
    from rclip_like.store import Store


class Connections:
    """Opens an index when a thread first needs it: SQLite's connections are not shared."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._stores: dict[Thread, Store] = {}
        self._lock = Lock()

    def exists(self) -> bool:
        """Return whether there is anything at the index's path, be it a link to nothing."""
        return self._database.exists() or self._database.is_symlink()

    def open(self, *, create: bool = False, on_wait: Callable[[], None] | None = None) -> Store:
        """Return this thread's connection to the index, seeing what was committed up to now."""
        thread = current_thread()
        store = self._stores.get(thread)  # another thread may close it at any time
        if store is not None and store.is_replaced():
            self.close_own()
            store = None
        if store is None:
            close_folders(default_folders())  # an earlier version left them open
            from rclip_like.store import Store

            with self._lock:
                for ended in [each for each in self._stores if not each.is_alive()]:
                    self._stores.pop(ended).close()
                store = Store.open(self._database, create=create, on_wait=on_wait)
                self._stores[thread] = store
        store.look_anew()
        return store

    def open_to_write(self, *, on_wait: Callable[[], None] | None = None) -> Store:
        """Return this thread's connection; the index is made where there is none.

        One beside pictures is not: only a run that indexes knows in which folder it is wanted.
        """
        create = self.exists() or not is_beside(self._database)
        return self.open(create=create, on_wait=on_wait)

    def existing(self) -> Store | None:
        """Return this thread's connection, None where there is no index yet."""
        return self.open() if self.exists() else None

    def close_own(self) -> None:
        """Close this thread's connection."""
        with self._lock:
            if store := self._stores.pop(current_thread(), None):
                store.close()

    def close(self) -> None:
        """Close the connections of all threads; what one is doing then raises StoreError."""
        with self._lock:
            while self._stores:
                self._stores.popitem()[1].close()
