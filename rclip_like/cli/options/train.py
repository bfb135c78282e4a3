"""The options of `train`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from rclip_like.cli.declare import argument, option
from rclip_like.cli.options.everywhere import Everywhere
from rclip_like.train.settings import LoopSettings

_LOOP = LoopSettings()


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Everywhere):
    """What `train` takes; `--model` names the model to start from."""

    GROUP = "Training"

    data: Annotated[
        str,
        argument("DATA", help="A folder of pictures with same-named .txt files, or tar shards."),
    ]
    output: Annotated[
        str,
        option(
            "--output",
            "-o",
            metavar="DIR",
            help="The model folder to write; an interrupted run goes on there. Required.",
        ),
    ]
    lock_image_tower: Annotated[
        bool, option("--lock-image-tower", help="Leave the image tower as it is; much faster.")
    ] = False
    epochs: Annotated[int, option("--epochs", metavar="N", min=1, help="Passes over the data.")] = (
        _LOOP.epochs
    )
    batch_size: Annotated[int, option("--batch-size", metavar="N", min=2, help="Pairs a step.")] = (
        _LOOP.batch_size
    )
    lr: Annotated[float, option("--lr", metavar="X", min=0, help="The highest learning rate.")] = (
        _LOOP.lr
    )
    seed: Annotated[
        int, option("--seed", metavar="N", min=0, help="The seed of all that is drawn by chance.")
    ] = _LOOP.seed
