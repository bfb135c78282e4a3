"""The manual's section JSON, made from the JSON schemas that come with the package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from textwrap import indent
from typing import Any

SCHEMAS = {
    "search --json, run --json": "search",
    "classify --json": "classify",
    "duplicates --json": "duplicates",
    "hide --list --json": "hide",
    "saved list --json": "saved_list",
    "names list --json": "names_list",
    "status --json": "status",
    "prune --json, forget --json": "prune",
    "relocate --json": "relocate",
    "doctor --json": "doctor",
    "formats --json": "formats",
    "config show --json": "config_show",
    "models list --json": "models_list",
    "models show --json": "models_show",
    "train --json": "train",
    "train --dry-run --json": "train_dry_run",
    "log.jsonl of a trained model": "train_log",
    "evaluate --json": "evaluate",
    "evaluate --suite paper --json, probe --json, report.json": "report",
}
"""The schema, by its file's name, of what each command prints."""

INTRODUCTION = """\
The shape of everything that is printed or written as JSON; OUTPUT says what the fields mean. A
field with ? may be absent, | separates alternatives, [x] is a list of x, and {NAME: x} an object
with any names. This section is made from JSON schemas that come with clipfind, in the folder that
importlib.resources.files("rclip_like.output") / "schemas" names in Python. They describe this
version exactly; a later one may add fields.
"""
_WIDTH = 66
Schema = dict[str, Any]


def shapes() -> str:
    """Return the section as prose of the manual: for each command an example block."""
    folder = resources.files("rclip_like.output") / "schemas"
    parts = [INTRODUCTION]
    for command, name in SCHEMAS.items():
        schema = json.loads((folder / f"{name}.json").read_text("utf-8"))
        lines = ", one object per line" if "line" in schema["title"] else ""
        parts.append(f"{command} :: {name}.json{lines}:\n\n{indent(_whole(schema), '    ')}\n")
    return "\n".join(parts)


def _whole(schema: Schema) -> str:
    """Return what is printed, and below it the objects that it names."""
    named = schema.get("$defs", {})
    kinds = schema["oneOf"] if "properties" not in schema else [schema]
    own = [named[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in kinds]
    parts = ["\nor\n".join(shape(each, named) for each in own)]
    for name, each in named.items():
        if _is_object(each) and each not in own:
            parts.append(f"{name}: {shape(each, named, taken=len(name) + 2)}")
    return "\n".join(parts)


def _is_object(schema: Schema) -> bool:
    return schema.get("type") == "object"


def shape(schema: Schema, named: Mapping[str, Schema], margin: int = 0, taken: int = 0) -> str:
    """Return a schema in short notation; an object that is too wide has a line for each field.

    named: what `$ref` names. margin: the columns before each line. taken: those before the first.
    """
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return name if _is_object(named[name]) else shape(named[name], named, margin, taken)
    if "properties" in schema:
        return " | ".join(_object(each, named, margin, taken) for each in _alternatives(schema))
    if kinds := schema.get("oneOf") or schema.get("allOf", ())[:1]:
        return " | ".join(shape(each, named, margin, taken) for each in kinds)
    if values := schema.get("enum") or ("const" in schema and [schema["const"]]):
        return " | ".join(json.dumps(each) for each in values)
    if schema["type"] == "array":
        return f"[{shape(schema['items'], named, margin, taken + 1)}]"
    if schema["type"] == "object":
        values = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        return f"{{NAME: {shape(values[0], named, margin, taken)}}}" if values[0] else "{...}"
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " | ".join(types)


def _alternatives(schema: Schema) -> list[Schema]:
    """Return the kinds of an object that have fields of their own, or the object alone."""
    own = schema["properties"]
    kinds = [
        {
            "properties": own | kind["properties"],
            "required": schema["required"] + kind["required"],
        }
        for kind in schema.get("oneOf", ())
        if not kind["properties"].keys() <= own.keys()
    ]
    return kinds or [schema]


def _object(schema: Schema, named: Mapping[str, Schema], margin: int, taken: int) -> str:
    required = schema.get("required", ())
    fields = {
        f"{name}{'' if name in required else '?'}: ": kind
        for name, kind in schema["properties"].items()
    }
    flat = ", ".join(field + shape(kind, named) for field, kind in fields.items())
    if "\n" not in flat and margin + taken + len(flat) + 2 <= _WIDTH:
        return f"{{{flat}}}"
    lines = [""]
    for field, kind in fields.items():
        text = field + shape(kind, named, margin + 2, len(field))
        if lines[-1] and margin + len(lines[-1]) + len(text) + 4 <= _WIDTH and "\n" not in text:
            lines[-1] += f", {text}"
        else:
            lines += [text]
    inner = "\n".join(" " * (margin + 2) + line for line in lines[1:])
    return f"{{\n{inner}\n{' ' * margin}}}"
