"""Figures beside their budgets, as a table for people and as JSON lines."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from bench.budgets import BUDGETS, Budget, ratio
from rclip_like.settings import num_processors

HEADER = ("what", "clipfind", "peer", "ratio", "budget", "")


@dataclass(frozen=True)
class Result:
    """One figure by the name of its budget; the reference is None where it is not to be had.

    `details`: conditions, spreads and whatever else explains the figure.
    """

    name: str
    value: float
    reference: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def budget(self) -> Budget:
        """What it is held against."""
        return BUDGETS[self.name]

    @property
    def is_met(self) -> bool | None:
        """Whether it is within its budget; None where nothing says so."""
        return self.budget.is_met(self.value, self.reference)


def as_json(result: Result) -> str:
    """Return one figure as a JSON object with the versions and the machine it stands for."""
    budget = result.budget
    times = ratio(result.value, result.reference)
    return json.dumps(
        {
            "bench": result.name,
            "what": budget.what,
            "unit": budget.unit,
            "clipfind": _rounded(result.value),
            "reference": _rounded(result.reference),
            "against": budget.against,
            "ratio": None if times is None else round(times, 3),
            "budget": budget.in_words(),
            "met": result.is_met,
            **result.details,
            "versions": versions(),
        }
    )


def as_markdown(results: Iterable[Result]) -> str:
    """Return the table: figure, the peer's, ratio, budget, pass or fail."""
    lines = [_line(HEADER), _line(("---", "--:", "--:", "--:", "--:", "---"))]
    return "\n".join([*lines, *(_line(_cells(result)) for result in results)])


def _cells(result: Result) -> tuple[str, ...]:
    budget, times = result.budget, ratio(result.value, result.reference)
    named = "" if budget.against == "rclip 4.0.8" else f", against {budget.against}"
    verdict = {True: "pass", False: "FAIL", None: ""}[result.is_met]
    return (
        budget.what + named,
        _with_unit(result.value, budget.unit),
        _with_unit(result.reference, budget.unit),
        "" if times is None else f"{times:.2f} x",
        budget.in_words(),
        verdict,
    )


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _with_unit(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    shown = f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"
    return f"{shown} {unit}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")


def versions() -> dict[str, str | int]:
    """Return what the figures were made with."""
    packages = {name: version(name) for name in ("clipfind", "numpy", "onnxruntime", "torch")}
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processors": num_processors(),
        **packages,
    }
