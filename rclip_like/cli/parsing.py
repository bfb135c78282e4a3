"""Typer: it splits an argument list into options and their words, and prints the help.

The values are made elsewhere and not by Typer, which would import pydantic for it: 0.12 s of CPU
for forty options, half of a cached query.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from difflib import get_close_matches  # which Typer has loaded
from itertools import groupby
from typing import Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand
from typer.main import get_command

from rclip_like.cli import PROGRAM
from rclip_like.cli.commands import Command
from rclip_like.errors import UsageError
from rclip_like.settings import Argument
from rclip_like.settings.declared import Declared

_NEARLY_THE_SAME = 0.85
"""The ratio of difflib: a letter too many, too few or in another place."""


class Parser:
    """One command's options as Typer takes them."""

    def __init__(self, command: Command) -> None:
        self._name = command.name
        self._declared = {f"value_{n}": each for n, each in enumerate(command.accepted)}
        app = typer.Typer(
            add_completion=False, rich_markup_mode=None, context_settings={"help_option_names": []}
        )
        grouped = type("Grouped", (_GroupedCommand,), {"listed": command.listed})
        app.command(command.name, cls=grouped, help=command.summary)(_signed(self._declared))
        self._typer: TyperCommand = get_command(app)  # type: ignore[assignment]

    def split(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Return the words that an argument list gives, by long name: strings, lists and True.

        Raises UsageError for a name that is not declared, a missing value, a word too many.
        """
        context = typer.Context(self._typer, info_name=self._name)
        see = f"see {PROGRAM} {self._name} --help"
        try:
            values, leftover, _ = self._typer.make_parser(context).parse_args(list(arguments))
        except typer.TyperException as error:
            raise UsageError(f"{self._sentence(error)}; {see}") from error
        if leftover:
            raise UsageError(f"one word too many: {leftover[0]}; {see}")
        return {
            self._declared[name].long_name: value
            for name, value in values.items()
            if value is not None and value != ()
        }

    def help_text(self) -> str:
        """Return what `--help` prints."""
        return self._typer.get_help(typer.Context(self._typer, info_name=f"{PROGRAM} {self._name}"))

    def _sentence(self, error: typer.TyperException) -> str:
        """Return what is wrong with the words; of an option that does not exist, which was meant.

        One that is as good as the same, and no other: Typer proposes up to three far ones.
        """
        typed = str(getattr(error, "option_name", ""))
        options = {name: each for each in self._declared.values() for name in each.names}
        if hasattr(error, "possibilities"):
            names = [name for name in options if name.startswith("--")]
            close = get_close_matches(typed, names, n=1, cutoff=_NEARLY_THE_SAME)
            hint = "".join(f" (did you mean {name}?)" for name in close)
            if self._name == "search" and not typed.startswith("--"):
                hint = " (words that begin with a dash go after --)"
            return f"no such option: {typed}{hint}"
        if typed in options and options[typed].takes_value:
            return f"{typed} needs a value: {typed} {options[typed].metavar}"
        text = error.format_message().strip().rstrip(".")
        return text[:1].lower() + text[1:]


class _GroupedCommand(TyperCommand):
    """A command whose help lists what acts in it, in the groups it is declared in."""

    listed: ClassVar[tuple[Declared, ...]]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the command's name in its usage line."""
        return ["[OPTION]...", *(each.metavar for each in self.listed if each.is_argument)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write one section for each group."""
        for group, members in groupby(self.listed, key=lambda each: each.group):
            with formatter.section(group):
                formatter.write_dl([(each.spelling, each.description) for each in members])


def _signed(declared: dict[str, Declared]) -> Callable[..., None]:
    """Return a function whose signature tells Typer how to split off each option's words."""

    def callback(**values: object) -> None:
        """Take the place of a function with one parameter for each declared option."""

    parameters = []
    for name, each in declared.items():
        option = each.option
        kind: Any = list[str] if each.is_many else str if each.takes_value else bool
        if isinstance(option, Argument):
            kind = Annotated[kind | None, typer.Argument(..., metavar=option.metavar)]
        else:
            kind = Annotated[kind | None, typer.Option(..., *option.names.split())]
        only = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(name, only, default=None, annotation=kind))
    callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    callback.__annotations__ = {each.name: each.annotation for each in parameters}
    return callback
