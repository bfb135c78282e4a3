"""Labels for the pictures of a library, by words alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from rclip_like.library.indexing import LibraryIndexing
from rclip_like.library.reach import (
    named_roots,
    reachable_roots,
    refuse_unreadable,
    unindexed_note,
    unwalked_note,
)
from rclip_like.settings import IndexSettings
from rclip_like.values import AnyPath, IndexReport, Root, Trouble

if TYPE_CHECKING:
    from rclip_like.classify.labelling import Labelling, Pictures
    from rclip_like.classify.settings import ClassifySettings
    from rclip_like.evaluate.probe_file import FeatureKind, Probe
    from rclip_like.index import Progress

Labels: TypeAlias = Sequence[str] | Mapping[str, Sequence[str]]
"""Names of labels, or names with the wordings of each."""


class LibraryLabels(LibraryIndexing):
    """The part of a `Library` that labels pictures."""

    def classify(
        self,
        labels: Labels | Probe,
        paths: AnyPath | Sequence[AnyPath] = (),
        settings: ClassifySettings | None = None,
        *,
        update: IndexSettings | bool | None = True,
        on_progress: Callable[[Progress], None] | None = None,
        on_texts: Callable[[int, int], None] | None = None,
    ) -> Labelling:
        """Return the pictures under `paths` (default: the current folder), each with its labels.

        labels: names, or names with the wordings of each, or a probe, as `read_probe` or
        `Library.probe` gives it. The index is brought up to date first,
        as in `search`, and no indexed picture is encoded again. The pictures are given one after
        another while one iterates over the result; each is looked at as in a search. An animation
        is labelled by its first frame. A probability is that among the given labels alone.
        on_texts is called with the number of texts that are encoded, and of all. Raises UsageError
        for labels and settings that make no sense, RootError as `search` does.
        """
        from rclip_like.classify.labelling import Labelling
        from rclip_like.classify.settings import ClassifySettings
        from rclip_like.evaluate.probe_file import Probe

        settings = settings or ClassifySettings(walk=self.settings.searching.walk)
        update = self.settings.indexing if update is True else update or None
        if isinstance(labels, Probe):
            return self._classify_with_probe(labels, paths, settings, update, on_progress)
        from rclip_like.classify.zero_shot import zero_shot

        selected = self._all_under(paths, settings, update, on_progress)
        built = zero_shot(self.model, labels, settings, on_texts or (lambda done, total: None))
        return Labelling(selected, built.scorer, settings, self.specification.name, built.notes)

    def _classify_with_probe(
        self,
        probe: Probe,
        paths: AnyPath | Sequence[AnyPath],
        settings: ClassifySettings,
        update: IndexSettings | None,
        on_progress: Callable[[Progress], None] | None,
    ) -> Labelling:
        from rclip_like.classify.labelling import Labelling
        from rclip_like.classify.probing import FRESH_NOTE, probe_scorer

        scorer = probe_scorer(probe, self.specification, settings)
        name = self.specification.name
        if probe.features == "index":
            selected = self._all_under(paths, settings, update, on_progress)
            return Labelling(selected, scorer, settings, name)
        selected = self._read_now(paths, settings, probe.features)
        return Labelling(selected, scorer, settings, name, (FRESH_NOTE,))

    def _read_now(
        self,
        paths: AnyPath | Sequence[AnyPath],
        settings: ClassifySettings,
        features: FeatureKind = "index",
    ) -> Pictures:
        """Return all pictures under the paths, encoded without the index."""
        from rclip_like.classify.fresh import fresh_pages
        from rclip_like.classify.labelling import Pictures

        troubles: list[Trouble] = []
        read, named = self.settings.read, named_roots(paths)
        pages = fresh_pages(self.model, named, settings.walk, read, troubles.append, features)
        return Pictures(pages, troubles=troubles)

    def _all_under(
        self,
        paths: AnyPath | Sequence[AnyPath],
        settings: ClassifySettings,
        update: IndexSettings | None,
        on_progress: Callable[[Progress], None] | None,
    ) -> Pictures:
        """Return all pictures under the paths, those of the updated index or encoded now."""
        from rclip_like.classify.labelling import Pictures

        if settings.fresh:
            return self._read_now(paths, settings)
        from rclip_like.search.selecting import selected_pages

        roots: list[Root] | None = None
        report: IndexReport | None = None
        absent: tuple[str, ...] = ()
        if not settings.everywhere:
            roots, absent = reachable_roots(self._index.existing(), paths)
            report, updating = self._update_if_possible(roots, update, on_progress)
            absent += updating + unwalked_note(report)

        def explain_nothing() -> tuple[str, ...]:
            if roots is not None:
                refuse_unreadable(roots, report)
            return unindexed_note(roots, report, settings.walk.glob, self._has_rows)

        store, specification = self._index.existing(), self.specification
        pages = selected_pages(store, specification, roots, settings.walk, settings.filters)
        return Pictures(pages, report, absent, explain_nothing)
