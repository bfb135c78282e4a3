"""The README's commands, run as a reader would run them.

`PYTHONPATH=tests python -m readme_examples` writes what they show under them, anew.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.album import write_album
from processes import read_terminal

README_FILE = Path(__file__).parents[1] / "README.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A command in the README and the output shown under it."""

    command: str
    output: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in (f"$ {self.command}", *self.output))


def examples(text: str) -> list[Example]:
    """Return the examples in a text: in `console` blocks, each command behind a dollar sign."""
    pieces = [piece for block in _BLOCK.findall(text) for piece in _pieces(block)]
    return [Example(piece[0], tuple(piece[1:])) for piece in pieces]


def _pieces(block: str) -> list[list[str]]:
    return [piece.splitlines() for piece in block.split("$ ")[1:]]


@dataclass(frozen=True)
class Workplace:
    """A folder with the album in it, and an index of its own."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Workplace:
        """Write the album and return the place."""
        write_album(folder / "album")
        return cls(folder)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a user who has set nothing but patience, for busy machines."""
        tools = Path(sys.executable).parent
        own = {name: value for name, value in os.environ.items() if "CLIPFIND_" not in name}
        return own | {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "CLIPFIND_DATA_DIR": str(self.folder / "data"),
            "CLIPFIND_CACHE_DIR": str(self.folder / "cache"),
            "CLIPFIND_CONFIG": os.devnull,
            "CLIPFIND_MAX_TIME": "0",
            "TERM": "dumb",
        }

    def run(self, command: str) -> Sequence[str]:
        """Return the lines that a command shows with stdout on a terminal; it must exit with 0."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdout=theirs,
            stderr=subprocess.PIPE,
        )
        os.close(theirs)
        shown = read_terminal(ours)
        os.close(ours)
        _, talk = process.communicate(timeout=120)
        assert process.returncode == 0, talk.decode()
        return shown.splitlines()


def main() -> None:
    """Write the README with what its commands show now."""
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace.make(Path(folder))

        def renew(block: re.Match[str]) -> str:
            shown = [Example(piece[0], tuple(place.run(piece[0]))) for piece in _pieces(block[1])]
            return "```console\n" + "".join(map(str, shown)) + "```"

        README_FILE.write_text(_BLOCK.sub(renew, README_FILE.read_text()))


if __name__ == "__main__":
    main()
