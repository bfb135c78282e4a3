"""Open the index, make it where there is none, and refuse what is not ours, untouched."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from rclip_like.errors import IndexLocked, Remedy, StoreError
from rclip_like.files import make_folder
from rclip_like.settings.beside import is_beside
from rclip_like.store.connection import Connection, explained, is_full, sqlite_code
from rclip_like.store.lock import IndexLock, Lockless
from rclip_like.store.portable import follow, follow_in_memory
from rclip_like.store.schema import (
    APPLICATION_ID,
    OLDEST_READ,
    PAGE_SIZE_BYTES,
    VERSION,
    refuse_foreign,
)
from rclip_like.store.side_files import (
    LOG,
    SHARED,
    file_mode,
    folder_mode,
    make_own,
    refuse_planted_logs,
    set_mode,
    side_file,
    size_of,
    sqlite_files,
)

BUSY_SECONDS = 10.0
_MARKS_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.02
_WAL_BYTES_KEPT = 64 << 20
_SHARED_BYTES = 1 << 15
"""The least room that SQLite's index of its log takes, before anything can be read."""
_UNGUARDED = "immutable=1"
"""Opens without locks, and without a look at the files beside the index."""


def open_index(
    path: Path,
    *,
    create: bool,
    on_wait: Callable[[], None] | None = None,
) -> Connection:
    """Return a connection that reads and writes the index at `path`, which is not a link.

    Without `create` an index that takes no writes, on a read-only medium or where nothing can be
    locked, is opened all the same, and refuses them. With `create` a missing index is made,
    readable by its owner alone. An older one is brought to the current form; `on_wait` is called
    once if another process has to finish before that. If that fails and `create` is off, it is
    opened for reading as it is, unless its form is too old. Raises StoreError for anything else
    that is not an index of this version.
    """
    version = version_of(path)
    if not version and not create:
        raise _missing(path)
    if not create and _is_on_readonly_medium(path):
        return open_index_readonly(path)
    if not version:
        _make(path)
    elif version < VERSION:
        try:
            _bring_up(path, on_wait)
        except StoreError:
            if create or version < OLDEST_READ:
                raise
            return open_index_readonly(path)
    try:
        connection = _connect(path, "mode=rw")
    except Lockless:
        if create:
            raise
        return open_index_readonly(path)
    if is_beside(path) and not follow(connection, must=create, on_wait=on_wait):
        connection.close()
        return open_index_readonly(path)
    return connection


