"""Split features by content, and fit linear probes on them, for several sections."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.few_shot import LabelledFeatures, SplitFeatures, probe_with_all
from rclip_like.evaluate.probe import fitting
from rclip_like.evaluate.splits import TEST, TRAIN, VALIDATION, split_by_content
from rclip_like.settings import num_processors

Numbers = npt.NDArray[np.int64]
Features = npt.NDArray[np.floating[Any]]


def split_features(
    features: Features, numbers: Numbers, digests: Sequence[bytes], seed: int
) -> tuple[SplitFeatures, Numbers]:
    """Return the three splits of labelled features (N, F), and the positions of the test split.

    numbers (N,): label numbers, 0 to L - 1. The split is that of `split_by_content`.
    """
    features = turned(features)
    splits = split_by_content(digests, numbers, seed)

    def split_of(number: int) -> LabelledFeatures:
        own = np.flatnonzero(splits == number)
        contents = tuple(digests[each] for each in own.tolist())
        return LabelledFeatures(features[own], numbers[own], contents)

    split = SplitFeatures(split_of(TRAIN), split_of(VALIDATION), split_of(TEST))
    return split, np.flatnonzero(splits == TEST)


def probe_answers(split: SplitFeatures) -> Numbers:
    """Return the label numbers (T,) that a probe gives to the test split."""
    with fitting(), ThreadPoolExecutor(num_processors()) as pool:
        fit, _ = probe_with_all(split, pool, lambda: None)
        return np.asarray(fit.logits(split.test.features).argmax(1))


def turned(features: Features) -> npt.NDArray[np.float64]:
    """Return features (N, F) rotated into the space that they span, (N, min(N, F)), in float64.

    Lengths and angles stay, and so does a probe with an L2 penalty; it is fitted faster if there
    are fewer pictures than features.
    """
    exact: npt.NDArray[np.float64] = features.astype(np.float64)
    if len(exact) >= exact.shape[1]:
        return exact
    with fitting():
        upper = np.asarray(np.linalg.qr(exact.T, mode="r"))
    return np.ascontiguousarray(upper.T)
