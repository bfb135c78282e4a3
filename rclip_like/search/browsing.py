"""Results page by page: an order that is kept, and files that are checked when they are shown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.search.checks import FileCheck, MatrixDisagrees, checked
from rclip_like.search.parts import found_parts
from rclip_like.search.run import FROM_ROWS, in_order, lowest_of, match_of
from rclip_like.search.scoring import pages, score_all
from rclip_like.store.contents import (
    NO_FILTERS,
    contents_by_date,
    contents_by_path,
    count_files_of,
    count_hidden,
    count_passing,
    files_of_contents,
)

if TYPE_CHECKING:
    from rclip_like.search.asking import Asked
    from rclip_like.search.checks import Look
    from rclip_like.search.words import QueryWords
    from rclip_like.settings import SearchSettings
    from rclip_like.store import Store, StoredFile
    from rclip_like.store.selection import Selection
    from rclip_like.values import Match, PictureFacts, Root
    from rclip_like.walk import Scope

_CONTENTS_AT_ONCE = 128
_MOST_AT_ONCE = 2048
MOST_SORTED = 500
"""How many of the best matches are sorted by date or path, where that is asked for."""
_BEYOND = 8
"""Files beyond a page that are looked up with it: the next one tells whether there is another."""


class MatchPage(NamedTuple):
    """Some matches in order, those of equal content once, and how many further files each has.

    total: how many contents there are in all before their files are looked at, exact on the last
    page. following: the `start` of the next page, None on the last. A match without a score has
    NaN. best: the best score before thresholds, and presence as SearchReport has it; both None
    where they were not asked for.
    """

    matches: tuple[Match, ...]
    copies: tuple[int, ...] = ()
    total: int = 0
    following: int | None = None
    stale: int = 0
    damaged: int = 0
    notes: tuple[str, ...] = ()
    best: float | None = None
    presence: float | None = None


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

    With `settings.words`, of their scores and words together, as `search` has it. Pages may be
    asked for in any order and by several threads. A page's start counts matches that were shown,
    without stale files. Rows written since the ranking do not appear.
    """

    def __init__(self, view: View, model_id: int, asked: Asked, model: str) -> None:
        self._model_id, self._model = model_id, model
        self.asked = asked
        self._take_scores(view)

    def _take_scores(self, view: View, *, by_rows: bool = False) -> None:
        self._scored = score_all(self._selection(view), self.asked.query, by_rows=by_rows)
        self.notes = (FROM_ROWS, *self.asked.notes) if by_rows else self.asked.notes
        self._limits: _Limits | None = None
        self._query_words: QueryWords | None = None
        # Where a page may begin: behind so many matches, at this key. And behind how many each
        # content was shown, since copies of one may have other keys.
        self._before = {0: math.inf}
        self._shown: dict[int, int] = {}

    def rank_by_rows(self, view: View) -> None:
        """Take the scores from the rows, since the matrix gave others."""
        self._take_scores(view, by_rows=True)

    def __len__(self) -> int:
        """Return how many files it holds."""
        return len(self._scored.rowids)

    def page(self, view: View, start: int, count: int) -> MatchPage:
        """Return up to `count` matches behind the first `start`; what `search` gives, collapsed.

        Where `settings.sort` asks for another order than that of the ranks, the first MOST_SORTED
        matches are sorted. Raises MatrixDisagrees where the rows do not give the score by which
        they were ranked.
        """
        if view.settings.sort == "score":
            return self._page(view, start, count)
        return _sorted(self._page(view, 0, MOST_SORTED), view.settings.sort, (start, count))

    def _page(self, view: View, start: int, count: int) -> MatchPage:
        files = FileCheck(view.store, view.scope, self.asked.terms)
        limits = self._limits or self._find_limits(view, files)
        before = max(number for number in list(self._before) if number <= start)
        highest = self._before[before]
        first = min(start - before + count + _BEYOND, _MOST_AT_ONCE)
        seen = {each for each, number in list(self._shown.items()) if number <= before}
        matches: list[Match] = []
        contents: list[tuple[int, PictureFacts]] = []
        stale = damaged = 0
        following, rank = None, before
        # A row may have been written since, so that even a score from the rows is compared.
        for stored, value, look in self._looked_at(view, files, highest=highest, first=first):
            stale += look == "stale"
            damaged += look == "damaged"
            if look != "fresh" or stored.content_id in seen:
                continue
            if value < limits.shown:
                break
            if rank == start + count:
                following = rank
                self._before[rank] = self._key_of(stored)
                break
            seen.add(stored.content_id)
            rank += 1
            self._shown[stored.content_id] = rank
            if rank > start:
                matches.append(self._match(view, stored, value, rank, limits))
                contents.append((stored.content_id, stored.facts))
        total = rank if following is None else self._total(view, limits)
        copies = _copies(view, [content_id for content_id, _ in contents])
        parts = found_parts(self._selection(view), self.asked.query, contents)
        shown = zip(matches, parts, strict=True)
        return MatchPage(
            tuple(match._replace(**part._asdict()) for match, part in shown),
            copies=copies,
            total=total,
            following=following,
            stale=stale,
            damaged=damaged,
            notes=self.notes,
            best=limits.best,
            presence=limits.presence,
        )

    def _find_limits(self, view: View, files: FileCheck) -> _Limits:
        """Return the least scores that are shown, after which the words are in the order as well.

        Called once, before the first page.
        """
        settings = view.settings
        presence, lowest = None, lowest_of(settings)
        if self.asked.everyday is not None:
            from rclip_like.search.cutoff import find_cutoff

            everyday, looked_at = self.asked.everyday, self._looked_at(view, files)
            presence, lowest = find_cutoff(self._selection(view), everyday, self._scored, looked_at)
        best = None
        if presence is not None or settings.within is not None:
            looked_at = self._looked_at(view, files)
            best = next((value for _, value, look in looked_at if look == "fresh"), None)
        if best is not None and settings.within is not None:
            lowest = max(lowest, best - settings.within)
        limits = _Limits(lowest, lowest, best, presence)
        if settings.words in ("on", "only"):
            from rclip_like.search.words import find_words, nothing_found, with_words

            words_only = settings.words == "only"
            query_words, notes = find_words(view.store, self.asked.terms, words_only=words_only)
            has_any = len(self) > 0
            self._query_words = query_words
            self._scored = with_words(self._scored, query_words, lowest, words_only=words_only)
            self.notes += notes
            if words_only and has_any and not (notes or len(self)):
                is_filtered = settings.filters != NO_FILTERS
                self.notes += (nothing_found(query_words, is_filtered=is_filtered),)
            limits = limits._replace(shown=-math.inf)
        self._limits = limits
        return limits

    def _looked_at(
        self, view: View, files: FileCheck, *, highest: float = math.inf, first: int = _BEYOND
    ) -> Iterator[tuple[StoredFile, float, Look]]:
        selection, scope = self._selection(view), view.scope
        wants = scope.wants if scope.has_patterns else None
        found = pages(selection, self._scored, wants, highest=highest, first=first)
        return checked(
            selection,
            self.asked.query,
            found,
            files,
            by_matrix=True,
            all_hidden=view.settings.all_hidden,
        )

    def _key_of(self, stored: StoredFile) -> float:
        (numbers,) = np.nonzero(self._scored.rowids == stored.rowid)
        return float(self._scored.order[numbers[0]])

    def _match(
        self, view: View, stored: StoredFile, value: float, rank: int, limits: _Limits
    ) -> Match:
        match = match_of(stored, value, rank, view.scope, self._model)
        words: tuple[tuple[str, str], ...] = ()
        if self._query_words is not None:  # read by the connection of this thread
            words = self._query_words._replace(reader=view.store.words).found_in(stored)
        by_words = bool(words) and value < limits.lowest
        return match._replace(words=words, by_words=by_words, presence=limits.presence)

    def _total(self, view: View, limits: _Limits) -> int:
        total = _total(view, self._scored.num_contents)
        return min(total, int(np.count_nonzero(self._scored.scores >= limits.shown)))

    def _selection(self, view: View) -> Selection:
        globs = view.scope.globs
        return view.store.select(self._model_id, view.roots, view.settings.filters, globs)


