"""What the fields of settings classes declare for the command line, and how they get values.

All of it is plain data, and knows nothing of what reads a command line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from rclip_like.settings.folders import ENVIRONMENT_PREFIX

Settings = TypeVar("Settings")

EVERYWHERE = "Everywhere"
"""The heading of options that every command accepts and that may stand before its name."""

REQUIRED: Any = object()
"""Stands for the default of a field that has none."""


class Option(NamedTuple):
    """An option that belongs to one call of the program.

    names: every spelling, the first one long, as `--top -t` and `--collapse/--no-collapse`, which
    sets and unsets; the same first name in two classes is one option that sets both fields. A flag
    of a field that is True by default makes it False. min and max bound a number. word: a value
    that is not read as the type of the others.
    """

    names: str
    help: str
    metavar: str = ""
    min: float | None = None
    max: float | None = None
    word: str | None = None


class Setting(Option):
    """An option that the environment and the configuration file can set as well."""

    __slots__ = ()


class Argument(NamedTuple):
    """A field that is given by its position."""

    metavar: str
    help: str


class Declared(NamedTuple):
    """One option or argument: what its field says of it, its type and its default.

    long_name: an option's first name or an argument's metavar; it is unique within a command.
    names: every way to spell the option, `--no-` forms included. kind: the type of one value, for
    which `metavar` stands in help texts. words: values that are words where others are numbers.
    variable: the environment variable that sets it, if any.
    is_inverse: the flag makes a field False. `default`, like every value outside the settings, is
    then that of the flag, so False.
    """

    long_name: str
    option: Option | Argument
    kind: type
    names: tuple[str, ...]
    metavar: str
    is_argument: bool
    takes_value: bool
    choices: tuple[str, ...] = ()
    is_many: bool = False
    is_inverse: bool = False
    default: Any = REQUIRED
    variable: str | None = None
    group: str = ""
    words: tuple[str, ...] = ()

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
        has_default = self.takes_value and self.default not in (REQUIRED, None, (), Path())
        shown = f"{self.default:g}" if isinstance(self.default, float) else self.default
        return f"{self.option.help} [default: {shown}]" if has_default else self.option.help

    @property
    def key(self) -> str | None:
        """Its key in the configuration file; None where it cannot be set there."""
        return self.long_name.removeprefix("--") if self.variable else None


def declared_in(settings: Callable[..., Any], heading: str = "") -> tuple[Declared, ...]:
    """Return what a class and those composed in it declare, by headings in order of appearance.

    heading: that of fields which have none of their own. An option that several fields carry is
    returned once.
    """
    groups: dict[str, dict[str, Declared]] = {}
    seen = set()
    for each in _declarations(settings, heading):
        if each.long_name not in seen:
            groups.setdefault(each.group, {})[each.long_name] = each
        seen.add(each.long_name)
    return tuple(each for group in groups.values() for each in group.values())


def _declarations(settings: Callable[..., Any], heading: str) -> Iterator[Declared]:
    for part, own_heading in _parts(settings).values():
        if isinstance(part, Declared):
            yield part._replace(group=own_heading or heading)
        else:
            yield from _declarations(part, own_heading or heading)


def compose(settings: Callable[..., Settings], values: Mapping[str, Any]) -> Settings:
    """Return an instance of the class, and of those composed in it, with values by long name."""
    fields = {}
    for field, (part, _) in _parts(settings).items():
        if isinstance(part, Declared):
            value = values[part.long_name]
            fields[field] = not value if part.is_inverse else value
        else:
            fields[field] = compose(part, values)
    return settings(**fields)


def changed(settings: Any) -> Iterator[tuple[Declared, Any]]:
    """Yield what an instance, and those composed in it, declare of fields that are not as by
    default, each with its value.
    """
    kind: Callable[..., Any] = type(settings)
    defaults = _defaults(kind) or {}
    for field, (part, _) in _parts(kind).items():
        value = getattr(settings, field)
        if not isinstance(part, Declared):
            if value is not None:
                yield from changed(value)
        elif value != defaults.get(field, REQUIRED):
            yield part, value


@cache
def _parts(settings: Callable[..., Any]) -> dict[str, tuple[Declared | type, str]]:
    """Return the fields that carry an option or are settings themselves, each with its heading."""
    parts: dict[str, tuple[Declared | type, str]] = {}
    defaults = _defaults(settings) or {}
    for field, hint in get_type_hints(settings, include_extras=True).items():
        annotation, *data = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        option = next((each for each in data if isinstance(each, Option | Argument)), None)
        heading = next((each for each in data if type(each) is str), "")
        kind = annotation
        words: tuple[str, ...] = ()
        if get_origin(annotation) in (Union, UnionType):
            several = [each for each in get_args(annotation) if each is not NoneType]
            kind, *literals = sorted(several, key=lambda each: not isinstance(each, type))
            words = tuple(word for each in literals for word in get_args(each))
        if option is not None:
            declared = _declare(option, kind, defaults.get(field, REQUIRED))
            if isinstance(option, Option) and option.word is not None:
                words = (option.word,)
            parts[field] = declared._replace(words=words), heading
        elif isinstance(kind, type) and _defaults(kind) is not None:
            parts[field] = kind, heading
    return parts


def _declare(option: Option | Argument, kind: Any, default: Any) -> Declared:
    first = option.metavar if isinstance(option, Argument) else option.names.split()[0]
    long_name = first.partition("/")[0]
    variable = ENVIRONMENT_PREFIX + long_name.removeprefix("--").replace("-", "_").upper()
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    is_many = get_origin(kind) is tuple
    is_inverse = kind is bool and default is True
    return Declared(
        long_name=long_name,
        option=option,
        names=() if isinstance(option, Argument) else tuple(option.names.replace("/", " ").split()),
        metavar=option.metavar or "|".join(choices),
        is_argument=isinstance(option, Argument),
        takes_value=kind is not bool,
        kind=str if choices else get_args(kind)[0] if is_many else kind,
        choices=choices,
        is_many=is_many,
        is_inverse=is_inverse,
        default=False if is_inverse else default,
        variable=variable if isinstance(option, Setting) else None,
    )


def _defaults(settings: Callable[..., Any]) -> dict[str, Any] | None:
    """Return the defaults of a named tuple or dataclass, None for any other type."""
    if hasattr(settings, "__dataclass_fields__"):
        from dataclasses import MISSING, fields

        every: Any = fields(settings)  # type: ignore[arg-type]
        return {each.name: each.default for each in every if each.default is not MISSING}
    defaults: dict[str, Any] | None = getattr(settings, "_field_defaults", None)
    return defaults
