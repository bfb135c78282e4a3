"""The part of `Library` that labels pictures, and compares the labels with the true ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rclip_like.errors import MeasureError
from rclip_like.library.indexing import LibraryIndexing
from rclip_like.library.reach import (
    named_roots,
    reachable_roots,
    refuse_unreadable,
    unindexed_note,
    unwalked_note,
)
from rclip_like.settings import Filters, IndexSettings, WalkSettings, path_of
from rclip_like.values import AnyPath, IndexReport, Root, Trouble

if TYPE_CHECKING:
    from rclip_like.classify.labelling import Labelling, Pictures
    from rclip_like.classify.settings import ClassifySettings
    from rclip_like.classify.truth import Judged, Truth
    from rclip_like.evaluate.probe_file import FeatureKind, Probe
    from rclip_like.evaluate.report import Report
    from rclip_like.index import Progress

Labels: TypeAlias = Sequence[str] | Mapping[str, Sequence[str]]
"""Names of labels, or names with the wordings of each."""

OnStage: TypeAlias = "Callable[[str, int, int | None], None]"
"""Called with the stage, the number of steps done, and that of all, None if unknown."""
INDEXING, READING = "indexing", "reading the labels"

FOLDERS = "folders"
"""The value of `truth` for true labels from the names of folders."""
_SEED = 0


class JudgedLabels(NamedTuple):
    """A report on labels compared with the true ones, and the labelling that it is of."""

    labelling: Labelling
    report: Report
    troubles: tuple[Trouble, ...] = ()
    """Lines of the table of true labels that cannot be used."""


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

        labels: names, or names with the wordings of each, or a probe from `read_probe` or
        `Library.probe`. The index is updated first, as in `search`, and no indexed picture is
        encoded again. Iterate over the result for the pictures; files that are gone or changed are
        left out, as in a search. An animation is labelled by its first frame. Probabilities are
        over the given labels alone. on_texts: called with the number of texts encoded and the
        number of all. Raises UsageError for labels and settings that cannot be used, and RootError
        as `search` does.
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

    def judge_labels(
        self,
        truth: str | os.PathLike[str],
        labels: Labels | Probe | None = None,
        paths: AnyPath | Sequence[AnyPath] = (),
        settings: ClassifySettings | None = None,
        *,
        update: IndexSettings | bool | None = True,
        on_progress: OnStage = lambda stage, done, total: None,
    ) -> JudgedLabels:
        """Return a report that compares the likeliest labels of pictures with the true ones.

        truth: "folders", for the name of the first folder below the path that was named, or the
        path of a table with a path and a label per line. Labels are compared without regard to
        case, and with _ as a space. labels: as in `classify`; None: the true labels. All pictures
        are held in memory. Raises MeasureError if no true label is among the labels or a package is
        missing, and DataError for a file that is not a table.
        """
        from rclip_like.classify.settings import ClassifySettings
        from rclip_like.classify.truth import judge, truth_of_table
        from rclip_like.evaluate.packages import require_research

        require_research("comparing labels with the true ones")
        settings = settings or ClassifySettings(walk=self.settings.searching.walk)
        update = self.settings.indexing if update is True else update or None
        table, troubles = None, tuple[Trouble, ...]()
        if truth != FOLDERS:
            table, troubles = truth_of_table(path_of(os.fspath(truth)))
        if labels is None:
            labelling = self._classify_by_truth(table, paths, settings, update, on_progress)
        else:
            labelling = self.classify(
                labels,
                paths,
                settings,
                update=update or False,
                on_progress=lambda at: on_progress(INDEXING, at.done, at.total),
                on_texts=lambda done, total: on_progress(READING, done, total),
            )
        judged = judge(labelling, table)
        return JudgedLabels(labelling, self._report_on(judged, settings), troubles)

    def _classify_by_truth(
        self,
        table: Truth | None,
        paths: AnyPath | Sequence[AnyPath],
        settings: ClassifySettings,
        update: IndexSettings | None,
        on_progress: OnStage,
    ) -> Labelling:
        """Return the pictures labelled with the list of all true labels; table None: folders."""
        from rclip_like.classify.labelling import Labelling
        from rclip_like.classify.truth import labels_of, truth_of_folders
        from rclip_like.classify.zero_shot import zero_shot

        pictures = self._all_under(
            paths, settings, update, lambda at: on_progress(INDEXING, at.done, at.total)
        )
        truth = table or truth_of_folders(pictures.roots)
        pages = list(pictures.pages)
        every = (truth(picture) for page in pages for picture in page.pictures)
        labels = labels_of(name for name in every if name is not None)
        if not labels:
            raise MeasureError("no picture has a true label")
        scorer, notes = zero_shot(
            self.model, labels, settings, lambda done, total: on_progress(READING, done, total)
        )
        pictures = pictures._replace(pages=(page for page in pages))
        return Labelling(pictures, scorer, settings, self.specification.name, notes)

    def _report_on(self, judged: Judged, settings: ClassifySettings) -> Report:
        from rclip_like import __version__
        from rclip_like.evaluate.templates import listed_or_counted, templates_of
        from rclip_like.measure.labels import measure_scores
        from rclip_like.measure.report import labels_report

        labels, specification = judged.labelling.labels, self.specification
        made: dict[str, object] = {"pictures": len(judged.truth), "left_out": judged.num_without}
        made["labels"] = len(labels)
        if judged.logit_scale is not None:
            made["templates"] = listed_or_counted(templates_of(settings.templates))
        made |= {
            "model": specification.name,
            "fingerprint": specification.fingerprint,
            "seed": _SEED,
            "version": __version__,
        }
        figures = measure_scores(judged.scores, judged.logits, judged.truth, labels, _SEED)
        left_out = f"{judged.num_without:,} more pictures were left out: their true label is "
        notes = [f"{left_out}unknown or not in the list."] if judged.num_without else []
        return labels_report(specification.name, figures, judged.logit_scale, made, notes)

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
        """Return the pictures under the paths, encoded without the index."""
        from rclip_like.classify.fresh import fresh_pages
        from rclip_like.classify.labelling import Pictures

        troubles: list[Trouble] = []
        read, named = self.settings.read, named_roots(paths)
        pages = fresh_pages(self.model, named, settings.walk, read, troubles.append, features)
        return Pictures(pages, troubles=troubles, roots=named)

    def _all_under(
        self,
        paths: AnyPath | Sequence[AnyPath],
        settings: ClassifySettings,
        update: IndexSettings | None,
        on_progress: Callable[[Progress], None] | None,
    ) -> Pictures:
        """Return the pictures under the paths, from the updated index or, if fresh, encoded now."""

        if settings.fresh:
            return self._read_now(paths, settings)
        reached = paths if not settings.everywhere else None
        return self._indexed_under(reached, settings.walk, settings.filters, update, on_progress)

    def _indexed_under(
        self,
        paths: AnyPath | Sequence[AnyPath] | None,
        walk: WalkSettings,
        filters: Filters,
        update: IndexSettings | None,
        on_progress: Callable[[Progress], None] | None,
    ) -> Pictures:
        """Return the pictures under the paths (None: all indexed ones), from the updated index."""
        from rclip_like.classify.labelling import Pictures
        from rclip_like.search.selecting import selected_pages

        roots: list[Root] | None = None
        report: IndexReport | None = None
        absent: tuple[str, ...] = ()
        if paths is not None:
            roots, absent = reachable_roots(self._index.existing(), paths)
            report, updating = self._update_if_possible(roots, update, on_progress)
            absent += updating + unwalked_note(report)

        def explain_nothing() -> tuple[str, ...]:
            if roots is not None:
                refuse_unreadable(roots, report)
            return unindexed_note(roots, report, walk.glob, self._has_rows)

        store, specification = self._index.existing(), self.specification
        pages = selected_pages(store, specification, roots, walk, filters)
        return Pictures(pages, report, absent, explain_nothing, roots=roots)
