"""The manual page, made from the commands' own declarations.

`make docs` writes it into man/clipfind.1; a test holds that file to it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

import manual_text
from manual_assistants import ASSISTANTS
from manual_duplicates import DUPLICATES
from manual_everyday import EVERY_DAY
from manual_interchange import INTERCHANGE
from manual_json import shapes
from manual_names import NAMES
from manual_promises import PROMISES
from manual_reading import READING
from manual_saved import SAVED
from manual_seeing import SEEING
from manual_serving import SERVING
from manual_sets import SETS
from manual_sheets import SHEETS
from manual_train import TRAINING
from manual_videos import VIDEOS

from rclip_like import __version__
from rclip_like.cli.commands import COMMANDS, WORDS
from rclip_like.settings.declared import Declared

_BOLD = re.compile(r"\*(.+?)\*", re.DOTALL)


def manual() -> str:
    """Return the page in roff; the same for the same declarations."""
    sections = (
        ("NAME", ["clipfind \\- find photos by words or by pictures"]),
        ("SYNOPSIS", _synopsis()),
        ("DESCRIPTION", _prose(manual_text.DESCRIPTION)),
        ("COMMANDS", _commands()),
        ("OPTIONS", _options()),
        ("QUERIES", _prose(manual_text.QUERIES)),
        ("TEXT IN PICTURES", _prose(READING)),
        ("OUTPUT", _prose(manual_text.OUTPUT)),
        ("SEEING", _prose(SEEING)),
        ("VIDEOS", _prose(VIDEOS)),
        ("CONTACT SHEETS", _prose(SHEETS)),
        ("SERVING", _prose(SERVING)),
        ("DUPLICATES", _prose(DUPLICATES)),
        ("HIDING", _prose(manual_text.HIDING)),
        ("SAVED SEARCHES", _prose(SAVED)),
        ("NAMES", _prose(NAMES)),
        ("SETS", _prose(SETS)),
        ("LABELS", _prose(manual_text.LABELS)),
        ("FIGURES", _prose(manual_text.FIGURES)),
        ("PROBES", _prose(manual_text.PROBES)),
        ("TRAINING", _prose(TRAINING)),
        ("FILING", _prose(manual_text.FILING)),
        ("SIDECARS", _prose(manual_text.SIDECARS)),
        ("UPKEEP", _prose(manual_text.UPKEEP)),
        ("EXPORT AND IMPORT", _prose(INTERCHANGE)),
        ("EVERY DAY", _prose(EVERY_DAY)),
        ("ASSISTANTS", _prose(ASSISTANTS)),
        ("JSON", _prose(shapes())),
        ("EXIT STATUS", _prose(manual_text.EXIT_STATUS)),
        ("ENVIRONMENT", _environment()),
        ("FILES", _prose(manual_text.FILES)),
        ("PROMISES", _prose(PROMISES)),
        ("EXAMPLES", _prose(manual_text.EXAMPLES)),
        ("BUGS", _prose(manual_text.BUGS)),
    )
    head = f'.TH CLIPFIND 1 "" "clipfind {__version__}" "User Commands"\n'
    return head + "".join(f".SH {name}\n{_joined(lines)}" for name, lines in sections)


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _synopsis() -> Iterator[str]:
    yield "\\fBclipfind\\fR [\\fIOPTION\\fR]... \\fIQUERY\\fR [\\fIPATH\\fR]..."
    for name, command in COMMANDS.items():
        arguments = [each.metavar for each in command.listed if each.is_argument]
        yield ".br"
        yield _escaped(" ".join((f"*clipfind {name}* [OPTION]...", *arguments)))


def _commands() -> Iterator[str]:
    for name, command in COMMANDS.items():
        yield from _item(f"*{name}*", command.summary)
    for name, summary in WORDS.items():
        yield from _item(f"*{name}*", summary)


def _options() -> Iterator[str]:
    """Yield the groups of options, each with the commands that take it."""
    takers: dict[str, list[str]] = {}
    members: dict[str, dict[str, Declared]] = {}
    for name, command in COMMANDS.items():
        for each in command.listed:
            if not each.is_argument:
                members.setdefault(each.group, {})[each.long_name] = each
                takers.setdefault(each.group, [])
                takers[each.group] += [] if name in takers[each.group] else [name]
    for group in sorted(members, key=lambda group: len(takers[group]) == len(COMMANDS)):
        yield f".SS {_group_title(group, takers[group])}"
        for each in members[group].values():
            yield from _item(f"*{each.spelling}*", each.description)


def _group_title(group: str, commands: list[str]) -> str:
    if len(commands) == len(COMMANDS) or commands == [group.lower()]:
        return group
    return f"{group} ({', '.join(commands)})"


def _environment() -> Iterator[str]:
    yield from _prose(manual_text.ENVIRONMENT)
    variables = {
        each.variable: each.long_name
        for command in COMMANDS.values()
        for each in command.listed
        if each.variable
    }
    for variable, name in variables.items():
        yield from _item(f"*{variable}*", f"The same as *{name}*.")
    yield from _prose(manual_text.ENVIRONMENT_FOLDERS)


def _prose(text: str) -> Iterator[str]:
    for paragraph in text.strip("\n").split("\n\n"):
        if paragraph.startswith("    "):
            yield from (".PP", ".EX", *map(_escaped, paragraph.splitlines()), ".EE")
            continue
        term, separator, rest = paragraph.replace("\n", " ").partition(" :: ")
        yield from _item(f"*{term}*", rest) if separator else (".PP", _escaped(term))


def _item(term: str, text: str) -> Iterator[str]:
    yield from (".TP", _escaped(term), _escaped(text))


def _escaped(text: str) -> str:
    """Return text for roff: bold words, and nothing of it taken for a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"^(?=[.'])", "\\\\&", text)
    return text if text.startswith("    ") else _BOLD.sub(r"\\fB\1\\fR", text)


if __name__ == "__main__":
    sys.stdout.write(manual())
