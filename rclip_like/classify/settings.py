"""The settings of `classify`: which pictures, which templates, and which labels are given."""

# No `from __future__ import annotations`, as in the settings.

from typing import Annotated, NamedTuple

from rclip_like.settings import Filters, Option, WalkSettings

LEAST_OF_MULTI = 0.5
"""The default threshold of `multi`."""


class ClassifySettings(NamedTuple):
    """Which labels a picture is given; probabilities are over the labels in the list alone.

    templates: as `templates_of` takes them. top: the most labels of a picture, 0 for all; None
    means one, with `multi` all. threshold: the least probability of a label that is given; None
    means 0, with `multi` 0.5. multi: compare each label with "something" alone, so that a picture
    may have several labels, or none. fresh: encode the pictures now; the index is neither read nor
    written.
    """

    templates: Annotated[
        str,
        Option(
            "--templates",
            metavar="NAME|TEXT|FILE",
            help="The sentences that each label is put into: photo ('a photo of a {}.'), none "
            "(the label alone), simple (seven), imagenet80 (eighty), a text with {}, or a file "
            "with one per line.",
        ),
    ] = "photo"
    top: Annotated[
        int | None,
        Option(
            "--top -t",
            metavar="K",
            min=0,
            help="Give up to K labels per picture, the likeliest first; 0: all. Default: 1, with "
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
            help="Give no label below this probability; a picture without a label shows 'none of "
            "these'. Default: no threshold, with --multi 0.5.",
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
            help="Encode the pictures now, without the index, in the precision of --precision.",
        ),
    ] = False
    everywhere: Annotated[
        bool, Option("--all", help="Label everything indexed, in any folder.")
    ] = False
    walk: Annotated[WalkSettings, "Which pictures"] = WalkSettings()
    filters: Filters = Filters()

    @property
    def most_labels(self) -> int:
        """The most labels that a picture is given; 0 for all."""
        if self.top is None:
            return 0 if self.multi else 1
        return self.top

    @property
    def least_probability(self) -> float:
        """The least probability of a label that is given."""
        if self.threshold is None:
            return LEAST_OF_MULTI if self.multi else 0.0
        return self.threshold
