"""Fit and measure the few-shot curve, the probe of all pictures, and zero-shot labels."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.few_shot import (
    LabelledFeatures,
    Shots,
    SplitFeatures,
    probe_with_all,
    probe_with_shots,
)
from rclip_like.evaluate.probe import MOST_TRIED, Fit, Sweep, fit_probe, fitting
from rclip_like.evaluate.splits import TEST, TRAIN, VALIDATION, Nearness, nearness
from rclip_like.evaluate.zero_shot import EncodeTexts, build_classifier
from rclip_like.probe.labelled import LabelledSet
from rclip_like.probe.settings import OnProgress, ProbeProgress, ProbeSettings
from rclip_like.settings import num_processors

_TYPICAL_C = 10.0


class ProbeFigures(NamedTuple):
    """The results of one run, for T test pictures and L labels.

    test: the positions of the test pictures in `data`. logits: float64 (T, L), of the fit rounded
    to float32 as in its file. zero_shot: cosines, float32 (T, L). near: how near the test pictures
    come to those that the probe was fitted on. curve: by ascending k; empty without test pictures.
    unreached: the k for which no label has enough training pictures.
    """

    data: LabelledSet
    templates: tuple[str, ...]
    fit: Fit
    sweep: Sweep
    curve: tuple[Shots, ...]
    unreached: tuple[int, ...]
    test: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float64]
    zero_shot: npt.NDArray[np.float32]
    near: Nearness

    @property
    def truth(self) -> npt.NDArray[np.int64]:
        """The label numbers of the test pictures (T,)."""
        return self.data.numbers[self.test]


def measure(
    data: LabelledSet,
    templates: Sequence[str],
    encode_texts: EncodeTexts,
    settings: ProbeSettings,
    on_progress: OnProgress,
) -> ProbeFigures:
    """Return the results of probes on the set, and of zero-shot labels in these templates.

    The same set and settings give the same bits for any number of threads. Raises MeasureError if
    scikit-learn is missing.
    """
    split = SplitFeatures(*(_split_of(data, split) for split in (TRAIN, VALIDATION, TEST)))
    most = int(np.bincount(split.train.numbers).max())
    shots = [k for k in settings.shots if k <= most] if len(split.test.numbers) else []
    threads = settings.threads or num_processors()
    total = MOST_TRIED * (len(shots) * settings.repeats + 1) + 1
    done = [0]

    def on_fit() -> None:
        done[0] += 1
        on_progress(ProbeProgress("fitting", min(done[0], total), total))

    with fitting(), ThreadPoolExecutor(threads, "fits") as pool:
        expected = _expected_seconds(split.train, shots, settings.repeats) / threads
        on_progress(ProbeProgress("fitting", 0, total, expected))
        curve = tuple(
            probe_with_shots(split, k, settings.seed, settings.repeats, pool, on_fit) for k in shots
        )
        fit, chosen = probe_with_all(split, pool, on_fit)
    test, fitted = data.on(TEST), data.on(TRAIN, VALIDATION)
    classifier = build_classifier(dict.fromkeys(data.labels, ()), templates, encode_texts)
    return ProbeFigures(
        data,
        tuple(templates),
        fit,
        chosen,
        curve,
        tuple(k for k in settings.shots if k > most),
        test,
        fit.in_float32().logits(data.features[test]),
        classifier.scores(data.rows[test]),
        nearness(data.rows[test], data.numbers[test], data.rows[fitted], data.numbers[fitted]),
    )


def _split_of(data: LabelledSet, split: int) -> LabelledFeatures:
    positions = data.on(split)
    digests = tuple(data.digests[position] for position in positions)
    return LabelledFeatures(data.features[positions], data.numbers[positions], digests)


def _expected_seconds(train: LabelledFeatures, shots: Sequence[int], repeats: int) -> float:
    """Return about how many seconds all fits take one after the other, from the time of one."""
    fit_probe(train.features, train.numbers, 1e-6)  # imports scikit-learn, which is not timed
    start = time.perf_counter()
    fit_probe(train.features, train.numbers, _TYPICAL_C)
    seconds = time.perf_counter() - start
    counts = np.bincount(train.numbers)
    shares = [np.minimum(counts, k).sum() / counts.sum() for k in shots]
    return float(MOST_TRIED * seconds * (1.0 + repeats * sum(shares)))
