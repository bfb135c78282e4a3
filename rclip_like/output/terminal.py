"""What a stream can show, and names made safe to show on it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import IO, NamedTuple

# C0 and C1 controls and DEL; marks that turn the direction of text; lone surrogates, as which
# `os.fsdecode` gives bytes that are not UTF-8.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LINKING_PROGRAMS = ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby")
_LINKING_TERMS = ("xterm-kitty", "xterm-ghostty", "foot", "alacritty", "wezterm", "contour")
_OLDEST_LINKING_VTE = 5000


class Screen(NamedTuple):
    """What a stream is: a terminal or not, and whether colours and links may be sent to it."""

    is_terminal: bool = False
    has_colours: bool = False
    has_links: bool = False


def is_terminal(stream: IO[str] | None) -> bool:
    """Return whether a stream is a terminal; None is what Python makes of a closed one."""
    return stream is not None and stream.isatty()


def screen_of(stream: IO[str] | None, colours: str = "auto") -> Screen:
    """Return what a stream can show; `colours` is auto, always or never (NO_COLOR tells auto)."""
    shown = is_terminal(stream)
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    has_colours = colours == "always" or (colours == "auto" and shown and not plain)
    has_links = has_colours and shown and supports_links(os.environ)
    return Screen(shown, has_colours, has_links)


def supports_links(environment: Mapping[str, str]) -> bool:
    """Return whether the terminal that these variables tell of shows OSC 8 hyperlinks."""
    vte = environment.get("VTE_VERSION", "")
    return (
        environment.get("TERM_PROGRAM") in _LINKING_PROGRAMS
        or environment.get("TERM", "").startswith(_LINKING_TERMS)
        or (vte.isdigit() and int(vte) >= _OLDEST_LINKING_VTE)
        or any(name in environment for name in ("KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION"))
    )


def escaped(text: str) -> str:
    """Return text that changes nothing on a terminal but what is shown: controls as \\x1b."""
    return _UNSAFE.sub(_escape, text)


def escaped_json(text: str) -> str:
    """Return JSON with the same meaning and nothing in it that a terminal obeys."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def escaped_path(path: bytes) -> str:
    """Return a path as `escaped` text; bytes that are not UTF-8 become \\xff."""
    return escaped(os.fsdecode(path))


def width_of(text: str) -> int:
    """Return how many columns a text takes."""
    from rich.cells import cell_len  # most output needs no widths

    return cell_len(text)


def chopped(text: str, columns: int) -> list[str]:
    """Return a text in lines that take so many columns at most; "" gives no line."""
    from rich.cells import chop_cells

    return chop_cells(text, columns) if text else []


def linked(text: str, absolute: bytes) -> str:
    """Return text as an OSC 8 hyperlink to a file."""
    import socket  # a hundredth of a second, and most output has no links
    from urllib.parse import quote

    address = f"file://{quote(socket.gethostname())}{quote(absolute)}"
    return f"\x1b]8;;{address}\x1b\\{text}\x1b]8;;\x1b\\"


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
