"""An index beside the pictures of a disk, wherever and by whomever it is mounted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import moving_disk
import pytest
from private_mounts import needs_mounts, run_in_namespace


@needs_mounts
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("setpriv"),
    reason="becomes one user and another",
)
def test_a_disk_is_found_at_each_mount_point_by_its_owner_and_by_a_guest(tiny_model: Path) -> None:
    run_in_namespace(Path(moving_disk.__file__), tiny_model)
