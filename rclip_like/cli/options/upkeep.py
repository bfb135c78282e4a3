"""The options of `prune`, `forget` and `doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from rclip_like.cli.declare import argument, option
from rclip_like.cli.options.everywhere import Everywhere


@dataclass(frozen=True, kw_only=True)
class Dropping:
    """What `prune` and `forget` take alike."""

    GROUP = "Upkeep"

    dry_run: Annotated[
        bool, option("--dry-run", help="Only show what would be dropped, by folder.")
    ] = False
    no_wait: Annotated[
        bool, option("--no-wait", help="Leave at once if another run writes to the index.")
    ] = False
    json: Annotated[bool, option("--json", help="Print one JSON object.")] = False


@dataclass(frozen=True, kw_only=True)
class PruneOptions(Dropping, Everywhere):
    """What `prune` takes."""

    GROUP = "Prune"

    paths: Annotated[
        tuple[str, ...],
        argument("[PATH]...", help="Folders or pictures, there or not; none: all that is indexed."),
    ] = ()
    models: Annotated[
        bool,
        option(
            "--models",
            help="Also what models have encoded that are not in use: all but --model, the index's "
            "default, and those of --keep.",
        ),
    ] = False
    keep: Annotated[
        tuple[str, ...],
        option(
            "--keep",
            metavar="NAME",
            help="With --models: a model to keep, by name, by folder, or by the beginning of its "
            "fingerprint as 'status' shows it. Repeatable.",
        ),
    ] = ()
    texts: Annotated[
        bool, option("--texts", help="Also the words of queries that were remembered.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class ForgetOptions(Dropping, Everywhere):
    """What `forget` takes."""

    GROUP = "Forget"

    paths: Annotated[
        tuple[str, ...], argument("PATH...", help="Folders or pictures, there or not.")
    ]


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(Everywhere):
    """What `doctor` takes."""

    GROUP = "Doctor"

    repair: Annotated[
        bool,
        option("--repair", help="Mend what can be mended safely, after a copy of the index."),
    ] = False
    json: Annotated[bool, option("--json", help="Print one JSON object.")] = False
