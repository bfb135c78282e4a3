"""The errors that a user can meet: what happened, what would help, and the exit status."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from enum import StrEnum


class Remedy(StrEnum):
    """A piece of advice that Python and the command line put into different words.

    The values are Python's words, and {} stands for what the remedy is about. The words of the
    command line are in cli/remedies.py.
    """

    NAME_THE_INDEX = "name {} as the database"
    NAME_ANOTHER_INDEX = "name another database"
    MAKE_INDEX = "make it with Library.index"
    MAKE_INDEX_BESIDE = "make it with Library.index, in the folder that it is for"
    INDEX = "call Library.index"
    UPDATE_FIRST = "search without update=False"
    REPAIR = "mend it with Library.doctor(repair=True)"
    MOVE_AWAY = "move it and its -wal file away; the next Library.index makes a new index"
    REMOVE_DRAFT = "remove it with Library.doctor(repair=True)"
    SHORTEN_LOG = "close what reads the index, then call Library.doctor(repair=True)"
    PRUNE = "make room and call Library.prune"
    DROP_CONTENTS = "drop them with Library.prune"
    PRUNE_MODELS = "drop its rows with Library.prune(settings=PruneSettings(models=True))"
    PRUNE_OLD_VERSION = "drop them with PruneSettings(models=True), once all is indexed anew"
    FORGET = "drop one of the two with Library.forget"
    FORCE = "to do it all the same, say force=True"
    INDEX_FIRST = "call Library.index first"
    READ_AS_WORDS = "if it is meant as words, search for Query(TEXT, kind=Kind.TEXT)"
    ALLOW_PRIVATE = "if it is in your own network, allow it with WebSettings.allow_private"
    GO_ONLINE = "unset HF_HUB_OFFLINE"
    NAME_PICTURES = "name the pictures in it"
    NAME_PATHS = "is the list of paths not UTF-8?"
    ACCEPT_TRUNCATED = "ReadSettings.accept_truncated reads the part that is there"
    RAISE_PIXELS = "ReadSettings.max_megapixels sets the limit"
    LIST_MODELS = "see which models there are"
    LIST_FORMATS = "see rclip_like.values.PICTURE_EXTENSIONS"
    NAME_MODEL = "name the model to use"
    NAME_PROBES_MODEL = "name that model, {}, as the library's"
    NAME_ANOTHER_PROBE = "name another file for the probe"
    MAKE_PROBE = "make one with Library.probe"
    NAME_TAG = "write {}/TAG, or name a file of weights"
    NAME_ARCHITECTURE = "name its architecture as the model and {} as its weights"
    USE_MODEL = "fetch {}"
    USE_ANOTHER_MODEL = "choose another, such as {}"
    FETCH_MODEL = "fetch the model {}"
    USE_MULTILINGUAL = "{} is a model for many languages"
    USE_ONE_THREAD = "set EncoderSettings.threads to 1"
    USE_THREADS = "set threads to {}"
    USE_FULL_PRECISION = "set the precision to fp32"
    USE_ANY_DEVICE = "set the device to auto"
    NAME_ANOTHER_OUTPUT = "name another output folder"
    BEGIN_ANEW = "name another output folder, or delete {} to begin anew"
    USE_PRESET = "set preset to {}"
    USE_FOLDS = "set folds to {}"
    USE_PRECISION = "set precision to {}"
    USE_EPOCHS = "set epochs to {}"
    USE_BATCH_SIZE = "set batch_size to {}"
    USE_LR = "set lr to {}"
    USE_SEED = "set seed to {}"
    USE_POSITIVES = "set positives to {}"
    USE_SMALLER_PIECES = "try a piece_size of {}"
    LOCK_IMAGE_TOWER = "set lock_image_tower, which takes less memory"
    LABEL_EACH_ALONE = "set ClassifySettings.multi"
    UNDO_FILING = "take back what was filed with filing.undo({})"
    MEASURE_FORGETTING = "name a set of them as retain"
    UNLOCK_IMAGE_TOWER = "set unlock_image_tower to train it nevertheless"
    ALLOW_UNUSABLE = "mend or remove these, or set a larger tolerance"
    NAME_COLUMNS = "name the columns with PairOptions"
    LEARN_SLOWER = "begin anew in another output folder with a smaller lr"
    REPLACE = "set replace to write over it"
    REMOVE_NAME = "remove it, {}, with Library.remove_name"
    REPLACE_NAME = "make it anew with replace=True, or add to it with add=True"
    REPLACE_NAMES = "replace what is there with replace=True"
    NAME_AGAIN = "index them, or name them again with this model"
    REMOVE_SAVED = "remove it, {}, with Library.remove_search"
    SEARCH_WITH = "use it with Library(model={})"
    TRAIN_FURTHER = "train it further with {} as the model and another output folder"


Advice = str | Remedy | tuple[Remedy, object]
"""Advice: words that hold everywhere, or a remedy, alone or with the thing that it is about."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 picture", "1,204 pictures"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def sentence(
    reason: str, advice: Iterable[Advice], words: Callable[[Remedy], str] = lambda each: each.value
) -> str:
    """Return what happened and what would help; `words` puts a remedy, or "" leaves it out."""
    parts = []
    for each in advice:
        remedy, about = each if isinstance(each, tuple) else (each, "")
        parts.append(words(remedy).format(about) if isinstance(remedy, Remedy) else remedy)
    return "; ".join(filter(None, (reason, ", or ".join(filter(None, parts)))))


