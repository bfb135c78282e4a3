"""The settings of a run of `probe`, its progress and its result."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from rclip_like.errors import UsageError
from rclip_like.settings import Option, Threads
from rclip_like.values import Trouble

if TYPE_CHECKING:
    from rclip_like.evaluate.probe_file import Probe
    from rclip_like.evaluate.report import Report

SHOTS = (1, 2, 4, 8, 16)
_MOST_REPEATS = 1000


class ProbeSettings(NamedTuple):
    """How a probe is fitted and measured.

    features: `index` for embeddings, `tower` for features of the image tower before projection.
    shots: the k of the few-shot curve, ascending; () leaves the curve out. templates: of the
    zero-shot labels beside it, as `templates_of` takes them; None: the set's own, else `photo`.
    threads: how many fits run at a time; no figure depends on it.
    """

    features: Annotated[
        Literal["index", "tower"],
        Option(
            "--features",
            metavar="KIND",
            help="What the probe is fitted on: index (embeddings; indexed pictures are not encoded "
            "again) or tower (features before projection, as in the paper; encodes all pictures).",
        ),
    ] = "index"
    shots: tuple[int, ...] = SHOTS
    repeats: Annotated[
        int,
        Option(
            "--repeats",
            metavar="N",
            min=2,
            max=_MOST_REPEATS,
            help="Draws for each number of shots; fewer than 10 give wide intervals.",
        ),
    ] = 10
    seed: Annotated[
        int,
        Option("--seed", metavar="N", min=0, help="The seed of the split and of all draws."),
    ] = 0
    templates: Annotated[
        str | None,
        Option(
            "--templates",
            metavar="NAME",
            help="Templates of the zero-shot labels beside the probe: none, photo, simple, "
            "imagenet80, a text with {}, or a file with one per line. Default: the folder's own, "
            "else photo.",
        ),
    ] = None
    threads: Threads = None

    def check(self) -> None:
        """Raise UsageError for settings that are out of range."""
        if any(k < 1 for k in self.shots) or list(self.shots) != sorted(set(self.shots)):
            raise UsageError("the numbers of shots must be whole, at least 1, and ascending")
        if not 2 <= self.repeats <= _MOST_REPEATS:
            raise UsageError(f"repeats must be 2 to {_MOST_REPEATS:,}, not {self.repeats}")
        if self.seed < 0:
            raise UsageError(f"the seed must be at least 0, not {self.seed}")


class ProbeProgress(NamedTuple):
    """How far a run is: `encoding` counts pictures, `fitting` counts fits; total None: unknown.

    expected_seconds: an estimate for all fits, given once before the first of them.
    """

    stage: Literal["encoding", "fitting"]
    done: int
    total: int | None
    expected_seconds: float | None = None


class Probed(NamedTuple):
    """A fitted probe, the report on it, and the pictures and files that could not be used."""

    probe: "Probe"
    report: "Report"
    troubles: tuple[Trouble, ...]


OnProgress = Callable[[ProbeProgress], None]
