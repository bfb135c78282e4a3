"""Word queries: which pictures show what the word says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_WORDS = (
    "flower,insect,clothes,dog,food,bird,musical instrument,fruit,boat,car,fish,cat,bridge,shirt,"
    "bottle,building,truck,chair,church,lighthouse"
)
WORDS = tuple(_WORDS.split(","))
_IRREGULAR = """
    man men, woman women, child children, person people, foot feet, tooth teeth, goose geese,
    mouse mice, ox oxen, knife knives, leaf leaves, wolf wolves, shelf shelves, calf calves,
    life lives, loaf loaves, thief thieves, half halves, wife wives, scarf scarves, sheep sheep,
    deer deer, aircraft aircraft, snowman snowmen, fireman firemen, policeman policemen,
    fisherman fishermen
"""
_IRREGULAR_PLURALS = dict(pair.split() for pair in _IRREGULAR.split(","))


def mentions(word: str, texts: Iterable[str]) -> bool:
    """Return whether a text has the word or its plural as whole words, whatever the case."""
    pattern = "|".join(re.escape(form) for form in forms(word))
    return any(re.search(rf"\b({pattern})\b", text.lower()) for text in texts)


def forms(word: str) -> Sequence[str]:
    """Return the word and its plural."""
    return (word, plural(word))


def plural(name: str) -> str:
    """Return the plural of a noun, of a phrase that of its last word; irregular plurals stay."""
    start, space, last = name.rpartition(" ")
    if last in _IRREGULAR_PLURALS.values():
        return name
    if last in _IRREGULAR_PLURALS:
        return start + space + _IRREGULAR_PLURALS[last]
    if name.endswith(("s", "x", "z", "ch", "sh")):
        return name + "es"
    if re.search("[^aeiou]y$", name):
        return name[:-1] + "ies"
    return name + "s"


def is_irregular(name: str) -> bool:
    """Return whether the plural of a noun follows no rule."""
    return name in _IRREGULAR_PLURALS
