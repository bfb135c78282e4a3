"""Read and write a probe's file: weights in safetensors, with a description as JSON in its notes.

Nothing in it is ever executed. The file may come from a stranger: sizes are bounded, and numbers,
labels and dimensions are checked before they are used.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeGuard

import numpy as np
import numpy.typing as npt

from rclip_like.errors import ModelError, Remedy
from rclip_like.evaluate.labels import normalised
from rclip_like.evaluate.report import Interval
from rclip_like.evaluate.zero_shot import softmax
from rclip_like.files import write_whole
from rclip_like.models.names import is_folder_name
from rclip_like.models.regular import parse_json, shown
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.towers.tensors import Weights

SUFFIX = ".safetensors"
VERSION = 1
MOST_BYTES = 1 << 30
"""The largest probe's file that is read: 100,000 labels of 2,560 numbers."""

_MOST_HEADER_BYTES = 64 << 20
_MOST_LABELS = 100_000
_NOTE = "clipfind_probe"
_MODE = 0o666
"""Before the umask: a probe holds label names, but neither pictures nor their paths."""

_LABEL = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,1000}")
"""A label is one line of text, so that it can be shown and typed."""

_SHOWN_DIGITS = 12

FeatureKind = Literal["index", "tower"]


class Probe(NamedTuple):
    """A fitted probe, with what it was made from.

    weights float32 (L, D) and intercept (L,) give logits of features (N, D); labels: L names.
    features: `index` for unit embeddings, `tower` for features of the image tower. accuracy: the
    share of `num_tested` test pictures that got the true label, with a 95 % interval; None without
    test pictures. penalty: 1 / (C n).
    """

    weights: npt.NDArray[np.float32]
    intercept: npt.NDArray[np.float32]
    labels: tuple[str, ...]
    model: str
    fingerprint: str
    features: FeatureKind
    c: float
    penalty: float
    num_pictures: int
    num_tested: int
    accuracy: Interval | None
    made_at: str
    """The day, as ISO 8601."""
    clipfind: str
    """The version that made it."""

    @property
    def dimension(self) -> int:
        """The length of a picture's features."""
        return int(self.weights.shape[1])

    def logits(self, features: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Return (N, L) for features (N, D)."""
        wide = features.astype(np.float64)
        return np.asarray(wide @ self.weights.T.astype(np.float64) + self.intercept)

    def probabilities(self, features: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Return the softmax of the logits, float64 (N, L); features are (N, D)."""
        return softmax(self.logits(features))

    def require_model(self, specification: ModelSpecification) -> None:
        """Raise ModelError unless the probe was fitted on features of this model."""
        if self.fingerprint != specification.fingerprint:
            theirs = f"{self.model} (fingerprint {self.fingerprint[:_SHOWN_DIGITS]})"
            ours = f"{specification.name} ({specification.fingerprint[:_SHOWN_DIGITS]})"
            raise ModelError(
                f"the probe was fitted with the model {theirs}; it cannot be used with {ours}",
                (Remedy.NAME_PROBES_MODEL, self.model),
            )


def shared_name(specification: ModelSpecification) -> str:
    """Return a model's name without the path of its folder, which a shared file should not tell."""
    name = specification.name
    return f"./{Path(name).name}" if is_folder_name(name) else name


def is_usable_label(label: str) -> bool:
    """Return whether a label can be stored in a probe: one line of text that is not blank."""
    return _LABEL.fullmatch(label) is not None and bool(label.strip())


def write_probe(path: Path, probe: Probe) -> None:
    """Write a probe whole or not at all. Raises OSError."""
    from safetensors.numpy import save_file

    described = probe._asdict() | {"version": VERSION, "dimension": probe.dimension}
    # safetensors writes memory in its own order, and scikit-learn's arrays are in column order.
    tensors = {name: np.ascontiguousarray(described.pop(name)) for name in ("weights", "intercept")}
    described["accuracy"] = probe.accuracy and list(probe.accuracy)
    note = json.dumps(described, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with write_whole(path, _MODE) as draft:
        save_file(tensors, draft, metadata={_NOTE: note})


def read_probe(path: Path) -> Probe:
    """Return the probe in a file.

    Raises ModelError, which says what is wrong, unless the file holds a whole probe with finite
    numbers and usable labels, in a version that this clipfind reads.
    """
    try:
        weights = Weights(path, MOST_BYTES, _MOST_HEADER_BYTES)
        if _NOTE not in weights.notes:
            raise ModelError(f"{path} is not a probe", Remedy.MAKE_PROBE)
        described = parse_json(weights.notes[_NOTE].encode(errors="replace"), f"{path}: its note")
        return _probe_of(_Note(described), weights.tensors())
    except _UnfitProbe as error:
        raise ModelError(f"{path} is not a probe that can be used: {error}") from None


class _UnfitProbe(Exception):
    """A probe's file cannot be used; the message completes an error that names the file."""


class _Note:
    """The JSON in a probe's file; each method gives one field or raises _UnfitProbe."""

    def __init__(self, described: Any) -> None:
        if not isinstance(described, dict):
            raise _UnfitProbe("its note is not a JSON object")
        self._described = described
        version = self.count("version")
        if version != VERSION:
            raise _UnfitProbe(f"it has version {version}, but this clipfind reads {VERSION}")

    def text(self, name: str, pattern: str = r"[^\x00-\x1f\x7f-\x9f]{1,1000}") -> str:
        value = self._described.get(name)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise self._odd(name)
        return value

    def count(self, name: str) -> int:
        value = self._described.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
            raise self._odd(name)
        return value

    def positive(self, name: str) -> float:
        value = self._described.get(name)
        if not _is_number(value) or not 0 < value < math.inf:
            raise self._odd(name)
        return float(value)

    def interval(self, name: str) -> Interval | None:
        value = self._described.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 3:
            raise self._odd(name)
        if not all(_is_number(each) and 0 <= each <= 1 for each in value):
            raise self._odd(name)
        return Interval(*map(float, value))

    def labels(self) -> tuple[str, ...]:
        value = self._described.get("labels")
        if not isinstance(value, list) or not 2 <= len(value) <= _MOST_LABELS:
            raise _UnfitProbe(f"it must have 2 to {_MOST_LABELS:,} labels")
        for label in value:
            if not isinstance(label, str) or not is_usable_label(label):
                raise _UnfitProbe(f"{shown(label)} is not a label")
        if len(set(map(normalised, value))) < len(value):
            raise _UnfitProbe("a label is repeated, perhaps in other capitals")
        return tuple(value)

    def _odd(self, name: str) -> _UnfitProbe:
        return _UnfitProbe(f"its {name} is {shown(self._described.get(name))}")


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _probe_of(note: _Note, tensors: Mapping[str, npt.NDArray[Any]]) -> Probe:
    """Return a probe with checked fields. Raises _UnfitProbe."""
    labels = note.labels()
    return Probe(
        weights=_checked(tensors, "weights", (len(labels), note.count("dimension"))),
        intercept=_checked(tensors, "intercept", (len(labels),)),
        labels=labels,
        model=note.text("model"),
        fingerprint=note.text("fingerprint", "[0-9a-f]{64}"),
        features="tower" if note.text("features", "index|tower") == "tower" else "index",
        c=note.positive("c"),
        penalty=note.positive("penalty"),
        num_pictures=note.count("num_pictures"),
        num_tested=note.count("num_tested"),
        accuracy=note.interval("accuracy"),
        made_at=note.text("made_at", r"\d{4}-\d\d-\d\d"),
        clipfind=note.text("clipfind"),
    )


def _checked(
    tensors: Mapping[str, npt.NDArray[Any]], name: str, shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """Return a checked copy of a tensor; a mapped one would change with the file."""
    tensor = tensors.get(name)
    if tensor is None or tensor.dtype != np.float32:
        raise _UnfitProbe(f"it has no {name} in float32")
    if tensor.shape != shape:
        raise _UnfitProbe(f"its {name} have the shape {tensor.shape}, not {shape}")
    if not np.isfinite(tensor).all():
        raise _UnfitProbe(f"its {name} are not all numbers")
    return tensor.copy()
