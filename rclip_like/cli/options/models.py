"""The options of `models` and its commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from rclip_like.cli.declare import argument, option
from rclip_like.cli.options.everywhere import Everywhere


@dataclass(frozen=True, kw_only=True)
class ModelsListOptions(Everywhere):
    """What `models list` takes."""

    GROUP = "Models"

    json: Annotated[bool, option("--json", help="Print one JSON object a line.")] = False
    all: Annotated[
        bool, option("--all", help="Every model that can be downloaded, not only the recommended.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class ModelsShowOptions(Everywhere):
    """What `models show` takes."""

    GROUP = "Models"

    name: Annotated[str | None, argument("[NAME]", help="A model; none: the one in use.")] = None
    json: Annotated[bool, option("--json", help="Print one JSON object.")] = False


@dataclass(frozen=True, kw_only=True)
class ModelNameOptions(Everywhere):
    """What `models download`, `models use` and `models remove` take."""

    GROUP = "Models"

    name: Annotated[str, argument("NAME", help="builtin, ARCH/TAG, hf-hub:OWNER/NAME or a folder.")]
