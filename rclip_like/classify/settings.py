"""What a run of `classify` labels, by which wording, and which labels it gives."""

# No `from __future__ import annotations`, as in the settings.

from typing import Annotated, NamedTuple

from rclip_like.settings import Filters, Option, WalkSettings

LEAST_OF_MULTI = 0.5
"""With several labels a picture, the probability from which a label is given unless told."""


class ClassifySettings(NamedTuple):
    """Which labels a picture is given; probabilities are over the given labels alone.

    templates: a set's name, a text with {} for the label, or the path of a file of templates.
    top: how many labels a picture is given at most, 0 for all; None means one, with `multi` all.
    threshold: a label less probable than this is not given. multi: each label stands alone against
    "something", so that a picture may have several labels, or none. fresh: the pictures are
    encoded now, and the index is neither read nor written.
    """

    templates: Annotated[
        str,
        Option(
            "--templates",
            metavar="NAME|TEXT|FILE",
            help="The sentences that each label is put into: photo ('a photo of a {}.'), none "
            "(the label alone), simple (seven), imagenet80 (eighty), a text with {}, or a file "
            "with one a line.",
        ),
    ] = "photo"
    top: Annotated[
        int | None,
        Option(
            "--top -t",
            metavar="K",
            min=0,
            help="Tell up to K labels a picture, the likeliest first; 0: all. Default: 1, with "
            "--multi all above the threshold.",
        ),
    ] = None
    threshold: Annotated[
        float | None,
        Option(
            "--threshold",
            metavar="P",
            min=0,
            max=1,
            help="Give no label below this probability; a picture without one is told as 'none of "
            "these'. Default: none, with --multi 0.5.",
        ),
    ] = None
    multi: Annotated[
        bool,
        Option(
            "--multi",
            help="Compare each label alone with 'something', so that a picture may have several "
            "labels, or none.",
        ),
    ] = False
    fresh: Annotated[
        bool,
        Option(
            "--fresh",
            help="Encode the pictures now, in the precision asked for, without the index.",
        ),
    ] = False
    everywhere: Annotated[
        bool, Option("--all", help="Label all that is indexed, wherever it lies.")
    ] = False
    walk: Annotated[WalkSettings, "Which pictures"] = WalkSettings()
    filters: Filters = Filters()

    @property
    def most_labels(self) -> int:
        """How many labels a picture is given at most; 0 for all."""
        if self.top is None:
            return 0 if self.multi else 1
        return self.top

    @property
    def least_probability(self) -> float:
        """The probability from which a label is given."""
        if self.threshold is None:
            return LEAST_OF_MULTI if self.multi else 0.0
        return self.threshold
