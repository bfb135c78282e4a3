"""Filing: each picture copied, linked or moved into DIR/label, after a line in the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rclip_like.filing.filed import Filed, How
from rclip_like.values import Trouble


def default_log(folder: Path) -> Path:
    """Return where the log of a run that begins now lies: in the folder, under a name not taken."""
    raise NotImplementedError


def file_into(
    pictures: Iterable[tuple[bytes, str]],
    folder: Path,
    how: How,
    *,
    log: Path | None = None,
    is_dry_run: bool = False,
) -> Iterator[Filed | Trouble]:
    """Yield what became of each picture, a path and its label, once it lies in `folder`/label.

    The folder and those of the labels (named by `folder_name`) are made. Pictures are taken as
    they come, so that none is kept in memory. A name that is taken is never overwritten: where the
    same content lies under it, the picture is `there already` and stays where it is; else it
    becomes `name-2.jpg`, and so on. Sidecars (`x.jpg.xmp`; `x.xmp` where no other picture
    beside has that stem) go along with a copied or moved picture. A link is a symbolic one to the
    absolute path: a hard link would let a change of one change both, and cannot lead to another
    disk. A picture that cannot be filed, changes meanwhile, or is itself a link to be moved, is a
    Trouble, and so is one whose label shares a folder with another label.

    `log`, by default `default_log(folder)`, is written before anything is done; `undo` reads it.
    It is not made where nothing is filed. Raises FilingError when the folder or the log cannot be
    written, when the disk is full or when the folder is moved or unmounted meanwhile: what was
    filed is in the log, and each picture lies at its source or at its target.
    """
    raise NotImplementedError
