"""Small folders of pictures and small indexes, for tests of store and index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from PIL import Image
from witness import logging_batches

from rclip_like.errors import ClipfindError
from rclip_like.index import bring_up_to_date
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.settings import EncoderSettings, IndexSettings, ReadSettings
from rclip_like.store import Batch, ContentRow, FileRow, Reading, Store
from rclip_like.store.writing import Writer
from rclip_like.values import FileFacts, IndexReport, PictureFacts
from rclip_like.walk import resolve_roots

if TYPE_CHECKING:
    from rclip_like.models.specification import ModelSpecification

LONG_AGO = 1_500_000_000
"""Seconds: an mtime that no clock's grain makes doubtful."""
YEARS_LATER_NS = 1_700_000_000_000_000_000


def make_picture(path: Path, seed: int, *, size: tuple[int, int] = (48, 40)) -> Path:
    """Write a small picture of noise, different for each seed, with an old mtime."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return settle(path)


def make_pictures(folder: Path, count: int) -> list[Path]:
    """Write `count` different JPEGs into a new folder."""
    folder.mkdir(parents=True)
    return [make_picture(folder / f"{number:04}.jpg", number) for number in range(count)]


def settle(path: Path, seconds: int = LONG_AGO) -> Path:
    """Make the file look as if it had not been written to for long."""
    os.utime(path, (seconds, seconds))
    return path


def hide_changes(store: Store) -> None:
    """Let the index believe that it has seen its files as they are now, whatever is in them.

    So looks what neither size nor any time tells: a bit that flipped on the disk.
    """
    rows = store.connection.execute("SELECT file_id, path FROM files").fetchall()
    for file_id, path in rows:
        facts = FileFacts.of(path, os.stat(path))
        store.connection.execute(
            "UPDATE files SET mtime_ns = ?, inode = ?, changed_ns = ? WHERE file_id = ?",
            (facts.mtime_ns, facts.inode, facts.changed_ns, file_id),
        )


class PlainModel(Model):
    """Encodes pictures without any runtime: pixels times seeded noise.

    For tests of all that happens around a model, killed and started by the dozen.
    """

    def __init__(self, specification: ModelSpecification, batch_size: int) -> None:
        super().__init__(specification)
        self._size = batch_size

    @property
    def batch_size(self) -> int:
        """How many pictures it is given at a time."""
        return self._size

    def pictures(self, pixels_NHWC: np.ndarray) -> np.ndarray:
        """Return unit rows float32 (N, D)."""
        flat = pixels_NHWC.reshape(len(pixels_NHWC), -1).astype(np.float32) - 127.5
        noise = np.random.default_rng(0).normal(size=(flat.shape[1], self.specification.dimension))
        rows = flat @ noise.astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class SmallIndex:
    """An index beside a folder, brought up to date with the tiny model, or without torch."""

    def __init__(
        self, database: Path, model: Path, *, batch_size: int = 8, plain: bool = False
    ) -> None:
        self.specification = resolve(str(model))
        self.store = Store.open(database, create=True)
        settings = EncoderSettings(batch_size=batch_size, precision="fp32", device="cpu")
        self.model = (
            PlainModel(self.specification, batch_size)
            if plain
            else shared_model(self.specification.folder, settings)
        )

    def update(self, *paths: Path, **settings: Any) -> IndexReport:
        """Bring the index up to date with the paths."""
        return self._run(paths, self.model, settings)

    def update_without_encoder(self, *paths: Path, **settings: Any) -> IndexReport:
        """Bring the index up to date, failing when anything is to be encoded for it."""
        return self._run(paths, RefusingModel(self.specification), settings)

    def _run(
        self,
        paths: Sequence[Path],
        model: Model,
        settings: dict[str, Any],
    ) -> IndexReport:
        roots = resolve_roots([os.fsencode(path) for path in paths])
        settings = {"read": ReadSettings(workers=2)} | settings
        chosen = IndexSettings(**settings)
        return bring_up_to_date(self.store, roots, model, chosen)

    def rows(self) -> dict[bytes, np.ndarray]:
        """Return each indexed path with its embedding, float32."""
        model_id = self.store.model_id(self.specification.fingerprint)
        assert model_id is not None
        found = {}
        for rowids, _, embeddings in self.store.embeddings(model_id).scan(None):
            paths = [file.path for file in self.store.files(rowids)]
            found |= dict(zip(paths, embeddings.astype(np.float32), strict=True))
        return found

    def names(self) -> list[str]:
        """Return the indexed files' names in order of their paths."""
        return [os.fsdecode(os.path.basename(path)) for path in self.rows()]


