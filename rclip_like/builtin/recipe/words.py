"""Word queries: how many of the first ten pictures show what the word says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

_WORDS = (
    "flower,insect,clothes,dog,food,bird,musical instrument,fruit,boat,car,fish,cat,bridge,shirt,"
    "bottle,building,truck,chair,church,lighthouse"
)
WORDS = tuple(_WORDS.split(","))


def precision_at(scores: npt.NDArray[np.float32], relevant: npt.NDArray[np.bool_], k: int) -> float:
    """Return the share of relevant pictures among the k with the highest scores.

    scores, relevant: (N,). Pictures of equal score at the border count with their mean relevance;
    k larger than N counts as N.
    """
    k = min(k, len(scores))
    border = np.partition(scores, -k)[-k]
    above, tied = scores > border, scores == border
    found = relevant[above].sum() + relevant[tied].mean() * (k - above.sum())
    return float(found / k)


def mentions(word: str, texts: Iterable[str]) -> bool:
    """Return whether a text has the word or its plural as whole words, whatever the case."""
    pattern = "|".join(re.escape(form) for form in forms(word))
    return any(re.search(rf"\b({pattern})\b", text.lower()) for text in texts)


def forms(word: str) -> Sequence[str]:
    """Return the word and its plural."""
    return (word, plural(word))


def plural(name: str) -> str:
    """Return the regular plural of a noun, of a phrase that of its last word."""
    if name.endswith(("s", "x", "z", "ch", "sh")):
        return name + "es"
    if re.search("[^aeiou]y$", name):
        return name[:-1] + "ies"
    return name + "s"
