"""Opening the page in the user's browser."""

from __future__ import annotations

import os
import sys
import threading

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def open_browser(address: str) -> None:
    """Open the address in the browser, soon, if there is one that has a window.

    The address is an argument of the browser's process, which all users of the machine can see.
    """
    has_windows = os.name == "nt" or sys.platform == "darwin"
    if not has_windows and not any(os.environ.get(name) for name in _DISPLAYS):
        return  # Python would start one that takes the terminal
    import webbrowser

    # Some browsers are waited for.
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
