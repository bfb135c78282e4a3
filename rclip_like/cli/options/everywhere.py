"""What every command takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from rclip_like.cli.declare import option, setting

Switch = Literal["auto", "always", "never"]


@dataclass(frozen=True, kw_only=True)
class Everywhere:
    """What every command takes, before or after its name, and what may be without effect."""

    GROUP = "Everywhere"

    model: Annotated[
        str | None,
        setting(
            "--model",
            metavar="NAME",
            help="The model: builtin, ARCH/TAG, hf-hub:OWNER/NAME or a folder (./x, /x, ~/x). "
            "Default: the one chosen by 'models use', else builtin.",
        ),
    ] = None
    weights: Annotated[
        str | None,
        option(
            "--weights",
            metavar="FILE",
            help="A checkpoint to load into the architecture that --model names.",
        ),
    ] = None
    db: Annotated[
        str | None,
        setting("--db", metavar="FILE", help="The index to use in place of your own."),
    ] = None
    device: Annotated[
        Literal["auto", "cuda", "mps", "cpu"],
        setting("--device", metavar="NAME", help="Where the model runs: auto, cuda, mps or cpu."),
    ] = "auto"
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        setting(
            "--precision",
            metavar="NAME",
            help="How exactly it computes: auto, fp32, bf16 or fp16, slow where not native.",
        ),
    ] = "auto"
    threads: Annotated[
        int | None,
        setting("--threads", metavar="N", min=1, help="Threads and reading processes to use."),
    ] = None
    offline: Annotated[
        bool, setting("--offline", help="Never use the network, not for 'models' nor for a query.")
    ] = False
    color: Annotated[
        Switch,
        setting(
            "--color",
            metavar="WHEN",
            help="Colours and links: auto (on a terminal, unless NO_COLOR is set), always, never.",
        ),
    ] = "auto"
    quiet: Annotated[bool, setting("--quiet", "-q", help="Say nothing on stderr but errors.")] = (
        False
    )
    verbose: Annotated[
        bool,
        setting("--verbose", "-v", help="Say more: the model, what is unreadable or dropped."),
    ] = False
    debug: Annotated[bool, option("--debug", help="Show tracebacks.")] = False
    help: Annotated[bool, option("--help", "-h", help="Show this text and exit.")] = False
    given: frozenset[str] = frozenset()
    """The fields given on the command line itself."""
