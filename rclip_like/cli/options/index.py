"""The options of `index`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from rclip_like.cli.declare import option
from rclip_like.cli.options.everywhere import Everywhere
from rclip_like.cli.options.pictures import Paths, Reading, Sources, Walking


@dataclass(frozen=True, kw_only=True)
class IndexOptions(Walking, Reading, Sources, Everywhere):
    """What `index` takes."""

    GROUP = "Indexing"

    paths: Paths = ()
    everywhere: Annotated[
        bool, option("--all", help="Bring all folders up to date that were indexed before.")
    ] = False
    max_time: Annotated[
        float,
        option(
            "--max-time", metavar="SECONDS", min=0, help="Stop cleanly after so long; 0: never."
        ),
    ] = 0.0
    no_wait: Annotated[
        bool, option("--no-wait", help="Leave at once, with status 0, if another run indexes.")
    ] = False
    retry: Annotated[
        bool, option("--retry", help="Try unreadable pictures again that have not changed.")
    ] = False
    verify: Annotated[
        bool,
        option(
            "--verify",
            help="Read known pictures again, too, and encode anew those whose content changed "
            "though nothing else about the file did. Stopped, it goes on the next time.",
        ),
    ] = False
    strict: Annotated[
        bool, option("--strict", help="Exit with status 2 if anything cannot be read.")
    ] = False
