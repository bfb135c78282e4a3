"""One search: terms to an embedding, the rows to matches whose files are still what they were."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.errors import Note, Remedy, UsageError
from rclip_like.query import Term
from rclip_like.query.embedding import TEMPLATES
from rclip_like.ranking import score
from rclip_like.search.asking import Asked, ask
from rclip_like.search.checks import FileCheck, MatrixDisagrees, checked
from rclip_like.search.parts import found_parts
from rclip_like.search.scoring import pages, score_all
from rclip_like.settings import SearchSettings
from rclip_like.store.contents import NO_FILTERS, file_date
from rclip_like.values import Match, Root, SearchReport
from rclip_like.walk import Scope

if TYPE_CHECKING:
    from rclip_like.models.model import Model
    from rclip_like.search.checks import Look
    from rclip_like.search.scoring import Scored
    from rclip_like.search.words import QueryWords
    from rclip_like.store import Store, StoredFile
    from rclip_like.store.selection import Selection
    from rclip_like.values import Embedding, Pixels

_SORTS = ("score", "date", "-date", "path")
FROM_ROWS = Note(
    "the matrix beside the index disagrees with its rows; these results come from the rows",
    Remedy.REPAIR,
)


def search(
    store: Store,
    model: Model,
    terms: Sequence[Term],
    pictures: Mapping[str, Pixels | Embedding],
    roots: Sequence[Root] | None,
    settings: SearchSettings,
) -> SearchReport:
    """Return the stored pictures under `roots` (None: all) nearest to the terms, best first.

    pictures: those of the terms that are not indexed, and names, by the term's value, as `ask` has
    them.
    A picture's score is the largest over its parts: the whole, the frames of an animation or a
    video, its tiles.
    The file of every match was looked at and is what was encoded. Files that are gone, changed or
    out of reach, damaged rows and, unless `settings.all_hidden`, hidden pictures are left out and
    counted, and the next ranks move up. A score from the matrix agrees with the row. Thresholds
    come first, then `settings.top`, then the order; equal scores are in order of path bytes. Only
    cached text embeddings are written. With `settings.words` the words of the terms count as well:
    they change the order, not the scores, and what they find passes the thresholds. Raises
    UsageError for settings that make no sense and for terms that cancel out.
    """
    _refuse_nonsense(settings)
    specification = model.specification
    model_id = store.model_id(specification.fingerprint)
    if model_id is None:
        return SearchReport(())
    asked = ask(store.embeddings(model_id), model, terms, pictures, settings)
    scope = Scope(roots, settings.walk)
    notes: tuple[str, ...] = ()
    with store.snapshot():
        model_id = store.model_id(specification.fingerprint)
        if model_id is None:  # dropped while the terms were embedded
            return SearchReport(())
        selection = store.select(model_id, roots, settings.filters, scope.globs)
        files = FileCheck(store, scope, terms)
        query_words: QueryWords | None = None
        if settings.words in ("on", "only"):
            from rclip_like.search.words import find_words

            query_words, notes = find_words(store, terms, words_only=settings.words == "only")
        question = _Question(selection, asked, files, settings, query_words)
        try:
            best = _take_best(question)
        except MatrixDisagrees:
            best = _take_best(question, by_rows=True)
            notes += (FROM_ROWS,)
        notes = notes or _words_not_found(best, question)
        matches = [*_matches(question, best, specification.name)]
    return SearchReport(
        tuple(in_order(matches, settings.sort)),
        stale=best.stale,
        damaged=best.damaged,
        notes=notes + asked.notes,
        best=best.score,
        presence=best.presence,
        copies=best.copies,
        hidden=best.hidden,
    )


def _words_not_found(best: _Best, question: _Question) -> tuple[str, ...]:
    """Say so if pictures were looked through for words alone and none has any."""
    was_any_met = best.files or best.hidden or best.stale or best.damaged
    settings, query_words = question.settings, question.query_words
    if settings.words != "only" or query_words is None or best.score is None or was_any_met:
        return ()
    from rclip_like.search.words import nothing_found

    return (nothing_found(query_words, is_filtered=settings.filters != NO_FILTERS),)


def in_order(matches: Sequence[Match], sort: str) -> Sequence[Match]:
    """Return the matches, given best first, as they are to be sorted."""
    if sort == "path":
        return sorted(matches, key=lambda match: match.absolute_bytes)
    if sort in ("date", "-date"):
        return sorted(matches, key=lambda match: match.taken_at or "", reverse=sort == "date")
    return matches


def _refuse_nonsense(settings: SearchSettings) -> None:
    if settings.template not in TEMPLATES:
        raise UsageError(f"there is no template {settings.template!r}: {', '.join(TEMPLATES)}")
    if settings.sort not in _SORTS:
        raise UsageError(f"matches are sorted by {', '.join(_SORTS)}, not {settings.sort!r}")
    if settings.top < 0:
        raise UsageError(f"there are no {settings.top} best matches; 0 stands for all")


def match_of(
    stored: StoredFile,
    value: float,
    rank: int,
    scope: Scope,
    model: str,
    terms: tuple[tuple[str, float], ...] = (),
) -> Match:
    """Return a stored file with its score as a match; model: the name of the model that ranked."""
    taken_at = stored.facts.taken_at or file_date(stored.mtime_ns)
    return Match(
        scope.as_typed(stored.path),
        stored.path,
        score=value,
        rank=rank,
        model=model,
        taken_at=taken_at,
        terms=terms,
        facts=stored.facts,
        version=stored.version,
        is_hidden=stored.is_hidden,
    )


def lowest_of(settings: SearchSettings) -> float:
    """Return the least score that is shown, as far as the settings alone say."""
    return settings.min_score if isinstance(settings.min_score, float | int) else -math.inf


class _Question(NamedTuple):
    """What a search asks: of which rows, for what, and which files may be shown.

    query_words: those that count beside the scores, and pass the thresholds; None if none do.
    """

    selection: Selection
    asked: Asked
    files: FileCheck
    settings: SearchSettings
    query_words: QueryWords | None


class _Best:
    """The files to be shown with their scores, best first, and what was met on the way to them.

    `score` is the best of all, before thresholds, which leave out what is below `lowest`.
    `presence` is as SearchReport has it.
    """

    def __init__(self) -> None:
        self.files: list[tuple[StoredFile, float]] = []
        self.score: float | None = None
        self.lowest = -math.inf
        self.presence: float | None = None
        self.stale = self.damaged = self.copies = self.hidden = 0


def _take_best(question: _Question, *, by_rows: bool = False) -> _Best:
    """Return the leading files that are fresh, sound and pass the thresholds; count the others.

    At most `settings.top` (0: all). by_rows: without the matrix; with it, MatrixDisagrees is raised
    where it and the rows do.
    """
    selection, asked, files, settings, query_words = question
    best = _Best()
    contents: set[int] = set()
    within = math.inf if settings.within is None else settings.within
    scored = score_all(selection, asked.query, by_rows=by_rows)

    scope = files.scope

    def checked_files(scored: Scored) -> Iterator[tuple[StoredFile, float, Look]]:
        found = pages(selection, scored, scope.wants if scope.has_patterns else None)
        how = {"by_matrix": scored.by_matrix, "all_hidden": settings.all_hidden}
        return checked(selection, asked.query, found, files, **how)

    best.presence, lowest = _lowest(selection, asked, scored, checked_files(scored), settings)
    if query_words is not None:
        from rclip_like.search.words import with_words

        fresh = (value for _, value, look in checked_files(scored) if look == "fresh")
        best.score = next(fresh, None)
        best.lowest = max(lowest, best.score - within if best.score is not None else lowest)
        scored = with_words(scored, query_words, best.lowest, words_only=settings.words == "only")
        lowest = -math.inf
    for stored, value, look in checked_files(scored):
        best.stale += look == "stale"
        best.damaged += look == "damaged"
        is_copy = settings.collapse and stored.content_id in contents
        if look == "hidden":
            has_room = settings.top == 0 or len(best.files) < settings.top
            best.hidden += value >= lowest and has_room and not is_copy
            contents.add(stored.content_id)
        if look != "fresh":
            continue
        if is_copy:
            best.copies += 1
            continue
        if best.score is None:
            best.score = value
            lowest = max(lowest, value - within)
        if value < lowest or len(best.files) == settings.top != 0:
            return best
        contents.add(stored.content_id)
        best.files.append((stored, value))
        # Else the copies of the last one are still to be counted.
        if len(best.files) == settings.top and not settings.collapse:
            return best
    return best


def _matches(question: _Question, best: _Best, model: str) -> Iterator[Match]:
    """Yield the files as matches, best first; model: the name of the model that ranked."""
    selection, asked, files, settings, query_words = question
    contents = [(stored.content_id, stored.facts) for stored, _ in best.files]
    parts = found_parts(selection, asked.query, contents)
    for rank, ((stored, value), part) in enumerate(zip(best.files, parts, strict=True), 1):
        terms = _explanation(selection, stored, asked) if settings.explain else ()
        words = query_words.found_in(stored) if query_words else ()
        yield match_of(stored, value, rank, files.scope, model, terms)._replace(
            words=words,
            by_words=bool(words) and value < best.lowest,
            presence=best.presence,
            **part._asdict(),
        )


def _lowest(
    selection: Selection,
    asked: Asked,
    scored: Scored,
    looked_at: Iterator[tuple[StoredFile, float, Look]],
    settings: SearchSettings,
) -> tuple[float | None, float]:
    """Return the presence, None unless it was asked for, and the least score that is shown."""
    if asked.everyday is None:
        return None, lowest_of(settings)
    from rclip_like.search.cutoff import find_cutoff

    return find_cutoff(selection, asked.everyday, scored, looked_at)


def _explanation(
    selection: Selection, stored: StoredFile, asked: Asked
) -> tuple[tuple[str, float], ...]:
    """Return each term as typed, a subtracted one behind a minus, with its score alone.

    Of the part of the picture that the query liked best.
    """
    parts = selection.embeddings.sound_parts([stored.content_id]).embeddings
    best = parts[np.argmax(score(asked.query, parts))].astype(np.float32)
    return tuple(
        (f"-{term.typed}" if term.weight < 0 else term.typed, float(value))
        for term, value in zip(asked.terms, score(best, asked.embeddings), strict=True)
    )
