"""Pictures read in worker processes: what crashes, hangs or swells costs one file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Any

from rclip_like.errors import ReaderError, Reason
from rclip_like.images.limits import within_memory
from rclip_like.images.worker import OUT_OF_TIME, STOOD_STILL
from rclip_like.settings import ReadSettings
from rclip_like.values import FileFacts, Picture, PictureFacts, Preprocessing, Trouble

# Neither multiprocessing nor pebble: both import the parent's main module, so typer and more, in
# each worker; pebble starts all of them at once, they share one pipe and its locks, which a killed
# one takes along, and it waits seconds for a hung one. concurrent.futures loses them all with one.
_PROGRAM = """\
import sys
sys.path[:] = sys.argv[1:]
from rclip_like.images.limits import within_memory
from rclip_like.images.worker import serve
serve()
"""
_AHEAD = 8
"""Pictures to decode while a batch is encoded, at the end of which a processor would wait else."""
_DEATHS = (OSError, ValueError, EOFError)
_KILLED_FROM_OUTSIDE = (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM))


@dataclass(frozen=True, slots=True)
class ReadTask:
    """One file to read, and the digests for which nobody needs the pixels.

    `content` is what to decode where it lies in no file; the path of `facts` then only names it.
    """

    facts: FileFacts
    known: tuple[bytes, ...] = ()
    content: bytes | None = None


class Readers:
    """Worker processes that read pictures; they start one by one, when there is work for them.

    Used with `with`; what is raised inside, also by a signal handler, ends them at once.
    """

    def __init__(self, preprocessing: Preprocessing, settings: ReadSettings) -> None:
        self._preprocessing = preprocessing
        self._settings = within_memory(settings)
        assert self._settings.workers is not None
        self._width = self._settings.workers
        self._threads = ThreadPoolExecutor(self._width, thread_name_prefix="reader")
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._closed = False
        self._closing = Lock()

    def __enter__(self) -> Readers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def read_all(self, tasks: Iterable[ReadTask]) -> Iterator[tuple[FileFacts, Picture | Trouble]]:
        """Yield what became of each task, as they finish; _AHEAD for each worker in flight.

        Ends early, without a word, when another thread calls `close`. Raises ReaderError when
        no worker can be started.
        """
        pending: set[_Result] = set()
        for task in tasks:
            try:
                pending.add(self._threads.submit(self._read, task))
            except RuntimeError:
                if self._closed:
                    return
                raise
            done = self._done(pending, is_patient=len(pending) >= _AHEAD * self._width)
            pending -= done
            yield from self._outcomes(done)
        while pending and not self._closed:
            done = self._done(pending, is_patient=True)
            pending -= done
            yield from self._outcomes(done)

    def close(self) -> None:
        """Kill the workers and wait until they are gone; any thread may call it, also several."""
        self._closed = True
        with self._closing:
            self._threads.shutdown(wait=False, cancel_futures=True)
            for worker in tuple(self._workers):
                worker.kill()
            self._threads.shutdown(wait=True)
            for worker in tuple(self._workers):
                self._discard(worker)

    def _done(self, pending: set[_Result], *, is_patient: bool) -> set[_Result]:
        """Return those that are done; being patient, wait for one unless we are closed."""
        while True:
            # Those that `close` cancels never wake a waiter, so look up now and then.
            done, _ = wait(pending, 0.5 if is_patient else 0, FIRST_COMPLETED)
            if done or self._closed or not is_patient:
                return done

    def _outcomes(self, done: set[_Result]) -> Iterator[tuple[FileFacts, Picture | Trouble]]:
        for future in done:
            if self._closed:
                return
            yield future.result()

    def _read(self, task: ReadTask) -> tuple[FileFacts, Picture | Trouble]:
        worker = self._take()
        outcome = worker.read(task)
        if worker.is_alive():
            self._idle.append(worker)
        else:
            self._discard(worker)
        return task.facts, outcome

    def _take(self) -> _Worker:
        """Return an idle worker or a new one, for the calling thread alone."""
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive():
                return worker
            self._discard(worker)
        try:
            worker = _Worker(self._preprocessing, self._settings)
        except OSError as error:
            raise ReaderError(f"no process to read pictures with: {error}") from error
        self._workers.add(worker)
        if self._closed:
            worker.kill()
        worker.greet()
        return worker

    def _discard(self, worker: _Worker) -> None:
        worker.bury()
        self._workers.discard(worker)


_Result = Future[tuple[FileFacts, Picture | Trouble]]


class _Worker:
    """One process; asked by one thread at a time, killed by any."""

    def __init__(self, preprocessing: Preprocessing, settings: ReadSettings) -> None:
        self._side = preprocessing.size
        self._max_seconds = settings.max_seconds
        self._setup = {"preprocessing": preprocessing._asdict(), "limits": settings._asdict()}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *map(str, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # One thread a library: each thread's stack counts against the memory limit.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for us alone
        )

    def greet(self) -> None:
        """Tell the worker its task and wait until it is ready; raises ReaderError."""
        try:
            self._ask(self._setup)
        except _DEATHS as error:
            self.kill()
            status = self._process.wait()
            raise ReaderError(
                f"no process to read pictures with: {sys.executable} ended with status {status}"
            ) from error

    def read(self, task: ReadTask) -> Picture | Trouble:
        """Return the picture, or why there is none."""
        path = task.facts.path
        known = [digest.hex() for digest in task.known]
        request: dict[str, Any] = {"path": os.fsdecode(path), "known": known}
        if task.content is not None:
            request["num_bytes"] = len(task.content)
        try:
            answer, pixels = self._ask(request, task.content or b"")
        except _DEATHS:
            return self._cause_of_death(path)
        if "reason" in answer:
            return Trouble(path, answer["reason"], answer["lasting"], Reason(answer["code"]))
        return self._picture(path, answer, pixels)

    def is_alive(self) -> bool:
        """Tell whether the process can be asked."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process now; whoever waits for its answer hears of it."""
        self._process.kill()

    def bury(self) -> None:
        """End the process and give back all that it held."""
        self._process.kill()
        with suppress(OSError):  # what was not flushed before it died
            self._process.communicate()

    def _ask(self, request: dict[str, Any], content: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """Return the answer's facts and bytes; raises one of _DEATHS when it dies."""
        asking, answering = self._process.stdin, self._process.stdout
        assert asking is not None
        assert answering is not None
        asking.write(json.dumps(request).encode() + b"\n")
        asking.write(content)
        asking.flush()
        answer = json.loads(answering.readline())
        pixels = answering.read(answer["num_bytes"])
        if len(pixels) != answer["num_bytes"]:
            raise EOFError("the worker died while it answered")
        return answer, pixels

    def _picture(self, path: bytes, answer: dict[str, Any], pixels: bytes) -> Picture:
        import numpy as np

        digest, size_bytes = bytes.fromhex(answer["digest"]), answer["size_bytes"]
        if answer["facts"] is None:
            return Picture(path, digest, None, None, size_bytes=size_bytes)
        squares = np.frombuffer(pixels, np.uint8).reshape(-1, self._side, self._side, 3).copy()
        facts = PictureFacts(**answer["facts"])
        frames, seen = (*squares[1:],), bytes.fromhex(answer["pixels_digest"])
        return Picture(path, digest, facts, squares[0], frames, size_bytes, answer["reader"], seen)

    def _cause_of_death(self, path: bytes) -> Trouble:
        self.kill()  # without effect but where it answered nonsense
        status = self._process.wait()
        if status == STOOD_STILL:
            reason = "took too long to read: the disk or the machine stood still"
            return Trouble(path, reason, lasting=False, code=Reason.STALLED)
        if status == OUT_OF_TIME:
            reason = f"took longer than {self._max_seconds:g} s"
            return Trouble(path, reason, code=Reason.TOO_SLOW)
        if -status in _KILLED_FROM_OUTSIDE:
            return Trouble(path, "the decoder was killed", lasting=False, code=Reason.KILLED)
        return Trouble(path, "the decoder crashed", code=Reason.CRASHED)
