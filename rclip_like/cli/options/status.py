"""The options of `status`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from rclip_like.cli.declare import argument, option
from rclip_like.cli.options.everywhere import Everywhere


@dataclass(frozen=True, kw_only=True)
class StatusOptions(Everywhere):
    """What `status` takes."""

    GROUP = "Status"

    paths: Annotated[
        tuple[str, ...],
        argument("[PATH]...", help="Folders or pictures, there or not; none: all that is indexed."),
    ] = ()
    json: Annotated[bool, option("--json", help="Print one JSON object.")] = False
