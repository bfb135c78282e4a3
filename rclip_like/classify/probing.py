"""Label pictures with a probe, from their embeddings or from features of the image tower."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rclip_like.classify.labelling import Scores
from rclip_like.classify.values import NONE_OF_THESE, RESERVED_LABEL
from rclip_like.errors import ModelError, UsageError
from rclip_like.evaluate.zero_shot import softmax

if TYPE_CHECKING:
    from rclip_like.classify.settings import ClassifySettings
    from rclip_like.evaluate.probe_file import Probe
    from rclip_like.models.specification import ModelSpecification
    from rclip_like.values import Embeddings

FRESH_NOTE = "the probe needs features that no index holds, so the pictures are encoded now"


class ProbeScorer(NamedTuple):
    """The labels of a probe: the scores are its logits, the probabilities their softmax."""

    probe: Probe

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names, in order."""
        return self.probe.labels

    def scores_of(self, rows_nD: Embeddings) -> Scores:
        """Return the scores of features of the probe's kind, float32 (n, D).

        Raises ModelError if the probe's dimension is not D.
        """
        if rows_nD.shape[1] != self.probe.dimension:
            raise ModelError(
                f"the probe takes {self.probe.dimension:,} numbers per picture, but the model "
                f"{self.probe.model} gives {rows_nD.shape[1]:,}; the file is damaged or forged"
            )
        logits = self.probe.logits(rows_nD)
        return Scores(logits, softmax(logits))


def probe_scorer(
    probe: Probe, specification: ModelSpecification, settings: ClassifySettings
) -> ProbeScorer:
    """Return the scorer of a probe.

    Raises ModelError for a probe of another model, and UsageError for settings that contradict it.
    """
    probe.require_model(specification)
    if settings.multi:
        raise UsageError("a probe's labels exclude each other; it cannot give several per picture")
    if NONE_OF_THESE in map(str.casefold, probe.labels):
        raise UsageError(RESERVED_LABEL)
    if probe.features == "tower" and settings.everywhere:
        raise UsageError("a probe of tower features reads the pictures again; name their folders")
    return ProbeScorer(probe)
