"""Small trees that change in every way between two runs: the rows are what is on the disk."""

from __future__ import annotations

import os
import shutil
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_states import integrity, state_of
from small_index import LONG_AGO, SmallIndex, make_picture, settle

PLACES = ("a.jpg", "b.png", "d", "d/a.jpg", "d/e.jpg", "d/e.jpg/a.jpg", "d/f", "d/f/a.png")
# d/e.jpg is a file at one time and a folder at another.
PICTURES = tuple(place for place in PLACES if "." in place)
# No links: what one led to may lie on a disk that is not mounted, so its row is kept.
ACTIONS = ("write", "rename", "copy", "delete", "folder", "pipe")
CHANGES = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.sampled_from(PICTURES), st.sampled_from(PLACES)),
    max_size=6,
)
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}


class Tree:
    """A folder that is changed by name; what cannot be done is left out."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._numbers = count()

    def change(self, action: str, picture: str, other: str) -> None:
        """Do one thing to the place of a picture, or to another place with it."""
        target, source = self.top / picture, self.top / other
        takes = action in ("rename", "copy")
        if takes and (not source.exists() or target.is_relative_to(source)):
            return
        self._clear(target)
        if action == "write":
            number = next(self._numbers)
            settle(make_picture(target, number), LONG_AGO + number)
        elif action == "rename" and source.exists():
            source.rename(target)
        elif action == "copy" and source.is_file():
            shutil.copy2(source, target)
        elif action == "folder":
            target.mkdir()
        elif action == "pipe":
            os.mkfifo(target)

    def _clear(self, target: Path) -> None:
        """Remove what is there, and put folders where the way to it leads."""
        for folder in reversed(target.relative_to(self.top).parents[:-1]):
            path = self.top / folder
            if not path.is_dir() or path.is_symlink():
                path.unlink(missing_ok=True)
                path.mkdir()
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)

    def pictures(self) -> dict[str, bytes]:
        """Return the digest of each picture file in the tree, by path."""
        found = {}
        for folder, _, names in os.walk(self.top):
            for path in (Path(folder, name) for name in names):
                if path.is_file() and not path.is_symlink() and path.suffix in (".jpg", ".png"):
                    found[str(path)] = blake3(path.read_bytes()).digest()
        return found


def hold_against_the_disk(model: Path, rounds: list[list[tuple[str, str, str]]]) -> None:
    """Change a tree, index it, and compare, round after round."""
    with TemporaryDirectory() as folder:
        tree, database = Tree(Path(folder).resolve() / "tree"), Path(folder, "index.db")
        tree.top.mkdir()
        for changes in rounds:
            for change in changes:
                tree.change(*change)
            index = SmallIndex(database, model, plain=True)
            with index.store:
                report = index.update(tree.top)
            assert (report.failures, report.troubles, report.finished) == ((), (), True)
            rows = {
                os.fsdecode(path): facts[4] for (path, _), (facts, _) in state_of(database).items()
            }
            assert rows == tree.pictures()
        assert integrity(database) == "ok"


@settings(max_examples=8, **QUIET)
@given(rounds=st.lists(CHANGES, min_size=2, max_size=4))
def test_rows_are_what_is_on_the_disk(
    tiny_model: Path, rounds: list[list[tuple[str, str, str]]]
) -> None:
    hold_against_the_disk(tiny_model, rounds)


@pytest.mark.long
@settings(max_examples=150, **QUIET)
@given(rounds=st.lists(CHANGES, min_size=2, max_size=8))
def test_rows_are_what_is_on_the_disk_after_long_histories(
    tiny_model: Path, rounds: list[list[tuple[str, str, str]]]
) -> None:
    hold_against_the_disk(tiny_model, rounds)
