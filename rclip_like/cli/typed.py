"""From the words typed for a command to the options that its function takes, and back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from rclip_like.cli import PROGRAM
from rclip_like.cli.commands import Command, accepted_by_any
from rclip_like.cli.options import Given
from rclip_like.errors import UsageError
from rclip_like.settings.declared import REQUIRED


def options_of(command: Command, typed: Given) -> Any:
    """Return what the command's function takes; raises UsageError and ConfigError.

    Options that other libraries take from the environment are set there.
    """
    from rclip_like.settings.configuration import settle

    accepted = command.accepted
    required = [each.long_name for each in accepted if each.default is REQUIRED]
    if missing := [name for name in required if name not in typed]:
        needs = f"{command.name} needs {missing[0]}, see {PROGRAM} {command.name} --help"
        word = command.name.split()[0]
        as_words = f"; to search for the word: {PROGRAM} search {word}" * (word != "search")
        raise UsageError(needs + as_words)
    options, values = settle(
        command.options,
        accepted,
        typed,
        accepted_by_any(command),
        bears_bad_file=command.bears_bad_configuration,
    )
    # Other libraries take this from the environment alone, before their import.
    if values["--color"] == "never":
        os.environ["NO_COLOR"] = "1"  # rich
    if values["--offline"]:
        os.environ["HF_HUB_OFFLINE"] = "1"
    # NumPy's threads spin while they wait for one another: with one core taken by an indexer, a
    # new text took 1.0 to 2.9 s with two threads and 0.2 s with one. It is not torch's setting.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(values["--threads"] or 1))
    return options._replace(given=typed) if "given" in options._fields else options


def words_of(command: Command, typed: Given) -> Iterator[str]:
    """Yield the words of a command line that give a command what was typed, its name left out.

    Options come first, then `--`, so that no argument is taken for one.
    """
    arguments: list[str] = []
    for declared in command.accepted:
        name = declared.long_name
        if name not in typed:
            continue
        values = typed[name] if declared.is_many else [typed[name]]
        if declared.is_argument:
            arguments += values
        elif declared.takes_value:
            yield from (f"{name}={value}" for value in values)
        else:
            negative = next((each for each in declared.names if each.startswith("--no-")), name)
            yield name if typed[name] else negative
    yield "--"
    yield from arguments
