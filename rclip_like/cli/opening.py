"""Other programs that show something: a result of `search --open`, the page of `serve`."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.errors import ClipfindError, counted
from rclip_like.settings import Option

if TYPE_CHECKING:
    from rclip_like.values import Match

WITHOUT_EFFECT = (("--html", "--open"), ("--html", "--open-rank"), ("--open-rank", "--open"))
"""Pairs of options of `search`; the second has no effect beside the first."""
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
_FAILS_WITHIN_SECONDS = 0.5
_PROGRAMS = {"darwin": "open"}


class OpenError(ClipfindError):
    """No program could be started to show a picture."""


class OpenSettings(NamedTuple):
    """Which result is opened when all are printed."""

    best: Annotated[
        bool,
        Option("--open", help="Open the best result in the program that the system has for it."),
    ] = False
    rank: Annotated[
        int | None,
        Option("--open-rank", metavar="N", min=1, help="Open the result of rank N instead."),
    ] = None


def open_result(matches: "Sequence[Match]", settings: OpenSettings) -> None:
    """Open the match that is wanted, if any, and there are matches. Raises OpenError."""
    rank = settings.rank or (1 if settings.best else None)
    if rank is None or not matches:
        return
    match = next((each for each in matches if each.rank == rank), None)
    if match is None:
        raise OpenError(f"{counted(len(matches), 'result')} shown, none of rank {rank} to open")
    open_file(match.absolute_bytes)


def open_file(path: bytes) -> None:
    """Open a file in the program that the system has for it, without waiting. Raises OpenError.

    path: absolute, so that no program takes it for an option or an address. No shell sees it.
    """
    if sys.platform == "win32":
        try:
            os.startfile(os.fsdecode(path))
        except OSError as error:
            raise OpenError(f"{os.fsdecode(path)} cannot be opened: {error.strerror}") from error
        return
    import shutil  # a search that opens nothing does without
    import subprocess

    name = _PROGRAMS.get(sys.platform, "xdg-open")
    program = shutil.which(name)
    if program is None:
        raise OpenError(
            f"{name} is missing, which knows the viewer for pictures; install xdg-utils"
        )
    try:
        # A session of its own: Ctrl-C and a closed terminal are not for the viewer.
        process = subprocess.Popen(
            [program, path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise OpenError(f"{program} cannot be started: {error.strerror}") from error
    try:
        status = process.wait(_FAILS_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.returncode = 0  # it goes on when we have ended, and the system will bury it
        return
    if status:
        raise OpenError(f"{name} found no program that shows {os.fsdecode(path)}")


def open_browser(address: str) -> None:
    """Open the address in the browser, soon, if there is one that has a window.

    The address is an argument of the browser's process, which all users of the machine can see.
    """
    has_windows = os.name == "nt" or sys.platform == "darwin"
    if not has_windows and not any(os.environ.get(name) for name in _DISPLAYS):
        return  # Python would start one that takes the terminal
    import threading
    import webbrowser

    # Some browsers are waited for.
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
