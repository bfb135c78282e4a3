"""Trees of empty files, and what a walk finds in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from rclip_like.settings import WalkSettings
from rclip_like.values import FileFacts, Root, Trouble
from rclip_like.walk import resolve_roots, walk_pages


def plant(folder: Path, *names: str) -> None:
    """Make empty files, and the folders they lie in."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def walk(roots: Sequence[Root], settings: WalkSettings) -> Iterator[FileFacts | Trouble]:
    """Yield what a walk of the roots finds, one by one."""
    for found in chain.from_iterable(walk_pages(roots, settings)):
        yield found if isinstance(found, Trouble) else FileFacts.within(found)


def walked(*roots: Path, **options: object) -> list[str]:
    """Return the files walked, relative to the first root."""
    found = walk(resolve_roots([os.fsencode(root) for root in roots]), WalkSettings(**options))
    return [
        os.fsdecode(os.path.relpath(facts.path, os.fsencode(roots[0].resolve())))
        for facts in found
        if isinstance(facts, FileFacts)
    ]
