"""A search on the page, as the command line that finds the same."""

import os
import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rclip_like.cli.options import Given

if TYPE_CHECKING:
    from rclip_like.page.service import Asked

_OF_THE_PAGE = frozenset(("[PATH]...", "--host", "--port", "--no-open", "--quiet", "--verbose"))
"""What was typed for `serve` and says nothing about a search."""
_ODD = re.compile(rb"[^\x20-\x7e]|['\\]")


def command_line(asked: "Asked", given: Given) -> str:
    """Return a command for a shell; "" where there is none, as for a picture that was pasted.

    given: what was typed for `serve`.
    """
    from rclip_like.query import Kind, is_path_like

    added = [term.typed for term in asked.terms if term.weight > 0]
    subtracted = [term.typed for term in asked.terms if term.weight < 0]
    if not added or any(term.kind is Kind.PIXELS for term in asked.terms):
        return ""
    options = [*_typed(given), f"--top {asked.most}"]
    options += [_option("--add", each) for each in added[1:]]
    options += [_option("--subtract", each) for each in subtracted]
    words = [term.value for term in asked.terms if term.kind is Kind.TEXT]
    if len(words) == len(asked.terms) and any(map(is_path_like, words)):
        options.append("--text")
    if asked.all_hidden:
        options.append("--all-hidden")
    if asked.roots is None:
        options.append("--all")
    arguments = [quoted(added[0]), *(quoted(os.fsdecode(root)) for root in asked.roots or ())]
    if added[0].startswith("-"):
        arguments.insert(0, "--")
    return " ".join(["clipfind search", *options, *arguments])


def quoted(text: str) -> str:
    """Return a word for a shell; bytes that are not to be shown as bash and zsh write them."""
    content = os.fsencode(text)
    if all(each.isprintable() for each in text):
        return shlex.quote(text)
    return "$'" + _ODD.sub(lambda match: b"\\x%02x" % match[0][0], content).decode() + "'"


def _option(name: str, value: str) -> str:
    return f"{name}={quoted(value)}" if value.startswith("-") else f"{name} {quoted(value)}"


def _typed(given: Given) -> Iterator[str]:
    for name, value in given.items():
        if name not in _OF_THE_PAGE:
            for each in value if isinstance(value, (list, tuple)) else [value]:
                yield name if each is True else _option(name, str(each))
