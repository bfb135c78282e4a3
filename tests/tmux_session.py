"""A terminal to type into and to look at: a session of tmux that nobody else sees."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PATIENCE_SECONDS = 60


class Tmux:
    """A session with one shell in it. Lines are those of its screen."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def type(self, text: str) -> None:
        """Type text, letter by letter as it is."""
        self._run("send-keys", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: Enter, Down, C-u."""
        self._run("send-keys", *keys)

    def lines(self, *, coloured: bool = False) -> list[str]:
        """Return the screen's lines, with the sequences that colour them if asked for."""
        shown = self._run("capture-pane", "-p", *(("-e",) if coloured else ()))
        return shown.decode(errors="replace").splitlines()

    def wait_until(self, is_shown: Callable[[str], bool]) -> list[str]:
        """Return the lines once the screen's text is as wanted; fail if it is not in a minute."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            lines = self.lines()
            if is_shown("\n".join(lines)):
                return lines
            time.sleep(0.05)
        raise AssertionError("the terminal shows\n" + "\n".join(self.lines()))

    def close(self) -> None:
        """End the session and all in it."""
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True)

    def _run(self, *words: str) -> bytes:
        command = ["tmux", "-S", str(self._socket), *words]
        return subprocess.run(command, check=True, capture_output=True, timeout=30).stdout


@contextmanager
def tmux_session(
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    columns: int = 80,
    rows: int = 40,
) -> Iterator[Tmux]:
    """Give a session with a shell in that folder, whose prompt is `$ `; 24 bits of colour."""
    own = {name: value for name, value in os.environ.items() if name not in ("TMUX", "STY")}
    own |= {"COLORTERM": "truecolor", "PS1": "$ ", "LC_ALL": "C.UTF-8", **(environment or {})}
    sockets = Path(tempfile.mkdtemp(prefix="tmux"))  # the path of a socket has to be short
    session = Tmux(sockets / "socket")
    size = ("-x", str(columns), "-y", str(rows))
    command = ["tmux", "-S", str(sockets / "socket"), "-f", "/dev/null"]
    subprocess.run(
        [*command, "new-session", "-d", *size, "-c", str(folder), "bash", "--norc", "--noprofile"],
        env=own,
        check=True,
        timeout=30,
    )
    try:
        session.wait_until(lambda text: text.startswith("$ ") or text.strip() == "$")
        yield session
    finally:
        session.close()
        shutil.rmtree(sockets)
