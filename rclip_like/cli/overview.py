"""What `clipfind --help` and `clipfind --version` print."""

from __future__ import annotations

from rclip_like import __version__
from rclip_like.cli.commands import COMMANDS, GROUPS, WORDS

_HEAD = """\
Find photos by words or by pictures, on your own machine.

Usage: clipfind QUERY [PATH]...
       clipfind COMMAND ...

  clipfind "red car at night" ~/Pictures        the ten best, after indexing what is new
  clipfind holiday.jpg ~/Pictures -t 5          pictures like this one
  clipfind beach -a sunset -s people -f0        paths only, each ended by a NUL

Commands:
"""
_FOOT = """
QUERY alone is short for 'search QUERY': its options are in 'clipfind search --help'.
Every command has --help; the manual is 'man clipfind'."""


def version() -> str:
    """Return the line that `--version` prints."""
    return f"clipfind {__version__}"


def overview(group: str | None = None) -> str:
    """Return the help on everything, or on one group of commands."""
    summaries = {name: COMMANDS[name].summary for name in GROUPS.get(group or "", COMMANDS)}
    if group is None:
        summaries |= WORDS
    width = max(map(len, summaries)) + 2
    lines = "\n".join(f"  {name:<{width}}{summary}" for name, summary in summaries.items())
    return f"Commands:\n{lines}" if group else _HEAD + lines + "\n" + _FOOT
