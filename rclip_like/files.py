"""Files of others, opened: under a name that they gave there may be a pipe or a device."""

from __future__ import annotations

import os


def open_at_once(path: str | bytes, flags: int) -> int:
    """Open a file without waiting for the other end of a pipe, as an `opener` for `open`."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
