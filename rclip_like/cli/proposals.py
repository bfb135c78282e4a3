"""What a search proposes: another order, quotes, a command, and how to index the rest."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from rclip_like.cli import PROGRAM
from rclip_like.cli.commands import COMMANDS
from rclip_like.cli.dispatch import near_miss
from rclip_like.cli.options import Given
from rclip_like.errors import RootError, UsageError

_MOST_PATHS = 5
_NOT_FOR_INDEX = frozenset(("--max-time", "--quiet", "--verbose", "--debug", "--color"))
"""Options that a run which does the rest is not to have."""


def command_meant(query: str, paths: Sequence[str]) -> str | None:
    """Return the command that the query is a near miss of, where a folder follows, as after it.

    A word of CLIP's vocabulary is meant as such: "rain" and "statue" are near misses, too.
    """
    if not any(map(os.path.isdir, paths)):
        return None
    if (command := near_miss(query)) is None:
        return None
    from rclip_like.models.towers.tokenizer import tokenize

    is_word = len(tokenize(query)) == len(tokenize("cat"))  # one piece, as common words are
    return None if is_word else command


def refuse_folder_first(query: str, paths: Sequence[str]) -> None:
    """Raise UsageError that proposes the right order where a folder stands before the query."""
    from rclip_like.query import is_path_like  # help and completion do without

    if not is_path_like(query) or not os.path.isdir(os.path.expanduser(query)):
        return
    words = [word for word in paths if not os.path.exists(word)]
    folders = [query, *(word for word in paths if word not in words)]
    proposed = _in_order(" ".join(words) or "red car", folders)
    example = proposed if words else f"for instance: {proposed}"
    raise UsageError(f"{query}: this is a folder; the query comes first: {example}")


def with_quotes_proposed(
    error: RootError, first: str, paths: Sequence[str], command: str = PROGRAM
) -> RootError:
    """Return the error with a remedy for a query of several words typed without quotes.

    command: what stands before the query.
    """
    words = [word for word in paths if not Path(word).exists()]
    if not words or any("/" in word for word in words):
        return error
    query = " ".join((first, *words))
    dashes = "-- " if query.startswith("-") else ""
    others = [word for word in paths if word not in words]
    proposed = shlex.join(others)
    remedy = f'if it is part of the query: {command} {dashes}"{query}" {proposed}'.rstrip()
    if any(word.startswith("-") for word in words):
        remedy = f"options go before --; {remedy}"
    sentence = f"{words[0]}: no such folder or file; {remedy}"
    if os.path.isdir(first):
        sentence += f"; or, if that is the folder: {_in_order(' '.join(words), [first, *others])}"
    meant = near_miss(first)
    return RootError(f"{sentence}; or is 'clipfind {meant}' meant?" if meant else sentence)


def index_command(given: Given) -> str:
    """Return the command that indexes what was searched, with what was typed for that."""
    words = [PROGRAM, "index"]
    for declared in COMMANDS["index"].accepted:
        name = declared.long_name
        if declared.is_argument or name in _NOT_FOR_INDEX or name not in given:
            continue
        for value in given[name] if declared.is_many else (given[name],):
            words += [name, value] if declared.takes_value else [name]
    paths = given.get("[PATH]...", ())
    if not paths and given.keys().isdisjoint(("--files-from", "--files0-from")):
        paths = (".",)
    words += ["--"] if any(path.startswith("-") for path in paths) else []
    shown = shlex.join([*words, *paths[:_MOST_PATHS]])
    return f"{shown} ..." if len(paths) > _MOST_PATHS else shown


def _in_order(query: str, folders: Sequence[str]) -> str:
    """Return the command that looks for a query in folders."""
    return shlex.join([PROGRAM, *(["--"] if query.startswith("-") else []), query, *folders])
