"""Ask the installed clipfind, as a process with an index of its own, and judge what comes first."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.album import NAMES

# What is asked, and the photos that are a right answer.
QUESTIONS = {
    "cat": ("chelsea.png",),
    "astronaut": ("astronaut.png",),
    "cup of coffee": ("coffee.png",),
    "rocket launch": ("rocket.jpg",),
    "motorcycle": ("motorcycle_left.png", "motorcycle_right.png"),
    "pink flower": ("flower.jpg",),
    "Chinese palace": ("china.jpg",),
    "coins": ("coins.png",),
    "moon": ("moon.png",),
    "brick wall": ("brick.png",),
    "clock": ("clock_motion.png",),
    "stars in space": ("hubble_deep_field.jpg",),
}
ENOUGH = 8


@dataclass(frozen=True)
class Asker:
    """Runs clipfind in the album's parent folder; its index lies in the album, hidden."""

    album: Path

    @property
    def folder(self) -> Path:
        """The folder for the index and for pictures that are asked with, not searched."""
        return self.album / ".demo"

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `clipfind ARGUMENTS` to its end, whatever its exit status; stderr stays visible."""
        command = [str(Path(sys.executable).with_name("clipfind")), *arguments]
        return subprocess.run(
            command,
            cwd=self.album.parent,
            env=self._environment(),
            stdout=subprocess.PIPE,
            text=True,
        )

    def show(self, *arguments: str) -> str:
        """Print the command, then its output; return the output."""
        print("\n$", shlex.join(["clipfind", *arguments]), flush=True)
        output = self.ask(*arguments).stdout
        print(output, end="", flush=True)
        return output

    def answer(self, query: str) -> str:
        """Return the first path for `query`, relative to the album; empty when nothing came."""
        found = self.ask(query, self.album.name, "-t", "1", "-f").stdout.strip()
        return found.removeprefix(self.album.name + "/")

    def _environment(self) -> dict[str, str]:
        own = {
            name: value for name, value in os.environ.items() if not name.startswith("CLIPFIND_")
        }
        return own | {
            "CLIPFIND_DATA_DIR": str(self.folder / "data"),
            "CLIPFIND_CACHE_DIR": str(self.folder / "cache"),
            "CLIPFIND_CONFIG": os.devnull,
        }


def ask_all(asker: Asker) -> Iterator[tuple[str, str, bool]]:
    """Yield each question, the photo that came first, and whether that is a right one."""
    for query, sources in QUESTIONS.items():
        answer = asker.answer(query)
        yield query, answer, answer in {NAMES[source] for source in sources}
