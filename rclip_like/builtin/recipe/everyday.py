"""Sixty everyday words to measure with: each with its plural and, mostly, an adjective.

Chosen before training, without a look at validation photos: nouns of people, animals, places,
vehicles, clothes, food and other visible things that WordNet's tagged texts (`cntlist`) or the
training captions use most, and a few that hardly any training photo shows (cake, umbrella,
surfboard, waterfall). The adjective of colour, size, material or state is one that stands before
the word in the captions of at least five training photos.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_WORDS = """
    man men young, woman women young, child children small, boy boys little, girl girls little,
    baby babies small, crowd crowds large, dog dogs brown, cat cats -, horse horses brown,
    bird birds white, cow cows brown, monkey monkeys -, insect insects -, duck ducks -,
    tree trees large, mountain mountains snowy, beach beaches sandy, river rivers small,
    ocean oceans blue, lake lakes blue, road roads paved, street streets busy,
    forest forests snowy, field fields grassy, hill hills snowy, wave waves large,
    rock rocks large, flower flowers -, waterfall waterfalls -, sunset sunsets -,
    building buildings white, house houses white, church churches -, bridge bridges wooden,
    fence fences wooden, car cars red, boat boats small, bicycle bicycles red,
    motorcycle motorcycles red, truck trucks red, train trains -, bus buses -,
    airplane airplanes -, ball balls red, chair chairs blue, table tables wooden,
    bottle bottles -, umbrella umbrellas -, bench benches wooden, guitar guitars -,
    surfboard surfboards white, tent tents -, flag flags american, hat hats black,
    shirt shirts blue, jacket jackets red, dress dresses white, cake cakes -, fruit fruits -
"""


class EverydayWord(NamedTuple):
    """A noun, its plural, and an adjective that captions put before it, or an empty string."""

    singular: str
    plural: str
    adjective: str

    @property
    def phrase(self) -> str:
        """The adjective and the noun, or an empty string."""
        return f"{self.adjective} {self.singular}" if self.adjective else ""

    def is_said(self, texts: Iterable[str]) -> bool:
        """Return whether a text has the noun or its plural as a whole word."""
        return any({self.singular, self.plural} & _words(text) for text in texts)

    def phrase_is_said(self, texts: Iterable[str]) -> bool:
        """Return whether one text has the adjective, and the noun or its plural."""
        return any(
            self.adjective in words and {self.singular, self.plural} & words
            for words in map(_words, texts)
        )


EVERYDAY_WORDS = tuple(
    EverydayWord(singular, plural, adjective.strip("-"))
    for singular, plural, adjective in (entry.split() for entry in _WORDS.split(","))
)


def _words(text: str) -> set[str]:
    return set(re.findall("[a-z]+", text.lower()))
