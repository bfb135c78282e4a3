"""Options that several settings have, or commands in common."""

# No `from __future__ import annotations`, as in the package itself.

from pathlib import Path
from typing import Annotated, Literal

from rclip_like.settings.declared import EVERYWHERE, Option, Setting

Threads = Annotated[
    int | None,
    Setting("--threads", metavar="N", min=1, help="Threads and reading processes to use."),
    EVERYWHERE,
]
Device = Annotated[
    Literal["auto", "cuda", "mps", "cpu"],
    Setting("--device", metavar="NAME", help="Where the model runs: auto, cuda, mps or cpu."),
    EVERYWHERE,
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16", "fp16"],
    Setting(
        "--precision",
        metavar="NAME",
        help="Numeric precision: auto, fp32, bf16 or fp16; slow without hardware support.",
    ),
    EVERYWHERE,
]
ModelName = Annotated[
    str | None,
    Setting(
        "--model",
        metavar="MODEL",
        help="The model: builtin, ARCH/TAG, hf-hub:OWNER/NAME or a folder (./x, /x, ~/x). "
        "Default: the one chosen by 'models use', else builtin.",
    ),
    EVERYWHERE,
]
Weights = Annotated[
    Path | None,
    Option(
        "--weights",
        metavar="FILE",
        help="A checkpoint to load into the architecture that --model names.",
    ),
    EVERYWHERE,
]
Tiles = Annotated[
    bool,
    Setting(
        "--tiles",
        help="Also compare crops of panoramas and long screenshots (longer than 2:1), which takes "
        "as long as up to 16 more pictures each. Those indexed before get theirs now.",
    ),
]
