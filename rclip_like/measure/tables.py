"""Tables of figures: a row a model, under what they have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rclip_like.evaluate.report import Column, Table

if TYPE_CHECKING:
    from rclip_like.evaluate.report import Cell
    from rclip_like.measure.measured import Measured

MODEL = Column("model", "model", "text")
_DIRECTION = Column("direction", "found are", "text")

Rows = Mapping[str, Sequence[tuple[str, Mapping[str, "Measured"]]]]
"""The figures of each model, by what leads the rows, such as a direction; "" for no lead."""


def figures_table(key: str, title: str, columns: Sequence[Column], rows: Rows) -> Table:
    """Return the table of what each model comes to."""
    cells = [
        (*_lead(lead), name, *(_cell(figures, column.key) for column in columns))
        for lead, models in rows.items()
        for name, figures in models
    ]
    return Table(key, title, (*_lead_columns(rows), MODEL, *columns), tuple(cells))


def differences_table(columns: Sequence[Column], rows: Rows, seed: int) -> Table:
    """Return the table of what each further model has more than the first one."""
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
        f"More than {first_name}",
        (*_lead_columns(rows), MODEL, *shown),
        tuple(cells),
        "Of the same pictures for both. An interval without 0 is a difference that these pictures "
        "show.",
    )


def _cell(figures: Mapping[str, Measured], key: str) -> Cell:
    return figures[key].interval if key in figures else None


def _lead(lead: str) -> tuple[str, ...]:
    return (lead,) if lead else ()


def _lead_columns(rows: Rows) -> tuple[Column, ...]:
    return () if "" in rows else (_DIRECTION,)
