"""Options declared once, as the fields of a frozen dataclass, and what Typer makes of them.

Typer prints the help and splits the argument list. The values are made here and not by Typer,
which would import pydantic for it: 0.12 s of CPU for forty options, half of a cached query.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches  # which Typer has loaded
from functools import cache
from itertools import groupby
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand
from typer.main import get_command
from typer.models import ArgumentInfo, OptionInfo, ParameterInfo

from rclip_like.errors import UsageError
from rclip_like.settings.options import ENVIRONMENT_PREFIX

PROGRAM = "clipfind"
_NEARLY_THE_SAME = 0.85
"""The ratio of difflib: a letter too many, too few or in another place."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One declared option or argument: its field's name, Typer's description, and its type."""

    field: str
    info: ParameterInfo
    kind: type
    choices: tuple[str, ...] = ()
    is_many: bool = False
    default: Any = MISSING
    group: str = ""

    @property
    def is_argument(self) -> bool:
        """Whether it is given by its place and not by a name."""
        return isinstance(self.info, ArgumentInfo)

    @property
    def takes_value(self) -> bool:
        """Whether a value follows its name."""
        return self.kind is not bool

    @property
    def names(self) -> tuple[str, ...]:
        """Every way to spell the option, `--no-` forms included."""
        declared = self.info.param_decls or () if isinstance(self.info, OptionInfo) else ()
        return tuple(name for each in declared for name in each.split("/"))

    @property
    def long_name(self) -> str:
        """The first name that begins with two dashes; an argument's metavar."""
        return next((name for name in self.names if name.startswith("--")), self.metavar)

    @property
    def metavar(self) -> str:
        """What stands for the value in help texts."""
        return self.info.metavar or "|".join(self.choices)

    @property
    def spelling(self) -> str:
        """Its names, short ones first, and what stands for its value, as help texts show them."""
        if self.is_argument:
            return self.metavar
        names = ", ".join(sorted(self.names, key=lambda name: name.startswith("--")))
        return f"{names} {self.metavar}" if self.takes_value else names

    @property
    def description(self) -> str:
        """Its help text, with the default where one is worth telling."""
        has_default = self.takes_value and self.default not in (MISSING, None, ())
        shown = f"{self.default:g}" if isinstance(self.default, float) else self.default
        return f"{self.info.help} [default: {shown}]" if has_default else str(self.info.help)

    @property
    def key(self) -> str | None:
        """Its key in the configuration file; None where it cannot be set there."""
        return self.long_name.removeprefix("--") if self.variable else None

    @property
    def variable(self) -> str | None:
        """The environment variable that sets it, where one does."""
        return self.info.envvar if isinstance(self.info.envvar, str) else None


def option(*names: str, help: str, **more: Any) -> Any:
    """Declare an option that belongs to one call of the program."""
    return typer.Option(..., *names, help=help, show_envvar=False, **more)


def setting(*names: str, help: str, **more: Any) -> Any:
    """Declare an option that the environment and the configuration file can set as well."""
    long_name = next(name for name in names if name.startswith("--")).split("/")[0]
    variable = ENVIRONMENT_PREFIX + long_name.removeprefix("--").replace("-", "_").upper()
    return option(*names, help=help, envvar=variable, **more)


def argument(metavar: str, *, help: str) -> Any:
    """Declare an argument that is given by its place."""
    return typer.Argument(..., metavar=metavar, help=help, show_default=False)


def declared_in(options: type) -> tuple[Declared, ...]:
    """Return what a dataclass declares: its own fields first, then those of its bases."""
    return _declarations(options)


@cache
def _declarations(options: type) -> tuple[Declared, ...]:
    hints = get_type_hints(options, include_extras=True)
    defaults = {field.name: field.default for field in fields(options)}
    return tuple(
        _declare(name, hints[name], defaults[name], owner)
        for owner in options.__mro__
        for name in inspect.get_annotations(owner)
        if get_origin(hints[name]) is Annotated
    )


