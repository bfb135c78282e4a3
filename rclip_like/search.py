"""Terms to an embedding, and the stored rows to matches whose files are still what they were."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rclip_like.errors import PictureError, UsageError
from rclip_like.query import Kind, Term
from rclip_like.ranking import (
    UNSCORED,
    best_first,
    combine,
    look_up,
    score,
    score_chunks,
    score_parts,
    score_rows,
)
from rclip_like.settings import EncoderSettings, SearchSettings
from rclip_like.values import FileFacts, Match, Root, SearchReport
from rclip_like.walk import Doubles, Ignored, folder_prefix, is_wanted

if TYPE_CHECKING:
    from rclip_like.models.encoder import Encoder
    from rclip_like.models.specification import ModelSpecification
    from rclip_like.store import Store, StoredFile
    from rclip_like.values import Embedding, Embeddings, Pixels

# The templates of the CLIP paper (section 3.1.4) and the subset its authors' notebook names.
TEMPLATES: dict[str, tuple[str, ...]] = {
    "none": ("{}",),
    "photo": ("a photo of a {}.",),
    "all": (
        "itap of a {}.",
        "a bad photo of the {}.",
        "a origami {}.",
        "a photo of the large {}.",
        "a {} in a video game.",
        "art of the {}.",
        "a photo of the small {}.",
    ),
}
_PAGE = 256
_LONGEST_SHOWN = 40
_SORTS = ("score", "date", "path")


@dataclass(frozen=True)
class Searcher:
    """What a search reads from: a store, a model, and a way to load the image tower if needed.

    `queried` has the pixels of the query's pictures that are not in the store, by their term.
    """

    store: Store
    specification: ModelSpecification
    load_encoder: Callable[[], Encoder]
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    queried: Mapping[str, Pixels] = field(default_factory=dict)


def search(
    searcher: Searcher,
    terms: Sequence[Term],
    roots: Sequence[Root] | None,
    settings: SearchSettings,
) -> SearchReport:
    """Return the stored pictures under `roots` (None: all) nearest to the terms, best first.

    A picture's score is the largest over its parts: the whole of it and, of an animation, frames.
    Every match was `stat`ed and is what was encoded; what is gone or changed since is left out and
    counted, and the next ranks move up. Thresholds come first, then `settings.top`, then the
    order; equal scores are in order of path bytes. Nothing is written but cached text embeddings.
    Raises UsageError for settings that make no sense and for terms that cancel out.
    """
    _refuse_nonsense(settings)
    model_id = searcher.store.model_id(searcher.specification.fingerprint)
    if model_id is None:
        return SearchReport(())
    cut: list[str] = []
    embeddings = embed_terms(searcher, model_id, terms, settings, cut.append)
    query = combine(embeddings, [term.weight for term in terms])
    sieve = _Sieve(roots, terms, settings)
    with searcher.store.snapshot():
        store = searcher.store
        kept = _take(sieve.sift(store, _score_all(store, model_id, query, roots)), settings)
        explain = _Explanation(store, model_id, terms, embeddings, query)
        explained = [explain.terms_of(stored) if settings.explain else () for stored, _ in kept]
    matches = [
        _match(sieve.root_of(stored.path), stored, value, searcher.specification.name)
        for stored, value in kept
    ]
    matches = [
        replace(match, rank=place, terms=each)
        for place, (match, each) in enumerate(zip(matches, explained, strict=True), start=1)
    ]
    notes = _cut_notes(cut, searcher.specification)
    return SearchReport(tuple(_sorted(matches, settings.sort)), stale=sieve.stale, notes=notes)


def _refuse_nonsense(settings: SearchSettings) -> None:
    if settings.template not in TEMPLATES:
        raise UsageError(f"there is no template {settings.template!r}: {', '.join(TEMPLATES)}")
    if settings.sort not in _SORTS:
        raise UsageError(f"matches are sorted by {', '.join(_SORTS)}, not {settings.sort!r}")
    if settings.top < 0:
        raise UsageError(f"there are no {settings.top} best matches; 0 stands for all")


def embed_terms(
    searcher: Searcher,
    model_id: int,
    terms: Sequence[Term],
    settings: SearchSettings,
    on_cut: Callable[[str], None],
) -> Embeddings:
    """Return one unit row a term, float32 (T, D); indexed pictures and known texts cost no model.

    `on_cut` is told the texts that are longer than the model reads, which are not cached either.
    Raises PictureError for a picture that is neither in `searcher.queried` nor in the store.
    """
    words = [term.value for term in terms if term.kind is Kind.TEXT]
    texts = _embed_texts(searcher, model_id, words, settings, on_cut)
    return np.stack(
        [
            texts[term.value]
            if term.kind is Kind.TEXT
            else _embed_picture(searcher, model_id, term.value)
            for term in terms
        ]
    )


def _embed_texts(
    searcher: Searcher,
    model_id: int,
    texts: Sequence[str],
    settings: SearchSettings,
    on_cut: Callable[[str], None],
) -> dict[str, Embedding]:
    """Return for each text the mean of its prompts' embeddings, scaled to unit length."""
    templates = TEMPLATES[settings.template]
    prompts = {text: [each.format(text) for each in templates] for text in texts}
    every = [prompt for group in prompts.values() for prompt in group]
    known, cut = _embed_prompts(searcher, model_id, every, settings)
    for text, group in prompts.items():
        if not cut.isdisjoint(group):
            on_cut(text)
    return {
        text: combine(np.stack([known[prompt] for prompt in group]), [1.0] * len(group))
        for text, group in prompts.items()
    }


