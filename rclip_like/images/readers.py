"""Pictures read in worker processes: what crashes, hangs or swells costs one file."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from rclip_like.errors import PASSING, ReaderError, Reason, Remedy
from rclip_like.images.limits import most_bytes, within_memory
from rclip_like.images.process import DEATHS, WorkerProcess
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, PictureFacts, Trouble

if TYPE_CHECKING:
    from rclip_like.images.decoding import Product

Finished = TypeVar("Finished")

_AHEAD = 8
"""Pictures waiting for each worker, so that no processor is idle at the end of a batch."""


@dataclass(frozen=True, slots=True)
class ReadTask:
    """One picture to read and what is wanted of it, all made from one decode.

    known: digests of contents of which nobody needs the products. content: the picture's bytes
    where they are not in a file; the path then only names it. words_of: the digest of a file of
    which nothing but the words are wanted: no more of it is read than that takes.
    """

    path: bytes
    products: tuple[Product, ...]
    known: tuple[bytes, ...] = ()
    content: bytes | None = None
    words_of: bytes | None = None


class Readers:
    """Worker processes that read pictures; they start one by one, when there is work for them.

    Used with `with`; what is raised inside, also by a signal handler, ends them at once.
    """

    def __init__(self, settings: ReadSettings) -> None:
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

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def most_in_flight(self) -> int:
        """How many tasks keep all workers busy."""
        return _AHEAD * self._width

    def read_all(
        self,
        tasks: Iterable[ReadTask],
        on_idle: Callable[[], None] = lambda: None,
        finish: Callable[[Picture | Trouble], Picture | Trouble] = lambda read: read,
    ) -> Iterator[Picture | Trouble]:
        """Yield what became of each task, as they finish; _AHEAD for each worker in flight.

        finish: as `submit` takes it. Calls `on_idle` each time that nothing has finished for half a
        second. Ends early, without a word, when another thread calls `close`. Raises ReaderError
        when no worker can be started.
        """
        pending: set[_Result] = set()
        for task in tasks:
            try:
                pending.add(self.submit(task, finish))
            except RuntimeError:
                if self._closed:
                    return
                raise
            is_full = len(pending) >= self.most_in_flight
            yield from self._finished(pending, on_idle, is_patient=is_full)
        while pending and not self._closed:
            yield from self._finished(pending, on_idle, is_patient=True)

    def read_in_order(self, tasks: Iterable[ReadTask]) -> Iterator[Picture | Trouble]:
        """Yield what became of each task, in their order; for as long as nobody calls `close`.

        As many are in flight as in `read_all`, and of contents that are not in files no more bytes
        than the largest picture may have. Raises ReaderError when no worker can be started.
        """
        pending: deque[tuple[int, _Result]] = deque()
        in_flight, largest = 0, most_bytes(self._settings)
        for task in tasks:
            size = len(task.content or b"")
            while pending and (len(pending) >= self.most_in_flight or in_flight + size > largest):
                done, result = pending.popleft()
                in_flight -= done
                yield result.result()
            in_flight += size
            pending.append((size, self._threads.submit(self._read, task)))
        for _, result in pending:
            yield result.result()

    def submit(
        self, task: ReadTask, finish: Callable[[Picture | Trouble], Finished]
    ) -> Future[Finished]:
        """Begin to read a picture once a worker is free; any thread may call it.

        finish: what is to be done with the outcome in the thread that waited for the worker, so
        that its work is spread over the processors, too. The result raises what that raises, and
        ReaderError when no worker can be started. Raises RuntimeError when closed.
        """
        return self._threads.submit(lambda: finish(self._read(task)))

    def rest(self) -> None:
        """End the workers that have nothing to do; others start when there is work again."""
        while (worker := self._idle_worker()) is not None:
            self._discard(worker)

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

    def _finished(
        self, pending: set[_Result], on_idle: Callable[[], None], *, is_patient: bool
    ) -> Iterator[Picture | Trouble]:
        """Yield what is done, taken out of `pending`; being patient, wait for one until closed."""
        # Those that `close` cancels never wake a waiter, so look up now and then.
        seconds = 0.5 if is_patient else 0
        while not (done := wait(pending, seconds, FIRST_COMPLETED).done):
            if self._closed or not is_patient:
                return
            on_idle()
        pending -= done
        for future in done:
            if self._closed:
                return
            yield future.result()

    def _read(self, task: ReadTask) -> Picture | Trouble:
        worker = self._take()
        outcome = worker.read(task)
        if worker.is_alive():
            self._idle.append(worker)
        else:
            self._discard(worker)
        return outcome

    def _take(self) -> _Worker:
        """Return an idle worker or a new one, for the calling thread alone."""
        while (worker := self._idle_worker()) is not None:
            if worker.is_alive():
                return worker
            self._discard(worker)
        try:
            worker = _Worker(self._settings)
        except OSError as error:
            raise ReaderError(f"no process to read pictures with: {error}") from error
        self._workers.add(worker)
        if self._closed:
            worker.kill()
        worker.greet(self._settings._asdict())
        return worker

    def _idle_worker(self) -> _Worker | None:
        try:
            return self._idle.pop()
        except IndexError:  # asked before, it might be taken by another thread meanwhile
            return None

    def _discard(self, worker: _Worker) -> None:
        worker.bury()
        self._workers.discard(worker)


_Result = Future[Picture | Trouble]


class _Worker(WorkerProcess):
    """A process that reads pictures."""

    def __init__(self, settings: ReadSettings) -> None:
        # Twice: to read the file, and to decode it.
        super().__init__("worker", "read pictures", 2 * settings.max_wait_seconds)
        self._settings = settings

    def read(self, task: ReadTask) -> Picture | Trouble:
        """Return the picture, or why there is none."""
        try:
            return result_of(task, *self.ask(request_for(task), task.content or b""))
        except DEATHS:
            code, reason = self.cause_of_death("decoder", self._settings.max_seconds)
        return Trouble(task.path, reason, code not in PASSING, code)


def request_for(task: ReadTask) -> dict[str, Any]:
    """Return the line that asks a worker for the task; its content follows, if it has any."""
    request: dict[str, Any] = {
        "path": os.fsdecode(task.path),
        "products": [product.description() for product in task.products],
        "known": [digest.hex() for digest in task.known],
    }
    if task.words_of is not None:
        request["words_of"] = task.words_of.hex()
    if task.content is not None:
        request["num_bytes"] = len(task.content)
    return request


def result_of(task: ReadTask, answer: dict[str, Any], pixels: bytes) -> Picture | Trouble:
    """Return what a worker's answer means, and the bytes that followed it."""
    import numpy as np

    if "reason" in answer:
        code = Reason(answer["code"])
        remedy = answer["remedy"] and Remedy(answer["remedy"])
        return Trouble(task.path, answer["reason"], code not in PASSING, code, remedy)
    digest, size_bytes = bytes.fromhex(answer["digest"]), answer["size_bytes"]
    words = answer.get("words") and tuple(answer["words"])
    if answer["facts"] is None:
        return Picture(task.path, digest, None, size_bytes=size_bytes, words=words)
    products, start = {}, 0
    for name, sizes in answer["products"].items():
        images = []
        for width, height in sizes:
            image = np.frombuffer(pixels, np.uint8, width * height * 3, start)
            images.append(image.reshape(height, width, 3).copy())
            start += image.size
        products[name] = tuple(images)
    facts, pixels_digest = PictureFacts(**answer["facts"]), bytes.fromhex(answer["pixels_digest"])
    read = (answer["reader"], pixels_digest, words, tuple(answer["seconds"]))
    return Picture(task.path, digest, facts, products, size_bytes, *read)
