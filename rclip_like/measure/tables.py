"""Tables of figures with one row per model, and of the differences between models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rclip_like.evaluate.report import Column, Table

if TYPE_CHECKING:
    from rclip_like.evaluate.report import Cell
    from rclip_like.measure.measured import Measured

MODEL = Column("model", "model", "text")
_DIRECTION = Column("direction", "direction", "text")

Rows = Mapping[str, Sequence[tuple[str, Mapping[str, "Measured"]]]]
"""The figures of each model, by a first cell of the rows such as a direction; "" for none."""


def figures_table(key: str, title: str, columns: Sequence[Column], rows: Rows) -> Table:
    """Return the table with the figures of each model."""
    cells = [
        (*_lead(lead), name, *(_cell(figures, column.key) for column in columns))
        for lead, models in rows.items()
        for name, figures in models
    ]
    return Table(key, title, (*_lead_columns(rows), MODEL, *columns), tuple(cells))


def differences_table(columns: Sequence[Column], rows: Rows, seed: int) -> Table:
    """Return the table with the figures of each further model minus those of the first."""
    (first_name, _), *_ = next(iter(rows.values()))

    def difference(
        figures: Mapping[str, Measured], first: Mapping[str, Measured], key: str
    ) -> Cell:
        return figures[key].minus(first[key], seed) if key in first else None

    cells = [
        (*_lead(lead), name, *(difference(figures, models[0][1], each.key) for each in columns))
        for lead, models in rows.items()
        for name, figures in models[1:]
    ]
    shown = [each._replace(unit="points") if each.unit == "share" else each for each in columns]
    return Table(
        "differences",
        f"Difference from {first_name}",
        (*_lead_columns(rows), MODEL, *shown),
        tuple(cells),
        "Both models are measured on the same pictures. An interval that does not contain 0 shows "
        "a difference.",
    )


def _cell(figures: Mapping[str, Measured], key: str) -> Cell:
    return figures[key].interval if key in figures else None


def _lead(lead: str) -> tuple[str, ...]:
    return (lead,) if lead else ()


def _lead_columns(rows: Rows) -> tuple[Column, ...]:
    return () if "" in rows else (_DIRECTION,)
