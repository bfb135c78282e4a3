"""The settings of a training run."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from rclip_like.data.options import PairOptions
from rclip_like.errors import Remedy, UsageError
from rclip_like.settings import (
    Argument,
    Device,
    ModelName,
    Option,
    Precision,
    Threads,
    Weights,
)

Positives: TypeAlias = Literal["left-out", "positive"]
"""What counts for pairs with equal captions, labels or pictures: neither right nor wrong, or
right."""


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How long and how fast one loop learns.

    An epoch visits every pair once; there are at least `least_steps` steps, whatever the epochs.
    `warm_up` is a share of all steps. `weight_decay` pulls weights towards zero and `penalty`
    towards where they began, both decoupled from the gradient; both spare gains, biases and the
    logit scale. `lr` is the highest rate, that of the text projection and low-rank additions; the
    layers within the towers and the image projection learn at `towers_lr_share` of it. piece_size:
    how many pairs of a batch are in memory at a time, None for all of them; the result does not
    depend on it.
    """

    epochs: int = 10
    batch_size: int = 256
    lr: float = 1e-4
    towers_lr_share: float = 1.0
    seed: int = 0
    warm_up: float = 0.05
    weight_decay: float = 0.1
    penalty: float = 0.0
    max_gradient: float = 1.0
    least_steps: int = 0
    piece_size: int | None = None
    positives: Positives = "left-out"


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """What a user asks of the loops; None leaves it to the plan."""

    epochs: Annotated[
        int | None,
        Option(
            "--epochs",
            metavar="N",
            min=1,
            help="How often each picture is learnt from at most. Default: decided by the number "
            "of pairs, at least 100 steps.",
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        Option(
            "--batch-size",
            metavar="N",
            min=2,
            help="Pairs that are told apart in a step; more learn better. Default: decided by the "
            "number of pairs, up to 256.",
        ),
    ] = None
    piece_size: Annotated[
        int | None,
        Option(
            "--piece-size",
            metavar="N",
            min=1,
            help="Pairs of a step that are in memory at a time; the result does not depend on it. "
            "Default: what memory allows.",
        ),
    ] = None
    lr: Annotated[
        float | None,
        Option(
            "--lr",
            metavar="X",
            min=0,
            help="How fast to learn, as the highest learning rate. Default: the preset's, between "
            "1e-5 and 2e-4; try a smaller one if the loss rises.",
        ),
    ] = None
    seed: Annotated[
        int,
        Option(
            "--seed",
            metavar="N",
            min=0,
            help="The number that decides all that is drawn by chance.",
        ),
    ] = 0
    weight_decay: float | None = None

    def check(self) -> None:
        """Raise UsageError for numbers with which no run makes sense."""
        wrong = {
            "epochs": self.epochs is not None and self.epochs < 1,
            "batch_size": self.batch_size is not None and self.batch_size < 2,
            "piece_size": self.piece_size is not None and self.piece_size < 1,
            "lr": self.lr is not None and not 0 < self.lr < 1,
            "seed": self.seed < 0,
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(f"{name} {getattr(self, name)} makes no sense")


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """One run of `clipfind train`.

    data: captioned or labelled pictures as `open_pairs` recognises them. output: the model folder
    to write; it must not exist, be empty, or hold the checkpoint of the same run, which then goes
    on. pairs: the columns of a table.
    templates: as `templates_of` takes them; None: the set's own, else `photo`. model:
    as `--model` everywhere, None for `builtin`; weights: as `--weights`. preset: which parameters
    are trained; `auto` decides by the number of pairs, the model and the machine. folds: how many
    parts take turns in being held out; 0 for one part, `held_out`, the share of pictures, chosen by
    content, that only measures; None for folds where there are few pairs. augments: whether
    pictures that are not turned into features once are cropped and mirrored. alpha: how far from
    the starting model (0) to the trained one (1) the saved model lies; None chooses by what is
    gained and what is forgotten. retain: a set on which nothing may be forgotten. tolerance: the
    share of unusable pairs beyond which the run stops. precision: fp32, which auto stands for, or
    bf16, in which the towers compute while weights and loss stay in fp32.
    """

    data: Annotated[
        Path,
        Argument(
            "DATA",
            help="Pictures with captions or labels: a folder with x.txt beside x.jpg, a folder "
            "for each label, a table (.csv, .tsv, .jsonl), or tar shards; see SETS in the manual.",
        ),
    ]
    output: Annotated[
        Path,
        Option(
            "--output -o",
            metavar="DIR",
            help="The model folder to write; an interrupted run goes on there. Required except "
            "with --dry-run.",
        ),
    ] = Path()
    model: ModelName = None
    weights: Weights = None
    pairs: PairOptions = field(default_factory=PairOptions)
    templates: Annotated[
        str | None,
        Option(
            "--templates",
            metavar="NAME|TEXT|FILE",
            help="The sentences that each label of a labelled set is put into, as for classify. "
            "Default: those that come with DATA, else photo.",
        ),
    ] = None
    preset: Annotated[
        Literal["auto", "head", "last", "all", "lora"],
        Option(
            "--preset",
            help="What is trained: the projections (head), the last layers too (last), all, or "
            "low-rank additions to the attention layers (lora). auto decides by the data.",
        ),
    ] = "auto"
    lock_image_tower: Annotated[
        bool,
        Option(
            "--lock-image-tower",
            help="Leave the part that looks at pictures as it is, but for its last projection: "
            "much faster, and less memory.",
        ),
    ] = False
    unlock_image_tower: Annotated[
        bool,
        Option(
            "--unlock-image-tower",
            help="Train the part that looks at pictures, too, even if nothing is there to measure "
            "what it forgets.",
        ),
    ] = False
    loop: LoopOptions = LoopOptions()
    folds: Annotated[
        int | None,
        Option(
            "--folds",
            metavar="N",
            min=0,
            help="Train N times more, each time without another Nth of the pairs, to measure the "
            "gain on all of them; 0: one tenth is held out instead. Default: 5 for 10 to 999 "
            "pairs, else 0.",
        ),
    ] = None
    held_out: float = 0.1
    augments: bool = True
    retain: Annotated[
        Path | None,
        Option(
            "--retain",
            metavar="DATA",
            help="Pictures with labels or captions that the model finds today, and of which it may "
            "forget one point (one in a hundred) at most.",
        ),
    ] = None
    alpha: Annotated[
        float | None,
        Option(
            "--alpha",
            metavar="X",
            min=0,
            max=1,
            help="How much of what was learnt is saved, from 0 (the start) to 1 (all). Default: "
            "what gains most and forgets at most one point.",
        ),
    ] = None
    positives: Annotated[
        Positives,
        Option(
            "--positives",
            help="How pictures count for each other's captions if captions, labels or pictures "
            "are equal: as neither right nor wrong (left-out), or as right (positive).",
        ),
    ] = "left-out"
    tolerance: Annotated[
        float,
        Option(
            "--tolerance",
            metavar="X",
            min=0,
            max=1,
            help="The share of unusable pairs, such as damaged pictures, beyond which the run "
            "stops; 0.1 is one in ten.",
        ),
    ] = 0.1
    checkpoint_seconds: float = 60.0
    device: Device = "auto"
    precision: Precision = "auto"
    threads: Threads = None

    @property
    def computed_in(self) -> str:
        """What the towers compute in: fp32 or bf16."""
        return "fp32" if self.precision == "auto" else self.precision

    def check(self) -> None:
        """Raise UsageError for settings with which no run makes sense."""
        self.loop.check()
        if self.computed_in not in ("fp32", "bf16"):
            raise UsageError(
                f"train computes in fp32 and bf16, not in {self.precision}",
                Remedy.USE_FULL_PRECISION,
            )
