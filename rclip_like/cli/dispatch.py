"""Which command an argument list means, and the list as that command should see it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import NamedTuple

from rclip_like.cli.commands import (
    BARE_GROUPS,
    COMMANDS,
    FIRST_WORDS,
    GROUPS,
    RESERVED,
    WORDS,
    Command,
)
from rclip_like.cli.options import Everywhere
from rclip_like.errors import UsageError
from rclip_like.settings.declared import declared_in

HELP = ("--help", "-h")
VERSION = ("--version", "-V")


class Call(NamedTuple):
    """A command and its arguments; without a command, help on `group`, or on everything."""

    command: Command | None
    arguments: tuple[str, ...] = ()
    group: str | None = None
    wants_version: bool = False


def dispatch(arguments: Sequence[str]) -> Call:
    """Return what is called: options that hold everywhere may stand before the command.

    A first word that names no command is a query. Raises UsageError for a name that is reserved
    for a command to come, and for a group's name without one of its commands.
    """
    before, rest = _split_leading(arguments)
    word = rest[0] if rest else None
    if word is None:
        raise UsageError(
            f"what to look for{_after(before)}? For example: clipfind 'red car' ~/Pictures; see "
            "clipfind --help"
        )
    if word in HELP:
        return Call(None)
    if word in VERSION:
        return Call(None, wants_version=True)
    if word in WORDS:
        return _dispatch_word(word, rest[1:])
    if word in RESERVED:
        raise UsageError(
            f"this version has no command {word!r} yet; to search for the word: clipfind search "
            f"{word}"
        )
    if word in GROUPS:
        return _dispatch_group(word, before, rest[1:])
    if word in COMMANDS:
        return Call(COMMANDS[word], (*before, *rest[1:]))
    return Call(COMMANDS["search"], (*before, *rest))


def _after(options: Sequence[str]) -> str:
    """Say which options stand before a query that is missing; they may have taken it for a value.

    Raises UsageError if the last one lacks its value.
    """
    if options and _width(options[-1]) > 1:
        (option,) = (each for each in declared_in(Everywhere) if options[-1] in each.names)
        raise UsageError(f"{options[-1]} needs a value: {options[-1]} {option.metavar}")
    return f" after {shlex.join(options)}" if options else ""


def _dispatch_word(word: str, rest: Sequence[str]) -> Call:
    """Return what `help` or `version` asks for: on one command, on a group, or on everything."""
    name = " ".join(rest)
    if not name or name in HELP:
        return Call(None, wants_version=word == "version" and not name)
    if word == "help" and name in GROUPS:
        return Call(None, group=name)
    if word == "help" and name in COMMANDS:
        return Call(COMMANDS[name], ("--help",))
    raise UsageError(
        f"{word} takes {'a command' if word == 'help' else 'nothing'}, not {name!r}; to search "
        f"for the words: clipfind search {shlex.join((word, *rest))}"
    )


def near_miss(query: str) -> str | None:
    """Return the command that a query looks like, mistyped; None where it looks like none."""
    from difflib import get_close_matches

    commands = [word for word in FIRST_WORDS if word not in RESERVED]
    close = get_close_matches(query, commands, n=1, cutoff=0.75)
    return close[0] if close else None


def _dispatch_group(group: str, before: tuple[str, ...], rest: Sequence[str]) -> Call:
    more, rest = _split_leading(rest)
    word = rest[0] if rest else None
    if word in HELP:
        return Call(None, group=group)
    if group in BARE_GROUPS and (word is None or word.startswith("-")):
        return Call(COMMANDS[BARE_GROUPS[group]], (*before, *more, *rest))
    name = f"{group} {word}"
    if name not in COMMANDS:
        choices = ", ".join(each.removeprefix(f"{group} ") for each in GROUPS[group])
        words = shlex.join((group, *rest))
        raise UsageError(
            f"{group} needs one of {choices}; to search for the words: clipfind search {words}"
        )
    return Call(COMMANDS[name], (*before, *more, *rest[1:]))


def _split_leading(arguments: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split off the leading options that hold everywhere, with their values."""
    end = 0
    while end < len(arguments) and (width := _width(arguments[end])):
        end += width
    return tuple(arguments[:end]), tuple(arguments[end:])


def _width(argument: str) -> int:
    """Return how many arguments the option takes up, itself included; 0 if it is another word."""
    if not argument.startswith("-"):
        return 0
    name, equals, _ = argument.partition("=")
    names = {
        name: declared.takes_value
        for declared in declared_in(Everywhere)
        for name in declared.names
        if name not in HELP
    }
    if name in names:
        return 2 if names[name] and not equals else 1
    is_cluster = len(argument) > 2 and argument[1] != "-"
    if is_cluster and all(names.get(f"-{letter}") is False for letter in argument[1:]):
        return 1
    return 0
