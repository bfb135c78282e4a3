"""Whether what is about to be shown is what its row says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rclip_like.ranking import score_parts

if TYPE_CHECKING:
    from rclip_like.search.scoring import Page
    from rclip_like.store import Store, StoredFile
    from rclip_like.values import Embedding

_ROUNDING = 1e-5
"""More than two orders of adding up the same products differ by; less than any table shows."""


class MatrixDisagrees(Exception):
    """The matrix gave a score that the rows, sound by themselves, do not give."""


class Agreement:
    """Holds what is about to be shown against its rows, a page of files with one look at them.

    by_matrix: whether the scores come from elsewhere than the rows.
    """

    def __init__(self, store: Store, model_id: int, query: Embedding, *, by_matrix: bool) -> None:
        self._embeddings = store.embeddings(model_id)
        self._query = query
        self._by_matrix = by_matrix
        self._page: Sequence[int] = ()
        self._scores: dict[int, float] = {}
        self._damaged: set[int] = set()

    def turn_to(self, page: Page) -> None:
        """Make the page the one from which files are asked about; it is not looked at before."""
        self._page = list({stored.content_id for stored, _ in page})

    def holds(self, stored: StoredFile, value: float) -> bool:
        """Return whether the file's embeddings are as they were written.

        Raises MatrixDisagrees where they are, and the score that the matrix gave is another.
        """
        if self._page:
            self._look()
        if stored.content_id in self._damaged:
            return False
        expected = self._scores.get(stored.content_id)
        # Written so that NaN disagrees.
        if self._by_matrix and not (expected is not None and abs(expected - value) <= _ROUNDING):
            raise MatrixDisagrees
        return True

    def _look(self) -> None:
        """Compare the rows of the page."""
        content_ids, rows, self._damaged = self._embeddings.sound_parts(self._page)
        self._scores = {}
        if self._by_matrix and len(rows):
            numbers, scores = score_parts(self._query, [(content_ids, rows)])
            self._scores = dict(zip(numbers.tolist(), scores.tolist(), strict=True))
        self._page = ()