def open_index_readonly(path: Path) -> Connection:
    """Return a connection that can only read the index at `path`, whatever it lies on.

    If it lies beside its pictures, which were elsewhere before, it has their present paths.
    """
    connection = _connect_readonly(path)
    if is_beside(path):
        try:
            follow_in_memory(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def _missing(path: Path) -> StoreError:
    remedy = Remedy.MAKE_INDEX_BESIDE if is_beside(path) else Remedy.MAKE_INDEX
    return StoreError(f"{path}: there is no index yet", remedy)


def _connect_readonly(path: Path) -> Connection:
    version = version_of(path)
    if not version:
        raise _missing(path)
    if version < OLDEST_READ:
        raise StoreError(
            f"{path}: an older clipfind made this index, which cannot be brought up where it lies",
            (Remedy.NAME_THE_INDEX, "a copy of it in a folder that takes writes"),
        )
    if not _is_on_readonly_medium(path):
        try:
            return _connect(path, "mode=ro")
        except Lockless:
            if size_of(side_file(path, LOG)):
                raise
    # SQLite can make no locks here: it keeps what it read once, and does not notice when others
    # write.
    before = state_of(path)
    connection = _connect(path, _UNGUARDED)
    connection.opened_at = before
    return connection


def version_of(path: Path) -> int | None:
    """Return the version of the index at `path`: None where nothing is, 0 for an empty file.

    Looks without locks or side files (`immutable`), so what is refused stays untouched. A plain
    `open` would not do: closing it drops the locks of this process's own connections.
    """
    if not _is_there(path):
        return None
    application, version = _marks_of(path)
    if path.stat().st_size == 0:
        return 0
    if application != APPLICATION_ID:
        raise StoreError(f"{path}: another program made this database", Remedy.NAME_ANOTHER_INDEX)
    return _not_newer(path, version)


def _marks_of(path: Path) -> tuple[int, int]:
    """Return application id and version, as the file alone tells them, else with its log.

    Amid a checkpoint, or after one that was killed, the file alone is shorter than it says. An
    index that was brought up while another process had it open is an older one without its log.
    """
    try:
        application, version = _read_marks(path, _UNGUARDED)
        is_older = application == APPLICATION_ID and version < VERSION
        if is_older and size_of(side_file(path, LOG)):
            with suppress(StoreError):
                refuse_planted_logs(path)
                return _read_marks(path, "mode=ro")
        return application, version
    except StoreError as error:
        if sqlite_code(error) != sqlite3.SQLITE_CORRUPT:
            raise
    refuse_planted_logs(path)
    return _read_marks(path, "mode=ro")


def _read_marks(path: Path, options: str) -> tuple[int, int]:
    with closing(Connection(path, options, timeout=_MARKS_SECONDS)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (application,) = db.execute("PRAGMA application_id").fetchone()
    return application, version


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return device and inode of the file at `path`, None where nothing is.

    An open file does not tell that its disk was unmounted, or the index moved away: what is
    written to it then is lost to whoever opens that path.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def state_of(path: Path) -> tuple[int, int] | None:
    """Return size in bytes and mtime in ns of the file at `path`, None where nothing is.

    A write changes them, as finely as the file system's clock goes.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _not_newer(path: Path, version: int) -> int:
    if version > VERSION:
        raise StoreError(
            f"{path}: a newer clipfind made this index (version {version}, this one knows "
            f"{VERSION})",
            "update clipfind",
            Remedy.NAME_ANOTHER_INDEX,
        )
    return version


def _is_there(path: Path) -> bool:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise StoreError(
                f"{path}: this link leads to nothing",
                "see that its disk is there",
                Remedy.NAME_ANOTHER_INDEX,
            ) from None
        return False
    except OSError as error:
        raise StoreError(
            f"{path}: the index cannot be reached ({error.strerror})", Remedy.NAME_ANOTHER_INDEX
        ) from error
    if not stat.S_ISREG(status.st_mode):
        remedy = (Remedy.NAME_THE_INDEX, "the index's file")
        raise StoreError(f"{path}: this is not a file", remedy)
    if status.st_nlink > 1:
        raise StoreError(
            f"{path}: this file has another name, too (a hard link), and SQLite would keep a log "
            "beside each",
            "remove the other name",
            (Remedy.NAME_THE_INDEX, "a copy of the file"),
        )
    return True


def _connect(path: Path, options: str) -> Connection:
    if options != _UNGUARDED:
        refuse_planted_logs(path)
    connection = Connection(path, options)
    wait_for_locks = f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1000)}"
    try:
        try:
            version = _settle(connection)
        except StoreError as error:
            # Where nothing can be locked, nothing is waited for.
            if isinstance(error, Lockless) or sqlite_code(error) != sqlite3.SQLITE_BUSY:
                raise
            connection.execute(wait_for_locks)
            version = _settle(connection)
        connection.execute(wait_for_locks)
        connection.version = _not_newer(path, version)
        refuse_foreign(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _settle(connection: Connection) -> int:
    """Return the version once more, through the log, which `immutable` does not look into."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_KEPT}")
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _is_on_readonly_medium(path: Path) -> bool:
    """Return whether SQLite could not make its side files, and none hold anything unread."""
    has_room = not is_full(path) or size_of(side_file(path, SHARED)) >= _SHARED_BYTES
    can_write = os.access(path.parent, os.W_OK) and has_room
    return not can_write and not size_of(side_file(path, LOG))


def _make(path: Path) -> None:
    """Make a whole new index under another name, then give it its own: never half of one."""
    import tempfile  # nearly all runs find their index

    from rclip_like.store.migrations import migrate

    try:
        # SQLite syncs the folder in which its files lie, not the names of those above: a power loss
        # is to take none of them away, nor what they hold.
        mode = folder_mode(path)
        for made in make_folder(path.parent, mode):
            if is_beside(path):  # whatever the umask
                made.chmod(mode)
            sync_folder(made.parent)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        set_mode(descriptor, file_mode(path))
        os.close(descriptor)
        draft = Path(name)
        try:
            draft_alone = sqlite3.connect(draft, isolation_level=None, timeout=0.0)
            with explained(path), closing(draft_alone) as connection:
                connection.execute(f"PRAGMA page_size = {PAGE_SIZE_BYTES}")
                connection.execute("PRAGMA synchronous = FULL")
                migrate(connection)
                connection.execute("PRAGMA journal_mode = WAL")
            while not size_of(path):
                _try_to_name(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path}: the index cannot be made here ({_reason_of(error, path)})",
            "check the permissions of the folder",
            Remedy.NAME_ANOTHER_INDEX,
        ) from error


