"""The manual's units for systemd and lines for cron: they are verified and run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from manual_everyday import EVERY_DAY
from processes import write_pictures

_UNIT = re.compile(r"clipfind-\w+\.(?:service|timer)(?=[:;])")


def _units() -> dict[str, str]:
    """Return each unit's text by its file's name, as the manual shows them."""
    units: dict[str, str] = {}
    name = ""
    for block in EVERY_DAY.split("\n\n"):
        if found := _UNIT.search(block):
            name = found[0]
        elif block.startswith("    [") and name:
            text = "\n".join(line.removeprefix("    ") for line in block.splitlines())
            units[name] = units.get(name, "") + text + "\n\n"
    return units


def _home_with_clipfind(tmp_path: Path) -> Path:
    """Return a home folder with pictures and with a clipfind where pipx puts it."""
    write_pictures(tmp_path / "Pictures")
    program = tmp_path / ".local" / "bin" / "clipfind"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m rclip_like "$@"\n')
    program.chmod(0o755)
    return tmp_path


def test_the_manual_shows_three_units() -> None:
    assert sorted(_units()) == [
        "clipfind-index.service",
        "clipfind-index.timer",
        "clipfind-watch.service",
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    home = _home_with_clipfind(tmp_path)
    folder = home / "units"
    folder.mkdir()
    for name, text in _units().items():
        (folder / name).write_text(text)
    environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    command = ["systemd-analyze", "--user", "verify", *map(str, sorted(folder.iterdir()))]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0, finished.stderr
    assert "clipfind-" not in finished.stderr


@pytest.mark.parametrize("unit", ["clipfind-index.service", "cron"])
def test_what_timers_and_cron_call_indexes_the_pictures(
    tmp_path: Path, tiny_model: Path, unit: str
) -> None:
    home = _home_with_clipfind(tmp_path)
    [line] = re.findall(
        r"^    0 \* \* \* \* (.*)" if unit == "cron" else r"^ExecStart=(.*)",
        EVERY_DAY if unit == "cron" else _units()[unit],
        re.MULTILINE,
    )
    environment = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "SHELL": "/bin/sh",
        "CLIPFIND_MODEL": str(tiny_model),
    }
    command = ["/bin/sh", "-c", line.replace("%h", str(home))]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0, finished.stderr
    assert (finished.stdout, "3 encoded" in finished.stderr) == ("", unit != "cron")
    assert (home / ".local" / "share" / "clipfind" / "index.db").exists()
