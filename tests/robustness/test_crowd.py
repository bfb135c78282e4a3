"""A crowd of indexers and searchers at one index, while files come, change and go."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import onlooker
import pytest
from blake3 import blake3
from index_states import assert_same, integrity, state_of
from small_clipfind import COMMAND
from small_index import LONG_AGO, make_picture, make_pictures, settle
from tiny_model import make_tiny_model

Finished = subprocess.CompletedProcess[str]
ENOUGH = 40
"""Pictures in each folder; so many stay while others come and go."""


@dataclass
class Scene:
    """Two folders, two models, one index, and who is at work on it until `end`."""

    folder: Path
    models: Sequence[Path]
    seconds: float
    contents: set[tuple[str, str]] = field(default_factory=set)
    """Every path with every digest that the file ever had."""

    def __post_init__(self) -> None:
        self.folders = [self.folder / name for name in ("one", "two")]
        for seed, folder in enumerate(self.folders):
            make_pictures(folder, ENOUGH)
            self.write(folder / "own.jpg", 1000 + seed)
        for path in self.folder.glob("*/*.jpg"):
            self.contents.add((str(path), blake3(path.read_bytes()).hexdigest()))
        self.database, self.end = self.folder / "index.db", 0.0

    def write(self, path: Path, seed: int) -> None:
        """Put another picture in place, whole, known to the scene before anybody sees it."""
        draft = settle(make_picture(path.with_name(f".{path.name}"), seed), LONG_AGO + seed)
        self.contents.add((str(path), blake3(draft.read_bytes()).hexdigest()))
        os.replace(draft, path)

    def change_files(self) -> None:
        """Add, change and remove pictures until the end; those at first stay as they are."""
        draw = random.Random(0)
        for seed in range(2000, 1_000_000):
            if time.monotonic() > self.end:
                return
            path = draw.choice(self.folders) / f"new-{draw.randrange(20):02}.jpg"
            if draw.random() < 0.3:
                path.unlink(missing_ok=True)
            else:
                self.write(path, seed)
            time.sleep(0.02)

    def call(self, *arguments: object) -> list[Finished]:
        """Call the command line with these words again and again until the end."""
        done = [self.call_once(*arguments)]
        while time.monotonic() < self.end:
            done.append(self.call_once(*arguments))
        return done

    def search(self, *arguments: object) -> list[Finished]:
        """Search again and again until the end, for other words each time."""
        done: list[Finished] = []
        while time.monotonic() < self.end:
            words = (f"picture number {len(done)}", *arguments)
            done.append(self.call_once("search", *words, "--json", "-t", 0))
        return done

    def call_once(self, *arguments: object) -> Finished:
        return subprocess.run(
            [*COMMAND, *map(str, arguments), "--db", str(self.database)],
            capture_output=True,
            text=True,
        )

    def look_on(self) -> list[Finished]:
        """Let an onlooker compare what it sees until the end."""
        command = [sys.executable, onlooker.__file__, str(self.database), str(self.seconds)]
        return [subprocess.run(command, capture_output=True, text=True)]

    def check(self, finished: Finished) -> None:
        """Fail unless a process ended well and told of nothing that never was."""
        assert finished.returncode in (0, 1), finished
        for word in ("Traceback", "locked", "unexpected", "damaged", "another program"):
            assert word not in finished.stderr, finished
        lines = [json.loads(line) for line in finished.stdout.splitlines()]
        paths = {path for path, _ in self.contents}
        if finished.args[1] == onlooker.__file__:
            assert finished.returncode == 0, finished
            assert {tuple(line) for line in lines} <= self.contents
            return
        assert {line["path"] for line in lines} <= paths
        assert [line["rank"] for line in lines] == list(range(1, len(lines) + 1))
        assert len({line["path"] for line in lines}) == len(lines)

    def settle_down(self) -> None:
        """Index all once more, and fail unless that is what a first run into another index does."""
        for database in (self.database, self.folder / "fresh.db"):
            for model in self.models:
                command = [*COMMAND, "index", *map(str, self.folders), "--model", str(model)]
                subprocess.run([*command, "--db", str(database)], check=True, capture_output=True)
            assert integrity(database) == "ok"
        assert_same(state_of(self.database), state_of(self.folder / "fresh.db"))


def play(scene: Scene, members: Sequence[Callable[[], list[Finished]]]) -> None:
    """Let all members work at once while files change, and hold each of their runs."""
    first = scene.call_once("index", *scene.folders, "--model", scene.models[0])
    assert first.returncode == 0, first
    scene.end = time.monotonic() + scene.seconds
    with ThreadPoolExecutor(len(members) + 1) as threads:
        changing = threads.submit(scene.change_files)
        working = [threads.submit(member) for member in members]
        changing.result()
        finished = [one for work in working for one in work.result()]
    for one in finished:
        scene.check(one)
    assert any(one.stdout for one in finished if "search" in one.args), "nobody found anything"
    scene.settle_down()


def test_a_small_crowd_at_one_index_makes_no_error(tmp_path: Path, tiny_model: Path) -> None:
    scene = Scene(tmp_path, [tiny_model], seconds=6)
    one, two = scene.folders
    model = ("--model", tiny_model)
    members = [
        partial(scene.call, "index", one, two, *model),
        partial(scene.call, "index", two, "--no-wait", *model),
        partial(scene.search, one, *model),
        scene.look_on,
    ]
    play(scene, members)


@pytest.mark.long
def test_twelve_processes_for_a_minute_make_no_error(tmp_path: Path, tiny_model: Path) -> None:
    scene = Scene(tmp_path, [tiny_model, make_tiny_model(tmp_path / "other", 1)], seconds=60)
    one, two = scene.folders
    model, other = (("--model", model) for model in scene.models)
    members = [
        partial(scene.call, "index", one, *model),
        partial(scene.call, "index", two, "--no-wait", *model),
        partial(scene.call, "index", one, two, *other),
        *(partial(scene.search, folder, *model) for folder in scene.folders),
        *(partial(scene.search, folder, "--no-index", *other) for folder in scene.folders),
        partial(scene.search, "--all", *model),
        *[scene.look_on] * 4,
    ]
    assert len(members) == 12
    play(scene, members)
