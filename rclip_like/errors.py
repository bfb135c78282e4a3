"""The errors that a user can meet, each with the exit status it ends in."""

from __future__ import annotations

import os
from enum import StrEnum


class ClipfindError(Exception):
    """An error told in one sentence that names the thing at fault and the remedy."""

    exit_status = 2


class UsageError(ClipfindError, ValueError):
    """The command line, a query or a setting asks for something that makes no sense."""


class ConfigError(UsageError):
    """The configuration file or an environment variable holds a value that cannot be used."""


class Reason(StrEnum):
    """Why a file gives no picture, for programs; the sentence beside it is for people.

    The values are kept in indexes: they stay as they are.
    """

    EMPTY = "empty"
    UNKNOWN_FORMAT = "unknown-format"
    NEEDS_PACKAGE = "needs-package"
    TRUNCATED = "truncated"
    BROKEN = "broken"
    TOO_LARGE = "too-large"
    """More pixels than the limit, or than the memory takes in this format."""
    FILE_TOO_LARGE = "file-too-large"
    """More bytes than the memory takes."""
    TOO_MUCH_MEMORY = "too-much-memory"
    TOO_NARROW = "too-narrow"
    TOO_SLOW = "too-slow"
    CRASHED = "crashed"
    KILLED = "killed"
    """The decoder, by a signal from outside."""
    STALLED = "stalled"
    """The disk or the machine stood still; the picture has no part in it."""
    CHANGED = "changed"
    """While it was read."""
    UNREADABLE = "unreadable"
    """The system says no: permission, a disk's error, a file that is gone."""
    NOT_A_FILE = "not-a-file"
    MODEL = "model"
    """The model's own preprocessing failed; the picture was read."""


TRIED_AGAIN = frozenset((Reason.TOO_SLOW, Reason.TOO_MUCH_MEMORY))
"""What a busy machine may be to blame for as well as the picture."""
MOST_ATTEMPTS = 3
"""After so many a picture that was too slow or took too much memory is left alone."""


class PictureError(ClipfindError, ValueError):
    """One picture cannot be read; `reason` says why, without the path, `code` the same as a value.

    `lasting` is False where the same bytes may be readable the next time.
    """

    def __init__(
        self, path: bytes, reason: str, lasting: bool = True, code: Reason | None = None
    ) -> None:
        super().__init__(f"{os.fsdecode(path)}: {reason}")
        self.path = path
        self.reason = reason
        self.lasting = lasting
        self.code = code

    def __reduce__(self) -> tuple[type[PictureError], tuple[bytes, str, bool, Reason | None]]:
        return type(self), (self.path, self.reason, self.lasting, self.code)


class ReaderError(ClipfindError):
    """No process that reads pictures can be started."""


class WebError(ClipfindError):
    """A web address gives no picture to search with."""


class RootError(ClipfindError):
    """A folder or file named by the user cannot be walked."""


class StoreError(ClipfindError):
    """The index cannot be opened, read or written."""


class IndexLocked(ClipfindError):
    """Another process is indexing into the same database."""


class ModelError(ClipfindError):
    """A model cannot be found, read or used."""


class ModelMissing(ModelError):
    """A model is known by name but not on this machine yet."""


class DownloadError(ModelError):
    """A model's files could not be fetched or are not what they should be."""


class DimensionMismatch(ClipfindError, ValueError):
    """Embeddings of different lengths meet."""


class TrainingError(ClipfindError):
    """Training data or a training run that cannot go on."""


class Interrupted(ClipfindError):
    """A signal asked the run to stop (130 for SIGINT, 143 for SIGTERM); what is done is kept."""

    def __init__(self, signal_number: int) -> None:
        super().__init__("interrupted; what was finished is kept")
        self.exit_status = 128 + signal_number
