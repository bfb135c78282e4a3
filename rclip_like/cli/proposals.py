"""What a search proposes: another order, quotes, a command, and how to index the rest."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from rclip_like.cli.declare import PROGRAM, declared_in
from rclip_like.cli.dispatch import near_miss
from rclip_like.cli.options.search import SearchOptions
from rclip_like.errors import RootError, UsageError
from rclip_like.query import is_path_like

_MOST_PATHS = 5
_NOT_FOR_INDEX = frozenset(("max_time", "quiet", "verbose", "debug", "color"))
"""Options that a run which does the rest is not to have."""


def command_meant(options: SearchOptions) -> str | None:
    """Return the command that the query is a near miss of, where a folder follows, as after it.

    A word of CLIP's vocabulary is meant as such: "rain" and "statue" are near misses, too.
    """
    if not any(map(os.path.isdir, options.paths)):
        return None
    command = near_miss(options.query)
    return None if command is None or _is_word(options.query) else command


def _is_word(query: str) -> bool:
    """Return whether CLIP's tokenizer has the query as one piece, as it has common words."""
    from rclip_like.models.towers.tokenizer import tokenize

    return len(tokenize(query)) == len(tokenize("cat"))


def refuse_folder_first(options: SearchOptions) -> None:
    """Raise UsageError that proposes the right order where a folder stands before the query."""
    folder = os.path.expanduser(options.query)
    if options.text or not is_path_like(options.query) or not os.path.isdir(folder):
        return
    words = [word for word in options.paths if not os.path.exists(word)]
    folders = [options.query, *(word for word in options.paths if word not in words)]
    proposed = _in_order(" ".join(words) or "red car", folders)
    example = proposed if words else f"for instance: {proposed}"
    raise UsageError(f"{options.query}: this is a folder; the query comes first: {example}")


def with_quotes_proposed(error: RootError, options: SearchOptions) -> RootError:
    """Return the error with a remedy for a query of several words typed without quotes."""
    words = [word for word in options.paths if not Path(word).exists()]
    if not words or any("/" in word for word in words):
        return error
    query = " ".join((options.query, *words))
    dashes = "-- " if query.startswith("-") else ""
    others = [word for word in options.paths if word not in words]
    proposed = shlex.join(others)
    remedy = f'if it is part of the query: clipfind {dashes}"{query}" {proposed}'.rstrip()
    sentence = f"{words[0]}: no such folder or file; {remedy}"
    if os.path.isdir(options.query):
        sentence += (
            f"; or, if that is the folder: {_in_order(' '.join(words), [options.query, *others])}"
        )
    command = near_miss(options.query)
    return RootError(f"{sentence}; or is 'clipfind {command}' meant?" if command else sentence)


def index_command(options: SearchOptions) -> str:
    """Return the command that indexes what was searched, with what was typed for that."""
    from rclip_like.cli.options.index import IndexOptions  # few searches have a rest to index

    words = [PROGRAM, "index"]
    for declared in declared_in(IndexOptions):
        if declared.is_argument or declared.field not in options.given - _NOT_FOR_INDEX:
            continue
        value = getattr(options, declared.field)
        for each in value if declared.is_many else (value,):
            words += (
                [declared.long_name, str(each)] if declared.takes_value else [declared.long_name]
            )
    paths = options.paths or (() if options.files_from or options.files0_from else (".",))
    words += ["--"] if any(path.startswith("-") for path in paths) else []
    shown = shlex.join([*words, *paths[:_MOST_PATHS]])
    return f"{shown} ..." if len(paths) > _MOST_PATHS else shown


def _in_order(query: str, folders: Sequence[str]) -> str:
    """Return the command that looks for a query in folders."""
    return shlex.join([PROGRAM, *(["--"] if query.startswith("-") else []), query, *folders])