class _Limits(NamedTuple):
    """The least score that passes without words, and the least that is shown at all.

    best: the best score of all, if it was asked for; presence: as SearchReport has it.
    """

    lowest: float
    shown: float
    best: float | None
    presence: float | None


def ranked_page(ranking: Ranking, view: View, start: int, count: int) -> MatchPage:
    """Return the page of a ranking of this very state of the index, by the rows if need be."""
    try:
        return ranking.page(view, start, count)
    except MatrixDisagrees:
        ranking.rank_by_rows(view)
        return ranking.page(view, start, count)


class Unranked:
    """The contents under some roots by date or path: pages of them as of a Ranking.

    In the order that `settings.sort` asks for; the newest first for "score", which they have none.
    """

    def __init__(self, view: View) -> None:
        filters, self._sort = view.settings.filters, view.settings.sort
        if self._sort == "path":
            self._contents = contents_by_path(view.store, view.roots, filters)
        else:
            is_oldest_first = self._sort == "-date"
            self._contents = contents_by_date(
                view.store, view.roots, filters, oldest_first=is_oldest_first
            )
        self._order: list[int] = []
        self._met: set[int] = set()
        self._before = {0: 0}
        self._lock = Lock()

    def __len__(self) -> int:
        """Return how many contents it holds."""
        return self._contents.number

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
                if self._sort != "path":
                    several.sort(key=lambda stored: -stored.mtime_ns)
                looks = ((each, files.look_at(each)) for each in several)
                shown = next((each for each, look in looks if look == "fresh"), None)
                is_shown = shown and (view.settings.all_hidden or not shown.is_hidden)
                stale += shown is None
                if is_shown and rank == start + count:
                    self._before[rank] = number
                    copies = _copies(view, contents)
                    total = _total(view, self._contents.number)
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
                content_id = next(self._contents.content_ids, None)
                if content_id is None:
                    break
                if content_id not in self._met:
                    self._met.add(content_id)
                    self._order.append(content_id)
            return self._order[first : first + _CONTENTS_AT_ONCE]


def _sorted(page: MatchPage, sort: str, part: tuple[int, int]) -> MatchPage:
    """Return a part, start and number, of a page of the best matches, in another order."""
    start, count = part
    matches = in_order(page.matches, sort)
    copies = dict(zip((match.rank for match in page.matches), page.copies, strict=True))
    shown = tuple(matches[start : start + count])
    notes = page.notes
    if page.following is not None:
        notes += (f"only the {MOST_SORTED} most similar are shown in this order",)
    return page._replace(
        matches=shown,
        copies=tuple(copies[match.rank] for match in shown),
        total=len(matches),
        following=start + count if start + count < len(matches) else None,
        notes=notes,
    )


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
