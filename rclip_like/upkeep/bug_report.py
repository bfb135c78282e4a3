"""What a report of a fault needs to know of an installation and its index, and nothing private.

Only what is on a list is written: numbers, versions, kinds, and words of clipfind's own. No path,
name, query or sentence passes through, whatever it may hold.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from rclip_like import __version__
from rclip_like.errors import ClipfindError, Remedy
from rclip_like.models.names import BUILTIN
from rclip_like.reports import OK, DoctorReport, StatusReport
from rclip_like.settings import cache_folder, num_processors
from rclip_like.store.checking import SQLITE_VERSION
from rclip_like.store.opening import version_of
from rclip_like.walk.mounts import Mount, mount_of, read_mounts

_PACKAGES = (
    ("blake3", "dateparser", "ftfy", "huggingface_hub", "numpy", "onnxruntime", "open_clip_torch")
    + ("pathspec", "pi-heif", "pillow", "platformdirs", "rich", "safetensors", "sqlite-utils")
    + ("starlette", "tomlkit", "torch", "torchvision", "typer", "uvicorn", "watchfiles")
    + ("av", "pyarrow", "rapidocr", "rawpy", "reverse-geocode", "timm", "transformers")
)
_SAFE = re.compile(r"[\w.+ -]{1,40}")


def machine_lines() -> Iterator[str]:
    """Yield the versions of clipfind and of what it runs on."""
    yield f"clipfind: {__version__}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    yield f"Python: {python}, file names in {sys.getfilesystemencoding()}"
    # A kernel that somebody built may be named after its machine.
    release = re.match(r"[\d.]*", platform.release())
    yield f"system: {platform.system()} {release[0] if release else ''} {platform.machine()}"
    yield f"libc: {' '.join(platform.libc_ver()) or 'unknown'}"
    yield f"processors: {num_processors()}"
    if memory := _memory_bytes():
        yield f"memory: {memory / 1e9:.0f} GB"
    yield f"SQLite: {SQLITE_VERSION}"
    for name in _PACKAGES:
        try:
            yield f"{name}: {_safe(metadata.version(name))}"
        except metadata.PackageNotFoundError:
            yield f"{name}: not installed"


def index_lines(database: Path, status: StatusReport | None) -> Iterator[str]:
    """Yield the kinds of file systems, and how much is indexed.

    status: None where there is no index, or it cannot be read.
    """
    mounts = read_mounts()
    yield f"index on: {_kind_of(database.parent, mounts)}"
    yield f"cache on: {_kind_of(cache_folder(), mounts)}"
    try:
        yield f"version of the index: {version_of(database) or 'none yet'}"
    except (ClipfindError, OSError) as error:
        yield f"version of the index: {type(error).__name__}"
    if status is None:
        yield "index: not read"
        return
    yield f"size of the index: {status.size_bytes / 1e6:,.1f} MB"
    numbers = {
        "files": status.files,
        "contents": status.contents,
        "contents that no file has": status.left_contents,
        "raw files beside a picture": status.raw_pairs,
        "hidden": status.hidden,
        "videos": status.videos,
        "without a date": status.undated,
        "saved searches": status.saved,
        "names": status.names,
        "contents with text": status.with_text,
        "thumbnails": status.thumbnails,
    }
    for name, number in numbers.items():
        yield f"{name}: {number or 0:,}"
    kinds = Counter(_kind_of(Path(os.fsdecode(root["path"])), mounts) for root in status.roots)
    yield f"walked folders: {_counted(kinds)}"
    models = Counter(_model_kind(str(each["name"])) for each in status.models)
    yield f"models: {_counted(models)}"
    codes = Counter(str(each.code or "unknown") for each in status.unreadable)
    yield f"unreadable: {_counted(codes)}"


def finding_lines(report: DoctorReport) -> Iterator[str]:
    """Yield each check with its worst states, and which advice was given, by its name."""
    for check in dict.fromkeys(each.check for each in report.findings):
        findings = [each for each in report.findings if each.check == check]
        states = Counter(each.state for each in findings if each.state != OK)
        advice = [
            each[0] if isinstance(each, tuple) else each for f in findings for each in f.remedies
        ]
        names = sorted({each.name.lower() for each in advice if isinstance(each, Remedy)})
        yield f"{check}: {_counted(states, nothing=OK)}" + f" ({', '.join(names)})" * bool(names)


def _counted(numbers: Mapping[str, int], nothing: str = "none") -> str:
    return ", ".join(f"{number:,} {name}" for name, number in numbers.items()) or nothing


def _kind_of(folder: Path, mounts: Iterable[Mount]) -> str:
    mount = mount_of(os.fsencode(os.path.realpath(folder)), list(mounts))
    return _safe(mount.kind) if mount else "an unknown file system"


def _model_kind(name: str) -> str:
    """Return what kind of name a model has: a folder's or a repository's may be private."""
    if name == BUILTIN:
        return BUILTIN
    if name.startswith("hf-hub:"):
        return "of the hub"
    return "a folder" if os.path.isabs(name) or name.startswith((".", "~")) else "of open_clip"


def _safe(text: str) -> str:
    return text if _SAFE.fullmatch(text) else "unusual"


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # not on every system
        return 0
