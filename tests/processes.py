"""The command line as real processes, and small pictures under names of all kinds."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image
from PIL.ExifTags import IFD

Finished = subprocess.CompletedProcess[bytes]
Word = str | bytes | Path
COMMAND = (sys.executable, "-m", "rclip_like")
PLAIN_NAMES = (b"one.png", b"two.png", b"deep/three.jpg")
# One of each kind that breaks programs.
ODD_NAMES = (
    b"new\nline.png",
    b"tab\t[red]quote'\".png",
    b"\x1b[31mescape.png",
    b"not-utf8-\xff.png",
    b"-rf.png",
)


def write_pictures(folder: Path, names: tuple[bytes, ...] = PLAIN_NAMES, seed: int = 0) -> Path:
    """Write a small picture of noise under each name, an hour old, and return the folder.

    A file younger than two seconds when it is read is rightly read again by the next run.
    """
    an_hour_ago = time.time() - 3600
    random = np.random.default_rng(seed)
    for name in names:
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(path)
        os.utime(path, (an_hour_ago, an_hour_ago))
    return folder


def write_taken(path: Path) -> Path:
    """Write a small JPEG as a camera does: with its name, the date and where it was taken."""
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Museum Camera"
    exif.get_ifd(IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2019:04:05 10:11:12"
    exif.get_ifd(IFD.GPSInfo).update({1: "S", 2: (33.0, 30.0, 0.0), 3: "E", 4: (18.0, 15.0, 0.0)})
    Image.new("RGB", (60, 40), "teal").save(path, exif=exif)
    return path


def start(*arguments: Word, **options: Any) -> subprocess.Popen[bytes]:
    """Start clipfind as a process of its own."""
    return subprocess.Popen([*COMMAND, *arguments], **options)


def run(*arguments: Word, **options: Any) -> Finished:
    """Run clipfind to its end, whatever its exit status."""
    settings = {"capture_output": True, "timeout": 120} | options
    return subprocess.run([*COMMAND, *arguments], **settings)


@dataclass(frozen=True)
class Shown:
    """What a process showed on the terminal that was its stdout, stderr or both."""

    text: str
    status: int


def run_on_terminal(*arguments: Word, streams: tuple[str, ...] = ("stdout", "stderr")) -> Shown:
    """Run clipfind with the streams named on a terminal and the others closed to us."""
    ours, theirs = pty.openpty()
    ends: dict[str, int] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = start(*arguments, **(ends | dict.fromkeys(streams, theirs)))
    os.close(theirs)
    text = read_terminal(ours)
    os.close(ours)
    return Shown(text, process.wait(timeout=120))


def read_terminal(terminal: int) -> str:
    """Return all that is shown on a terminal until its other side is closed."""
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # Linux says so, not with an empty read, when nobody is left
            return shown.decode(errors="replace").replace("\r\n", "\n")


def children(pid: int) -> list[int]:
    """Return the processes that a process has started; [] where there is no /proc."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in lists for child in each.read_text().split()]


def all_end(pids: list[int]) -> bool:
    """Return whether these processes end within ten seconds."""
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(is_alive, pids))


def is_alive(pid: int) -> bool:
    """Return whether a process is there and not only waits to be buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
