"""Whether pictures seem to show what words say, and down to which score they do.

A cosine by itself says neither: its scale differs from model to model, and the best of many
pictures is high by chance. Two things help. The scale comes from the scores of everyday
words with pictures of the user's own index, nearly all of which do not belong together. And of N
independent normal numbers the largest is about sqrt(2 ln N) (extreme-value theory; Leadbetter et
al. 1983, theorem 1.5.3), so that is how far a best score is measured from. What follows from that
distance was fitted on words that were there and words that were not (tests/bench/NOTES.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.query import Kind, Term
from rclip_like.query.embedding import embed_terms
from rclip_like.store.embeddings import are_unit

if TYPE_CHECKING:
    from rclip_like.models.model import Model
    from rclip_like.search.checks import Look
    from rclip_like.search.scoring import Scored
    from rclip_like.settings import SearchSettings
    from rclip_like.store import StoredFile
    from rclip_like.store.embeddings import ModelEmbeddings
    from rclip_like.store.selection import Selection
    from rclip_like.values import Embeddings

NUM_LEADING = 3
"""How many of the best different pictures decide together whether any fits; fewer of few pictures.

One that stands far above the rest, as the only giraffe of an album does, decides by itself.
"""
PICTURES_A_LEADER = 10

NUM_SAMPLED = 2048
"""Pictures that the scale is taken from; with all of 100,000 it differs by less than 0.01."""

LEAST_PRESENCE = 0.25
"""Below this presence nothing is shown."""

_SLOPE, _MIDDLE = 2.4, -0.35
_BEST_ALONE = 0.8
"""How much farther up the best picture must be if the next ones do not fit, in deviations.

With 0.8 it is shown from sqrt(2 ln N) on, which the best pictures of words that are not there reach
only if the next ones are nearly as good.
"""
_OF_BEST, _BELOW_EXPECTED = 0.4, 1.0
_MOST_EXPONENT = 700.0


class Cutoff(NamedTuple):
    """What the best scores of a query say.

    presence: in [0, 1], how likely it is that a picture shows what the query says if half of all
    queries are for what is there. lowest: the least score that is shown; infinite if nothing is.
    """

    presence: float
    lowest: float


class Background(NamedTuple):
    """Mean and standard deviation of the scores of everyday words with an index's pictures."""

    mean: float
    deviation: float

    def cut(self, leading: Sequence[float], number: int) -> Cutoff:
        """Return what the best scores of different pictures among `number` say.

        leading: those scores, best first; at most NUM_LEADING, at least one if there is a picture.
        """
        if not leading or self.deviation <= 0:
            return Cutoff(0.0, math.inf)
        best, *_ = heights = [(score - self.mean) / self.deviation for score in leading]
        expected = math.sqrt(2 * math.log(max(number, 1)))
        leaders = heights[: max(1, number // PICTURES_A_LEADER)]
        above = max(sum(leaders) / len(leaders), best - _BEST_ALONE) - expected
        # Bounded, as `exp` overflows where all pictures score nearly the same.
        presence = 1 / (1 + math.exp(min(-_SLOPE * (above - _MIDDLE), _MOST_EXPONENT)))
        if presence < LEAST_PRESENCE:
            return Cutoff(presence, math.inf)
        lowest = _OF_BEST * best + (1 - _OF_BEST) * (expected - _BELOW_EXPECTED)
        return Cutoff(presence, self.mean + self.deviation * min(lowest, best))


def find_cutoff(
    selection: Selection,
    everyday: Embeddings,
    scored: Scored,
    looked_at: Iterable[tuple[StoredFile, float, Look]],
) -> Cutoff:
    """Return the cut-off of a query that the selection was scored by.

    everyday: the embeddings of everyday words, unit float32 (B, D). looked_at: as `checked` has it;
    no more of it is taken than the best different pictures that are fresh.
    """
    leading: dict[int, float] = {}
    for stored, value, look in looked_at:
        if look == "fresh":
            leading.setdefault(stored.content_id, value)
        if len(leading) == NUM_LEADING:
            break
    number = selection.count() if selection.is_filtered else scored.num_contents
    return background(selection, everyday).cut([*leading.values()], number)


def background(selection: Selection, everyday: Embeddings) -> Background:
    """Return the scale of a model's scores in the index that the selection is from.

    everyday: the embeddings of everyday words, unit float32 (B, D).
    """
    pictures = selection.sample(NUM_SAMPLED)
    pictures = pictures[are_unit(pictures)].astype(np.float32)
    if not len(pictures):
        return Background(0.0, 0.0)
    scores = pictures @ everyday.T
    return Background(float(scores.mean()), float(scores.std()))


def embed_everyday_words(
    encoded: ModelEmbeddings, model: Model, settings: SearchSettings
) -> Embeddings:
    """Return unit float32 rows (B, D) of everyday words in the query's template.

    The index remembers them, even where the query's own words are not to be remembered: they are
    the same for everybody, and encoding them takes longer than a search.
    """
    terms = [Term(1.0, Kind.TEXT, word, word) for word in everyday_words()]
    settings = settings._replace(cache_texts=True)
    return embed_terms(encoded, model, terms, {}, settings, lambda text: None)


@cache
def everyday_words() -> tuple[str, ...]:
    """Return names of things, kinds of things, colours and activities, in no special order."""
    stored = resources.files("rclip_like.search") / "everyday_words.txt"
    return tuple(stored.read_text(encoding="utf-8").split())
