"""JSON held against the schemas of tests/schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parent / "schemas"


def as_described(text: str | bytes, schema: str = "report") -> dict[str, Any]:
    """Return what JSON says, after holding it against a schema; NaN and infinity are refused.

    The rows of a report's tables must have exactly the keys of its columns, a share must be at
    most 1, and an interval must not be upside down.
    """
    described: dict[str, Any] = json.loads(text, parse_constant=_refused)
    against = json.loads((SCHEMAS / f"{schema}.json").read_text(encoding="utf-8"))
    Draft202012Validator(against).validate(described)
    for section in described.get("sections", ()):
        for table in section["tables"]:
            _check_table(table)
    return described


def _check_table(table: dict[str, Any]) -> None:
    units = {column["key"]: column["unit"] for column in table["columns"]}
    for row in table["rows"]:
        assert list(row) == list(units)
        for key, cell in row.items():
            numbers = list(cell.values()) if isinstance(cell, dict) else [cell]
            if units[key] == "share":
                assert all(number is None or number <= 1 for number in numbers), (key, cell)
            if isinstance(cell, dict) and None not in numbers:
                assert cell["low"] <= cell["high"], (key, cell)


def _refused(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
