"""The log of a run: what is about to be done, and what was done, one JSON object per line.

The first line is `{"clipfind_moves": 1, "version", "time", "how", "folder", "token"}`. The others
follow in the order of events:

    {"made": path}            a folder that is about to be made
    {"intent": number, "label", "files": [{"source", "target", "size", "mtime_ns", "device",
                              "inode", "digest" or "head"}]}
                              a picture, then its sidecars; synced before any of them is touched.
                              Without a label (null) it goes into the folder itself
    {"done": number}          it was filed
    {"failed": number}        it was not filed, and nothing is left of the attempt
    {"restored": path}        a deleted folder that undo is about to make again

A path is `{"path": text}`, or `{"path", "path_base64"}` if its bytes are not UTF-8. `digest` is the
hexadecimal BLAKE3 of the content. A file that is moved without being read has `head` instead, the
BLAKE3 of its first 64 KiB.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, get_args

from rclip_like import __version__
from rclip_like.errors import FilingError, Remedy
from rclip_like.files import FILE_MODE, lies_in, open_at_once
from rclip_like.filing.filed import How
from rclip_like.filing.locations import Identity
from rclip_like.filing.names import is_picture_name
from rclip_like.values import Trouble, path_fields

_FORMAT = 1
_TOKEN = re.compile(r"[0-9a-f]{16}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_LINE_BYTES = 1 << 20
_MAX_FILES = 16
_BEGINNING = b'{"clipfind_moves": '
_NEW_LOG = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)


class LoggedFile(NamedTuple):
    """A file that goes from `source` to `target`, with its identity when this was planned."""

    source: bytes
    target: bytes
    identity: Identity
    digest: str | None = None
    """Of the whole content, if the file is copied."""
    head: str | None = None
    """Of the first 64 KiB, if the file is moved without being read."""


class LoggedPicture(NamedTuple):
    """A picture that is filed, under a label or under none, with its sidecars after it."""

    label: str | None
    files: tuple[LoggedFile, ...]
    number: int = 0
    is_done: bool = False


class LogWriter:
    """The log of a run in progress; it is locked until it is closed."""

    path: Path

    def __init__(self, path: Path | None, how: How, folder: bytes) -> None:
        """Make the log; without a path, in the folder and under a name with the time.

        Raises FilingError if it exists or cannot be made.
        """
        self.token = secrets.token_hex(8)
        self._number = 0
        for self.path in [path] if path else _default_paths(Path(os.fsdecode(folder))):
            try:
                self._descriptor = os.open(self.path, _NEW_LOG, FILE_MODE)
                break
            except FileExistsError as error:
                if path:
                    raise FilingError(f"{path}: this log exists and is not overwritten") from error
            except OSError as error:
                raise self._error(error) from error
        try_lock(self._descriptor)
        self._append(
            clipfind_moves=_FORMAT,
            version=__version__,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            how=how,
            folder=path_fields(folder),
            token=self.token,
        )
        self.sync()
        _sync_folder(self.path.parent)

    def make(self, folder: bytes) -> None:
        """Log that a folder is about to be made."""
        self._append(made=path_fields(folder))
        self.sync()

    def intend(self, picture: LoggedPicture) -> int:
        """Log what is about to be done, sync the log, and return the number of the entry."""
        self._number += 1
        files = [
            {
                "source": path_fields(file.source),
                "target": path_fields(file.target),
                "size": file.identity.size_bytes,
                "mtime_ns": file.identity.mtime_ns,
                "device": file.identity.device,
                "inode": file.identity.inode,
                **({"digest": file.digest} if file.digest else {}),
                **({"head": file.head} if file.head else {}),
            }
            for file in picture.files
        ]
        self._append(intent=self._number, label=picture.label, files=files)
        self.sync()
        return self._number

    def done(self, number: int) -> None:
        """Log that it was done; the next sync includes this line."""
        self._append(done=number)

    def failed(self, number: int) -> None:
        """Log that it was not done, and that nothing of it is left."""
        self._append(failed=number)

    def sync(self) -> None:
        """Sync the log to the disk, so that it survives a power cut. Raises FilingError."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Close the log. Raises FilingError if its last lines could not be written."""
        try:
            self.sync()
        finally:
            os.close(self._descriptor)

    def _append(self, **line: object) -> None:
        """Append a whole line or nothing; lines after an incomplete one could not be read."""
        whole = json.dumps(line).encode() + b"\n"
        left = memoryview(whole)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            written = len(whole) - len(left)
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
            raise self._error(error) from error

    def _error(self, error: OSError) -> FilingError:
        reason = f"{self.path}: the log cannot be written ({error.strerror})"
        return FilingError(reason, *([(Remedy.UNDO_FILING, self.path)] if self._number else []))


