"""The way to open_clip beside a torchvision that was built for another torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPORT = (
    "from rclip_like.models.towers import torchvision_cure as cure\n"
    "try: print(cure.import_open_clip().__name__, len(cure._declared))\n"
    "except RuntimeError as error: print('RuntimeError', error)"
)
BROKEN_ONCE = (
    "import torch\n"
    "assert hasattr(torch.ops.torchvision, 'qnms') or not hasattr(torch.ops.torchvision, 'nms')\n"
    "if not hasattr(torch.ops.torchvision, 'nms'):\n"
    "    raise RuntimeError('operator torchvision::nms does not exist')\n"
)


def report(folder: Path, torchvision: str) -> str:
    """Return what importing says beside a torchvision with this source."""
    for name, source in (("torchvision", torchvision), ("open_clip", "")):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(source)
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{REPORT}"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def test_nothing_is_declared_where_torchvision_imports_by_itself(tmp_path: Path) -> None:
    assert report(tmp_path, "") == "open_clip 0"


def test_missing_operators_are_declared_once(tmp_path: Path) -> None:
    assert report(tmp_path, BROKEN_ONCE) == "open_clip 1"


def test_other_errors_of_torchvision_are_not_hidden(tmp_path: Path) -> None:
    assert report(tmp_path, "raise RuntimeError('no such card')") == "RuntimeError no such card"


def test_open_clip_imports_here() -> None:
    result = subprocess.run(
        [sys.executable, "-c", REPORT], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("open_clip ")
