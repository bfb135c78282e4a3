"""Labels by a probe: logits of its weights on embeddings, or on the tower's own features."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rclip_like.classify.labelling import Scores
from rclip_like.classify.values import NONE_OF_THESE
from rclip_like.errors import ModelError, UsageError
from rclip_like.evaluate.zero_shot import softmax

if TYPE_CHECKING:
    from rclip_like.classify.settings import ClassifySettings
    from rclip_like.evaluate.probe_file import Probe
    from rclip_like.models.specification import ModelSpecification
    from rclip_like.values import Embeddings

FRESH_NOTE = "the probe needs what no index holds, so the pictures are encoded now"


class ProbeScorer(NamedTuple):
    """Labels by a probe; the scores are its logits, and the probabilities their softmax."""

    probe: Probe

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names, in order."""
        return self.probe.labels

    def scores_of(self, rows_nD: Embeddings) -> Scores:
        """Return the scores of features of the probe's kind, float32 (n, D).

        Raises ModelError where the probe is for features of another length.
        """
        if rows_nD.shape[1] != self.probe.dimension:
            raise ModelError(
                f"the probe is for {self.probe.dimension:,} numbers a picture, and the model "
                f"{self.probe.model} gives {rows_nD.shape[1]:,}; the file is damaged or forged"
            )
        logits = self.probe.logits(rows_nD)
        return Scores(logits, softmax(logits))


def probe_scorer(
    probe: Probe, specification: ModelSpecification, settings: ClassifySettings
) -> ProbeScorer:
    """Return what scores pictures by a probe.

    Raises ModelError for a probe of another model, and UsageError for settings that it has no use
    for.
    """
    probe.require_model(specification)
    if settings.multi:
        raise UsageError("a probe gives one label a picture, each excluding the others")
    if NONE_OF_THESE in map(str.casefold, probe.labels):
        raise UsageError(f"no label can be called {NONE_OF_THESE!r}: pictures without one are")
    if probe.features == "tower" and settings.everywhere:
        raise UsageError("a probe of the tower's features reads the pictures; name their folders")
    return ProbeScorer(probe)
