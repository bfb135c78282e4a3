"""An installation without torch, open_clip and the extra `research`, seen by processes alone."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from processes import Finished, Word

_TORCH = ("torch", "functorch", "open_clip", "timm", "transformers", "efficientnet_lite0")
_RESEARCH = ("sklearn", "scipy", "matplotlib", "skimage")


def packages_without_torch(folder: Path) -> Path:
    """Fill a folder with links to what is installed here, but for torch and `research`."""
    folder.mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.startswith((*_TORCH, *_RESEARCH)):
            (folder / package.name).symlink_to(package)
    return folder


def run_without_torch(packages: Path, *arguments: Word) -> Finished:
    """Run clipfind to its end with these packages alone."""
    return subprocess.run(
        [sys.executable, "-S", "-m", "rclip_like", *arguments],
        env=os.environ | {"PYTHONPATH": str(packages)},
        capture_output=True,
        timeout=120,
    )
