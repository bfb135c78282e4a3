"""Thumbnails on demand, for as long as a page is open."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from threading import Lock, Timer
from typing import NamedTuple

from rclip_like.images.limits import within_memory
from rclip_like.images.products import Thumbnail
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.images.thumbnails import ThumbnailCache, Wanted, cached_thumbnail
from rclip_like.settings import ReadSettings
from rclip_like.values import Trouble

Answer = Future[bytes | Trouble]
"""A thumbnail as WebP, or why there is none."""

_MOST_WORKERS = 4
_MOST_WAITING = 1000
_MOST_FAILURES = 10_000
_IDLE_SECONDS = 60.0
_TOO_MANY = "not made, since too many pictures were asked for after it"


class _Key(NamedTuple):
    """What identifies a thumbnail; second: the moment of a video."""

    digest: bytes
    size: int
    second: float | None


class _Job(NamedTuple):
    """A thumbnail to make, and those who wait for it."""

    wanted: Wanted
    size: int
    answers: list[Answer]

    def is_wanted(self) -> bool:
        return not all(each.cancelled() for each in self.answers)


class ThumbnailMaker:
    """Makes thumbnails in a few reading processes, which end when there is nothing to do.

    Any thread may ask. The newest request comes first: it is for what is on the screen now. Used
    with `with`, or closed.
    """

    def __init__(
        self,
        cache: ThumbnailCache,
        limits: ReadSettings,
        *,
        most_waiting: int = _MOST_WAITING,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        num_workers = min(within_memory(limits).workers or 1, _MOST_WORKERS)
        self._readers = Readers(limits._replace(workers=num_workers))
        self._num_workers = num_workers
        self._cache = cache
        self._most_waiting = most_waiting
        self._idle_seconds = idle_seconds
        self._lock = Lock()
        self._waiting: dict[_Key, _Job] = {}
        self._running: dict[_Key, _Job] = {}
        self._failures: dict[Wanted, Trouble] = {}
        self._timer: Timer | None = None
        self._closed = False

    def __enter__(self) -> ThumbnailMaker:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def make(self, wanted: Wanted, size: int) -> bytes | Trouble:
        """Return the thumbnail once it is made; as `request`, which does not wait."""
        return self.request(wanted, size).result()

    def request(self, wanted: Wanted, size: int) -> Answer:
        """Return what will hold the thumbnail of the content with this digest in this file.

        It is there at once if the cache has it, which is read in the calling thread. A file that
        holds another content gives a Trouble, and so does a request that is the oldest of too many.
        Whoever does not wait any longer cancels the answer (`asyncio.wrap_future` does so when its
        task is cancelled): what nobody waits for is not made. The answer raises ReaderError if no
        process can be started, CancelledError when closed meanwhile.
        """
        answer: Answer = Future()
        key = _Key(wanted.digest, size, wanted.second)
        if (webp := self._cache.find(*key)) is not None:
            answer.set_result(webp)
            return answer
        too_old: _Job | None = None
        with self._lock:
            if self._closed:
                answer.cancel()
                return answer
            if trouble := self._failures.get(wanted):
                answer.set_result(trouble)
                return answer
            if job := self._running.get(key):
                job.answers.append(answer)
                return answer
            job = self._waiting.pop(key, None) or _Job(wanted, size, [])
            job.answers.append(answer)
            self._waiting[key] = job
            if len(self._waiting) > self._most_waiting:
                too_old = self._waiting.pop(next(iter(self._waiting)))
        if too_old is not None:
            _give(too_old, Trouble(too_old.wanted.path, _TOO_MANY, lasting=False))
        self._start()
        return answer

    def close(self) -> None:
        """End the processes at once; requests that wait are cancelled."""
        with self._lock:
            self._closed = True
            jobs = [*self._waiting.values(), *self._running.values()]
            self._waiting.clear()
            if self._timer is not None:
                self._timer.cancel()
        for job in jobs:
            for answer in job.answers:
                answer.cancel()
        self._readers.close()

    def _start(self) -> None:
        """Give the newest requests to the processes that are free."""
        while (job := self._next()) is not None:
            task = ReadTask(job.wanted.path, (Thumbnail(job.size, second=job.wanted.second),))
            finish = partial(cached_thumbnail, wanted=job.wanted, size=job.size, cache=self._cache)
            try:
                reading = self._readers.submit(task, finish)
            except RuntimeError:  # closed meanwhile
                return
            reading.add_done_callback(partial(self._finish, job))

    def _next(self) -> _Job | None:
        with self._lock:
            while self._waiting and len(self._running) < self._num_workers and not self._closed:
                key, job = self._waiting.popitem()
                if job.is_wanted():
                    self._running[key] = job
                    return job
        return None

    def _finish(self, job: _Job, reading: Answer) -> None:
        """Answer all who wait; called in the thread that read the picture."""
        found: bytes | Trouble | Exception
        try:
            found = reading.result()
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            found = error
        with self._lock:
            self._running.pop(_Key(job.wanted.digest, job.size, job.wanted.second), None)
            if isinstance(found, Trouble) and found.lasting:
                if len(self._failures) >= _MOST_FAILURES:
                    self._failures.pop(next(iter(self._failures)))
                self._failures[job.wanted] = found
        _give(job, found)
        self._start()
        self._rest_later()

    def _rest_later(self) -> None:
        """End the processes some time after the last picture, unless there is another."""
        with self._lock:
            if self._running or self._closed:
                return
            if self._timer is not None:
                self._timer.cancel()
            self._timer = Timer(self._idle_seconds, self._readers.rest)
            self._timer.daemon = True
            self._timer.start()


def _give(job: _Job, found: bytes | Trouble | Exception) -> None:
    for answer in job.answers:
        if not answer.set_running_or_notify_cancel():
            continue
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)
