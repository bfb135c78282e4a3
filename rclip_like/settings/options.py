"""How a field of a settings class is set on the command line, as plain data."""

from __future__ import annotations

from typing import NamedTuple

ENVIRONMENT_PREFIX = "CLIPFIND_"
EVERYWHERE = "Everywhere"
"""The heading, beside an option, of what every command accepts and may stand before its name."""


class Option(NamedTuple):
    """How the command line sets a field; without names, it is an argument in its own position.

    names: every spelling, as `-t`, `--top` and `--collapse/--no-collapse`, which sets and unsets. A
    flag of a field that is True by default makes it False. min and max bound a number. variable:
    the environment variable that sets it as well; its name in the configuration file follows it.
    """

    names: tuple[str, ...]
    help: str
    metavar: str = ""
    min: float | None = None
    max: float | None = None
    variable: str | None = None

    @property
    def name(self) -> str:
        """Its first long name, which tells it apart from the others of a command; or the metavar.

        The same name in two settings classes is one option that sets both fields.
        """
        longs = (name.partition("/")[0] for name in self.names if name.startswith("--"))
        return next(longs, self.metavar)


def option(
    *names: str, help: str, metavar: str = "", min: float | None = None, max: float | None = None
) -> Option:
    """Declare an option that belongs to one call of the program."""
    return Option(names, help, metavar, min, max)


def setting(
    *names: str, help: str, metavar: str = "", min: float | None = None, max: float | None = None
) -> Option:
    """Declare an option that the environment and the configuration file can set as well."""
    long_name = names[0].removeprefix("--").partition("/")[0]
    variable = ENVIRONMENT_PREFIX + long_name.replace("-", "_").upper()
    return Option(names, help, metavar, min, max, variable)


def argument(metavar: str, *, help: str) -> Option:
    """Declare an argument, given by its position."""
    return Option((), help, metavar)