def full_sentence(text: str) -> str:
    """Return a reason or a note as a page shows it: with a capital letter and a full stop."""
    return (
        f"{text[:1].upper()}{text[1:]}{'' if text.endswith(tuple('.!?')) else '.'}" if text else ""
    )


class Note(str):
    """What the user should hear beside a result: a sentence in Python's words, and its parts."""

    reason: str
    remedies: tuple[Advice, ...]

    def __new__(cls, reason: str, *remedies: Advice) -> Note:
        """Return the note of what is so, and what would help."""
        note = super().__new__(cls, sentence(reason, remedies))
        note.reason, note.remedies = reason, remedies
        return note


class ClipfindError(Exception):
    """An error that says what happened, in `reason`, and apart from it, what would help.

    As text it is one sentence that names the thing at fault, with `remedies` in Python's words.
    """

    exit_status = 2

    def __init__(self, reason: str, *remedies: Advice) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedies = remedies

    def __str__(self) -> str:
        return sentence(self.args[0], self.remedies)


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
    """The picture has more pixels than the limit, or than the memory takes in this format."""
    FILE_TOO_LARGE = "file-too-large"
    """The file has more bytes than the memory takes."""
    TOO_MUCH_MEMORY = "too-much-memory"
    TOO_NARROW = "too-narrow"
    TOO_SLOW = "too-slow"
    CRASHED = "crashed"
    KILLED = "killed"
    """A signal from outside ended the decoder."""
    STALLED = "stalled"
    """The disk or the machine stood still; the picture is not to blame."""
    CHANGED = "changed"
    """The file changed while it was read."""
    UNREADABLE = "unreadable"
    """The system refused: permission is missing, the disk fails, or the file is gone."""
    NOT_A_FILE = "not-a-file"
    MODEL = "model"
    """The model's own preprocessing failed; the picture was read."""


PASSING = frozenset(
    (Reason.MODEL, Reason.KILLED, Reason.STALLED, Reason.CHANGED, Reason.UNREADABLE)
    + (Reason.NOT_A_FILE,)
)
"""Reasons that say nothing about the picture's bytes: the next attempt may read them."""
TRIED_AGAIN = frozenset((Reason.TOO_SLOW, Reason.TOO_MUCH_MEMORY))
"""Reasons for which a busy machine may be to blame instead of the picture."""
MOST_ATTEMPTS = 3
"""A picture that was too slow or took too much memory is left alone after so many attempts."""


class PictureError(ClipfindError, ValueError):
    """One picture cannot be read; `reason` says why without the path, `code` says it as a value.

    `lasting` is False where the same bytes may be readable the next time.
    """

    def __init__(
        self,
        path: bytes,
        reason: str,
        lasting: bool = True,
        code: Reason | None = None,
        remedies: tuple[Advice, ...] = (),
    ) -> None:
        super().__init__(f"{os.fsdecode(path)}: {reason}", *remedies)
        self.path = path
        self.reason = reason
        self.lasting = lasting
        self.code = code

    def __reduce__(self) -> tuple[type[PictureError], tuple[object, ...]]:
        return type(self), (self.path, self.reason, self.lasting, self.code, self.remedies)


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
    """A model has a known name but is not on this machine yet."""


class DownloadError(ModelError):
    """A model's files could not be fetched or are not what they should be."""


class DimensionMismatch(ClipfindError, ValueError):
    """Embeddings of different lengths meet."""


class TrainingError(ClipfindError):
    """Training data cannot be used, or a training run cannot go on."""


class DataError(ClipfindError):
    """A labelled or captioned set on disk cannot be used."""


class MeasureError(ClipfindError):
    """Something cannot be measured: the data do not suffice, or a package is missing."""


class FilingError(ClipfindError):
    """Pictures cannot be copied, linked, moved or moved back, or a sidecar cannot be written."""


class InterchangeError(ClipfindError):
    """Files of an exported index cannot be written, or are not what they should be."""


class Interrupted(ClipfindError):
    """A signal asked the run to stop (130 for SIGINT, 143 for SIGTERM); what is done is kept.

    remaining: how many pictures an indexing run has left to do, None if that is unknown. kept: what
    is done, in words.
    """

    def __init__(
        self,
        signal_number: int,
        remaining: int | None = None,
        kept: str = "what was finished is kept",
    ) -> None:
        left = f"; {remaining:,} not indexed yet" if remaining else ""
        super().__init__(f"interrupted; {kept}{left}")
        self.exit_status = 128 + signal_number
