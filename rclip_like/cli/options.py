"""The options of every command, each declared once; the manual and the settings read them too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from rclip_like.cli.declare import argument, option, setting
from rclip_like.train.settings import LoopSettings

_LOOP = LoopSettings()
Switch = Literal["auto", "always", "never"]
Paths = Annotated[
    tuple[str, ...], argument("[PATH]...", help="Folders or pictures; none: the current folder.")
]


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
            help="How exactly it computes: auto, fp32, bf16 or fp16.",
        ),
    ] = "auto"
    threads: Annotated[
        int | None,
        setting("--threads", metavar="N", min=1, help="Threads and reading processes to use."),
    ] = None
    offline: Annotated[
        bool, setting("--offline", help="Never use the network, also not for 'models'.")
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
        setting("--verbose", "-v", help="Say more: the model, and pictures found unreadable."),
    ] = False
    debug: Annotated[bool, option("--debug", help="Show tracebacks.")] = False
    help: Annotated[bool, option("--help", "-h", help="Show this text and exit.")] = False
    given: frozenset[str] = frozenset()
    """The fields given on the command line itself."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where the paths come from, beside the command line."""

    GROUP = "Paths"

    files_from: Annotated[
        str | None,
        option(
            "--files-from", metavar="FILE", help="Read more PATHs from FILE, one a line; -: stdin."
        ),
    ] = None
    files0_from: Annotated[
        str | None,
        option("--files0-from", metavar="FILE", help="The same, each PATH ended by a NUL."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Walking:
    """Which pictures under the paths are meant."""

    GROUP = "Which pictures"

    exclude: Annotated[
        tuple[str, ...],
        setting(
            "--exclude",
            metavar="GLOB",
            help="Leave out what matches, as in .gitignore; with or without a slash at the end. "
            "Repeatable. Rows of pictures left out stay in the index.",
        ),
    ] = ()
    glob: Annotated[
        tuple[str, ...],
        option("--glob", metavar="GLOB", help="Only pictures that match. Repeatable."),
    ] = ()
    hidden: Annotated[bool, setting("--hidden", help="Also hidden files and folders.")] = False
    no_ignore: Annotated[
        bool, setting("--no-ignore", help="Do not respect .ignore and .clipfindignore files.")
    ] = False
    follow: Annotated[bool, setting("--follow", "-L", help="Follow symbolic links.")] = False
    one_file_system: Annotated[
        bool, setting("--one-file-system", help="Stay on the file system of each PATH.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class SearchOptions(Walking, Sources, Everywhere):
    """What `search` takes."""

    GROUP = "Search"

    query: Annotated[
        str, argument("QUERY", help="Words, or a picture: an existing file or a file:// address.")
    ]
    paths: Paths = ()
    add: Annotated[
        tuple[str, ...],
        option("--add", "-a", metavar="QUERY", help="Add words or a picture. Repeatable."),
    ] = ()
    subtract: Annotated[
        tuple[str, ...],
        option(
            "--subtract", "-s", metavar="QUERY", help="Subtract words or a picture. Repeatable."
        ),
    ] = ()
    top: Annotated[
        int,
        setting("--top", "-t", metavar="N", min=0, help="Show the N best; 0 shows all."),
    ] = 10
    min_score: Annotated[
        float | None,
        setting(
            "--min-score", metavar="X", min=-1, max=1, help="Only scores (cosines) of X or more."
        ),
    ] = None
    within: Annotated[
        float | None,
        setting("--within", metavar="X", min=0, max=2, help="Only scores within X of the best."),
    ] = None
    files: Annotated[bool, option("--files", "-f", help="Print paths only.")] = False
    null: Annotated[
        bool, option("--null", "-0", help="End each result with a NUL, not with a new line.")
    ] = False
    json: Annotated[bool, option("--json", help="Print one JSON object a line.")] = False
    format: Annotated[
        str | None,
        option(
            "--format",
            metavar="TEMPLATE",
            help="Print each result as TEMPLATE says: {path} {score} {rank} {model}, \\t \\n \\0.",
        ),
    ] = None
    no_index: Annotated[
        bool, option("--no-index", "-n", help="Search what is indexed; look for nothing new.")
    ] = False
    max_time: Annotated[
        float,
        setting(
            "--max-time",
            metavar="SECONDS",
            min=0,
            help="Index for so long before answering; 0: until it is done.",
        ),
    ] = 60.0
    everywhere: Annotated[
        bool, option("--all", help="Search all that is indexed, wherever it lies.")
    ] = False
    text: Annotated[
        bool, option("--text", help="Read every query as words, also those like paths.")
    ] = False
    image: Annotated[bool, option("--image", help="Read every query as a picture's path.")] = False
    template: Annotated[
        Literal["none", "photo", "all"],
        setting(
            "--template",
            metavar="NAME",
            help="Sentences to put words into: none, photo ('a photo of a ...') or all.",
        ),
    ] = "none"
    sort: Annotated[
        Literal["score", "date", "path"],
        setting("--sort", metavar="KEY", help="Order those kept by score, date or path."),
    ] = "score"
    collapse: Annotated[
        bool | None,
        setting(
            "--collapse/--no-collapse",
            help="Show equal files once. Default: on a terminal's table only.",
        ),
    ] = None
    explain: Annotated[
        bool, option("--explain", help="Show the score of each part of the query.")
    ] = False
    no_cache: Annotated[
        bool, setting("--no-cache", help="Do not remember the words of this query.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class IndexOptions(Walking, Sources, Everywhere):
    """What `index` takes."""

    GROUP = "Indexing"

    paths: Paths = ()
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
    strict: Annotated[
        bool, option("--strict", help="Exit with status 2 if any picture is unreadable.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class StatusOptions(Everywhere):
    """What `status` takes."""

    GROUP = "Status"

    paths: Annotated[
        tuple[str, ...],
        argument("[PATH]...", help="Folders or pictures; none: all that is indexed."),
    ] = ()
    json: Annotated[bool, option("--json", help="Print one JSON object.")] = False


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
