"""A user who has just come: a home and folders of his own, all empty, and no other variables."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

_OWN_VARIABLES = ("DATA", "CACHE")
_OTHER_VARIABLES = (
    *("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
    *("XDG_RUNTIME_DIR", "XDG_STATE_HOME"),
)


@dataclass(frozen=True)
class FreshUser:
    """Folders below one, and the environment that names them.

    elsewhere: all places that programs write to unasked, clipfind's own left out.
    """

    elsewhere: Path
    environment: dict[str, str]

    def strewn(self) -> list[str]:
        """Return what lies in the folders that are not clipfind's."""
        given = {self.elsewhere / variable for variable in _OTHER_VARIABLES}
        found = set(self.elsewhere.rglob("*")) - given
        return sorted(str(path.relative_to(self.elsewhere)) for path in found)


def fresh_user(folder: Path, *, names_folders: bool = True) -> FreshUser:
    """Make the folders; with `names_folders` clipfind's data and cache folders are named.

    Nothing of the environment around is passed on but the paths to programs and packages: of
    variables such as CI alone ONNX Runtime reports nothing.
    """
    elsewhere = folder / "elsewhere"
    kept = ("PATH", "PYTHONPATH", "CLIPFIND_PRECISION")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    for variable in _OTHER_VARIABLES:
        (elsewhere / variable).mkdir(parents=True)
        environment[variable] = str(elsewhere / variable)
    if names_folders:
        for kind in _OWN_VARIABLES:
            environment[f"CLIPFIND_{kind}_DIR"] = str(folder / kind.lower())
    return FreshUser(elsewhere, environment | {"PYTHONDONTWRITEBYTECODE": "1"})


def modes_below(folder: Path) -> dict[str, int]:
    """Return the mode of a folder and of all in it, by path from there."""
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode)
        for path in (folder, *folder.rglob("*"))
    }
