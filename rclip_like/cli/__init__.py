"""The command line: options to settings, the library's work, output, and an exit status."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (default: `sys.argv`) and return its exit status."""
    from rclip_like.cli.entry import run

    return run(arguments)
