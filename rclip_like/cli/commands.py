"""The commands, each with one sentence, and what `clipfind --help` and `--version` print."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from rclip_like import __version__
from rclip_like.cli.options import Everywhere
from rclip_like.settings import EVERYWHERE
from rclip_like.settings.declared import Declared, declared_in


class Command(NamedTuple):
    """One command: `run` names a module of this room, imported when needed, and its function.

    The function takes one value: its annotation is the class that declares the command's options.
    """

    name: str
    summary: str
    run: str
    bears_bad_configuration: bool = False
    """Whether it runs, and says so, where the configuration file holds nonsense."""

    def load(self) -> Callable[[Any], int]:
        """Return the function that runs the command with its options."""
        module, function = self.run.split(".")
        run: Callable[[Any], int] = getattr(import_module(f"rclip_like.cli.{module}"), function)
        return run

    @property
    def options(self) -> type:
        """The class of its options."""
        options: type = self.load().__annotations__["options"]
        return options

    @property
    def listed(self) -> tuple[Declared, ...]:
        """What acts in this command, as its help and the manual list it."""
        return _declared_for(self)[0]

    @property
    def accepted(self) -> tuple[Declared, ...]:
        """What may be typed: beside what acts here, the options that hold everywhere."""
        return sum(_declared_for(self), ())


@cache
def _declared_for(command: Command) -> tuple[tuple[Declared, ...], tuple[Declared, ...]]:
    """Return what acts in a command, and what else it accepts."""
    own = declared_in(command.options, command.name.partition(" ")[0].capitalize())
    everywhere = declared_in(Everywhere)
    names = {"--debug", "--help"} | {each.long_name for each in own}
    special = [each for each in own if each.group != EVERYWHERE]
    # A command may take an option that holds everywhere in its own way, such as several models.
    retaken = {each.long_name for each in special}
    shared = [each for each in everywhere if each.long_name in names - retaken]
    others = [each for each in everywhere if each.long_name not in names]
    return (*special, *shared), tuple(others)


_TABLE = (
    Command("search", "Find pictures by words or by a picture; the default command.", "search.run"),
    Command(
        "index", "Bring the index of folders up to date, without searching; for cron.", "index.run"
    ),
    Command(
        "serve",
        "Look at pictures and search them on a page in the browser.",
        "serve.run",
    ),
    Command(
        "preview",
        "Draw one picture in the terminal; for fzf and file managers, too.",
        "preview.run",
    ),
    Command(
        "classify",
        "Give each picture the likeliest of your own labels, without training anything.",
        "classify.run",
    ),
    Command(
        "probe",
        "Learn labels from a folder of labelled pictures, and measure how well.",
        "probe.run",
    ),
    Command(
        "duplicates",
        "Find equal and nearly equal pictures, and propose which to keep; change none.",
        "duplicates.run",
    ),
    Command("hide", "Leave pictures and their copies out of searches from now on.", "hiding.hide"),
    Command("unhide", "Let searches show hidden pictures again.", "hiding.unhide"),
    Command("save", "Save a search under a name.", "saved.save"),
    Command(
        "run",
        "Run a saved search; with --new only for what it has not shown yet, for cron.",
        "saved.run",
    ),
    Command("saved list", "List the saved searches.", "saved.list_saved"),
    Command("saved show", "Print the command that a saved search stands for.", "saved.show"),
    Command("saved remove", "Remove a saved search.", "saved.remove"),
    Command("name", "Give pictures a name, to search for what they show: @WORD.", "naming.name"),
    Command("names list", "List the names and what they stand for.", "naming.list_names"),
    Command("names show", "Print the paths of a name's indexed pictures.", "naming.show"),
    Command("names remove", "Remove a name; its pictures stay.", "naming.remove"),
    Command("names export", "Print names as JSON, for another index.", "naming.export"),
    Command("names import", "Take in names that were exported.", "naming.take_in"),
    Command(
        "status",
        "Show what is indexed, by which models, and what could not be read.",
        "upkeep.show_status",
    ),
    Command(
        "prune",
        "Drop deleted files from the index and free their space.",
        "upkeep.prune",
    ),
    Command(
        "forget",
        "Drop everything indexed under a PATH, there or not; pictures are not touched.",
        "upkeep.forget",
    ),
    Command(
        "export",
        "Write what is indexed into Parquet files, or a whole copy of the index.",
        "interchange.export",
    ),
    Command(
        "import",
        "Merge exported Parquet files into the index.",
        "interchange.take_in",
    ),
    Command(
        "relocate",
        "Follow a folder of pictures that was moved; nothing is encoded again.",
        "relocate.relocate",
    ),
    Command(
        "doctor",
        "Check the index and this installation; with --repair mend what is safe.",
        "upkeep.doctor",
        bears_bad_configuration=True,
    ),
    Command(
        "config show",
        "Show every setting with its value and where that comes from.",
        "config.show",
        bears_bad_configuration=True,
    ),
    Command(
        "config set",
        "Write a setting into the configuration file, keeping its comments.",
        "config.set_value",
        bears_bad_configuration=True,
    ),
    Command(
        "config unset",
        "Take a setting out of the configuration file.",
        "config.unset",
        bears_bad_configuration=True,
    ),
    Command(
        "config edit",
        "Open the configuration file in $VISUAL or $EDITOR, and check it afterwards.",
        "config.edit",
        bears_bad_configuration=True,
    ),
    Command(
        "config path",
        "Print the path of the configuration file, there or not.",
        "config.print_path",
        bears_bad_configuration=True,
    ),
    Command(
        "formats",
        "List picture formats: which are read here and what the others need.",
        "models.list_formats",
    ),
    Command(
        "models list",
        "List the models on this machine and the recommended ones.",
        "models.list_models",
    ),
    Command(
        "models show", "Show one model: its folder, size, dimension and fingerprint.", "models.show"
    ),
    Command(
        "models download",
        "Download a model; an interrupted download goes on where it stopped.",
        "models.download",
    ),
    Command(
        "models use", "Make a model this index's default, downloading it if needed.", "models.use"
    ),
    Command(
        "models remove",
        "Delete a downloaded model; its rows and Hugging Face's cache stay.",
        "models.remove",
    ),
    Command(
        "train",
        "Train a model on pictures with captions or labels, and say what it gained.",
        "train.run",
    ),
    Command(
        "evaluate",
        "Measure how well models find and label the pictures of a set.",
        "evaluate.run",
    ),
    Command(
        "completion",
        "Print a script by which a shell completes commands, options and values.",
        "completion.run",
    ),
)
COMMANDS = {command.name: command for command in _TABLE}

GROUPS = {
    group: [name for name in COMMANDS if name.startswith(f"{group} ")]
    for group in ("models", "names", "saved", "config")
}

BARE_GROUPS = {"config": "config show"}
"""What a group's name means without one of its commands."""

