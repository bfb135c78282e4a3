"""`--format` templates: text with {path}, {score} and other fields, and escapes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from string import Formatter
from types import MappingProxyType
from typing import NamedTuple

from rclip_like.errors import UsageError

Values = Mapping[str, "str | int | float | None"]
OF_MATCH: Values = MappingProxyType(
    {
        "score": 0.0,
        "rank": 1,
        "width": 1,
        "height": 1,
        **dict.fromkeys(("model", "date", "camera", "place", "words"), ""),
    }
)
"""The fields of a match beside {path}, with values of their types."""
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\0": "\0", "\\\\": "\\"}
_ESCAPE = re.compile(r"\\.", re.DOTALL)


class Template(NamedTuple):
    """A checked template: pieces of text, each followed by a field or by nothing."""

    pieces: tuple[tuple[str, str | None, str], ...]

    def render(self, values: Values, path: bytes) -> bytes:
        """Return the template with these values, None as nothing; `path` is put in byte by byte."""
        rendered = bytearray()
        for text, field, specification in self.pieces:
            rendered += os.fsencode(text)
            if field == "path":
                rendered += path
            elif field is not None and values[field] is not None:
                rendered += os.fsencode(format(values[field], specification))
        return bytes(rendered)


def parse_template(text: str, fields: Values = OF_MATCH) -> Template:
    """Return the template; raises UsageError for an unknown field, escape or number format.

    fields: those that there are beside {path}, with values of their types to try the formats with.
    Doubled braces stand for themselves, as in Python's format strings, and {score:.2f} works.
    """
    try:
        parsed = list(Formatter().parse(_ESCAPE.sub(_unescape, text)))
    except ValueError as error:
        raise UsageError(f"--format {text!r}: {error}") from None
    if conversion := next((each for *_, each in parsed if each), None):
        raise UsageError(
            f"--format: no conversion !{conversion}; {{score:.2f}} sets a number's form"
        )
    template = Template(
        tuple(
            (before, field, _specification(field, given, fields))
            for before, field, given, _ in parsed
        )
    )
    try:
        template.render(fields, b"")
    except ValueError as error:
        raise UsageError(f"--format {text!r}: {error}") from None
    return template


def _unescape(match: re.Match[str]) -> str:
    if match.group() not in _ESCAPES:
        raise UsageError(f"--format: no escape {match.group()}; there are \\t \\n \\r \\0 \\\\")
    return _ESCAPES[match.group()]


def _specification(field: str | None, given: str | None, fields: Values) -> str:
    if field is not None and field != "path" and field not in fields:
        names = ", ".join(f"{{{name}}}" for name in ("path", *fields))
        raise UsageError(f"--format: no field {{{field}}}; there are {names}")
    if field == "path" and given:
        raise UsageError("--format: {path} takes no format of its own")
    return given or (".4f" if isinstance(fields.get(field or ""), float) else "")