def _declare(field: str, hint: Any, default: Any, owner: type) -> Declared:
    annotation, info = get_args(hint)
    kind = _without_none(annotation)
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    is_many = get_origin(kind) is tuple
    if choices:
        kind = str
    elif is_many:
        kind = get_args(kind)[0]
    return Declared(
        field=field,
        info=info,
        kind=kind,
        choices=choices,
        is_many=is_many,
        default=default,
        group=getattr(owner, "GROUP", ""),
    )


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        (kind,) = (each for each in get_args(annotation) if each is not NoneType)
        return kind
    return annotation


def typer_command(name: str, options: type, summary: str) -> TyperCommand:
    """Return the Typer command that takes the declared options and does nothing else."""
    app = typer.Typer(
        add_completion=False, rich_markup_mode=None, context_settings={"help_option_names": []}
    )
    declared = declared_in(options)
    grouped = type("Grouped", (GroupedCommand,), {"declared": declared})
    app.command(name, cls=grouped, help=summary)(_signed(declared))
    command = get_command(app)
    assert isinstance(command, TyperCommand)
    return command


class GroupedCommand(TyperCommand):
    """A command whose help lists its options in the groups they are declared in."""

    declared: ClassVar[tuple[Declared, ...]]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the command's name in its usage line."""
        return ["[OPTION]...", *(each.metavar for each in self.declared if each.is_argument)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write one section for each group."""
        for group, members in groupby(self.declared, key=lambda each: each.group):
            with formatter.section(group):
                formatter.write_dl([(each.spelling, each.description) for each in members])


def _signed(declared: Iterable[Declared]) -> Callable[..., None]:
    def callback(**values: object) -> None:
        """Take the place of a function with one parameter for each declared option."""

    parameters = [_parameter(each) for each in declared]
    callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    callback.__annotations__ = {each.name: each.annotation for each in parameters}
    return callback


def _parameter(declared: Declared) -> inspect.Parameter:
    kind: Any = list[str] if declared.is_many else declared.kind
    if not declared.is_many and declared.default is None:
        kind = kind | None
    default = inspect.Parameter.empty if declared.default is MISSING else declared.default
    return inspect.Parameter(
        declared.field,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if declared.is_many else default,
        annotation=Annotated[kind, declared.info],
    )


def split(command: TyperCommand, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the raw values that an argument list gives, by field: strings, lists and True.

    Raises UsageError for a name that is not declared, a value that is missing, a word too many.
    """
    context = typer.Context(command, info_name=command.name)
    try:
        values, leftover, _ = command.make_parser(context).parse_args(list(arguments))
    except typer.TyperException as error:
        told = _proposal(command, error) or _sentence(error)
        raise UsageError(f"{told}; see {PROGRAM} {command.name} --help") from error
    if leftover:
        raise UsageError(f"one word too many: {leftover[0]}; see {PROGRAM} {command.name} --help")
    return {field: value for field, value in values.items() if _is_given(value)}


def help_text(command: TyperCommand) -> str:
    """Return what `--help` prints for a command."""
    return command.get_help(typer.Context(command, info_name=f"{PROGRAM} {command.name}"))


def _is_given(value: object) -> bool:
    return value is not None and value != ()


def _proposal(command: TyperCommand, error: typer.TyperException) -> str | None:
    """Return a sentence on an option that is not there, with the one that is meant, if any.

    One that is as good as the same, and no other: Typer proposes up to three far ones.
    """
    typed = getattr(error, "option_name", None)
    if typed is None or not hasattr(error, "possibilities"):
        return None
    names = [
        name
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    ]
    close = get_close_matches(typed, names, n=1, cutoff=_NEARLY_THE_SAME)
    return f"no such option: {typed}" + "".join(f" (is {name} meant?)" for name in close)


def _sentence(error: typer.TyperException) -> str:
    text = error.format_message().strip().rstrip(".")
    return text[:1].lower() + text[1:]
