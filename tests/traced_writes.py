"""What a process writes, syncs, makes and removes below a folder, as strace saw it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from witness import logging_batches

_CALLS = (
    *("openat", "lseek", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "mkdir"),
    *("rename", "link", "unlink"),
)
# What the parser does not know must not happen unseen.
_UNKNOWN = (
    *("creat", "open", "writev", "pwritev", "pwritev2", "fallocate", "truncate", "renameat"),
    *("renameat2", "linkat", "unlinkat", "mkdirat", "symlink", "sync_file_range"),
    *("copy_file_range", "sendfile", "splice"),
)
_LONGEST_WRITE = 1 << 20
_CALL = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)")
_BROKEN_OFF = re.compile(r"(\d+) +(\w+\(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_OPEN_FILE = re.compile(r"^(\d+)<((?:\\x[0-9a-f]{2})*)>")

_Positions = dict[tuple[str, str], int]
"""Where the next plain write goes, by descriptor and path."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to a file or folder.

    kind: make, write, cut (to `offset` bytes), sync, remove, rename or link (to `other`), folder,
    or mark: a line in the log of batches, which is on no disk that loses anything.
    """

    kind: str
    path: str
    other: str = ""
    data: bytes = b""
    offset: int = 0


def record(
    command: Sequence[str], below: Path, log: Path, environment: Mapping[str, str]
) -> list[Step]:
    """Run a command to its end and return what it did below a folder, in order.

    log: the file that gets a line for each batch. Skips the test where nothing can be traced.
    """
    if not shutil.which("strace"):
        pytest.skip("there is no strace to record writes with")
    trace = below.with_name(below.name + ".trace")
    calls = ["-e", "trace=" + ",".join(f"?{name}" for name in (*_CALLS, *_UNKNOWN))]
    done = subprocess.run(
        ["strace", "-f", "-y", "-xx", "-s", str(_LONGEST_WRITE), "-o", str(trace)]
        + ["--signal=none", *calls, *command],
        env={**os.environ, **environment, **logging_batches(log)},
        capture_output=True,
        text=True,
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip(f"nothing can be traced here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    at: _Positions = {}
    with open(trace, encoding="ascii") as lines:
        all_steps = [_step(line, f"{below}/", str(log), at) for line in _joined(lines)]
    steps = [step for step in all_steps if step is not None]
    trace.unlink()
    return steps


def _joined(lines: Iterator[str]) -> Iterator[str]:
    """Yield whole calls: another thread's may stand between the halves of one."""
    waiting: dict[str, str] = {}
    for line in lines:
        if broken := _BROKEN_OFF.match(line):
            waiting[broken[1]] = broken[2]
        elif resumed := _RESUMED.match(line):
            yield f"{resumed[1]} {waiting.pop(resumed[1])}{resumed[2]}"
        else:
            yield line


def _step(line: str, below: str, log: str, at: _Positions) -> Step | None:
    """Return what a call did below the folder, None for calls that failed or were elsewhere."""
    call = _CALL.match(line)
    if call is None or call[4] == "-1":
        return None
    name, arguments = call[2], call[3]
    texts = [_decoded(text) for text, cut in _TEXT.findall(arguments) if not _refuse(cut)]
    opened = _OPEN_FILE.match(arguments)
    path = os.fsdecode(_decoded(opened[2]) if opened else texts[0])
    if path == log and name == "write":
        return Step("mark", path, data=texts[0])
    if not f"{path}/".startswith(below) or path.endswith("-shm"):
        return None
    if name in ("openat", "lseek", "write"):
        return _in_turn(name, path, texts, call, at)
    return _told(name, path, texts, arguments.rpartition(", ")[2])


def _in_turn(
    name: str, path: str, texts: list[bytes], call: re.Match[str], at: _Positions
) -> Step | None:
    """Follow where a descriptor stands: a plain write does not say where it goes."""
    result = int(call[4])
    if name == "openat":
        at[call[4], path] = 0
        return Step("make", path) if "O_CREAT" in call[3] else None
    key = (call[3].partition("<")[0], path)
    if name == "lseek":
        at[key] = result
        return None
    offset = at[key]
    at[key] += result
    if path.endswith(".lock"):
        return None  # the holder's number: nothing hangs on it
    return Step("write", path, data=texts[0][:result], offset=offset)


def _told(name: str, path: str, texts: list[bytes], last: str) -> Step:
    if name in ("link", "rename"):
        return Step(name, path, other=os.fsdecode(texts[1]))
    if name == "pwrite64":
        return Step("write", path, data=texts[0], offset=int(last))
    if name == "ftruncate":
        return Step("cut", path, offset=int(last))
    kinds = {"fsync": "sync", "fdatasync": "sync", "unlink": "remove", "mkdir": "folder"}
    assert name in kinds, f"{name} of {path} is not understood"
    return Step(kinds[name], path)


def _refuse(cut: str) -> bool:
    assert not cut, "strace cut a write short"
    return False


def _decoded(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def marked(steps: Sequence[Step]) -> list[list[str]]:
    """Return the batches that were begun in these steps, each a list of paths."""
    return [json.loads(step.data) for step in steps if step.kind == "mark"]