RESERVED = ("embed",)
"""Names of commands to come: they are never queries, so that scripts keep their meaning."""

WORDS = {
    "help": "Show the help on everything, or on one command: help search.",
    "version": "Show the version.",
}
"""Commands that take no options, with one sentence each."""

FIRST_WORDS = (*dict.fromkeys(name.split()[0] for name in COMMANDS), *WORDS, *RESERVED)

VERSION = f"clipfind {__version__}"
"""The line that `--version` prints."""

_HEAD = """\
Find photos by words or by pictures, on your own machine.

Usage: clipfind QUERY [PATH]...
       clipfind COMMAND ...

  clipfind "red car at night" ~/Pictures        the ten best, after indexing what is new
  clipfind holiday.jpg ~/Pictures -t 5          pictures like this one
  clipfind beach -a sunset -s people -f0        paths only, each ended by a NUL

Commands:
"""
_FOOT = """
QUERY alone is short for 'search QUERY': its options are in 'clipfind search --help'.
Every command has --help; the manual is 'man clipfind'."""


def overview(group: str | None = None) -> str:
    """Return the help on everything, or on one group of commands."""
    summaries = {name: COMMANDS[name].summary for name in GROUPS.get(group or "", COMMANDS)}
    if group is None:
        summaries |= WORDS
    width = max(map(len, summaries)) + 2
    lines = "\n".join(f"  {name:<{width}}{summary}" for name, summary in summaries.items())
    return f"Commands:\n{lines}" if group else _HEAD + lines + "\n" + _FOOT


def accepted_by_any(first: Command) -> Iterator[Declared]:
    """Yield what any command accepts, beginning with that one: what the settings may name.

    Each further command's module is imported only when the iteration comes to it.
    """
    for command in (first, *COMMANDS.values()):
        yield from command.accepted
