"""The packages of an installation without torch: what pyproject.toml asks for, less torch's."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
OF_TORCH = {"open_clip_torch", "torch", "torchvision"}


def light_packages() -> list[str]:
    """Return what pip is to install, as pyproject.toml words it."""
    needed: list[str] = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    names = {each: re.match(r"\w+", each.replace("-", "_")) for each in needed}
    return [each for each, name in names.items() if name and name[0] not in OF_TORCH]


if __name__ == "__main__":
    print(*light_packages())
