"""A disk that loses in a power cut what was not synced: contents, names and folders."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from traced_writes import Step

_SECTOR_BYTES = 512


@dataclass
class _File:
    synced: bytearray = field(default_factory=bytearray)
    since: list[Step] = field(default_factory=list)


_Names = dict[str, _File | None]
"""Every name on the disk; a folder's stands for None."""


@dataclass
class LosingDisk:
    """Plays recorded steps, and tells what may be left of them when the power fails.

    Only what POSIX promises is kept: of a file what was synced, of a folder the names that it had
    when it was synced itself. Of everything else any part may be there. `obeys` False stands for
    a disk that takes no notice of syncs.
    """

    top: str
    obeys: bool = True
    _live: _Names = field(default_factory=dict)
    _kept: _Names = field(default_factory=dict)
    _since: list[tuple[str, _Names, list[str]]] = field(default_factory=list)
    """Changes of names since their folder was synced: the folder, names set, names removed."""

    def play(self, step: Step) -> None:
        """Do one step."""
        getattr(self, f"_{step.kind}")(step)

    def _make(self, step: Step) -> None:
        if step.path not in self._live:
            self._rename_in(step.path, {step.path: _File()}, [])

    def _folder(self, step: Step) -> None:
        self._rename_in(step.path, {step.path: None}, [])

    def _link(self, step: Step) -> None:
        self._rename_in(step.path, {step.other: self._live[step.path]}, [])

    def _rename(self, step: Step) -> None:
        self._rename_in(step.path, {step.other: self._live[step.path]}, [step.path])

    def _remove(self, step: Step) -> None:
        self._rename_in(step.path, {}, [step.path])

    def _rename_in(self, path: str, added: _Names, removed: list[str]) -> None:
        _change(self._live, added, removed)
        self._since.append((os.path.dirname(path), added, removed))

    def _write(self, step: Step) -> None:
        self._file(step).since.append(step)

    _cut = _write

    def _mark(self, step: Step) -> None:
        pass

    def _sync(self, step: Step) -> None:
        if not self.obeys:
            return
        if step.path == self.top or self._live[step.path] is None:
            for folder, added, removed in self._since:
                if folder == step.path:
                    _change(self._kept, added, removed)
            self._since = [change for change in self._since if change[0] != step.path]
            return
        file = self._file(step)
        _apply(file.synced, file.since)
        file.since.clear()

    def _file(self, step: Step) -> _File:
        file = self._live[step.path]
        assert file is not None
        return file

    def left_over(self, draw: random.Random) -> dict[str, bytes]:
        """Return the files that are there when the power is back: drawn from what may be."""
        chance = draw.choice((0.0, 0.3, 0.7, 1.0))
        names = dict(self._kept)
        for _, added, removed in self._since:
            if draw.random() < chance:
                _change(names, added, removed)
        folders = {self.top} | {path for path, file in names.items() if file is None}
        return {
            path: _with_some(file, draw, chance)
            for path, file in names.items()
            if file is not None and _is_reachable(path, folders, self.top)
        }


def _change(names: _Names, added: _Names, removed: Iterable[str]) -> None:
    names.update(added)
    for path in removed:
        names.pop(path, None)


def _is_reachable(path: str, folders: set[str], top: str) -> bool:
    folder = os.path.dirname(path)
    return folder in folders and (folder == top or _is_reachable(folder, folders, top))


def _with_some(file: _File, draw: random.Random, chance: float) -> bytes:
    """Return the file's synced content with some of what was written since, sector by sector."""
    content = bytearray(file.synced)
    for step in file.since:
        if step.kind == "cut":
            _apply(content, [step] if draw.random() < chance else [])
            continue
        is_whole = draw.random() < chance
        for start in range(0, len(step.data), _SECTOR_BYTES):
            if is_whole or draw.random() < chance:
                part = step.data[start : start + _SECTOR_BYTES]
                _apply(content, [Step("write", "", data=part, offset=step.offset + start)])
    return bytes(content)


def _apply(content: bytearray, steps: Iterable[Step]) -> None:
    for step in steps:
        if step.kind == "cut":
            del content[step.offset :]
            content.extend(bytes(step.offset - len(content)))
            continue
        content.extend(bytes(max(0, step.offset - len(content))))
        content[step.offset : step.offset + len(step.data)] = step.data


def lay_out(files: dict[str, bytes], top: str, place: Path) -> None:
    """Write the files below `place`, as they lay below `top`."""
    for path, content in files.items():
        target = place / os.path.relpath(path, top)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
