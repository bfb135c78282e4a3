"""The two tools behind one face: the same pictures and weights, an index of their own."""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from processes import read_terminal
from small_index import batches
from tiny_model import make_tiny_model
from witness import logging_batches

from bench.memory import watch
from bench.peer import Peer, model, peer
from rclip_like.cli.commands import COMMANDS
from rclip_like.models.names import RECOMMENDED

Word = str | bytes | Path
_MOST_S = 900.0


@dataclass(frozen=True)
class Outcome:
    """How a process ended and what it said."""

    status: int
    stdout: bytes
    stderr: bytes
    peak_bytes: int = 0

    @property
    def has_traceback(self) -> bool:
        """Whether the user was shown the program's inside."""
        return b"Traceback" in self.stderr


class Tool(ABC):
    """One of the two, its index in `home`; it runs inside the folder that it is about."""

    name: str
    exclude: str
    """The option that leaves folders out."""
    table: str
    """The table with one row a file."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)

    @property
    @abstractmethod
    def database(self) -> Path:
        """The index file."""

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The environment it runs in."""

    @property
    @abstractmethod
    def telling(self) -> dict[str, str]:
        """What more of it makes a run tell how far it is."""

    @abstractmethod
    def command(self, *arguments: Word) -> tuple[Word, ...]:
        """Return the command line that runs it."""

    @abstractmethod
    def indexing(self, *options: Word) -> tuple[Word, ...]:
        """Return the arguments that bring the index up to date."""

    @abstractmethod
    def first_search(self) -> tuple[Word, ...]:
        """Return the arguments of a search that indexes all before, which both tools can do."""

    @abstractmethod
    def searching(self, query: str, *options: Word) -> tuple[Word, ...]:
        """Return the arguments that search the index as it is, with all results shown."""

    @abstractmethod
    def showing(self, query: str) -> tuple[Word, ...]:
        """Return the arguments that search the index as it is and show results to a person."""

    @abstractmethod
    def scores(self, folder: Path, stdout: bytes) -> dict[str, float]:
        """Return the score of each path, relative to the folder, that a search has printed."""

    @abstractmethod
    def num_encoded(self) -> int:
        """Return how many pictures the run begun last has encoded for certain."""

    @abstractmethod
    def prune(self, folder: Path) -> Outcome | None:
        """Drop the rows of what is gone and free their space; None where no command does."""

    @abstractmethod
    def change_model(self, folder: Path) -> None:
        """Let the next run use another model; `folder` has room for one."""

    @abstractmethod
    def run_without_weights(self, folder: Path) -> Outcome:
        """Search with a model whose weights are not here, and no network."""

    def run(self, folder: Path, *arguments: Word, **environment: str) -> Outcome:
        """Run it inside the folder to its end."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self.start(folder, *arguments, stdout=out, stderr=err, **environment)
            memory = watch(process, _MOST_S)
            out.seek(0)
            err.seek(0)
            return Outcome(process.returncode, out.read(), err.read(), memory.resident)

    def start(
        self, folder: Path, *arguments: Word, stdout: object, stderr: object, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start it inside the folder."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,  # type: ignore[arg-type]
            stderr=stderr,  # type: ignore[arg-type]
        )

    def index(self, folder: Path, *options: Word) -> Outcome:
        """Bring the index of the folder up to date."""
        return self.run(folder, *self.indexing(*options))

    def search(self, folder: Path, query: str, *options: Word) -> dict[str, float]:
        """Return the scores of all indexed pictures of the folder, best first."""
        return self.scores(folder, self.run(folder, *self.searching(query, *options)).stdout)

    def start_indexing(self, folder: Path) -> subprocess.Popen[bytes]:
        """Start to index a folder; `num_encoded` tells how far it is."""
        (self.home / "batches").unlink(missing_ok=True)
        with open(self.home / "progress", "wb") as progress:
            return self.start(
                folder,
                *self.indexing(),
                stdout=subprocess.DEVNULL,
                stderr=progress,
                **self.telling,
            )

    def wait_for(self, process: subprocess.Popen[bytes], count: int) -> int:
        """Wait until so many pictures are encoded and return how many are."""
        until = time.monotonic() + _MOST_S
        while (done := self.num_encoded()) < count:
            assert process.poll() is None, "the run was over before it could be disturbed"
            assert time.monotonic() < until
            time.sleep(0.05)
        return done

    def on_terminal(self, folder: Path, *arguments: Word) -> str:
        """Return what it shows on a terminal that is its standard output."""
        ours, theirs = pty.openpty()
        process = self.start(folder, *arguments, stdout=theirs, stderr=subprocess.DEVNULL)
        os.close(theirs)
        text = read_terminal(ours)
        os.close(ours)
        process.wait(timeout=_MOST_S)
        return text

    def num_rows(self, below: Path | None = None) -> int:
        """Return how many files have a row, those marked as deleted included."""
        if not self.database.exists():
            return 0
        with closing(sqlite3.connect(self.database)) as connection:
            return sum(
                below is None or os.fsencode(path).startswith(os.fsencode(below.resolve()) + b"/")
                for (path,) in connection.execute(self._paths_question)
            )

    @property
    def _paths_question(self) -> str:
        column = {"images": "filepath", "files": "path"}[self.table]
        return f"SELECT {column} FROM {self.table}"


class Rclip(Tool):
    """rclip 4.0.8; it has no command to index, so it does so before a search."""

    name = "rclip 4.0.8"
    exclude = "--exclude-dir"
    table = "images"
    in_flight = 24 + 8
    """Pictures that its bar counts before they are encoded: three batches ahead and one in hand."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.peer: Peer = peer(home)

    @property
    def database(self) -> Path:
        """Its index."""
        return self.peer.database

    @property
    def environment(self) -> dict[str, str]:
        """Where it finds index and weights."""
        return self.peer.environment

    @property
    def telling(self) -> dict[str, str]:
        """Let its bar show every picture at once."""
        return {"TQDM_MINITERS": "1", "TQDM_MININTERVAL": "0"}

    def command(self, *arguments: Word) -> tuple[Word, ...]:
        """Run what is installed in the peer's environment."""
        return self.peer.command(*arguments)

    def indexing(self, *options: Word) -> tuple[Word, ...]:
        """Any search indexes first."""
        return ("anything", *options)

    def first_search(self) -> tuple[Word, ...]:
        """Any does."""
        return self.indexing()

    def searching(self, query: str, *options: Word) -> tuple[Word, ...]:
        """A number stands for all."""
        return ("-n", "-t", "1000000", *options, query)

    def scores(self, folder: Path, stdout: bytes) -> dict[str, float]:
        """Read its columns: the score and the quoted path."""
        lines = re.findall(r'^(-?[\d.]+)\t"(.*)"$', os.fsdecode(stdout), re.MULTILINE)
        return {os.path.relpath(path, folder.resolve()): float(score) for score, path in lines}

    def showing(self, query: str) -> tuple[Word, ...]:
        """Its table of ten."""
        return ("-n", query)

    def num_encoded(self) -> int:
        """Read its progress bar."""
        shown = re.findall(rb"(\d+)(?:/\d+|images) \[", (self.home / "progress").read_bytes())
        return max(map(int, shown), default=0) - self.in_flight

    def prune(self, folder: Path) -> None:
        """It has no such command."""

    def change_model(self, folder: Path) -> None:
        """Say that the index is of the version before its model was changed last."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute("DROP INDEX IF EXISTS hash_index")
            connection.execute("ALTER TABLE images DROP COLUMN hash")
            connection.execute("UPDATE db_version SET version = 2")
            connection.commit()

    def run_without_weights(self, folder: Path) -> Outcome:
        """Run it as it is after it was installed."""
        (self.home / "new").mkdir()
        return self.run(folder, "anything", RCLIP_DATADIR=str(self.home / "new"))


class Clipfind(Tool):
    """The installed clipfind; in float32 and with the peer's weights unless told otherwise."""

    name = "clipfind"
    exclude = "--exclude"
    table = "files"

    def __init__(
        self, home: Path, model_name: str | Path | None = None, precision: str = "fp32"
    ) -> None:
        super().__init__(home)
        self.model = str(model_name or model())
        self._precision = precision

    @property
    def database(self) -> Path:
        """Its index."""
        return self.home / "index.db"

    @property
    def environment(self) -> dict[str, str]:
        """No settings of the user's, and the peer's weights."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name != "PYTHONPATH" and not name.startswith("CLIPFIND_")
        }
        return kept | {
            "CLIPFIND_DATA_DIR": str(self.home),
            "CLIPFIND_CACHE_DIR": str(self.home / "cache"),
            "CLIPFIND_CONFIG": os.devnull,
            "CLIPFIND_MODEL": self.model,
            "CLIPFIND_PRECISION": self._precision,
            "HF_HUB_OFFLINE": "1",
        }

    @property
    def telling(self) -> dict[str, str]:
        """Let it log each batch before it is encoded."""
        return logging_batches(self.home / "batches")

    def command(self, *arguments: Word) -> tuple[Word, ...]:
        """Run what is installed beside the interpreter."""
        return (Path(sys.executable).with_name("clipfind"), *arguments)

    def indexing(self, *options: Word) -> tuple[Word, ...]:
        """Index the current folder."""
        return ("index", *options)

    def first_search(self) -> tuple[Word, ...]:
        """Search without a limit on the time that indexing takes."""
        return ("search", "--max-time", "0", "anything")

    def searching(self, query: str, *options: Word) -> tuple[Word, ...]:
        """Search as it is, and give back whole names."""
        return ("search", "-n", "-t", "0", "--json", *options, query)

    def scores(self, folder: Path, stdout: bytes) -> dict[str, float]:
        """Read its JSON lines."""
        rows = map(json.loads, stdout.splitlines())
        return {os.path.normpath(row["path"]): row["score"] for row in rows}

    def showing(self, query: str) -> tuple[Word, ...]:
        """Its table of ten."""
        return ("search", "-n", query)

    def num_encoded(self) -> int:
        """Each line was written before its batch was encoded: all but the last are."""
        return sum(len(batch) for batch in batches(self.home / "batches")[:-1])

    def prune(self, folder: Path) -> Outcome | None:
        """Call the command where this version has it."""
        return self.run(folder, "prune") if "prune" in COMMANDS else None

    def change_model(self, folder: Path) -> None:
        """Take a tiny model."""
        self.model = str(make_tiny_model(folder / "tiny"))

    def run_without_weights(self, folder: Path) -> Outcome:
        """Name a model that nobody has downloaded."""
        return self.run(folder, "search", "--model", RECOMMENDED, "anything")
