"""The options of `formats`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from rclip_like.cli.declare import option
from rclip_like.cli.options.everywhere import Everywhere


@dataclass(frozen=True, kw_only=True)
class FormatsOptions(Everywhere):
    """What `formats` takes."""

    GROUP = "Formats"

    json: Annotated[bool, option("--json", help="Print one JSON object a line.")] = False
