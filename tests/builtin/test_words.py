"""Word queries: what counts as right."""

from __future__ import annotations

import pytest
from recipe.words import WORDS, forms, mentions


@pytest.mark.parametrize(
    ("word", "plural"),
    [
        ("dog", "dogs"),
        ("church", "churches"),
        ("bus", "buses"),
        ("fly", "flies"),
        ("key", "keys"),
        ("young woman", "young women"),
        ("child", "children"),
        ("sheep", "sheep"),
        ("men", "men"),
        ("life", "lives"),
        ("human", "humans"),
    ],
)
def test_a_form_is_the_word_or_its_plural(word: str, plural: str) -> None:
    assert forms(word) == (word, plural)


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("dog", "Two DOGS run.", True),
        ("dog", "a hot dog", True),
        ("cat", "a catapult", False),
        ("car", "scarf", False),
        ("musical instrument", "a box of musical instruments", True),
        ("church", "churches in a row", True),
        ("fish", "fishing", False),
    ],
)
def test_whole_words_and_their_plurals_count(word: str, text: str, expected: bool) -> None:
    assert mentions(word, ["nothing", text]) is expected


def test_the_twenty_words_are_there() -> None:
    assert len(set(WORDS)) == 20
    assert {"musical instrument", "lighthouse", "flower"} < set(WORDS)
