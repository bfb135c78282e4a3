"""Which command an argument list means."""

from __future__ import annotations

import pytest

from rclip_like.cli.commands import COMMANDS, FIRST_WORDS, RESERVED
from rclip_like.cli.dispatch import dispatch, near_miss
from rclip_like.errors import UsageError


def _called(*arguments: str) -> tuple[str, ...]:
    """Return the name of the command called, and its arguments."""
    call = dispatch(arguments)
    assert call.command is not None
    return (call.command.name, *call.arguments)


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (["cat"], ["search", "cat"]),
        (["cat", "index"], ["search", "cat", "index"]),
        (["search", "index"], ["search", "index"]),
        (["index", "a"], ["index", "a"]),
        (["-t", "3", "index"], ["search", "-t", "3", "index"]),
        (["--", "index"], ["search", "--", "index"]),
        (["indx"], ["search", "indx"]),
        (["models", "use", "x"], ["models use", "x"]),
    ],
)
def test_the_first_word_is_a_command_or_a_query(arguments: list[str], called: list[str]) -> None:
    assert list(_called(*arguments)) == called


@pytest.mark.parametrize(
    "before",
    [["-q"], ["-qv"], ["--model", "index"], ["--model=status"], ["--db", "train", "-v"]],
)
def test_options_that_hold_everywhere_may_stand_before_the_command(before: list[str]) -> None:
    assert _called(*before, "index", "a") == ("index", *before, "a")
    assert _called(*before, "cat") == ("search", *before, "cat")


def test_an_empty_value_takes_no_further_word() -> None:
    assert _called("--model=", "index", "a") == ("index", "--model=", "a")


def test_options_may_stand_between_models_and_its_command() -> None:
    assert _called("-q", "models", "--offline", "list") == ("models list", "-q", "--offline")


@pytest.mark.parametrize("word", RESERVED)
def test_a_reserved_name_is_refused_and_never_searched(word: str) -> None:
    with pytest.raises(UsageError, match=f"clipfind search {word}$"):
        dispatch([word, "."])


@pytest.mark.parametrize("arguments", [["models"], ["models", "buy"]])
def test_models_without_one_of_its_commands_names_them(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="list, show, download, use, remove"):
        dispatch(arguments)


def test_help_and_version_are_commands() -> None:
    assert dispatch(["help"]) == dispatch(["--help"]) == dispatch(["help", "--help"])
    assert dispatch(["-q", "help", "models"]).group == "models"
    assert _called("help", "models", "use") == ("models use", "--help")
    assert _called("help", "search") == ("search", "--help")
    assert dispatch(["version"]) == dispatch(["--version"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["help", "me"],
            "help takes a command, not 'me'; to search for the words: clipfind search help me",
        ),
        (["version", "2"], "version takes nothing, not '2'"),
    ],
)
def test_help_on_no_command_proposes_a_search(arguments: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        dispatch(arguments)


def test_a_group_before_other_words_proposes_a_search_for_all_of_them() -> None:
    with pytest.raises(UsageError, match=r"clipfind search models of 'old cars'$"):
        dispatch(["models", "of", "old cars"])


def test_nothing_at_all_asks_for_a_query() -> None:
    with pytest.raises(UsageError, match="what to look for"):
        dispatch([])
    with pytest.raises(UsageError, match="what to look for after --db cat"):
        dispatch(["--db", "cat"])
    with pytest.raises(UsageError, match=r"^--db needs a value: --db FILE$"):
        dispatch(["-q", "--db"])


def test_all_names_of_the_design_are_taken() -> None:
    designed = """search index status models train classify probe evaluate duplicates prune forget
    doctor export import embed serve preview formats config completion hide unhide save run saved
    name names relocate help version"""
    assert set(FIRST_WORDS) == set(designed.split())


def test_only_near_misses_of_a_command_are_taken_for_one() -> None:
    assert near_miss("indx") == "index"
    assert near_miss("red car") is None
    assert near_miss(next(iter(RESERVED))) not in RESERVED


def test_every_command_has_options_and_a_sentence() -> None:
    for command in COMMANDS.values():
        assert command.summary.endswith(".")
        assert command.options.__doc__


def test_no_command_is_reserved_as_well() -> None:
    assert len(FIRST_WORDS) == len(set(FIRST_WORDS))
