"""The part of `Library` that measures models, and fits probes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rclip_like.library.model import LibraryModel
from rclip_like.settings import path_of
from rclip_like.values import AnyPath

if TYPE_CHECKING:
    from rclip_like.evaluate.report import Report
    from rclip_like.measure.run import Candidate, Evaluation, OnProgress
    from rclip_like.measure.settings import EvaluateSettings
    from rclip_like.measure.suite.run import SuiteSettings
    from rclip_like.measure.suite.subject import SuiteProgress
    from rclip_like.probe.settings import Probed, ProbeProgress, ProbeSettings


class LibraryMeasures(LibraryModel):
    """The part of a `Library` that measures models, compares them, and fits probes."""

    def evaluate(
        self,
        data: AnyPath,
        models: str | Sequence[str] = (),
        settings: EvaluateSettings | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Evaluation:
        """Return how well models find and label the pictures of a captioned or labelled set.

        models: by name, compared with the first one; default: the model in use. Pictures that a
        model has indexed are not encoded again, and nothing is written. Raises DataError if `data`
        is not a set, and MeasureError if nothing can be measured or a package is missing.
        """
        from rclip_like.evaluate.packages import require_research
        from rclip_like.measure.settings import EvaluateSettings

        require_research("evaluating")
        from rclip_like.data.sets import open_set
        from rclip_like.measure.run import evaluate

        settings = settings or EvaluateSettings()
        pictures = open_set(
            path_of(os.fsdecode(data)), split=settings.split, options=settings.columns
        )
        names = [models] if isinstance(models, str) else list(models)
        candidates = self._candidates(names, is_fresh=settings.fresh)
        return evaluate(pictures, candidates, settings, self.settings.read, on_progress)

    def probe(
        self,
        folder: AnyPath,
        output: AnyPath | None = None,
        settings: ProbeSettings | None = None,
        *,
        on_progress: Callable[[ProbeProgress], None] | None = None,
    ) -> Probed:
        """Return a linear probe fitted on a labelled folder, and the report on it.

        folder: any labelled set that `open_set` reads, such as a folder for each label. Indexed
        pictures are not encoded again, and nothing is written to the index. output: the new file to
        write, which ends in .safetensors. Raises UsageError, DataError and MeasureError; errors of
        the output and the settings come before any work.
        """
        from rclip_like.probe.run import check_output, probe, save
        from rclip_like.probe.settings import ProbeSettings

        path = None if output is None else path_of(os.fsdecode(output))
        if path is not None:
            check_output(path)
        settings = settings or ProbeSettings(threads=self.settings.encoder.threads)
        probed = probe(
            path_of(os.fsdecode(folder)),
            self.model,
            self._encoded(),
            self.settings.read,
            settings,
            on_progress or (lambda progress: None),
        )
        if path is not None:
            save(path, probed.probe)
        return probed

    def paper_suite(
        self,
        data: AnyPath,
        settings: SuiteSettings | None = None,
        *,
        split: str = "test",
        on_progress: Callable[[SuiteProgress], None] | None = None,
    ) -> Report:
        """Return a report on what the CLIP paper describes, measured on a labelled set.

        All pictures are encoded several times, without the index, by the model in use. Raises
        DataError and MeasureError as `evaluate` does.
        """
        from rclip_like.data.sets import open_set
        from rclip_like.measure.suite.run import SuiteSettings, paper_suite

        pictures = open_set(path_of(os.fsdecode(data)), split=split)
        return paper_suite(
            pictures,
            self.model,
            self.settings.read,
            settings or SuiteSettings(),
            on_progress=on_progress,
        )

    def _candidates(self, names: Sequence[str], *, is_fresh: bool) -> list[Candidate]:
        """Return the models to measure, each once, with what is indexed of them unless fresh."""
        from rclip_like.measure.run import Candidate
        from rclip_like.models.model import Model
        from rclip_like.models.specification import resolve

        encoder = self.settings.encoder
        if is_fresh and encoder.precision == "auto":
            encoder = encoder._replace(precision="fp32")
        candidates: dict[str, Candidate] = {}
        for name in names or [self.chosen_model()]:
            is_own = name == self.chosen_model()
            specification = self.specification if is_own else resolve(name)
            model = Model(specification, encoder)
            if is_own and encoder == self.settings.encoder:
                model = self.model
            stored = None if is_fresh else self._encoded(specification)
            candidates.setdefault(specification.fingerprint, Candidate(model, stored))
        return list(candidates.values())
