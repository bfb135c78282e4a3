"""The options of `search`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from rclip_like.cli.declare import argument, option, setting
from rclip_like.cli.options.everywhere import Everywhere
from rclip_like.cli.options.pictures import Paths, Reading, Sources, Walking


@dataclass(frozen=True, kw_only=True)
class SearchOptions(Walking, Reading, Sources, Everywhere):
    """What `search` takes."""

    GROUP = "Search"

    query: Annotated[
        str,
        argument(
            "QUERY",
            help="Words, or a picture: a path that begins with /, ./, ../, ~/ or file:, or ends "
            "as pictures do (x.jpg), or an address on the web (https).",
        ),
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
    image: Annotated[bool, option("--image", help="Read every query as a picture's place.")] = False
    # No setting: only who types the address knows whether it may reach into the own network.
    allow_private: Annotated[
        bool,
        option(
            "--allow-private",
            help="Ask the host of a web address in QUERY also in your own network, on any port.",
        ),
    ] = False
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