def _embed_prompts(
    searcher: Searcher, model_id: int, prompts: Sequence[str], settings: SearchSettings
) -> tuple[dict[str, Embedding], set[str]]:
    """Return the embedding of each prompt, and those that are longer than the model reads."""
    store = searcher.store
    cached = {prompt: store.cached_text(model_id, prompt) for prompt in prompts}
    known = {prompt: row for prompt, row in cached.items() if row is not None}
    new = [prompt for prompt in cached if prompt not in known]
    cut: set[str] = set()
    if new:
        from rclip_like.models.text_encoder import encode_texts

        rows = encode_texts(searcher.specification, new, searcher.encoder, cut.add)
        known.update(zip(new, rows, strict=True))
    if settings.cache_texts:
        for prompt in new:
            if prompt not in cut:  # it would be told the first time only
                store.cache_text(model_id, prompt, known[prompt])
    return known, cut


def _cut_notes(cut: Sequence[str], specification: ModelSpecification) -> tuple[str, ...]:
    """Say which texts are longer than the model reads, in one sentence for all of them."""
    if not cut:
        return ()
    more = f" and {len(cut) - 1} more" if len(cut) > 1 else ""
    begun = f"{cut[0][:_LONGEST_SHOWN].strip()}..."
    return (
        f"{begun!r}{more}: longer than {specification.name} reads ({specification.context_length} "
        "tokens, a word is one or more); what comes after that does not count",
    )


def _embed_picture(searcher: Searcher, model_id: int, value: str) -> Embedding:
    if value in searcher.queried:
        pixels = searcher.queried[value]
        embedding: Embedding = searcher.load_encoder().encode_pictures(pixels[np.newaxis])[0]
        return embedding
    stored = stored_embedding(searcher.store, model_id, value)
    if stored is None:
        raise PictureError(os.fsencode(value), "changed during the search; try again", False)
    return stored


def stored_embedding(store: Store, model_id: int, path: str) -> Embedding | None:
    """Return the unit float32 (D,) of a picture that is indexed as it is now, or None."""
    try:
        real = os.fsencode(os.path.realpath(path))
        facts = FileFacts.of(real, os.stat(real))
    except OSError:
        return None
    return store.embedding_of(real, model_id, facts.size_bytes, facts.mtime_ns)


