"""The options that a command gets for an argument list."""

from __future__ import annotations

from typing import Any

from rclip_like.cli.commands import COMMANDS, accepted_by_any
from rclip_like.cli.parsing import Parser
from rclip_like.settings.configuration import settle


def settled(name: str, *arguments: str) -> Any:
    command = COMMANDS[name]
    typed = Parser(command).split(arguments)
    accepted = command.accepted
    options: Any = settle(command.options, accepted, typed, accepted_by_any(command))[0]
    return options._replace(given=typed) if "given" in options._fields else options
