"""What was observed of each fault, and the table of it in Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.tools import Tool

Case = Callable[[Tool, Path], Iterable["Observation"]]
"""Does one fault with a tool in an empty folder and tells what came of it."""


@dataclass(frozen=True)
class Observation:
    """What a tool did, in words made of what was seen, and whether that is what a user wants."""

    text: str
    is_right: bool


@dataclass(frozen=True)
class Fault:
    """One of the peer's faults: its number in the list, what it is, and how it is done."""

    number: int
    title: str
    case: Case


FAULTS: list[Fault] = []


def fault(number: int, title: str) -> Callable[[Case], Case]:
    """Enter a case into FAULTS."""

    def enter(case: Case) -> Case:
        FAULTS.append(Fault(number, title, case))
        return case

    return enter


@dataclass(frozen=True)
class Row:
    """One fault and what each tool did, by the tool's name; None where the tool is missing."""

    number: int
    title: str
    observed: dict[str, list[Observation] | None]

    def is_right(self, tool: str) -> bool | None:
        """Return whether all was right that the tool did."""
        seen = self.observed[tool]
        return None if seen is None else all(each.is_right for each in seen)


def as_json(row: Row) -> str:
    """Return the row as one JSON object: what each tool did, and whether that is right."""
    tools = {
        tool: {"right": row.is_right(tool), "did": [each.text for each in seen or ()]}
        for tool, seen in row.observed.items()
    }
    return json.dumps({"fault": row.number, "title": row.title, **tools})


def header(tools: Sequence[str]) -> str:
    """Return the first two lines of the table in Markdown."""
    return "\n".join((_line("", "fault", *tools), _line("--:", *["---"] * (1 + len(tools)))))


def as_markdown(row: Row) -> str:
    """Return the row as a line of the table; what is right is marked."""
    return _line(str(row.number), row.title, *(_cell(row, tool) for tool in row.observed))


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cell(row: Row, tool: str) -> str:
    seen = row.observed[tool]
    if seen is None:
        return "not here"
    return "; ".join(f"{'✓' if each.is_right else '✗'} {each.text}" for each in seen)
