"""The settings of `evaluate`, which are its options on the command line."""

# No `from __future__ import annotations`, as in rclip_like/settings.

from typing import Annotated, NamedTuple

from rclip_like.data.options import PairOptions
from rclip_like.settings import Option


class EvaluateSettings(NamedTuple):
    """Which pictures of a set are measured, and how.

    templates: as `templates_of` takes them; None: the set's own, else `photo`. seed: of every draw.
    fresh: encode all pictures, in full precision, instead of taking embeddings from the index.
    """

    split: Annotated[
        str,
        Option(
            "--split",
            metavar="NAME",
            help="The split to measure, if DATA has several: train, val, test or another folder.",
        ),
    ] = "test"
    columns: PairOptions = PairOptions()
    templates: Annotated[
        str | None,
        Option(
            "--templates",
            metavar="NAME|TEXT|FILE",
            help="The sentences that each label is put into, as for classify. Default: those that "
            "come with DATA, else photo.",
        ),
    ] = None
    limit: Annotated[
        int | None,
        Option("--limit", metavar="N", min=1, help="Measure only N pictures, drawn by the seed."),
    ] = None
    seed: Annotated[int, Option("--seed", metavar="N", min=0, help="The seed of all draws.")] = 0
    fresh: Annotated[
        bool,
        Option(
            "--fresh",
            help="Encode all pictures in full precision, including indexed ones.",
        ),
    ] = False
    language: Annotated[
        str,
        Option("--language", metavar="CODE", help="The language of captions and labels, for JSON."),
    ] = "en"
