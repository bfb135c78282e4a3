"""The Library: one index and one model, opened when needed, to index and search from Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rclip_like.library.duplicates import LibraryDuplicates
from rclip_like.library.interchange import LibraryInterchange
from rclip_like.library.measures import LibraryMeasures
from rclip_like.library.naming import LibraryNames
from rclip_like.library.query import Asked, terms_of
from rclip_like.library.reach import (
    expanded,
    named_roots,
    place_notes,
    reachable_roots,
    refuse_unreadable,
    unindexed_note,
    unwalked_note,
)
from rclip_like.library.texts import LibraryTexts
from rclip_like.query import Kind, Query, Term
from rclip_like.settings import (
    EncoderSettings,
    Filters,
    IndexSettings,
    LibraryChoice,
    LibrarySettings,
    ReadSettings,
    SearchSettings,
    WebSettings,
    path_of,
)
from rclip_like.values import AnyPath, IndexReport, Root, SearchReport

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rclip_like.index import Progress
    from rclip_like.library.browsing import Browsing
    from rclip_like.models.model import Model
    from rclip_like.selected import SelectionReport
    from rclip_like.values import Embeddings, Pixels


class Library(LibraryDuplicates, LibraryMeasures, LibraryTexts, LibraryNames, LibraryInterchange):
    """An index and the model it is searched with.

    database: the index file. model: a model's name or folder, or a `Model`, whose loaded towers are
    then shared with whoever else uses it. weights: a checkpoint to load into the architecture named
    by `model`. Anything left out comes from the environment or the configuration file, as on the
    command line; otherwise it is the user's own index, and the model that `use_model` set or the
    built-in one. Raises ConfigError for a configuration that cannot be used.

    Nothing is opened or loaded before it is needed. Any thread may use it, several at a time: each
    gets its own connection to the index, and all share the model. Leaving a `with` block closes it,
    as `close` does. Paths are strings, bytes or `Path`s, one or several.
    """

    def __init__(
        self,
        database: str | os.PathLike[str] | None = None,
        *,
        model: str | Model | None = None,
        weights: str | os.PathLike[str] | None = None,
        encoder: EncoderSettings | None = None,
        read: ReadSettings | None = None,
        web: WebSettings | None = None,
    ) -> None:
        from rclip_like.settings.configuration import configured

        found = configured(LibrarySettings)
        name = model if model is None or isinstance(model, str) else model.specification.name
        chosen = LibraryChoice(
            name or found.library.model,
            path_of(os.fspath(weights)) if weights else None,
            path_of(os.fspath(database)) if database else found.library.database,
        )
        found = found._replace(
            library=chosen,
            encoder=encoder or found.encoder,
            read=read or found.read,
            web=web or found.web,
            indexing=found.indexing._replace(read=None),  # as above
        )
        self._begin(found, None if isinstance(model, str) else model)

    def index(
        self,
        paths: AnyPath | Sequence[AnyPath] = (),
        settings: IndexSettings | None = None,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        on_wait: Callable[[], None] | None = None,
    ) -> IndexReport:
        """Bring the index of `paths` (default: the current folder) in line with the disk.

        Raises RootError for a path that cannot be walked, IndexLocked when another process
        indexes and `settings.wait` is off, and Interrupted on a signal, with what was done kept.
        """
        return self._bring_up_to_date(
            named_roots(paths), settings or self.settings.indexing, on_progress, on_wait
        )

    def search(
        self,
        query: Asked,
        paths: AnyPath | Sequence[AnyPath] = (),
        settings: SearchSettings | None = None,
        *,
        update: IndexSettings | bool | None = True,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> SearchReport:
        """Return the pictures under `paths` (default: the current folder) nearest to the query.

        A string is read as on the command line, as words or as a picture. A `Path`, a Pillow image
        and an array of uint8 (H, W), (H, W, 3) or (H, W, 4) are pictures. The index is brought up
        to date first, as `update` says, unless that is False. If another process is indexing, or
        the index cannot be written, the committed rows answer and a note says so. A note also
        names an indexed path that is missing or whose disk is not mounted; RootError is raised for
        a path that was never indexed, and if no path is there. Pictures in the query are read
        before anything else; PictureError or WebError is raised if one cannot be read. Pictures
        given to `hide` are left out and counted unless `settings.all_hidden`.
        """
        settings = settings or self.settings.searching
        update = self.settings.indexing if update is True else update or None
        terms = terms_of(query)
        pixels = self._pixels_of(query, terms)
        notes = tuple(dict.fromkeys(term.note for term in terms if term.note))
        if settings.everywhere:
            found = self._rank(terms, None, settings, pixels)
            notes += self._reason_for_nothing(found, None, None, settings)
            notes += place_notes(self._index.existing(), None, settings.filters)
            return replace(found, notes=(*found.notes, *notes))
        roots, absent = reachable_roots(self._index.existing(), paths)
        report, updating = self._update_if_possible(roots, update, on_progress)
        found = self._rank(terms, roots, settings, pixels)
        if not found.matches:
            refuse_unreadable(roots, report)
        notes += absent + updating + unwalked_note(report)
        notes += self._reason_for_nothing(found, roots, report, settings)
        notes += place_notes(self._index.existing(), roots, settings.filters)
        missing = report.remaining if report else 0
        return replace(found, missing=missing, notes=(*found.notes, *notes), index=report)

    def select(
        self, paths: AnyPath | Sequence[AnyPath] = (), filters: Filters | None = None
    ) -> SelectionReport:
        """Return the indexed pictures under `paths` (default: all) that pass, with embeddings.

        They are in order of path bytes. Nothing is brought up to date first: pictures that changed
        since they were indexed, and those with a damaged embedding, are left out and counted.
        Raises RootError as `search` does.
        """
        from rclip_like.search.selecting import select

        store, named, filters = self._index.existing(), expanded(paths), filters or Filters()
        roots = reachable_roots(store, named)[0] if named else None
        walk = self.settings.searching.walk
        return select(store, self.specification, roots, walk, filters)

    def count_undated(self, paths: AnyPath | Sequence[AnyPath] | None = ()) -> int:
        """Return how many indexed pictures under `paths` (default: the current folder; None: all)
        say no date. Raises RootError as `search` does.
        """
        store = self._index.existing()
        if store is None:
            return 0
        return store.count_undated(None if paths is None else reachable_roots(store, paths)[0])

    def count_without_position(self, paths: AnyPath | Sequence[AnyPath] | None = ()) -> int:
        """Return how many indexed pictures under `paths` say no position; as `count_undated`."""
        store = self._index.existing()
        if store is None:
            return 0
        from rclip_like.store.places import count_without_position

        roots = None if paths is None else reachable_roots(store, paths)[0]
        return count_without_position(store.connection, roots)

    def draw(self, number: int, seed: int = 0, *, outside: AnyPath | None = None) -> list[str]:
        """Return the paths of so many indexed pictures, drawn by the seed; all if there are fewer.

        Pictures in the folder `outside`, and those that are gone or have changed since they were
        indexed, are left out. Nothing is written. Raises StoreError.
        """
        from rclip_like.search.drawing import draw_paths

        store = self._index.existing()
        if store is None:
            return []
        folder = None if outside is None else os.fsencode(os.path.realpath(outside))
        return [os.fsdecode(path) for path in draw_paths(store, number, seed, folder)]

    def embeddings(
        self, paths: AnyPath | Sequence[AnyPath]
    ) -> tuple[Embeddings, npt.NDArray[np.bool_]]:
        """Return an embedding of each picture, unit float32 (N, D), and which are indexed (N,).

        A picture counts as indexed if its file has not changed since; the row of others is zero.
        """
        from rclip_like.query.embedding import stored_embeddings

        return stored_embeddings(self._encoded(), expanded(paths), self.specification.dimension)

    def browse(
        self, roots: Sequence[Root] | None = None, settings: SearchSettings | None = None
    ) -> Browsing:
        """Return the indexed pictures under the roots (None: all), to be looked through in pages.

        Pictures that are hidden or have changed since they were indexed are left out, and equal
        ones are shown once. Nothing is brought up to date or written.
        """
        from rclip_like.library.browsing import Browsing

        return Browsing(
            self._index.existing,
            lambda: self.model,
            lambda terms: {**self._read_pictures(terms), **self.rows_of_names(terms)[0]},
            roots,
            settings or self.settings.searching,
        )

    def _pixels_of(self, query: Asked, terms: Sequence[Term]) -> Mapping[str, Pixels]:
        """Return the pixels of the query's pictures that are not indexed, by their term's value.

        Raises UsageError, PictureError and WebError.
        """
        if not isinstance(query, str | os.PathLike | Query):
            from rclip_like.query.pictures import square_of

            return {terms[0].value: square_of(query, self.specification.preprocessing)}
        return self._read_pictures(terms)

    def _read_pictures(self, terms: Sequence[Term]) -> Mapping[str, Pixels]:
        """Return the pixels of the terms that are pictures and not indexed, by their values.

        Raises UsageError for an unknown name among the terms, before anything is read.
        """
        self.refuse_unknown_names(terms)
        new = [
            term
            for term in terms
            if term.kind is Kind.URL
            or (term.kind is Kind.PICTURE and not self.embeddings([term.value])[1][0])
        ]
        if not new:
            return {}
        from rclip_like.query.pictures import read_pictures

        preprocessing = self.specification.preprocessing
        return read_pictures(new, preprocessing, self.settings.read, self.settings.web)

    def _reason_for_nothing(
        self,
        found: SearchReport,
        roots: Sequence[Root] | None,
        report: IndexReport | None,
        settings: SearchSettings,
    ) -> tuple[str, ...]:
        if found.matches:
            return ()
        has_candidates = found.best is not None or found.hidden > 0
        globs = settings.walk.glob
        return unindexed_note(roots, report, globs, self._has_rows, has_candidates=has_candidates)

    def _rank(
        self,
        terms: Sequence[Term],
        roots: Sequence[Root] | None,
        settings: SearchSettings,
        pixels: Mapping[str, Pixels],
    ) -> SearchReport:
        store = self._index.existing()
        if store is None:
            return SearchReport(())
        model = self.model
        from rclip_like.search import search

        named, notes = self.rows_of_names(terms)
        found = search(store, model, terms, {**pixels, **named}, roots, settings)
        return replace(found, notes=(*notes, *found.notes)) if notes else found
