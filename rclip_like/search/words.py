"""What the words of a query find in captions, keywords and names, beside what pictures show.

The order of the words and that of the scores are fused by reciprocal ranks (Cormack, Clarke and
Buettcher 2009, with their k of 60). Each word counts by its rarity, and a picture in which only
some of the words stand counts less than in proportion: of the ten words of a caption, two are
found in many pictures of something else. Measured in tests/bench/NOTES.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.errors import Note, Remedy, StoreError
from rclip_like.query import Kind
from rclip_like.ranking import UNSCORED
from rclip_like.store.words import tokens

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.query import Term
    from rclip_like.search.scoring import Scored
    from rclip_like.store import Store, StoredFile
    from rclip_like.store.words import WordMatches, Words

    Floats = npt.NDArray[np.float64]

_K = 60
_SHARE_POWER = 1.5
_RAREST = 50
"""Of rarer words than one picture in so many none counts more than another."""
_STOP_WORDS = frozenset(
    """
    a an and are as at be been being by down for from had has have he her hers him his i in into is
    it its me my near of off on onto or our out over she some that the their them there these they
    this those to under up us very was we were what when where which while who will with you your
    photo photos picture pictures image images
    """.split()  # noqa: SIM905
)
NOT_INDEXED = Note("no words are indexed yet, so pictures alone were searched", Remedy.INDEX)
DAMAGED = Note("the index of words is damaged, so pictures alone were searched", Remedy.REPAIR)
NO_FULL_TEXT = Note(
    "words are not searched: the SQLite of this Python has no full-text search (FTS5)"
)


class Evidence(NamedTuple):
    """The words of a query and in which files each stands, of the index that was asked."""

    words: tuple[str, ...]
    matches: tuple[WordMatches, ...]
    asked: Words

    def met_by(self, stored: StoredFile) -> tuple[tuple[str, str], ...]:
        """Return what of a picture's words the query met: where, and as they stand there.

        ("folder", "Denmark 2018"), ("keyword", "boat"); each once.
        """
        found = []
        for match in self.matches:
            place = int(np.searchsorted(match.file_ids, stored.rowid))
            if place < len(match.file_ids) and match.file_ids[place] == stored.rowid:
                found.append(match)
        return self.asked.shown(stored, found) if found else ()


def words_of(terms: Sequence[Term]) -> tuple[str, ...]:
    """Return the words that a query asks for, each once, without those that say nothing.

    What is subtracted is no word to be looked for, nor is a number of one or two digits.
    """
    texts = [term.value for term in terms if term.kind is Kind.TEXT and term.weight > 0]
    return tuple(
        word
        for word in dict.fromkeys(token for text in texts for token in tokens(text))
        if word not in _STOP_WORDS and (len(word) > 2 or (len(word) == 2 and not word.isdecimal()))
    )


def find_words(store: Store, terms: Sequence[Term]) -> tuple[Evidence, tuple[Note, ...]]:
    """Return where the words of the query stand, and what the user should hear if none can be."""
    words = words_of(terms)
    index = store.words
    if words and not index.are_searched:
        return Evidence(words, (), index), (NOT_INDEXED if index.can_be_searched else NO_FULL_TEXT,)
    try:
        return Evidence(words, tuple(index.matching(words)), index), ()
    except StoreError:  # what is wrong with the whole disk, the rows will say as well
        return Evidence(words, (), index), (DAMAGED,)


def shares_of(evidence: Evidence, scored: Scored) -> Floats:
    """Return which share of the query's words stands in each scored file (N,), by their weight.

    A word weighs as the logarithm of how many files there are to one that has it.
    """
    number = len(scored.rowids)
    weights = np.zeros(number)
    total = 0.0
    for word in evidence.words:
        found = [match.file_ids for match in evidence.matches if match.word == word]
        is_there = np.zeros(number, bool)
        if found and number:  # by a table of all numbers: np.isin, which sorts them, takes longer
            is_of = np.zeros(1 + max(scored.rowids.max(), *(each[-1] for each in found)), bool)
            is_of[np.concatenate(found)] = True
            is_there = is_of[scored.rowids]
        count = int(np.count_nonzero(is_there))
        weight = np.log(min(_RAREST, (number + 1) / max(count, 1))) if number else 0.0
        total += weight
        weights[is_there] += weight
    return weights / total if total else weights


def with_words(scored: Scored, evidence: Evidence, lowest: float, *, words_only: bool) -> Scored:
    """Return what is scored, ordered by its words as well, without what passes by neither.

    lowest: the least score that passes without words. words_only: by its words alone.
    """
    shares = shares_of(evidence, scored)
    if words_only:
        return words_first(scored, shares)
    scored = fuse(scored, shares)
    if lowest == -np.inf:
        return scored
    passes = (shares > 0) | (scored.scores >= lowest)
    keys = None if scored.keys is None else scored.keys[passes]
    rowids, scores = scored.rowids[passes], scored.scores[passes]
    return scored._replace(rowids=rowids, scores=scores, keys=keys)


def fuse(scored: Scored, shares: Floats) -> Scored:
    """Return what is scored with keys that order it by its scores and its words together.

    A key is the score that has the fused rank, so that what has no words keeps its own. Files with
    equal shares have the middle of their ranks.
    """
    scores = np.nan_to_num(scored.scores.astype(np.float64), nan=UNSCORED)
    (matched,) = np.nonzero(shares)
    if not len(matched):
        return scored
    falling = np.sort(-scores)
    ranks = 1 + np.searchsorted(falling, -scores[matched])
    by_words = np.sort(-shares[matched])
    first = np.searchsorted(by_words, -shares[matched], "left")
    last = np.searchsorted(by_words, -shares[matched], "right")
    word_ranks = (first + 1 + last) / 2
    weights = shares[matched] ** _SHARE_POWER
    fused = 1 / (1 / (_K + ranks) + weights / (_K + word_ranks)) - _K
    keys = scores
    keys[matched] = np.interp(fused, np.arange(1, len(falling) + 1), -falling)
    keys[matched] += np.maximum(0.0, 1.0 - fused)  # before the first
    return scored._replace(keys=keys)


def words_first(scored: Scored, shares: Floats) -> Scored:
    """Return the files in which any of the words stands, in order of their shares, then scores."""
    (matched,) = np.nonzero(shares)
    _, ranks = np.unique(shares[matched], return_inverse=True)
    scores = scored.scores[matched]
    keys = 4.0 * ranks + np.nan_to_num(scores, nan=UNSCORED)
    return scored._replace(rowids=scored.rowids[matched], scores=scores, keys=keys)
