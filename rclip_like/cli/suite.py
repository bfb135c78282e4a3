"""`clipfind evaluate --suite paper`: what the CLIP paper describes, on the user's own pictures."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from rclip_like.cli.reporting import deliver
from rclip_like.measure.suite.run import SuiteSettings
from rclip_like.output.progress import progress_bar
from rclip_like.output.report import report_object
from rclip_like.settings import cache_folder

if TYPE_CHECKING:
    from rclip_like.cli.evaluate import EvaluateOptions
    from rclip_like.library import Library
    from rclip_like.measure.suite.subject import SuiteProgress
    from rclip_like.output.progress import Show
    from rclip_like.output.stream import Talk

_TELLING_SECONDS = 120
"""If a run is expected to take longer, a note says so."""


def run_suite(library: Library, options: EvaluateOptions) -> None:
    """Measure, and print or write the report; an interrupted run keeps its finished parts."""
    settings = options.settings
    parts = _parts_folder(library, options)
    suite = SuiteSettings(settings.seed, baseline=options.baseline, parts=parts)
    if settings.limit is not None:
        suite = suite._replace(limit=settings.limit)
    with progress_bar("reading", "pictures", quiet=options.talk.quiet) as show:
        report = library.paper_suite(
            options.data, suite, split=settings.split, on_progress=_Telling(show, options.talk)
        )
    json = [report_object(report)] if options.json else None
    deliver(report, options.report, options.talk, json)
    shutil.rmtree(parts, ignore_errors=True)


def _parts_folder(library: Library, options: EvaluateOptions) -> Path:
    """Return the folder for the finished parts of a run with this data, model and seed.

    The device and the precision count, too: embeddings of one run are not mixed.
    """
    data, encoder = str(options.data.absolute()), options.encoder
    model = library.specification.name
    described = (data, model, options.settings.seed, encoder.device, encoder.precision)
    digest = hashlib.sha256(repr(described).encode("utf-8", "surrogateescape")).hexdigest()
    return cache_folder() / "suite" / digest[:16]


class _Telling:
    """Shows the progress, or names each section if stderr is not a terminal.

    Once the pace is known, it notes how long a long run takes.
    """

    def __init__(self, show: Show | None, talk: Talk) -> None:
        self._show = show
        self._talk = talk
        self._has_told = False
        self._section = ""

    def __call__(self, progress: SuiteProgress) -> None:
        """Show the progress."""
        seconds = progress.seconds_left
        if seconds is not None and not self._has_told:
            self._has_told = True
            if seconds > _TELLING_SECONDS:
                self._talk.note(f"at least {seconds / 60:.0f} minutes to go")
        if self._show is None and progress.section != self._section:
            self._section = progress.section
            done = f"{progress.done:,} of {progress.total:,} pictures encoded"
            self._talk.note(f"{progress.section}: {done}")
        if self._show is not None:
            self._show(progress.done, progress.total, progress.part)
