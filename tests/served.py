"""An indexed album, and `clipfind serve` as a process of its own before it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from processes import COMMAND, Finished, Word, run

_SECONDS_TO_START = 60


class Served(NamedTuple):
    """A server that runs. address: what it printed, with the token."""

    address: str
    process: subprocess.Popen[bytes]

    @property
    def origin(self) -> str:
        """The address without path and token."""
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.address))


@dataclass(frozen=True)
class Album:
    """A folder of pictures, and a user who has indexed it. home: the user's own folders."""

    folder: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of that user, who has set nothing but where the folders are."""
        own = {name: value for name, value in os.environ.items() if "CLIPFIND_" not in name}
        return own | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "CLIPFIND_DATA_DIR": str(self.home / "data"),
            "CLIPFIND_CACHE_DIR": str(self.home / "cache"),
            "CLIPFIND_CONFIG": os.devnull,
            "HF_HUB_OFFLINE": "1",
            "SSH_CONNECTION": "",
        }

    def run(self, *arguments: Word) -> Finished:
        """Run clipfind as that user beside the album; it must exit with 0."""
        finished = run(*arguments, env=self.environment, cwd=self.folder.parent)
        assert finished.returncode == 0, finished.stderr.decode()
        return finished

    @contextmanager
    def serving(
        self, *arguments: Word, command: tuple[Word, ...] = COMMAND, browser: str = ""
    ) -> Iterator[Served]:
        """Serve the album on a free port, with further arguments, to the end of the block.

        command: starts clipfind, if need be otherwise than usual. browser: what is started with the
        address, if anything.
        """
        opening = () if browser else ("--no-open",)
        words = (*command, "serve", self.folder, *opening, "--port", "0", *arguments)
        process = subprocess.Popen(
            words,
            env=self.environment | {"BROWSER": browser},
            cwd=self.folder.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], _SECONDS_TO_START)
            assert ready, "serve printed no address"
            address = process.stdout.readline().decode().strip()
            assert address.startswith("http://127.0.0.1:"), "serve ended early"
            yield Served(address, process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
            process.stdout.close()
