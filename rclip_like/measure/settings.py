"""How models are measured, each option of the command line written once."""

# No `from __future__ import annotations`, as in rclip_like/settings.

from typing import Annotated, NamedTuple

from rclip_like.settings import Option


class EvaluateSettings(NamedTuple):
    """What of a set is measured, and how.

    templates: as `templates_of` takes them; None: the set's own, else `photo`. seed: of all that is
    drawn. fresh: encode all pictures, in full precision, instead of taking what is indexed.
    """

    split: Annotated[
        str,
        Option(
            "--split",
            metavar="NAME",
            help="Which split of DATA, where it has several: train, val, test or another folder.",
        ),
    ] = "test"
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
        Option("--limit", metavar="N", min=1, help="Draw N of the pictures, by the seed."),
    ] = None
    seed: Annotated[
        int, Option("--seed", metavar="N", min=0, help="The seed of all that is drawn.")
    ] = 0
    fresh: Annotated[
        bool,
        Option(
            "--fresh",
            help="Encode all pictures, in full precision, even those that are indexed.",
        ),
    ] = False
    language: Annotated[
        str,
        Option("--language", metavar="CODE", help="The language of captions and labels, for JSON."),
    ] = "en"