class RefusingModel(Model):
    """A model that nobody may encode with."""

    @property
    def batch_size(self) -> int:
        """Fail, like every other use."""
        raise AssertionError("a model was used")

    def texts(self, *_: Any) -> NoReturn:
        """Fail."""
        raise AssertionError("a text was encoded")

    def pictures(self, *_: Any) -> NoReturn:
        """Fail."""
        raise AssertionError("pictures were encoded")

    picture = pictures


@cache
def shared_model(folder: Path, settings: EncoderSettings) -> Model:
    """Return a model that is loaded once for all tests."""
    return Model(resolve(str(folder)), settings)


def fill(store: Store, paths: Sequence[bytes], *, dimension: int = 8, seed: int = 0) -> int:
    """Write one row with a random unit embedding for each path; return the model's number."""
    model_id = Writer(store).add_model(
        "tiny", "f" * 64, preprocessing_version="1", dimension=dimension
    )
    rows = np.random.default_rng(seed).normal(size=(len(paths), dimension)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    contents = {
        path: ContentRow(Reading(7, PictureFacts(4, 3)), {0: row})
        for path, row in zip(paths, rows, strict=True)
    }
    files = [FileRow(facts_of(path), YEARS_LATER_NS, path) for path in paths]
    Writer(store).commit(model_id, Batch(contents, files))
    return model_id


def models_with_matrix(store: Store) -> list[int]:
    """Return the numbers of the models that have a matrix beside the index."""
    return [number for (number,) in store.connection.execute("SELECT model_id FROM matrices")]


def facts_of(path: bytes, *, mtime_ns: int = LONG_AGO * 10**9) -> FileFacts:
    """Return made-up facts of a file that need not exist."""
    return FileFacts(path, 7, mtime_ns, device=1, inode=1, changed_ns=mtime_ns)


def start_indexing(
    database: Path,
    model: Path,
    folder: Path,
    *,
    log: Path | None = None,
    batch_size: int = 2,
    plain: bool = False,
) -> subprocess.Popen[str]:
    """Start a real process that indexes a folder; `log` gets a line for each batch."""
    environment = {**os.environ, **(logging_batches(log) if log else {})}
    command = [sys.executable, __file__, str(database), str(model), str(folder), str(batch_size)]
    command += ["plain"] if plain else []
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_lines(process: subprocess.Popen[str], log: Path, count: int) -> None:
    """Wait until the batch log has so many lines; fail if the process ends before."""
    while len(batches(log)) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)


def batches(log: Path) -> list[list[str]]:
    """Return the batches in a log, each a list of paths."""
    if not log.exists():
        return []
    return [
        json.loads(line) for line in log.read_text().splitlines(keepends=True) if line[-1] == "\n"
    ]


def main(database: str, model: str, folder: str, batch_size: str, how: str = "") -> int:
    """Index a folder as a process of its own, to be killed or interrupted."""
    plain = how == "plain"
    index = SmallIndex(Path(database), Path(model), batch_size=int(batch_size), plain=plain)
    try:
        report = index.update(Path(folder))
    except ClipfindError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    print(f"encoded {report.encoded}")
    return 0


def leave(status: int) -> NoReturn:
    """End the process at once, as the command line does: Python takes torch down for seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    leave(main(*sys.argv[1:]))