def _reason_of(error: OSError, path: Path) -> str:
    """Return what the system says, with the name of the file where that is another one."""
    if error.filename is None or os.fspath(path) == os.fspath(error.filename):
        return str(error.strerror)
    return f"{os.fsdecode(error.filename)}: {error.strerror}"


def sync_folder(folder: Path) -> None:
    """Let the names in a folder outlive a power loss, where the system can promise that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems know no such thing
        return
    finally:
        os.close(descriptor)


def _try_to_name(draft: Path, path: Path) -> None:
    """Name the draft `path`, unless another process was faster: then its index is used.

    One that holds the lock may be naming its own draft. Its run is not waited for: it goes on to
    index under the same lock.
    """
    try:
        with IndexLock(path).held(wait=False):
            if size_of(path):
                return
            # The log of an index that was moved away would be played into the new one. Under the
            # lock no other new index writes one.
            for side in sqlite_files(path)[1:]:
                side.unlink(missing_ok=True)
            # Not by a link, which for a moment, or after a kill, would be a second name of the
            # file.
            os.replace(draft, path)
            sync_folder(path.parent)
    except IndexLocked:
        time.sleep(_LOOK_AGAIN_SECONDS)


def _bring_up(path: Path, on_wait: Callable[[], None] | None) -> None:
    """Bring an older index to the current form, with a copy of the old one beside it."""
    from rclip_like.store.migrations import migrate

    with (
        IndexLock(path).held(wait=True, on_wait=on_wait),
        explained(path),
        closing(_connect(path, "mode=rw")) as old,
    ):
        (version,) = old.execute("PRAGMA user_version").fetchone()
        if version < VERSION:  # another process may have been faster
            back_up(old, path.with_name(f"{path.name}.version-{version}"))
            migrate(old)
            if old.execute("PRAGMA user_version").fetchone()[0] < VERSION:
                raise StoreError(
                    f"{path}: this index says that it is of version {version}, and its tables are "
                    "not",
                    Remedy.MOVE_AWAY,
                )


def back_up(old: Connection, path: Path) -> None:
    """Write a copy of the index, readable by its owner alone, whole or not at all."""
    draft = side_file(path, ".part")
    try:
        for left in sqlite_files(draft):
            left.unlink(missing_ok=True)
        os.close(make_own(draft))
        with explained(old.path), closing(sqlite3.connect(draft)) as copy:
            old.backup(copy)
        os.replace(draft, path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path}: the copy of the index cannot be made ({_reason_of(error, path)}); "
            "check the permissions of the folder and the free space"
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink()
