"""What would help, in the command line's words, with its commands and options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rclip_like.errors import Advice, ClipfindError, Note, Remedy, sentence

WORDS = {
    Remedy.NAME_THE_INDEX: "name {} with --db",
    Remedy.NAME_ANOTHER_INDEX: "name another index with --db",
    Remedy.MAKE_INDEX: "make it with `clipfind index FOLDER`",
    Remedy.MAKE_INDEX_BESIDE: "make it with `clipfind index --db beside FOLDER`",
    Remedy.INDEX: "run clipfind index",
    Remedy.UPDATE_FIRST: "search without --no-index",
    Remedy.REPAIR: "mend it with: clipfind doctor --repair",
    Remedy.MOVE_AWAY: "move it and its -wal file away; the next `clipfind index` makes a new index",
    Remedy.REMOVE_DRAFT: "remove it: clipfind doctor --repair",
    Remedy.SHORTEN_LOG: "close what reads the index, then: clipfind doctor --repair",
    Remedy.DROP_CONTENTS: "drop them: clipfind prune",
    Remedy.PRUNE: "make room and run clipfind prune",
    Remedy.PRUNE_MODELS: "drop its rows: clipfind prune --models",
    Remedy.PRUNE_OLD_VERSION: "drop them once 'clipfind index' is done: clipfind prune --models",
    Remedy.FORGET: "drop one of the two with clipfind forget",
    Remedy.FORCE: "to do it all the same, add --force",
    Remedy.INDEX_FIRST: "run clipfind index first",
    Remedy.READ_AS_WORDS: "if it is meant as words, add --text",
    Remedy.ALLOW_PRIVATE: "if it is in your own network, ask for it with --allow-private",
    Remedy.GO_ONLINE: "leave out --offline, or unset HF_HUB_OFFLINE",
    Remedy.NAME_PICTURES: "name the pictures in it, or read their paths with --files-from",
    Remedy.NAME_PATHS: "did you mean --files0-from, or is the list not UTF-8?",
    Remedy.ACCEPT_TRUNCATED: "--accept-truncated reads the part that is there",
    Remedy.RAISE_PIXELS: "--max-megapixels sets the limit",
    Remedy.LIST_MODELS: "see clipfind models list",
    Remedy.LIST_FORMATS: "see clipfind formats",
    Remedy.NAME_MODEL: "name the model to use with --model",
    Remedy.NAME_PROBES_MODEL: "name that model: --model {}",
    Remedy.NAME_ANOTHER_PROBE: "name another --output",
    Remedy.MAKE_PROBE: "make one with `clipfind probe`",
    Remedy.NAME_TAG: "write {}/TAG (see clipfind models list), or add --weights FILE",
    Remedy.NAME_ARCHITECTURE: (
        "name its architecture, too: --model ARCH --weights {} (see clipfind models list)"
    ),
    Remedy.USE_MODEL: "fetch it with: clipfind models use {}",
    Remedy.USE_ANOTHER_MODEL: "choose another: clipfind models use {}",
    Remedy.FETCH_MODEL: "fetch the model with: clipfind models download {}",
    Remedy.USE_MULTILINGUAL: "'clipfind models use {}' gets a model for many languages",
    Remedy.USE_ONE_THREAD: "try --threads 1",
    Remedy.USE_THREADS: "try --threads {}",
    Remedy.USE_FULL_PRECISION: "try --precision fp32",
    Remedy.USE_ANY_DEVICE: "leave out --device",
    Remedy.NAME_ANOTHER_OUTPUT: "name another --output",
    Remedy.BEGIN_ANEW: "name another --output, or delete the folder {} to begin anew",
    Remedy.USE_PRESET: "go on with --preset {}",
    Remedy.USE_FOLDS: "go on with --folds {}",
    Remedy.USE_PRECISION: "go on with --precision {}",
    Remedy.USE_EPOCHS: "go on with --epochs {}",
    Remedy.USE_BATCH_SIZE: "go on with --batch-size {}",
    Remedy.USE_LR: "go on with --lr {}",
    Remedy.USE_SEED: "go on with --seed {}",
    Remedy.USE_POSITIVES: "go on with --positives {}",
    Remedy.USE_SMALLER_PIECES: "try --piece-size {}",
    Remedy.LOCK_IMAGE_TOWER: "try --lock-image-tower, which takes less memory",
    Remedy.LABEL_EACH_ALONE: "add --multi",
    Remedy.UNDO_FILING: "take back what was filed with: clipfind classify --undo {}",
    Remedy.MEASURE_FORGETTING: "name a set of them with --retain",
    Remedy.UNLOCK_IMAGE_TOWER: "train it nevertheless with --unlock-image-tower",
    Remedy.ALLOW_UNUSABLE: "mend or remove these, or go on without them with --tolerance 1",
    Remedy.NAME_COLUMNS: "name the columns with --image-column and --caption-column",
    Remedy.LEARN_SLOWER: "begin anew in another --output with a smaller --lr",
    Remedy.REPLACE: "--replace writes over it",
    Remedy.REMOVE_NAME: "remove it: clipfind names remove {}",
    Remedy.REPLACE_NAME: "--replace makes it anew, --add adds to it",
    Remedy.REPLACE_NAMES: "--replace replaces what is there",
    Remedy.NAME_AGAIN: "index them, or name them again with this model: clipfind name --replace",
    Remedy.REMOVE_SAVED: "remove it: clipfind saved remove {}",
    Remedy.SEARCH_WITH: 'search with it: clipfind --model {} "WORDS"',
    Remedy.TRAIN_FURTHER: "train it further: clipfind train DATA --model {} --output ANOTHER",
}
_PAGE_WORDS = {
    Remedy.READ_AS_WORDS: "without the @ it is searched as a word",
    Remedy.REPAIR: "clipfind doctor in a terminal tells how to mend it",
    Remedy.SHORTEN_LOG: "clipfind doctor in a terminal tells how to mend it",
    Remedy.ACCEPT_TRUNCATED: "clipfind serve can be started so that the part there is is shown",
    Remedy.RAISE_PIXELS: "a larger limit can be set where clipfind serve is started",
}
_OF_PICTURES = (Remedy.ACCEPT_TRUNCATED, Remedy.RAISE_PIXELS)


def said(subject: str | ClipfindError) -> str:
    """Return an error, a note or a reason as one sentence in the command line's words."""
    return _in_words(subject, WORDS)


def said_on_page(subject: str | ClipfindError) -> str:
    """Return it as `said` does, without advice that would name an option of the command line."""
    return _in_words(subject, {remedy: _on_page(remedy) for remedy in Remedy})


def _on_page(remedy: Remedy) -> str:
    words = _PAGE_WORDS.get(remedy, WORDS[remedy])
    return "" if "--" in words else words


def _in_words(subject: str | ClipfindError, words: Mapping[Remedy, str]) -> str:
    if isinstance(subject, ClipfindError):
        subject = sentence(subject.args[0], subject.remedies, words.__getitem__)
    elif isinstance(subject, Note):
        subject = sentence(subject.reason, subject.remedies, words.__getitem__)
    for remedy in _OF_PICTURES:  # an index keeps them in the reason why a picture is not read
        subject = subject.replace(remedy.value, words[remedy])
    return subject


def advised(advice: Iterable[Advice]) -> str:
    """Return what would help in the command line's words, "" for nothing."""
    return sentence("", advice, WORDS.__getitem__)
