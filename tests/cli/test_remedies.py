"""What would help: words for each remedy, here with options and in Python without them."""

from __future__ import annotations

import pickle
import re

import pytest

from rclip_like.cli.remedies import WORDS, advised, said
from rclip_like.errors import ClipfindError, Note, PictureError, Reason, Remedy, StoreError

OPTION_OR_COMMAND = re.compile(r"--[a-z]|clipfind [a-z]")


@pytest.mark.parametrize("remedy", Remedy)
def test_every_remedy_has_words_with_its_options(remedy: Remedy) -> None:
    assert OPTION_OR_COMMAND.search(WORDS[remedy])


@pytest.mark.parametrize("remedy", Remedy)
def test_pythons_words_name_no_option_and_speak_of_the_same(remedy: Remedy) -> None:
    assert not OPTION_OR_COMMAND.search(remedy.value)
    assert ("{}" in remedy.value) == ("{}" in WORDS[remedy])


def test_an_error_says_what_happened_and_in_both_words_what_would_help() -> None:
    error = StoreError("a.db: is newer", "update clipfind", Remedy.NAME_ANOTHER_INDEX)
    assert error.reason == "a.db: is newer"
    assert error.remedies == ("update clipfind", Remedy.NAME_ANOTHER_INDEX)
    assert str(error) == "a.db: is newer; update clipfind, or name another database"
    assert said(error) == "a.db: is newer; update clipfind, or name another index with --db"


def test_a_remedy_says_what_it_is_about() -> None:
    assert advised([(Remedy.USE_MODEL, "b/c")]) == "fetch it with: clipfind models use b/c"
    assert Note("no d", (Remedy.USE_MODEL, "b/{c}")) == "no d; fetch b/{c}"


def test_an_error_without_a_remedy_is_its_reason() -> None:
    assert str(ClipfindError("a {b}")) == said(ClipfindError("a {b}")) == "a {b}"


def test_the_reason_that_an_index_keeps_is_said_with_options_once() -> None:
    kept = f"a.png: truncated; {Remedy.ACCEPT_TRUNCATED.value}"
    told = "a.png: truncated; --accept-truncated reads the part that is there"
    assert said(kept) == said(told) == told


def test_remedies_come_through_a_pickle() -> None:
    picture = PictureError(b"a", "small", True, Reason.BROKEN, (Remedy.READ_AS_WORDS,))
    for error in (picture, StoreError("a", Remedy.REPAIR)):
        copy = pickle.loads(pickle.dumps(error))
        assert (str(copy), copy.__dict__) == (str(error), error.__dict__)
