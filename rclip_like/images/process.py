"""A process that a picture may crash, hang or swell: asked by one thread, killed by any."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from threading import Event, Thread
from typing import Any

from rclip_like.errors import ReaderError, Reason
from rclip_like.images.worker import OUT_OF_TIME, STOOD_STILL

# Neither multiprocessing nor pebble: both import the parent's main module, and so typer and more,
# in each worker. pebble starts all workers at once, shares one pipe and its locks among them, which
# a killed worker takes along, and waits seconds for a hung one. concurrent.futures loses all
# workers with one.
_PROGRAM = """\
import sys
sys.path[:] = sys.argv[1:]
from rclip_like.images.{module} import serve
serve()
"""
DEATHS = (OSError, ValueError, EOFError)
"""What `ask` raises when the process dies."""
_LOOKS = 8
"""How often it is looked whether an answer is overdue."""
_KILLED_FROM_OUTSIDE = (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM))


class WorkerProcess:
    """One process: a line of JSON and bytes in, a line of JSON and bytes out.

    module: the one in `images` whose `serve` it runs. purpose: what it is for, in words. It ends
    when it gives no sign for max_wait_seconds, neither an answer nor an empty line before that: its
    own limits do not act while it is stopped.
    """

    def __init__(self, module: str, purpose: str, max_wait_seconds: float) -> None:
        self._purpose = purpose
        self._num_signs = 0
        self._is_asked = self._is_overdue = False
        self._has_ended = Event()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(module=module), *map(str, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # One thread a library: each thread's stack counts against the memory limit.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for us alone
        )
        Thread(target=self._watch, args=(max_wait_seconds,), daemon=True).start()

    def greet(self, limits: Mapping[str, Any]) -> dict[str, Any]:
        """Send the process its limits and return what it answers when ready; raises ReaderError."""
        try:
            return self.ask(limits)[0]
        except DEATHS as error:
            self.kill()
            status = self._process.wait()
            raise ReaderError(
                f"no process to {self._purpose} with: {sys.executable} ended with status {status}"
            ) from error

    def ask(self, request: Mapping[str, Any], content: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """Return the answer's facts and bytes; raises one of DEATHS when it dies."""
        asking, answering = self._process.stdin, self._process.stdout
        assert asking is not None
        assert answering is not None
        self._num_signs += 1
        self._is_asked = True
        asking.write(json.dumps(request).encode() + b"\n")
        asking.write(content)
        asking.flush()
        while (line := answering.readline()) == b"\n":
            self._num_signs += 1
        answer = json.loads(line)
        data = answering.read(answer["num_bytes"])
        self._is_asked = False
        if len(data) != answer["num_bytes"]:
            raise EOFError("the worker died while it answered")
        return answer, data

    def cause_of_death(self, name: str, max_seconds: float) -> tuple[Reason, str]:
        """End the process, which died while it was asked, and return why it did.

        name: what it does, as a noun. max_seconds: its limit of the processor's time.
        """
        self.kill()  # without effect but where it answered nonsense
        status = self._process.wait()
        if self._is_overdue or status == STOOD_STILL:
            reason = "took too long to read: the disk or the machine stood still"
            return Reason.STALLED, reason
        if status == OUT_OF_TIME:
            return Reason.TOO_SLOW, f"took longer than {max_seconds:g} s"
        if -status in _KILLED_FROM_OUTSIDE:
            return Reason.KILLED, f"the {name} was killed"
        return Reason.CRASHED, f"the {name} crashed"

    def is_alive(self) -> bool:
        """Tell whether the process can be asked."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process now; whoever waits for its answer hears of it."""
        self._has_ended.set()
        self._process.kill()

    def bury(self) -> None:
        """End the process and give back all that it held."""
        self.kill()
        with suppress(OSError):  # what was not flushed before it died
            self._process.communicate()

    def _watch(self, max_wait_seconds: float) -> None:
        """End the process when it gives no sign for that long.

        Looks are counted, not seconds: they stand still when we or the whole machine do.
        """
        number = looks = 0
        while not self._has_ended.wait(max_wait_seconds / _LOOKS):
            if not self._is_asked or number != self._num_signs:
                number, looks = self._num_signs, 0
            elif looks == _LOOKS:
                self._is_overdue = True
                self.kill()
            else:
                looks += 1
