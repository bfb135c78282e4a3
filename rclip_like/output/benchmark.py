"""Render figures as CLIP_benchmark's JSON objects, with further keys for intervals and ours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rclip_like.models.names import HUB_PREFIX, is_folder_name, split_weights
from rclip_like.output.matches import json_text

if TYPE_CHECKING:
    from rclip_like.evaluate.report import Interval
    from rclip_like.measure.confidence import Confidence
    from rclip_like.measure.measured import Measured
    from rclip_like.measure.run import Evaluation, ModelFigures

RETRIEVAL, CLASSIFICATION = "zeroshot_retrieval", "zeroshot_classification"
"""CLIP_benchmark's names of the tasks."""


def benchmark_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield one JSON object per model and task, with CLIP_benchmark's keys.

    These are dataset, model, pretrained, task, metrics (by name; null if undefined) and language.
    intervals: low and high of each metric. differences: value, low and high of each metric minus
    that of the first model.
    """
    for model in evaluation.models:
        for task, figures in _tasks(model).items():
            first = _tasks(evaluation.models[0])[task]
            yield json_text(_object(evaluation, model, task, figures, first))


def _tasks(model: ModelFigures) -> dict[str, dict[str, Measured]]:
    """Return the figures by task and by their names in `metrics`."""
    tasks: dict[str, dict[str, Measured]] = {}
    if model.captions is not None:
        tasks[RETRIEVAL] = {
            f"{direction}_{key}": measured
            for direction, figures in model.captions.figures.items()
            for key, measured in figures.items()
        }
    if model.labels is not None:
        words = {}
        if model.labels.words is not None:
            words = {f"word_{key}": each for key, each in model.labels.words.figures.items()}
        tasks[CLASSIFICATION] = {**model.labels.figures, **words}
    return tasks


def _object(
    evaluation: Evaluation,
    model: ModelFigures,
    task: str,
    figures: Mapping[str, Measured],
    first: Mapping[str, Measured],
) -> dict[str, object]:
    name, pretrained = benchmark_names(model.name)
    intervals = {key: each.interval for key, each in figures.items()}
    metrics: dict[str, float | None] = {}
    if task == CLASSIFICATION and model.labels is not None:
        metrics = {"acc1": None, "acc5": None}  # CLIP_benchmark always has both
        intervals |= _calibration_intervals(model.labels.confidence)
    metrics |= {key: _finite(each.value) for key, each in intervals.items()}
    described: dict[str, object] = {
        "dataset": evaluation.name,
        "model": name,
        "pretrained": pretrained,
        "task": task,
        "metrics": metrics,
        "language": evaluation.settings.language,
        "intervals": {key: _ends(each) for key, each in intervals.items()},
    }
    if model is not evaluation.models[0]:
        seed = evaluation.settings.seed
        differences = {key: each.minus(first[key], seed) for key, each in figures.items()}
        described["differences"] = {
            key: {"value": _finite(each.value), **_ends(each)}
            for key, each in differences.items()
            if each is not None
        }
    return {**described, **_made(evaluation, model, task)}


def _calibration_intervals(confidence: Confidence) -> dict[str, Interval]:
    """Return the figures of calibration by name; those at the fitted scale end in _fitted."""
    return {
        f"{key}{ending}": getattr(found, key)
        for ending, found in (("", confidence.own), ("_fitted", confidence.fitted))
        if found is not None
        for key in ("ece", "ece_equal_mass", "nll", "brier")
    }


def _made(evaluation: Evaluation, model: ModelFigures, task: str) -> dict[str, object]:
    made: dict[str, object] = {
        "num_pictures": evaluation.num_pictures,
        "num_from_index": model.num_from_index,
        "num_encoded": model.num_encoded,
        "fingerprint": model.fingerprint,
        "seed": evaluation.settings.seed,
    }
    if task == RETRIEVAL and model.captions is not None:
        return made | {"num_captions": model.captions.num_captions}
    if model.labels is not None:
        made |= {"num_labels": len(model.labels.labels), "templates": model.labels.templates}
        made |= {
            "logit_scale": model.logit_scale,
            "temperature": model.labels.confidence.temperature,
        }
    return made


def benchmark_names(name: str) -> tuple[str, str]:
    """Return CLIP_benchmark's model and pretrained: the parts of ARCH/TAG, or the name and ""."""
    base, weights = split_weights(name)
    if weights is not None:
        return base, weights.name
    if base.startswith(HUB_PREFIX) or is_folder_name(base):
        return base, ""
    architecture, _, tag = base.partition("/")
    return architecture, tag


def _ends(interval: Interval) -> dict[str, float | None]:
    return {"low": _finite(interval.low), "high": _finite(interval.high)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
