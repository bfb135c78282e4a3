"""The order that scores and words make together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from small_index import fill

from rclip_like.query import Kind, Term
from rclip_like.search.scoring import Scored
from rclip_like.search.words import find_words, with_words
from rclip_like.store import Store
from rclip_like.store.words import Source, WordsRow
from rclip_like.store.writing import Writer

pytestmark = pytest.mark.light

NUM_FILES, FORTIETH = 200, 39


class Words(NamedTuple):
    store: Store
    paths: list[bytes]

    def give(self, source: Source, text: str, *numbers: int) -> None:
        rows = [WordsRow(self.paths[number], source, text, "1") for number in numbers]
        writer = Writer(self.store).words
        writer.put(rows)
        while writer.index_some():
            pass

    def rank_of(self, number: int, query: str, *, words_only: bool = False) -> int:
        """Return the rank of a file where the file of number n has the score of rank n + 1."""
        rowids = np.arange(1, NUM_FILES + 1, dtype=np.int64)
        assert [file.path for file in self.store.files(rowids)] == self.paths
        scores = np.linspace(0.3, 0.1, NUM_FILES).astype(np.float32)
        scored = Scored(rowids, scores, True, True, NUM_FILES)
        found, _ = find_words(self.store, [Term(1.0, Kind.TEXT, query, query)])
        fused = with_words(scored, found, -np.inf, words_only=words_only)
        row = int(np.flatnonzero(fused.rowids == number + 1)[0])
        return 1 + int(np.count_nonzero(fused.order > fused.order[row]))


@pytest.fixture
def words(tmp_path: Path) -> Iterator[Words]:
    paths = [b"/p/%03d.jpg" % number for number in range(NUM_FILES)]
    with Store.open(tmp_path / "index.db", create=True) as store:
        fill(store, paths)
        yield Words(store, paths)


def test_a_rare_word_on_a_sign_lifts_beside_words_that_describe(words: Words) -> None:
    words.give("text", "MODERN delta", FORTIETH)
    assert words.rank_of(FORTIETH, "two dogs playing modern") <= 3


def test_one_word_of_a_long_description_on_a_sign_does_not_outrank_what_shows_the_rest(
    words: Words,
) -> None:
    words.give("text", "MODERN delta", FORTIETH)
    query = "two brown dogs playing with modern yellow frisbee near lake beside tall green trees"
    assert 5 < words.rank_of(FORTIETH, query) < FORTIETH


def test_a_word_on_many_signs_lifts_by_its_share_alone(words: Words) -> None:
    words.give("text", "MODERN delta", FORTIETH, *range(100, 110))
    assert words.rank_of(FORTIETH, "two dogs playing modern") > 20


def test_a_word_of_a_caption_lifts_by_its_share_alone(words: Words) -> None:
    words.give("caption", "modern delta", FORTIETH)
    assert words.rank_of(FORTIETH, "two dogs playing modern") > 20


def test_a_common_word_of_the_query_alone_does_not_lead(words: Words) -> None:
    words.give("caption", "a man", *range(4, 10))
    query = "a man with a chainsaw"
    assert words.rank_of(0, query) == 1
    assert [words.rank_of(number, query) for number in range(4, 10)] == [2, 3, 4, 5, 6, 7]
    words.give("caption", "man, chainsaw", FORTIETH)
    assert words.rank_of(FORTIETH, query) == 1


def test_words_alone_are_in_order_of_their_shares(words: Words) -> None:
    words.give("text", "modern", 3)
    words.give("caption", "modern dogs", 5)
    assert words.rank_of(5, "two dogs playing modern", words_only=True) == 1
