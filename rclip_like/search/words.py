"""What the words of a query find in captions, keywords and names, beside what pictures show.

The order of the words and that of the scores are fused by reciprocal ranks (Cormack, Clarke and
Buettcher 2009, with their k of 60). Each word counts by its rarity, and a picture in which only
some of the words stand counts less than in proportion: of the ten words of a caption, two are
found in many pictures of something else. A rare word that was read in a picture, as on a sign,
counts more, since the rest of the query describes the picture. A picture with few of the words
never stands before the best score. Measured in tests/bench/NOTES.md.
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
_SHARE_TO_LEAD = 0.7
"""A file with less of the query's words stays behind the best score: among few pictures every rank
is near the first, and "man" alone would lead where a man with a chainsaw is asked for."""
_RAREST = 50
"""A word in fewer than one picture in so many counts no more than one in exactly so many."""
_SIGN_POWER = 0.6
"""As _SHARE_POWER, for a rare word that was read: one of two words weighs 0.66, one of ten 0.25."""
_STOP_WORDS = frozenset(
    """
    a an and are as at be been being by down for from had has have he her hers him his i in into is
    it its me my near of off on onto or our out over she some that the their them there these they
    this those to under up us very was we were what when where which while who will with you your
    photo photos picture pictures image images
    """.split()  # noqa: SIM905
)
_PICTURES_ALONE = ", so pictures alone were searched"
_NO_FULL_TEXT = Note(
    "words are not searched: the SQLite of this Python has no full-text search (FTS5)"
)
_LONGEST_LIST = 200
"""Characters of a query's words in a sentence."""


class QueryWords(NamedTuple):
    """The words of a query, and in which files of the index each of them stands."""

    words: tuple[str, ...]
    matches: tuple[WordMatches, ...]
    reader: Words

    def found_in(self, stored: StoredFile) -> tuple[tuple[str, str], ...]:
        """Return where the words stand in a file's names and texts, and the text that is shown.

        ("folder", "Denmark 2018"), ("keyword", "boat"); each once.
        """
        found = []
        for match in self.matches:
            row = int(np.searchsorted(match.file_ids, stored.rowid))
            if row < len(match.file_ids) and match.file_ids[row] == stored.rowid:
                found.append(match)
        return self.reader.shown(stored, found) if found else ()


def words_of(terms: Sequence[Term]) -> tuple[str, ...]:
    """Return the words to look for, each once, without stop words.

    Words of subtracted terms and numbers of one or two digits are left out.
    """
    texts = [term.value for term in terms if term.kind is Kind.TEXT and term.weight > 0]
    return tuple(
        word
        for word in dict.fromkeys(token for text in texts for token in tokens(text))
        if word not in _STOP_WORDS and (len(word) > 2 or (len(word) == 2 and not word.isdecimal()))
    )


def find_words(
    store: Store, terms: Sequence[Term], *, words_only: bool = False
) -> tuple[QueryWords, tuple[Note, ...]]:
    """Return where the query's words stand, and a note for the user if none can be read."""
    words = words_of(terms)
    index = store.words
    instead = "" if words_only else _PICTURES_ALONE
    if words and not index.is_searchable:
        not_indexed = Note(f"no words are indexed yet{instead}", Remedy.INDEX)
        return QueryWords(words, (), index), (not_indexed if index.has_fts5 else _NO_FULL_TEXT,)
    try:
        return QueryWords(words, tuple(index.matching(words)), index), ()
    except StoreError:  # what is wrong with the whole disk, the rows will say as well
        damaged = Note(f"the index of words is damaged{instead}", Remedy.REPAIR)
        return QueryWords(words, (), index), (damaged,)


def nothing_found(query_words: QueryWords, *, is_filtered: bool) -> str:
    """Say that no picture has any of the words, and where they were looked for."""
    words = query_words.words
    if not words:
        return 'there is no word to look for: short ones such as "the" and "12" are left out'
    listed = ", ".join(f'"{word}"' for word in words)
    if len(listed) > _LONGEST_LIST:
        listed = f"{listed[:_LONGEST_LIST]}..."
    passes = " that passes the filters" if is_filtered else ""
    return (
        f"no picture here{passes} has {'any of the words' if len(words) > 1 else 'the word'} "
        f"{listed} in its name, folders, captions or keywords, or in text read in it"
    )


def shares_of(query_words: QueryWords, scored: Scored) -> Floats:
    """Return the share of the query's words that stands in each scored file (N,), by weight.

    The weight of a word is the logarithm of the number of files over those that have it.
    """
    number = len(scored.rowids)
    weights = np.zeros(number)
    total = 0.0
    for word in query_words.words:
        is_there = _has_word(word, query_words.matches, scored)
        count = int(np.count_nonzero(is_there))
        weight = np.log(min(_RAREST, (number + 1) / max(count, 1))) if number else 0.0
        total += weight
        weights[is_there] += weight
    return weights / total if total else weights


def with_signs(shares: Floats, query_words: QueryWords, scored: Scored) -> Floats:
    """Return the shares (N,), raised in files where a rare word was read."""
    raised = shares.copy()
    read = [match for match in query_words.matches if match.where == "text"]
    for word in {match.word for match in read}:
        is_there = _has_word(word, query_words.matches, scored)
        if np.count_nonzero(is_there) * _RAREST <= len(is_there):
            is_read = _has_word(word, read, scored)
            raised[is_read] = shares[is_read] ** (_SIGN_POWER / _SHARE_POWER)
    return raised


def _has_word(word: str, matches: Sequence[WordMatches], scored: Scored) -> npt.NDArray[np.bool_]:
    """Return in which scored files the word stands by these matches (N,)."""
    found = [match.file_ids for match in matches if match.word == word]
    if not found or not len(scored.rowids):
        return np.zeros(len(scored.rowids), bool)
    # By a table of all numbers: np.isin, which sorts them, takes longer.
    is_of = np.zeros(1 + max(scored.rowids.max(), *(each[-1] for each in found)), bool)
    is_of[np.concatenate(found)] = True
    has_word: npt.NDArray[np.bool_] = is_of[scored.rowids]
    return has_word


def with_words(
    scored: Scored, query_words: QueryWords, lowest: float, *, words_only: bool
) -> Scored:
    """Return the scored files, also ordered by words, less those below `lowest` without a word.

    lowest: the least score that passes without words. words_only: ordered by words alone.
    """
    shares = shares_of(query_words, scored)
    if words_only:
        return words_first(scored, shares)
    scored = fuse(scored, with_signs(shares, query_words, scored))
    if lowest == -np.inf:
        return scored
    passes = (shares > 0) | (scored.scores >= lowest)
    keys = None if scored.keys is None else scored.keys[passes]
    rowids, scores = scored.rowids[passes], scored.scores[passes]
    return scored._replace(rowids=rowids, scores=scores, keys=keys)


def fuse(scored: Scored, shares: Floats) -> Scored:
    """Return the scored files with keys that order them by scores and words together.

    A key is the score at the fused rank, so files without any of the words keep their own. Files
    with equal shares have the middle of their ranks.
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
    is_behind = (shares[matched] < _SHARE_TO_LEAD) & (fused < 2.0)
    fused[is_behind] = 1 + 1 / (3.0 - fused[is_behind])  # in the same order, between 1 and 2
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
