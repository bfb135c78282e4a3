"""What is said on stderr: one line a sentence, safe to show on a terminal."""

import sys
from contextlib import suppress
from typing import Annotated, NamedTuple

from rclip_like.output.terminal import escaped
from rclip_like.settings import EVERYWHERE, Setting


class Talk(NamedTuple):
    """How much the user wants to hear; errors are always told."""

    quiet: Annotated[
        bool, Setting("--quiet -q", help="Say nothing on stderr but errors."), EVERYWHERE
    ] = False
    verbose: Annotated[
        bool,
        Setting("--verbose -v", help="Say more: the model, what is unreadable or dropped."),
        EVERYWHERE,
    ] = False

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
