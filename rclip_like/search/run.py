"""One search: terms to an embedding, the rows to matches whose files are still what they were."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.errors import Note, Remedy, UsageError
from rclip_like.query import Term
from rclip_like.query.embedding import TEMPLATES, Searcher, cut_notes, embed_terms
from rclip_like.ranking import combine, score
from rclip_like.search.agreement import Agreement, MatrixDisagrees
from rclip_like.search.scoring import score_all
from rclip_like.search.sieve import Sieve
from rclip_like.settings import SearchSettings
from rclip_like.values import Match, Root, SearchReport
from rclip_like.walk import folder_prefix

if TYPE_CHECKING:
    from rclip_like.store import Store, StoredFile
    from rclip_like.values import Embedding, Embeddings

_SORTS = ("score", "date", "path")
_DISAGREES = Note(
    "the matrix beside the index disagrees with its rows, from which these results are",
    Remedy.REPAIR,
)


def search(
    searcher: Searcher,
    terms: Sequence[Term],
    roots: Sequence[Root] | None,
    settings: SearchSettings,
) -> SearchReport:
    """Return the stored pictures under `roots` (None: all) nearest to the terms, best first.

    A picture's score is the largest over its parts: the whole of it and, of an animation, frames.
    Every match was `stat`ed and is what was encoded; what is gone, changed or out of reach since is
    left out and counted, and the next ranks move up; so is what has a damaged row. A score from the
    matrix is one that the row gives, too. Thresholds come first, then `settings.top`, then the
    order; equal scores are in order of path bytes. Nothing is written but cached text
    embeddings.
    Raises UsageError for settings that make no sense and for terms that cancel out.
    """
    _refuse_nonsense(settings)
    model_id = searcher.store.model_id(searcher.model.specification.fingerprint)
    if model_id is None:
        return SearchReport(())
    notes: tuple[str, ...] = ()
    cut: list[str] = []
    embeddings = embed_terms(searcher, model_id, terms, settings, cut.append)
    query = combine(embeddings, [term.weight for term in terms])
    with searcher.store.snapshot():
        store = searcher.store
        model_id = store.model_id(searcher.model.specification.fingerprint)
        if model_id is None:  # dropped meanwhile
            return SearchReport(())
        sift = _Sift(store, model_id, query, roots, terms, settings)
        try:
            sieve, taken = sift.take()
        except MatrixDisagrees:
            sieve, taken = sift.take(by_rows=True)
            notes = (_DISAGREES,)
        explain = _Explanation(store, model_id, terms, embeddings, query)
        explained = [
            explain.terms_of(stored) if settings.explain else () for stored, _ in taken.kept
        ]
    matches = [
        _match(sieve.root_of(stored.path), stored, value, searcher.model.specification.name)
        for stored, value in taken.kept
    ]
    matches = [
        match._replace(rank=place, terms=each)
        for place, (match, each) in enumerate(zip(matches, explained, strict=True), start=1)
    ]
    notes += cut_notes(cut, searcher.model.specification)
    if not all(term.value.isascii() for term in terms):
        from rclip_like.query.languages import language_notes

        notes += language_notes(terms, searcher.model.specification)
    return SearchReport(
        tuple(_sorted(matches, settings.sort)),
        stale=taken.stale,
        damaged=sieve.damaged,
        notes=notes,
        best=taken.best,
        copies=sieve.copies,
    )


def _refuse_nonsense(settings: SearchSettings) -> None:
    if settings.template not in TEMPLATES:
        raise UsageError(f"there is no template {settings.template!r}: {', '.join(TEMPLATES)}")
    if settings.sort not in _SORTS:
        raise UsageError(f"matches are sorted by {', '.join(_SORTS)}, not {settings.sort!r}")
    if settings.top < 0:
        raise UsageError(f"there are no {settings.top} best matches; 0 stands for all")


class _Taken(NamedTuple):
    """The leading files, the best score of all, and how many stale ones were met up to there."""

    kept: list[tuple[StoredFile, float]]
    best: float | None
    stale: int


class _Sift(NamedTuple):
    """All that decides which files are shown; may be asked twice."""

    store: Store
    model_id: int
    query: Embedding
    roots: Sequence[Root] | None
    terms: Sequence[Term]
    settings: SearchSettings

    def take(self, *, by_rows: bool = False) -> tuple[Sieve, _Taken]:
        """Return the files to be shown with their scores, and the sieve that counted the others.

        by_rows: without the matrix. Raises MatrixDisagrees with it.
        """
        store, model_id, query = self.store, self.model_id, self.query
        sieve = Sieve(self.roots, self.terms, self.settings)
        scored = score_all(store, model_id, query, self.roots, by_rows=by_rows)
        agreement = Agreement(store, model_id, query, by_matrix=scored.by_matrix)
        return sieve, _take(sieve, sieve.sift(store, scored, agreement), self.settings)


def _take(
    sieve: Sieve, sifted: Iterator[tuple[StoredFile, float]], settings: SearchSettings
) -> _Taken:
    """Return the leading files that pass the thresholds, at most `settings.top` (0: all)."""
    kept: list[tuple[StoredFile, float]] = []
    best: float | None = None
    lowest = -np.inf if settings.min_score is None else settings.min_score
    for stored, value in sifted:
        best = value if best is None else best
        if not kept and settings.within is not None:
            lowest = max(lowest, value - settings.within)
        if value < lowest:
            break
        kept.append((stored, value))
        if len(kept) == settings.top:
            break
    stale = sieve.stale
    if settings.collapse and kept:
        next(sifted, None)  # by the copies of the last one, which are counted
    return _Taken(kept, best, stale)


def _match(root: Root | None, stored: StoredFile, value: float, model: str) -> Match:
    shown = stored.path if root is None else as_typed(root, stored.path)
    changed = datetime.fromtimestamp(stored.mtime_ns / 1e9).isoformat(timespec="seconds")
    return Match(shown, stored.path, value, 0, model, stored.facts.taken_at or changed)


def as_typed(root: Root, path: bytes) -> bytes:
    """Return `path` the way the user named its root: relative in, relative out."""
    if root.is_file:
        return root.typed
    return os.path.join(root.typed, path[len(folder_prefix(root.path)) :])


class _Explanation(NamedTuple):
    """Says what each term alone scores with the part of a picture that the query liked best."""

    store: Store
    model_id: int
    terms: Sequence[Term]
    embeddings: Embeddings
    query: Embedding

    def terms_of(self, stored: StoredFile) -> tuple[tuple[str, float], ...]:
        """Return each term as typed, a subtracted one behind a minus, with its score."""
        parts = self.store.embeddings(self.model_id).parts_of(stored.content_id)
        if not len(parts):  # damaged since the matrix was written
            return ()
        best = parts[np.argmax(score(self.query, parts))].astype(np.float32)
        return tuple(
            (f"-{term.typed}" if term.weight < 0 else term.typed, float(value))
            for term, value in zip(self.terms, score(best, self.embeddings), strict=True)
        )


def _sorted(matches: list[Match], by: str) -> list[Match]:
    if by == "path":
        return sorted(matches, key=lambda match: match.absolute)
    if by == "date":
        return sorted(matches, key=lambda match: match.taken_at or "", reverse=True)
    return matches
