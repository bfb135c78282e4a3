"""The commands: name, one sentence, options, and the module that is imported when one runs."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

from rclip_like.cli.declare import Declared, declared_in
from rclip_like.cli.options.everywhere import Everywhere


class Command(NamedTuple):
    """One command: `module` and `function` run it with an instance of `options`.

    declared: module and class of its options in `cli.options`, imported when asked for.
    """

    name: str
    summary: str
    declared: str
    module: str
    function: str = "run"
    bears_bad_configuration: bool = False
    """Whether it runs, and says so, where the configuration file holds nonsense."""

    @property
    def options(self) -> type[Everywhere]:
        """What it takes."""
        module, name = self.declared.split(".")
        options: type[Everywhere] = getattr(import_module(f"rclip_like.cli.options.{module}"), name)
        return options


COMMANDS = {
    command.name: command
    for command in (
        Command(
            "search",
            "Find pictures by words or by a picture; the default command.",
            "search.SearchOptions",
            "rclip_like.cli.search",
        ),
        Command(
            "index",
            "Bring the index of folders up to date, without searching; for cron.",
            "index.IndexOptions",
            "rclip_like.cli.index",
        ),
        Command(
            "status",
            "Show what is indexed, by which models, and what could not be read.",
            "status.StatusOptions",
            "rclip_like.cli.status",
        ),
        Command(
            "prune",
            "Drop from the index what is gone from the disk, and free the room.",
            "upkeep.PruneOptions",
            "rclip_like.cli.prune",
        ),
        Command(
            "forget",
            "Drop from the index all that lies or lay under a PATH; pictures are not touched.",
            "upkeep.ForgetOptions",
            "rclip_like.cli.forget",
        ),
        Command(
            "doctor",
            "Check the index and this installation; with --repair mend what is safe.",
            "upkeep.DoctorOptions",
            "rclip_like.cli.doctor",
            bears_bad_configuration=True,
        ),
        Command(
            "formats",
            "List the formats of pictures, which are read here, and what the rest needs.",
            "formats.FormatsOptions",
            "rclip_like.cli.formats",
        ),
        Command(
            "models list",
            "List the models on this machine and the recommended ones.",
            "models.ModelsListOptions",
            "rclip_like.cli.models",
            "run_list",
        ),
        Command(
            "models show",
            "Show one model: its folder, size, dimension and fingerprint.",
            "models.ModelsShowOptions",
            "rclip_like.cli.models",
            "run_show",
        ),
        Command(
            "models download",
            "Download a model; an interrupted download goes on where it stopped.",
            "models.ModelNameOptions",
            "rclip_like.cli.models",
            "run_download",
        ),
        Command(
            "models use",
            "Make a model this index's default, downloading it if needed.",
            "models.ModelNameOptions",
            "rclip_like.cli.models",
            "run_use",
        ),
        Command(
            "models remove",
            "Delete a downloaded model; its rows and Hugging Face's cache stay.",
            "models.ModelNameOptions",
            "rclip_like.cli.models",
            "run_remove",
        ),
        Command(
            "train",
            "Train a model on pictures with captions and write a model folder.",
            "train.TrainOptions",
            "rclip_like.cli.train",
        ),
    )
}


def every_option() -> Iterator[Declared]:
    """Yield all that any command declares: what the configuration file may hold."""
    for command in COMMANDS.values():
        yield from declared_in(command.options)


GROUPS = {"models": [name for name in COMMANDS if name.startswith("models ")]}

RESERVED = (
    "classify",
    "probe",
    "evaluate",
    "duplicates",
    "export",
    "import",
    "embed",
    "serve",
    "preview",
    "config",
    "completion",
)
"""Names of commands to come: they are never queries, so that scripts keep their meaning."""

WORDS = {
    "help": "Show the help on everything, or on one command: help search.",
    "version": "Show the version.",
}
"""Commands that take no options, with one sentence each."""

FIRST_WORDS = (*dict.fromkeys(name.split()[0] for name in COMMANDS), *WORDS, *RESERVED)