@dataclass(frozen=True)
class _Scored:
    """Row numbers (N,) and scores (N,); in order of path bytes, or with some new ones at the end.

    Some of the rows may be gone.
    """

    rows: np.ndarray
    scores: np.ndarray
    is_in_order: bool = True


def _score_all(
    store: Store, model_id: int, query: Embedding, roots: Sequence[Root] | None
) -> _Scored:
    """Return the score of all that lies under the roots, from the matrix where there is one."""
    matrix = store.matrix(model_id, roots)
    if matrix is None:
        chunks, parts = store.scan(model_id, roots), store.scan_frames(model_id)
        return _Scored(*score_chunks(query, chunks, parts))
    new_rows, contents, slots = matrix.newer.files()
    asked_for = np.concatenate([matrix.slots, slots]) if len(slots) else matrix.slots
    by_slot = score_rows(query, matrix.rows, asked_for, matrix.frames)
    scores = by_slot[matrix.slots]
    if not len(new_rows):
        return _Scored(matrix.file_ids, scores)
    new_scores = look_up(contents, *score_parts(query, matrix.newer.embeddings()))
    has_slot = slots >= 0
    new_scores[has_slot] = by_slot[slots[has_slot]]
    has_score = new_scores > UNSCORED
    return _Scored(
        np.concatenate([matrix.file_ids, new_rows[has_score]]),
        np.concatenate([scores, new_scores[has_score]]),
        is_in_order=False,
    )


def _in_order(store: Store, scored: _Scored) -> Iterator[tuple[StoredFile, float]]:
    """Yield all files that are still there with their scores: best first, ties by path bytes."""
    for stretch in best_first(scored.scores):
        start = 0
        while start < len(stretch):
            end = _end_of_page(scored, stretch, start)
            places = stretch[start:end]
            values = dict(zip(scored.rows[places].tolist(), scored.scores[places], strict=True))
            page = [(stored, float(values[stored.rowid])) for stored in store.rows([*values])]
            yield from page if scored.is_in_order else sorted(page, key=_by_score_and_path)
            start = end


def _end_of_page(scored: _Scored, stretch: np.ndarray, start: int) -> int:
    """Return where a page ends: not amid equal scores if they have to be put in order."""
    end = min(start + _PAGE, len(stretch))
    while (
        not scored.is_in_order
        and end < len(stretch)
        and scored.scores[stretch[end]] == scored.scores[stretch[end - 1]]
    ):
        end += 1
    return end


def _by_score_and_path(found: tuple[StoredFile, float]) -> tuple[float, bytes]:
    return -found[1], found[0].path


