"""Results page by page: an order that is kept, and files that are checked when they are shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.search.checks import FileCheck, MatrixDisagrees, checked
from rclip_like.search.run import FROM_ROWS, lowest_of, match_of
from rclip_like.search.scoring import pages, score_all
from rclip_like.store.contents import (
    NO_FILTERS,
    count_files_of,
    count_hidden,
    count_passing,
    files_of_contents,
    newest_contents,
)

if TYPE_CHECKING:
    from rclip_like.search.asking import Asked
    from rclip_like.settings import SearchSettings
    from rclip_like.store import Store
    from rclip_like.store.contents import Newest
    from rclip_like.store.selection import Selection
    from rclip_like.values import Match, Root
    from rclip_like.walk import Scope

_CONTENTS_AT_ONCE = 128
_MOST_AT_ONCE = 2048
_BEYOND = 8
"""Files beyond a page that are looked up with it: the next one tells whether there is another."""


class MatchPage(NamedTuple):
    """Some matches in order, those of equal content once, and how many further files each has.

    total: how many contents there are in all before their files are looked at, exact on the last
    page. following: the `start` of the next page, None on the last. A match without a score, in
    order of date, has NaN.
    """

    matches: tuple[Match, ...]
    copies: tuple[int, ...] = ()
    total: int = 0
    following: int | None = None
    stale: int = 0
    damaged: int = 0
    notes: tuple[str, ...] = ()


class View(NamedTuple):
    """What is looked through: an index within a snapshot, and which of its files are shown.

    roots: the folders that are asked for, among those of the scope (None: all).
    """

    store: Store
    roots: Sequence[Root] | None
    scope: Scope
    settings: SearchSettings


class Ranking:
    """The contents under some roots in order of their scores, ties by path bytes.

    Pages may be asked for in any order and by several threads. A page's start counts matches that
    were shown, without stale files. Rows written since the ranking do not appear.
    """

    def __init__(self, view: View, model_id: int, asked: Asked, model: str) -> None:
        self._model_id, self._model = model_id, model
        self.asked = asked
        selection = self._selection(view)
        self._scored = score_all(selection, asked.query)
        self.notes = asked.notes
        # Where a page may begin: how many matches stand before the first one with this score.
        self._before = {0: math.inf}
        self._best: float | None = None

    def rank_by_rows(self, view: View) -> None:
        """Take the scores from the rows, since the matrix gave others."""
        self._scored = score_all(self._selection(view), self.asked.query, by_rows=True)
        self._before, self._best = {0: math.inf}, None
        self.notes = (FROM_ROWS, *self.asked.notes)

    def __len__(self) -> int:
        """Return how many files it holds."""
        return len(self._scored.rowids)

    def page(self, view: View, start: int, count: int) -> MatchPage:
        """Return up to `count` matches behind the first `start`; what `search` gives, collapsed.

        Raises MatrixDisagrees where the rows do not give the score by which they were ranked.
        """
        selection, scope, settings = self._selection(view), view.scope, view.settings
        before = max(number for number in list(self._before) if number <= start)
        found = pages(
            selection,
            self._scored,
            scope.wants if scope.has_patterns else None,
            highest=self._before[before],
            first=min(start - before + count + _BEYOND, _MOST_AT_ONCE),
        )
        files = FileCheck(view.store, scope, self.asked.terms)
        matches: list[Match] = []
        contents: list[int] = []
        seen: set[int] = set()
        stale = damaged = 0
        following, tie, rank = None, math.nan, before
        # A row may have been written since, so that even a score from the rows is compared.
        for stored, value, look in checked(
            selection,
            self.asked.query,
            found,
            files,
            by_matrix=True,
            all_hidden=settings.all_hidden,
        ):
            stale += look == "stale"
            damaged += look == "damaged"
            if value != tie:  # equal contents have equal scores
                seen.clear()
                tie, before_tie = value, rank
            if look != "fresh" or stored.content_id in seen:
                continue
            seen.add(stored.content_id)
            if self._best is None:
                self._best = value
            if value < self._lowest(settings):
                break
            if rank == start + count:
                following = rank
                self._before[before_tie] = tie
                break
            rank += 1
            if rank > start:
                matches.append(match_of(stored, value, rank, scope, self._model))
                contents.append(stored.content_id)
        total = rank if following is None else _total(view, self._scored.num_contents)
        copies = _copies(view, contents)
        return MatchPage(tuple(matches), copies, total, following, stale, damaged, self.notes)

    def _lowest(self, settings: SearchSettings) -> float:
        assert self._best is not None
        within = math.inf if settings.within is None else settings.within
        return max(lowest_of(settings), self._best - within)

    def _selection(self, view: View) -> Selection:
        globs = view.scope.globs
        return view.store.select(self._model_id, view.roots, view.settings.filters, globs)


def ranked_page(ranking: Ranking, view: View, start: int, count: int) -> MatchPage:
    """Return the page of a ranking of this very state of the index, by the rows if need be."""
    try:
        return ranking.page(view, start, count)
    except MatrixDisagrees:
        ranking.rank_by_rows(view)
        return ranking.page(view, start, count)


class ByDate:
    """The contents under some roots, the newest first: pages of them as of a Ranking."""

    def __init__(self, view: View) -> None:
        self._newest: Newest = newest_contents(view.store, view.roots, view.settings.filters)
        self._order: list[int] = []
        self._met: set[int] = set()
        self._before = {0: 0}
        self._lock = Lock()

    def __len__(self) -> int:
        """Return how many contents it holds."""
        return self._newest.number

    def page(self, view: View, start: int, count: int) -> MatchPage:
        """Return up to `count` matches behind the first `start`, without scores."""
        files = FileCheck(view.store, view.scope)
        before = max(number for number in list(self._before) if number <= start)
        number, rank, stale = self._before[before], before, 0
        matches: list[Match] = []
        contents: list[int] = []
        while some := self._some(number):
            found = files_of_contents(view.store, some, view.roots)
            for content_id in some:
                several = found.get(content_id, [])
                several.sort(key=lambda stored: -stored.mtime_ns)
                looks = ((each, files.look_at(each)) for each in several)
                shown = next((each for each, look in looks if look == "fresh"), None)
                is_shown = shown and (view.settings.all_hidden or not shown.is_hidden)
                stale += shown is None
                if is_shown and rank == start + count:
                    self._before[rank] = number
                    copies = _copies(view, contents)
                    total = _total(view, self._newest.number)
                    return MatchPage(tuple(matches), copies, total, rank, stale)
                number += 1
                if shown and is_shown:
                    rank += 1
                    if rank > start:
                        matches.append(match_of(shown, math.nan, rank, view.scope, ""))
                        contents.append(content_id)
        return MatchPage(tuple(matches), _copies(view, contents), rank, None, stale)

    def _some(self, first: int) -> list[int]:
        """Return the next contents in order."""
        with self._lock:
            while len(self._order) < first + _CONTENTS_AT_ONCE:
                content_id = next(self._newest.content_ids, None)
                if content_id is None:
                    break
                if content_id not in self._met:
                    self._met.add(content_id)
                    self._order.append(content_id)
            return self._order[first : first + _CONTENTS_AT_ONCE]


def _total(view: View, num_contents: int) -> int:
    """Return how many of the contents are shown, as long as no file was looked at."""
    settings = view.settings
    if settings.filters != NO_FILTERS:
        all_hidden = settings.all_hidden
        return count_passing(view.store, view.roots, settings.filters, all_hidden=all_hidden)
    if settings.all_hidden:
        return num_contents
    return num_contents - count_hidden(view.store, view.roots)


def _copies(view: View, content_ids: Sequence[int]) -> tuple[int, ...]:
    """Return how many files beside one each content has."""
    numbers = count_files_of(view.store, content_ids, view.roots)
    return tuple(numbers[content_id] - 1 for content_id in content_ids)