class MoveLog:
    """The log of a finished run, read and checked line by line; locked until it is closed.

    A log may be forged. It must lie in the folder that it names, unless the caller names the same
    folder. Entries that no run writes are refused: targets are pictures in that folder, with a
    label in a folder of it, only sidecars go along, and no run makes folders elsewhere.
    """

    how: How
    folder: bytes
    token: str

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        """Read the log of this folder, by default of the one that it lies in.

        Raises FilingError if it cannot be read, is being written, or names another folder.
        """
        self.path = path
        self._own_folder = folder or Path(os.path.realpath(path)).parent
        self.made: list[bytes] = []
        """The folders that the run made, in that order."""
        self.troubles: list[Trouble] = []
        """The lines that cannot be used, except for a last line that was cut."""
        self._offsets: dict[int, int] = {}
        self._done: set[int] = set()
        try:
            descriptor = open_at_once(str(path), os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise FilingError(f"{path}: {error.strerror}") from error
        status, refused = os.fstat(descriptor), ""
        if not stat.S_ISREG(status.st_mode):
            refused = "this is not a regular file"
        elif os.name == "posix" and status.st_uid != os.geteuid():
            refused = "this log belongs to another user, and may name any file"
        if refused:
            os.close(descriptor)
            raise FilingError(f"{path}: {refused}")
        self._file = os.fdopen(descriptor, "rb")
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the log and release its lock."""
        self._file.close()

    def pictures(self) -> Iterator[LoggedPicture | Trouble]:
        """Yield the pictures that the run began to file, the last one first."""
        for number, offset in reversed(self._offsets.items()):
            self._file.seek(offset)
            line = _parsed(self._file.readline(_MAX_LINE_BYTES))
            try:
                picture = self._picture(line)
            except (ValueError, TypeError, KeyError):
                yield self._trouble(number, "picture")
                continue
            yield picture._replace(number=number, is_done=number in self._done)

    def _read(self) -> None:
        if not try_lock(self._file.fileno()):
            raise FilingError(f"{self.path}: another run is using this log")
        header = self._file.readline(_MAX_LINE_BYTES)
        if not header.endswith(b"\n") and _BEGINNING.startswith(header[: len(_BEGINNING)]):
            return  # the run was killed before it did anything
        try:
            self._read_header(_parsed(header))
        except (ValueError, TypeError, KeyError) as error:
            raise FilingError(f"{self.path}: is not a log of what clipfind moved") from error
        number, offset = 1, self._file.tell()
        while line := self._file.readline(_MAX_LINE_BYTES):
            number += 1
            if line.endswith(b"\n"):  # else it was cut by a kill
                self._read_line(line, number, offset)
            elif len(line) == _MAX_LINE_BYTES:
                self.troubles.append(self._trouble(number, "line"))
            offset = self._file.tell()

    def _read_header(self, header: Mapping[str, Any]) -> None:
        if header["clipfind_moves"] != _FORMAT:
            raise FilingError(f"{self.path}: this log is of another version of clipfind")
        if header["how"] not in get_args(How) or not _TOKEN.fullmatch(header["token"]):
            raise ValueError
        self.how, self.token = header["how"], header["token"]
        self.folder = _read_path(header["folder"])
        try:
            is_own = os.path.samefile(self._own_folder, self.folder)
        except OSError:
            is_own = False
        if not is_own:
            named = os.fsdecode(self.folder)
            raise FilingError(
                f"{self.path}: this log does not lie in the folder that it names, {named}"
            )

    def _read_line(self, line: bytes, number: int, offset: int) -> None:
        try:
            match _parsed(line):
                case {"made": folder}:
                    self.made.append(self._made(folder))
                case {"intent": int(intent)}:
                    self._offsets[intent] = offset
                case {"done": int(intent)}:
                    self._done.add(intent)
                case {"failed": int(intent)}:
                    self._offsets.pop(intent, None)
                case {"restored": _}:
                    pass
                case _:
                    raise ValueError
        except (ValueError, TypeError, KeyError):
            self.troubles.append(self._trouble(number, "line"))

    def _made(self, written: object) -> bytes:
        """Return a folder that a run makes: a label's, its own or one above. Raises ValueError."""
        folder = _read_path(written)
        if os.path.dirname(folder) != self.folder and not lies_in(self.folder, folder):
            raise ValueError
        return folder

    def _picture(self, line: Mapping[str, Any]) -> LoggedPicture:
        """Return the picture of a line. Raises ValueError for an entry that no run writes."""
        files = tuple(map(self._file_of, line["files"][:_MAX_FILES]))
        label = line["label"]
        if not files or not isinstance(label, str | None):
            raise ValueError
        (label or "").encode()  # raises for half a character, which could not be printed
        folders = {(os.path.dirname(file.source), os.path.dirname(file.target)) for file in files}
        sidecars = [path for file in files[1:] for path in (file.source, file.target)]
        base = os.path.dirname(files[0].target)
        base = base if label is None else os.path.dirname(base)
        if base != self.folder or not is_picture_name(files[0].target):
            raise ValueError
        if len(folders) > 1 or not all(path.lower().endswith(b".xmp") for path in sidecars):
            raise ValueError
        return LoggedPicture(label, files)

    def _file_of(self, line: Mapping[str, Any]) -> LoggedFile:
        numbers = [line[key] for key in ("device", "inode", "size", "mtime_ns")]
        file = LoggedFile(
            _read_path(line["source"]),
            _read_path(line["target"]),
            Identity(*numbers),
            line.get("digest"),
            line.get("head"),
        )
        digests = [digest for digest in (file.digest, file.head) if digest is not None]
        expected = {"link": 0, "copy": 1, "move": 1}[self.how]
        if (
            not all(type(number) is int for number in numbers)
            or not all(map(_DIGEST.fullmatch, digests))
            or len(digests) != expected
            or (self.how == "copy" and file.digest is None)
            or (self.how != "copy" and not _has_ending_of(file.target, file.source))
        ):
            raise ValueError
        return file

    def _trouble(self, number: int, what: str) -> Trouble:
        reason = f"{what} {number} is not valid and was skipped"
        return Trouble(os.fsencode(self.path), reason)


def _has_ending_of(target: bytes, source: bytes) -> bool:
    return os.path.splitext(target)[1] == os.path.splitext(source)[1]


def _parsed(line: bytes) -> Mapping[str, Any]:
    """Return the object in a line. Raises ValueError."""
    try:
        found = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _read_path(written: object) -> bytes:
    """Return an absolute path with nothing in it that leads back up. Raises ValueError."""
    if not isinstance(written, dict):
        raise ValueError("no object")
    text, encoded = written.get("path"), written.get("path_base64")
    if not isinstance(text, str):
        raise ValueError("no text")
    path = base64.b64decode(encoded, validate=True) if encoded else text.encode()
    if b"\0" in path or not os.path.isabs(path) or os.path.normpath(path) != path:
        raise ValueError("no absolute path")
    return path


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; tell whether it was free, or nothing can be locked."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # as on some disks of the network
        return True
    return True


def _default_paths(folder: Path) -> Iterator[Path]:
    stem = f"clipfind-moves-{datetime.now():%Y%m%d-%H%M%S}"
    yield folder / f"{stem}.jsonl"
    yield from (folder / f"{stem}-{number}.jsonl" for number in count(2))


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)
