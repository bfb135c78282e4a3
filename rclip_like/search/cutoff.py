"""Whether pictures seem to show what words say, and down to which score they do.

A cosine by itself says neither: its scale differs from model to model, and the best of many
pictures is high by chance. Two things help. The scale comes from the scores of everyday
words with pictures of the user's own index, nearly all of which do not belong together. And of N
independent normal numbers the largest is about sqrt(2 ln N) (extreme-value theory; Leadbetter et
al. 1983, theorem 1.5.3), so that is how far a best score is measured from. What follows from that
distance was fitted on words that were there and words that were not (tests/bench/NOTES.md). Where
the best pictures are alike, they show one kind of thing, and there are more of it further down.
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
"""How many of the best different pictures decide whether any fits; fewer in a small selection."""
PICTURES_A_LEADER = 10

NUM_COMPARED = 8
"""How many of the best different pictures are compared with one another."""

NUM_SAMPLED = 2048
"""Pictures that the scale is taken from; with all of 100,000 it differs by less than 0.01."""

LEAST_PRESENCE = 0.25
"""Below this presence nothing is shown."""

_SLOPE, _MIDDLE = 2.4, -0.35
_OF_BEST, _BELOW_EXPECTED = 0.55, 0.7
_LESS_IF_ALIKE, _MOST_ALIKE = 0.03, 6.0
_NUM_PAIRED = 256
"""Pictures of which all pairs say how alike any two are."""
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

    def cut(self, leading: Sequence[float], number: int, likeness: float = 0.0) -> Cutoff:
        """Return what the best scores of different pictures among `number` say.

        leading: those scores, best first; at most NUM_LEADING, at least one if there is a picture.
        likeness: how much more alike the best pictures are than any two, as `likeness_of` has it.
        """
        if not leading or self.deviation <= 0:
            return Cutoff(0.0, math.inf)
        best, *_ = heights = [(score - self.mean) / self.deviation for score in leading]
        expected = math.sqrt(2 * math.log(max(number, 1)))
        leaders = heights[: max(1, number // PICTURES_A_LEADER)]
        above = sum(leaders) / len(leaders) - expected
        # Bounded, as `exp` overflows where all pictures score nearly the same.
        presence = 1 / (1 + math.exp(min(-_SLOPE * (above - _MIDDLE), _MOST_EXPONENT)))
        if presence < LEAST_PRESENCE:
            return Cutoff(presence, math.inf)
        of_best = _OF_BEST - _LESS_IF_ALIKE * max(0.0, min(likeness, _MOST_ALIKE))
        lowest = of_best * best + (1 - _OF_BEST) * (expected - _BELOW_EXPECTED)
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
    for each, value, look in looked_at:
        if look == "fresh":
            leading.setdefault(each.content_id, value)
        if len(leading) == NUM_COMPARED:
            break
    number = selection.count() if selection.is_filtered else scored.num_contents
    stored = selection.sample(NUM_SAMPLED)
    pictures = stored[are_unit(stored)].astype(np.float32)
    best = [*leading.values()][:NUM_LEADING]
    found = selection.embeddings.sound_parts([*leading])
    wholes = found.embeddings[found.parts == 0].astype(np.float32)
    return background(pictures, everyday).cut(best, number, likeness_of(wholes, pictures))


def background(pictures: Embeddings, everyday: Embeddings) -> Background:
    """Return the scale of a model's scores in an index.

    pictures: some of the index, unit float32 (N, D). everyday: the embeddings of everyday words,
    unit float32 (B, D).
    """
    if not len(pictures):
        return Background(0.0, 0.0)
    scores = pictures @ everyday.T
    return Background(float(scores.mean()), float(scores.std()))


def likeness_of(best: Embeddings, pictures: Embeddings) -> float:
    """Return how much more alike the best pictures are than any two, in standard deviations.

    best: unit float32 (n, D); pictures: some of the index, unit float32 (N, D). 0 if either are
    fewer than two.
    """
    if len(best) < 2 or len(pictures) < 2:
        return 0.0
    any_pictures = pictures[:: 1 + len(pictures) // _NUM_PAIRED]
    of_any, of_best = _similarities(any_pictures), _similarities(best)
    deviation = float(of_any.std())
    return float(of_best.mean() - of_any.mean()) / deviation if deviation > 0 else 0.0


def _similarities(embeddings: Embeddings) -> Embeddings:
    """Return the cosine of each pair of rows (n * (n - 1) / 2,)."""
    similarities: Embeddings = embeddings @ embeddings.T
    return similarities[np.triu_indices(len(embeddings), 1)]


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
