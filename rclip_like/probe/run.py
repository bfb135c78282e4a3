"""Fit a probe: labelled folder -> features -> fit -> probe and report."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rclip_like import __version__
from rclip_like.errors import MeasureError, Remedy, UsageError
from rclip_like.evaluate.intervals import wilson
from rclip_like.evaluate.packages import require_research
from rclip_like.evaluate.probe_file import SUFFIX, Probe, shared_name, write_probe
from rclip_like.evaluate.templates import DEFAULT_TEMPLATES, templates_of
from rclip_like.probe.labelled import read_labelled
from rclip_like.probe.measuring import ProbeFigures, measure
from rclip_like.probe.report import make_report
from rclip_like.probe.settings import OnProgress, Probed, ProbeProgress, ProbeSettings
from rclip_like.settings import ReadSettings

if TYPE_CHECKING:
    from rclip_like.models.model import Model
    from rclip_like.models.specification import ModelSpecification
    from rclip_like.store.embeddings import ModelEmbeddings


def probe(
    folder: Path,
    model: Model,
    stored: ModelEmbeddings | None,
    read: ReadSettings,
    settings: ProbeSettings,
    on_progress: OnProgress,
) -> Probed:
    """Return the probe fitted on a labelled folder, and the report on it.

    stored: the model's embeddings in the index, which are not computed again. Nothing is written.
    Raises UsageError for settings out of range, MeasureError if scikit-learn, SciPy or matplotlib
    is missing, and DataError if there are fewer than two labels to learn.
    """
    require_research("fitting a probe")
    settings.check()
    asked = None if settings.templates is None else templates_of(settings.templates)
    data = read_labelled(
        folder,
        model,
        stored,
        read,
        settings,
        lambda done, total: on_progress(ProbeProgress("encoding", done, total)),
    )
    templates = asked or data.templates or templates_of(DEFAULT_TEMPLATES)
    measured = measure(data, templates, model.texts, settings, on_progress)
    fitted = _probe_of(measured, model.specification, settings)
    return Probed(fitted, make_report(measured, fitted, settings), data.troubles)


def check_output(path: Path) -> None:
    """Raise UsageError unless a path ends in .safetensors, MeasureError if it exists.

    Called before the work, which may take minutes.
    """
    if path.suffix != SUFFIX:
        raise UsageError(f"{path}: a probe's name ends in {SUFFIX}", f"write {path.name}{SUFFIX}")
    if os.path.lexists(path):
        raise MeasureError(f"{path} exists and is not overwritten", Remedy.NAME_ANOTHER_PROBE)


def save(path: Path, fitted: Probe) -> None:
    """Write a probe whole. Raises as `check_output` does, and MeasureError if writing fails."""
    check_output(path)
    try:
        write_probe(path, fitted)
    except OSError as error:
        raise MeasureError(f"{path} cannot be written: {error.strerror or error}") from error


def _probe_of(
    measured: ProbeFigures, specification: ModelSpecification, settings: ProbeSettings
) -> Probe:
    fit, number = measured.fit, len(measured.test)
    right = int((measured.logits.argmax(axis=1) == measured.truth).sum())
    return Probe(
        weights=fit.weights.astype(np.float32),
        intercept=fit.intercept.astype(np.float32),
        labels=measured.data.labels,
        model=shared_name(specification),
        fingerprint=specification.fingerprint,
        features=settings.features,
        c=fit.c,
        penalty=fit.penalty,
        num_pictures=fit.num_pictures,
        num_tested=number,
        accuracy=wilson(right, number) if number else None,
        made_at=date.today().isoformat(),
        clipfind=__version__,
    )
