"""`--format` templates: text with {path}, {score}, {rank} and {model}, and escapes."""

from __future__ import annotations

import os
import re
from string import Formatter
from typing import NamedTuple

from rclip_like.errors import UsageError
from rclip_like.values import Match

FIELDS = ("path", "score", "rank", "model")
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\0": "\0", "\\\\": "\\"}
_ESCAPE = re.compile(r"\\.", re.DOTALL)


class Template(NamedTuple):
    """A checked template: pieces of text, each followed by a field or by nothing."""

    pieces: tuple[tuple[str, str | None, str], ...]

    def render(self, match: Match, path: bytes) -> bytes:
        """Return the template with a match's values; `path` is put in byte by byte."""
        values = {"score": match.score, "rank": match.rank, "model": match.model}
        rendered = bytearray()
        for text, field, specification in self.pieces:
            rendered += os.fsencode(text)
            if field == "path":
                rendered += path
            elif field is not None:
                rendered += format(values[field], specification).encode()
        return bytes(rendered)


def parse_template(text: str) -> Template:
    """Return the template; raises UsageError for an unknown field, escape or number format.

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
        tuple((before, field, _specification(field, given)) for before, field, given, _ in parsed)
    )
    try:
        template.render(Match(b"", b"", 0.0, 1, ""), b"")
    except ValueError as error:
        raise UsageError(f"--format {text!r}: {error}") from None
    return template


def _unescape(match: re.Match[str]) -> str:
    if match.group() not in _ESCAPES:
        raise UsageError(f"--format: no escape {match.group()}; there are \\t \\n \\r \\0 \\\\")
    return _ESCAPES[match.group()]


def _specification(field: str | None, given: str | None) -> str:
    if field is not None and field not in FIELDS:
        names = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise UsageError(f"--format: no field {{{field}}}; there are {names}")
    if field == "path" and given:
        raise UsageError("--format: {path} takes no format of its own")
    return given or (".4f" if field == "score" else "")
