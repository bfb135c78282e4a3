"""The errors that a user can meet, each with the exit status it ends in."""

from __future__ import annotations

import os


class ClipfindError(Exception):
    """An error told in one sentence that names the thing at fault and the remedy."""

    exit_status = 2


class UsageError(ClipfindError, ValueError):
    """The command line, a query or a setting asks for something that makes no sense."""


class ConfigError(UsageError):
    """The configuration file or an environment variable holds a value that cannot be used."""


class PictureError(ClipfindError, ValueError):
    """One picture cannot be read; `reason` says why, without the path.

    `lasting` is False where the same bytes may be readable the next time.
    """

    def __init__(self, path: bytes, reason: str, lasting: bool = True) -> None:
        super().__init__(f"{os.fsdecode(path)}: {reason}")
        self.path = path
        self.reason = reason
        self.lasting = lasting

    def __reduce__(self) -> tuple[type[PictureError], tuple[bytes, str, bool]]:
        return type(self), (self.path, self.reason, self.lasting)


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
