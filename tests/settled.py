"""The options that a command gets for an argument list."""

from __future__ import annotations

from typing import Any

from rclip_like.cli.commands import COMMANDS, accepted_by_any
from rclip_like.cli.parsing import Parser
from rclip_like.settings.configuration import read_configuration, settle
from rclip_like.settings.declared import compose


def settled(name: str, *arguments: str) -> Any:
    command = COMMANDS[name]
    typed = Parser(command).split(arguments)
    values = settle(command.accepted, typed, read_configuration(accepted_by_any(command)))
    options: Any = compose(command.options, values)
    return options._replace(given=typed) if "given" in options._fields else options
