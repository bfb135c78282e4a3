"""Expected figures when targets of equal score are ranked in random order.

A query's targets are ranked by score. `better` targets have a higher score than the best right
target; `tied` targets have the same score, itself included; `right` of these are right.
"""

from __future__ import annotations

from math import comb

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


class Targets:
    """Rows (N, D); equal rows give equal cosines.

    A matrix product of BLAS adds in another order at its edges: one in twenty equal rows then
    differs in the last bit, which would break a tie by the position of a row.
    """

    def __init__(self, rows: npt.NDArray[np.float32]) -> None:
        first: dict[bytes, int] = {}
        numbers = [first.setdefault(row.tobytes(), len(first)) for row in rows]
        self._number_of = np.array(numbers, dtype=np.int64)
        _, firsts = np.unique(self._number_of, return_index=True)
        self._rows = rows if len(first) == len(rows) else rows[firsts]

    def cosines(self, queries: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return (Q, N) cosines with queries (Q, D), both unit rows."""
        scores = queries @ self._rows.T
        return scores if len(self._rows) == len(self._number_of) else scores[:, self._number_of]


def best_of_row(
    scores: npt.NDArray[np.floating], values: npt.NDArray[np.floating]
) -> tuple[Counts, Counts]:
    """Return how many scores of each row are above the row's value, and how many equal it, (N,).

    scores (N, M), values (N,).
    """
    better = np.count_nonzero(scores > values[:, None], axis=1)
    tied = np.count_nonzero(scores == values[:, None], axis=1)
    return better.astype(np.int64), tied.astype(np.int64)


def chance_of_hit(better: Counts, tied: Counts, right: Counts, k: int) -> Shares:
    """Return the probability that a right target is among the k best, (N,).

    The k best include p = min(max(k - better, 0), tied) of the tied targets. All of these are wrong
    with probability C(tied - right, p) / C(tied, p).
    """
    num_included = np.clip(k - better, 0, tied)
    chances = (num_included > 0).astype(np.float64)
    open_rows = np.flatnonzero((num_included > 0) & (num_included < tied))
    if len(open_rows):
        cases = np.stack([tied, right, num_included], axis=1)[open_rows]
        distinct, case_of_row = np.unique(cases, axis=0, return_inverse=True)
        values = [1.0 - comb(t - r, p) / comb(t, p) for t, r, p in distinct.tolist()]
        chances[open_rows] = np.array(values)[case_of_row.reshape(-1)]
    return chances


def expected_rank(better: Counts, tied: Counts, right: Counts) -> Shares:
    """Return the expected rank of the first right target, from 1: better + (tied+1)/(right+1)."""
    return np.asarray(better + (tied + 1.0) / (right + 1.0))


def expected_reciprocal_rank(better: Counts, tied: Counts, right: Counts) -> Shares:
    """Return the expected value of 1 / rank of the first right target, (N,).

    The first right target is the j-th of the tied ones with probability
    C(tied - j, right - 1) / C(tied, right), for j from 1 to tied - right + 1.
    """
    reciprocals = 1.0 / (better + 1.0)
    open_rows = np.flatnonzero(tied > right)
    if len(open_rows):
        cases = np.stack([better, tied, right], axis=1)[open_rows]
        distinct, case_of_row = np.unique(cases, axis=0, return_inverse=True)
        values = [_mean_reciprocal(b, t, r) for b, t, r in distinct.tolist()]
        reciprocals[open_rows] = np.array(values)[case_of_row.reshape(-1)]
    return np.asarray(reciprocals)


def _mean_reciprocal(better: int, tied: int, right: int) -> float:
    steps = np.arange(1, tied - right + 1, dtype=np.float64)
    # P(j + 1) = P(j) * (tied - right - j + 1) / (tied - j), and P(1) = right / tied.
    falling = np.cumprod((tied - right - steps + 1) / (tied - steps))
    chances = right / tied * np.concatenate([[1.0], falling])
    return float((chances / (better + np.arange(1, len(chances) + 1))).sum())
