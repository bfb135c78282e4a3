"""Fit a linear probe: logistic regression on features, with one hyperparameter, C, swept.

As in the CLIP paper (Radford et al. 2021, appendix A.3): scikit-learn's L-BFGS, multinomial, at
most 1,000 iterations, and an L2 penalty that is swept from coarse to fine.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.packages import require_research

MAX_ITERATIONS = 1000
TOLERANCE = 1e-6
"""Of the largest gradient, relative to the mean length of the features, so that embeddings and
features stop alike. scikit-learn's default of 1e-4 stops weakly penalised fits of unit rows far
from the minimum.
"""

NUM_STEPS = 96
"""Steps of equal ratio from the smallest C to the largest; the sweep tries at most MOST_TRIED."""
MOST_TRIED = 15
_COARSE = 16
_LOWEST, _HIGHEST = -6.0, 6.0
DEFAULT_C = 1.0
"""The C without validation pictures."""

Features = npt.NDArray[np.floating[Any]]
Numbers = npt.NDArray[np.int64]


class Fit(NamedTuple):
    """A fitted probe: logits of features (N, D) are `features @ weights.T + intercept`.

    weights (L, D) and intercept (L,) are float64. With two labels the first has zeros, because
    logistic regression fits only their difference. num_pictures: how many it was fitted on.
    """

    weights: npt.NDArray[np.float64]
    intercept: npt.NDArray[np.float64]
    c: float
    num_pictures: int
    has_converged: bool

    @property
    def penalty(self) -> float:
        """The weight of the L2 penalty relative to the mean loss: 1 / (C n)."""
        return 1.0 / (self.c * self.num_pictures)

    def in_float32(self) -> Fit:
        """Return the fit with its numbers rounded to float32, as in a probe's file."""
        return self._replace(
            weights=self.weights.astype(np.float32).astype(np.float64),
            intercept=self.intercept.astype(np.float32).astype(np.float64),
        )

    def logits(self, features: Features) -> npt.NDArray[np.float64]:
        """Return float64 (N, L) for features (N, D)."""
        return np.asarray(features.astype(np.float64) @ self.weights.T + self.intercept)


class Tried(NamedTuple):
    """One step of a sweep: a C, with its accuracy and loss on the validation pictures.

    loss: the mean negative log likelihood, which decides between equal accuracies.
    """

    c: float
    accuracy: float
    loss: float


class Sweep(NamedTuple):
    """The C chosen, and those that were tried, ascending; () without validation pictures."""

    c: float
    tried: tuple[Tried, ...] = ()

    @property
    def is_at_end(self) -> bool:
        """Whether the C chosen is the smallest or the largest of the range."""
        return self.c in (c_of_step(0), c_of_step(NUM_STEPS))


def fit_probe(features: Features, numbers: Numbers, c: float) -> Fit:
    """Return scikit-learn's LogisticRegression, fitted in float64.

    features (N, D) are neither scaled nor centred; numbers (N,) are label numbers, each from 0 to
    L - 1 at least once, L >= 2. Within `fitting` the result is the same bit for bit on any number
    of processors. Raises MeasureError if scikit-learn is missing.
    """
    require_research("fitting a probe")
    from sklearn.linear_model import LogisticRegression

    wide = features.astype(np.float64)
    tolerance = TOLERANCE * float(np.linalg.norm(wide, axis=1).mean())
    model = LogisticRegression(C=c, max_iter=MAX_ITERATIONS, tol=tolerance)
    model.fit(wide, numbers)
    weights, intercept = model.coef_, model.intercept_
    assert np.array_equal(model.classes_, np.arange(len(model.classes_)))
    if len(weights) == 1:
        weights = np.concatenate([np.zeros_like(weights), weights])
        intercept = np.concatenate([np.zeros_like(intercept), intercept])
    return Fit(weights, intercept, c, len(features), bool(max(model.n_iter_) < MAX_ITERATIONS))


def judge(fit: Fit, features: Features, numbers: Numbers) -> Tried:
    """Return the accuracy and loss of a fit on pictures that it was not fitted on."""
    logits = fit.logits(features)
    accuracy = float(np.mean(logits.argmax(axis=1) == numbers))
    shifted = logits - logits.max(axis=1, keepdims=True)
    likelihoods = shifted[np.arange(len(numbers)), numbers] - np.log(np.exp(shifted).sum(axis=1))
    return Tried(fit.c, accuracy, float(-likelihoods.mean()))


def sweep(try_all: Callable[[Sequence[float]], Sequence[Tried]]) -> Sweep:
    """Return the C with the highest accuracy, found from coarse to fine as in the paper.

    Seven values from 1e-6 to 1e6 come first, then four times the neighbours of the best one at half
    the distance, down to one of 96 logarithmic steps: 15 values at most. Equal accuracies are
    decided by the smaller loss, then by the smaller C. `try_all` gets several C at a time.
    """
    tried: dict[int, Tried] = {}
    steps, distance = list(range(0, NUM_STEPS + 1, _COARSE)), _COARSE
    while steps:
        tried |= zip(steps, try_all([c_of_step(step) for step in steps]), strict=True)
        best = max(tried, key=lambda step: (tried[step].accuracy, -tried[step].loss, -step))
        distance //= 2
        near = (best - distance, best + distance) if distance else ()
        steps = [step for step in near if 0 <= step <= NUM_STEPS]
    return Sweep(tried[best].c, tuple(tried[step] for step in sorted(tried)))


def c_of_step(step: int) -> float:
    """Return the C of one of the steps 0 to 96."""
    return float(10.0 ** (_LOWEST + (_HIGHEST - _LOWEST) * step / NUM_STEPS))


@contextmanager
def fitting() -> Iterator[None]:
    """Let the block fit probes in any threads: BLAS uses one thread per fit, warnings are silent.

    With one thread, sums have the same order everywhere. Warning filters are set here because they
    hold for all threads. The warnings are needless: `Fit.has_converged` tells of convergence, and
    one picture per label is expected.
    """
    require_research("fitting a probe")
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # scikit-learn requires it

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        yield
