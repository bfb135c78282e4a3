"""How a field of a settings class is set on the command line, as plain data."""

from __future__ import annotations

from typing import NamedTuple

ENVIRONMENT_PREFIX = "CLIPFIND_"
EVERYWHERE = "Everywhere"
"""The heading, beside an option, of what every command accepts and may stand before its name."""


class Option(NamedTuple):
    """An option that belongs to one call of the program.

    names: every spelling, the first one long, as `--top -t` and `--collapse/--no-collapse`, which
    sets and unsets; the same first name in two classes is one option that sets both fields. A flag
    of a field that is True by default makes it False. min and max bound a number.
    """

    names: str
    help: str
    metavar: str = ""
    min: float | None = None
    max: float | None = None


class Setting(Option):
    """An option that the environment and the configuration file can set as well."""

    __slots__ = ()


class Argument(NamedTuple):
    """A field that is given by its position."""

    metavar: str
    help: str
