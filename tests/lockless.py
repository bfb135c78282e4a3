"""Programs on a file system without locks, as some of the network are: by a filter of the kernel.

As a program: lockless.py ERROR KINDS COMMAND... runs the command where each lock of these kinds,
"flock" and "record" joined by a comma, ends in the error, in all processes that it starts, too.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from pathlib import Path

import pytest

# The numbers of the system's calls fcntl and flock.
_CALLS = {"x86_64": (72, 73), "aarch64": (25, 32)}
_SET_LOCK, _SET_LOCK_AND_WAIT = 6, 7
# Classic BPF, as in linux/filter.h and linux/seccomp.h: load a word, jump if equal, return.
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _SECOND_ARGUMENT_AT = 0, 24
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2

needs_filter = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in _CALLS,
    reason="there is no filter of calls to take the locks away with",
)


def without_locks(error: str, *kinds: str) -> tuple[str, ...]:
    """Return the words to put before a command."""
    return (sys.executable, str(Path(__file__)), error, ",".join(kinds))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def take_locks_away(code: int, kinds: list[str]) -> None:
    """Let locks of these kinds fail with this code in this process and those it starts."""
    fcntl, flock = _CALLS[platform.machine()]
    steps = [(_LOAD, 0, 0, _NUMBER_AT)]
    if "flock" in kinds:
        steps += [(_JUMP_IF_EQUAL, 0, 1, flock), (_RETURN, 0, 0, _FAIL | code)]
    if "record" in kinds:
        steps += [
            (_JUMP_IF_EQUAL, 0, 4, fcntl),
            (_LOAD, 0, 0, _SECOND_ARGUMENT_AT),
            (_JUMP_IF_EQUAL, 1, 0, _SET_LOCK),
            (_JUMP_IF_EQUAL, 0, 1, _SET_LOCK_AND_WAIT),
            (_RETURN, 0, 0, _FAIL | code),
        ]
    steps.append((_RETURN, 0, 0, _ALLOW))
    data = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.addressof(data))
    system = ctypes.CDLL(None, use_errno=True)
    system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if system.prctl(_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "the filter is refused")


if __name__ == "__main__":
    take_locks_away(getattr(errno, sys.argv[1]), sys.argv[2].split(","))
    os.execv(sys.argv[3], sys.argv[3:])