class _Sieve:
    """Lets through the ranked rows that should be shown, counting those whose file is stale."""

    def __init__(
        self, roots: Sequence[Root] | None, terms: Sequence[Term], settings: SearchSettings
    ) -> None:
        self.stale = 0
        self._files = {root.path: root for root in roots or () if root.is_file}
        # The innermost first: a hidden folder that is named is wanted within one that is not.
        folders = [root for root in roots or () if not root.is_file]
        self._folders = sorted(folders, key=lambda root: -len(root.path))
        self._settings = settings
        self._ignored: dict[bytes, Ignored] = {}
        self._doubles: dict[bytes, Doubles] = {}
        # All that is indexed was wanted once, be it hidden.
        self._walk = settings.walk if roots is not None else replace(settings.walk, hidden=True)
        # By device and inode, as a walk that follows links meets one file under several names.
        self._queried: set[tuple[int, int]] = set()
        for term in terms:
            if term.kind is Kind.PICTURE:
                with suppress(OSError):  # gone since it was read
                    self._queried.add(_identity(os.stat(term.value)))

    def sift(self, store: Store, scored: _Scored) -> Iterator[tuple[StoredFile, float]]:
        """Yield the fresh, wanted files with their scores: best first, ties by path bytes."""
        seen: set[int] = set()
        for stored, value in _in_order(store, scored):
            if self._is_wanted(stored, seen) and self._is_to_be_shown(stored):
                seen.add(stored.content_id)
                yield stored, value

    def root_of(self, path: bytes) -> Root | None:
        """Return the root that the user named and `path` lies under; None with no roots."""
        if path in self._files:
            return self._files[path]
        prefixed = ((root, folder_prefix(root.path)) for root in self._folders)
        return next((root for root, prefix in prefixed if path.startswith(prefix)), None)

    def _is_wanted(self, stored: StoredFile, seen: set[int]) -> bool:
        if self._settings.collapse and stored.content_id in seen:
            return False
        named = self.root_of(stored.path)
        if named is not None and named.is_file:
            return True
        root, path = named or _top_of(stored.path), stored.path
        if not is_wanted(root, path, self._walk):
            return False
        ignored = self._ignored_under(named)
        if ignored is not None and path in ignored:
            return False
        if root.path not in self._doubles:
            self._doubles[root.path] = Doubles(root, self._walk, ignored)
        return path not in self._doubles[root.path]

    def _ignored_under(self, root: Root | None) -> Ignored | None:
        """Return what ignore files, perhaps younger than the rows, leave out under a root."""
        if root is None or not self._walk.ignore_files:
            return None
        if root.path not in self._ignored:
            self._ignored[root.path] = Ignored(root)
        return self._ignored[root.path]

    def _is_to_be_shown(self, stored: StoredFile) -> bool:
        """Return whether the file is as it was when encoded, and not the query itself."""
        try:
            status = os.stat(stored.path)
        except OSError:
            self.stale += 1
            return False
        if _identity(status) in self._queried:
            return False
        facts = FileFacts.of(stored.path, status)
        fresh = (facts.size_bytes, facts.mtime_ns) == (stored.size_bytes, stored.mtime_ns)
        self.stale += not fresh
        return fresh


def _take(
    sifted: Iterator[tuple[StoredFile, float]], settings: SearchSettings
) -> list[tuple[StoredFile, float]]:
    """Return the leading files that pass the thresholds, at most `settings.top` (0: all)."""
    kept: list[tuple[StoredFile, float]] = []
    lowest = -np.inf if settings.min_score is None else settings.min_score
    for stored, value in sifted:
        if not kept and settings.within is not None:
            lowest = max(lowest, value - settings.within)
        if value < lowest:
            break
        kept.append((stored, value))
        if len(kept) == settings.top:
            break
    return kept


def _match(root: Root | None, stored: StoredFile, value: float, model: str) -> Match:
    shown = stored.path if root is None else as_typed(root, stored.path)
    changed = datetime.fromtimestamp(stored.mtime_ns / 1e9).isoformat(timespec="seconds")
    return Match(shown, stored.path, value, 0, model, stored.facts.taken_at or changed)


def as_typed(root: Root, path: bytes) -> bytes:
    """Return `path` the way the user named its root: relative in, relative out."""
    if root.is_file:
        return root.typed
    return os.path.join(root.typed, path[len(folder_prefix(root.path)) :])


def _top_of(path: bytes) -> Root:
    """Return the root of the file system, or of the drive, as a root of a walk."""
    top = os.fsencode(Path(os.fsdecode(path)).anchor)
    return Root(top, top)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


@dataclass(frozen=True)
class _Explanation:
    """Says what each term alone scores with the part of a picture that the query liked best."""

    store: Store
    model_id: int
    terms: Sequence[Term]
    embeddings: Embeddings
    query: Embedding

    def terms_of(self, stored: StoredFile) -> tuple[tuple[str, float], ...]:
        """Return each term as typed, a subtracted one behind a minus, with its score."""
        parts = self.store.parts_of(self.model_id, stored.content_id)
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
