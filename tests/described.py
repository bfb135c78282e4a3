"""JSON held against the schemas that come with clipfind."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS = resources.files("rclip_like.output") / "schemas"


def as_described(text: str | bytes, schema: str = "report") -> dict[str, Any]:
    """Return what JSON says, after holding it against a schema; NaN and infinity are refused.

    The rows of a report's tables must have exactly the keys of its columns, a share must be at
    most 1, and an interval must not be upside down.
    """
    described: dict[str, Any] = json.loads(text, parse_constant=_refused)
    Draft202012Validator(schema_of(schema)).validate(described)
    for section in described.get("sections", ()):
        for table in section["tables"]:
            _check_table(table)
    return described


def schema_of(name: str) -> dict[str, Any]:
    """Return the schema of this name."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    return found


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
