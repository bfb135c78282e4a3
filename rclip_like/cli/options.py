"""Options that several commands share, and those that hold everywhere.

A command's own stand in its module: a class composed of these, of settings classes and of fields.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from rclip_like.errors import UsageError
from rclip_like.output.stream import Talk
from rclip_like.settings import (
    EVERYWHERE,
    Argument,
    EncoderSettings,
    LibraryChoice,
    LibrarySettings,
    Option,
    ReadSettings,
    Setting,
    WebSettings,
)
from rclip_like.settings.beside import BESIDE

if TYPE_CHECKING:
    from rclip_like.library import Library

WAITING = "another run writes to the index; waiting for it to finish"
"""What a command says before it waits for the indexer's lock."""

Paths = Annotated[
    tuple[str, ...], Argument("[PATH]...", help="Folders or pictures; none: the current folder.")
]
IndexedPaths = Annotated[
    tuple[str, ...],
    Argument(
        "[PATH]...", help="Folders or pictures, existing or not; default: everything indexed."
    ),
]
Offline = Annotated[
    bool,
    Setting("--offline", help="Never use the network, neither for 'models' nor for a query."),
    EVERYWHERE,
]
Color = Annotated[
    Literal["auto", "always", "never"],
    Setting(
        "--color",
        metavar="WHEN",
        help="Colours, and links where a terminal shows them: auto (on a terminal, unless NO_COLOR "
        "is set), always (in a pipe, too), never.",
    ),
    EVERYWHERE,
]
JsonObject = Annotated[bool, Option("--json", help="Print one JSON object.")]
JsonLines = Annotated[bool, Option("--json", help="Print one JSON object per line.")]
ReportFolder = Annotated[
    Path | None,
    Option(
        "--report",
        metavar="DIR",
        help="Write the report into DIR: report.html, report.md, report.json and a PNG per chart.",
    ),
]

Given = Mapping[str, Any]
"""What was typed, by long name: words, lists of words, and True for flags."""
NOTHING_GIVEN: Given = MappingProxyType({})


class Everywhere(NamedTuple):
    """What every command accepts, before or after its name, even if it does not act there."""

    library: LibraryChoice = LibraryChoice()
    encoder: EncoderSettings = EncoderSettings()
    offline: Offline = False
    color: Color = "auto"
    talk: Talk = Talk()
    debug: Annotated[bool, Option("--debug", help="Show tracebacks."), EVERYWHERE] = False
    help: Annotated[bool, Option("--help -h", help="Show this text and exit."), EVERYWHERE] = False


def refuse_without_effect(given: Given, pairs: Iterable[tuple[str, str]]) -> None:
    """Raise UsageError if both options of a pair were typed: the second does nothing then."""
    for first, second in pairs:
        if {first, second} <= given.keys():
            if (first, second) == ("--all", "[PATH]..."):
                raise UsageError("--all covers everything indexed; leave out the paths")
            raise UsageError(f"{second} has no effect together with {first}")


def refuse_alone(given: Given, *rules: tuple[str, ...]) -> None:
    """Raise UsageError if the first option of a rule was typed without any of the others."""
    for option, *needed in rules:
        if option in given and given.keys().isdisjoint(needed):
            *most, last = needed
            listed = f"{', '.join(most)} or {last}" if most else last
            raise UsageError(f"{option} has no effect without {listed}")


def with_database(typed: Mapping[str, Any], database: Path | None) -> str:
    """Return ` --db FILE` for a command to propose if it was typed, "" if not.

    `beside` may mean another index in another folder, so that one is named by its path.
    """
    import shlex

    word = typed.get("--db")
    return f" --db {shlex.quote(str(database) if word == BESIDE else word)}" if word else ""


def open_library(
    choice: LibraryChoice,
    encoder: EncoderSettings = EncoderSettings(),  # noqa: B008 - a frozen value, as the others
    read: ReadSettings = ReadSettings(),  # noqa: B008
    web: WebSettings = WebSettings(),  # noqa: B008
) -> "Library":
    """Return the library chosen; its index is opened when needed."""
    from rclip_like.library import Library  # help and completion do without

    return Library.of(LibrarySettings(choice, encoder, read, web))
