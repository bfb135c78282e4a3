"""What is said on stderr: one line a sentence, safe to show on a terminal."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import NamedTuple

from rclip_like.output.terminal import escaped


class Talk(NamedTuple):
    """How much the user wants to hear; errors are always told."""

    quiet: bool = False
    verbose: bool = False

    def error(self, sentence: str) -> None:
        """Say what went wrong."""
        _say(sentence)

    def note(self, sentence: str) -> None:
        """Say what the user should know beside the results."""
        if not self.quiet:
            _say(sentence)

    def detail(self, sentence: str) -> None:
        """Say what only --verbose asks for."""
        if self.verbose and not self.quiet:
            _say(sentence)


def _say(sentence: str) -> None:
    if sys.stderr is None:  # closed by whoever started us, as some schedulers do
        return
    with suppress(OSError, ValueError):  # nobody listens, the disk is full: the work goes on
        sys.stderr.write(f"clipfind: {escaped(sentence)}\n")
        sys.stderr.flush()
