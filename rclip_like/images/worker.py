"""The process in which pictures are decoded: one line of JSON in, one line and pixels out.

It imports Pillow and blake3, NumPy for deep greys only, and leaves when its parent does.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO, NamedTuple

from blake3 import blake3

from rclip_like.errors import PictureError
from rclip_like.images.picture import decode_bytes, pixels_of, read_bytes
from rclip_like.settings import ReadSettings
from rclip_like.values import Preprocessing

_HAS_TIMERS = hasattr(signal, "setitimer")  # Windows has none
OUT_OF_TIME = -signal.SIGPROF if _HAS_TIMERS else 1
"""The exit status of a worker that decoded for too long; `faulthandler` has no other than 1."""
STOOD_STILL = -signal.SIGALRM if _HAS_TIMERS else None
"""That of one whose disk or machine stood still."""


class _Request(NamedTuple):
    """One line of the parent, and the bytes that followed it, if it announced any."""

    facts: dict[str, Any]
    content: bytes | None


def serve() -> None:
    """Answer the requests on standard input until it ends.

    The first line holds preprocessing and limits, each further one a path and the digests whose
    pictures are not needed; a picture that lies in no file follows as so many bytes as the line
    says. The answer is a line with digest and facts, or with the reason of a
    failure, followed by as many bytes of pixels as it says: the whole picture, then its frames.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if _HAS_TIMERS:
        for deadly in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(deadly, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGPROF, signal.SIGALRM))
    answers = _private_output()
    requests = _requests_of_parent()
    setup = next(requests).facts
    preprocessing = Preprocessing(**setup["preprocessing"])
    limits = ReadSettings(**setup["limits"])
    assert limits.max_memory_bytes is not None
    _limit_memory(limits.max_memory_bytes)
    _send(answers, {"num_bytes": 0})
    for request in requests:
        _send(answers, *_answer(request, preprocessing, limits))


def _answer(
    request: _Request, preprocessing: Preprocessing, limits: ReadSettings
) -> tuple[dict[str, object], bytes]:
    path = os.fsencode(request.facts["path"])
    known = {bytes.fromhex(digest) for digest in request.facts["known"]}
    try:
        data = request.content
        if data is None:
            with _limited(limits.max_wait_seconds):
                data = read_bytes(path, limits)
        with _limited(limits.max_wait_seconds, limits.max_seconds):
            digest, decoded = decode_bytes(path, data, preprocessing, limits, known)
    except PictureError as error:
        trouble = {"reason": error.reason, "lasting": error.lasting, "code": error.code}
        return trouble | {"num_bytes": 0}, b""
    answer = {"digest": digest.hex(), "size_bytes": len(data)}
    if decoded is None:
        return answer | {"facts": None, "num_bytes": 0}, b""
    pixels = pixels_of(decoded)
    answer |= {"facts": decoded.facts._asdict(), "reader": decoded.reader}
    answer |= {"pixels_digest": blake3(pixels).hexdigest(), "num_bytes": len(pixels)}
    return answer, pixels


@contextmanager
def _limited(seconds: float, processor_seconds: float = 0.0) -> Iterator[None]:
    """End this process when so much time is over by the clock, or of the processor.

    Even amid a decoder that never lets Python run again: nobody handles these signals. The clock
    goes on where the machine is stopped, so what it ends says nothing of the picture.
    """
    if not _HAS_TIMERS:
        faulthandler.dump_traceback_later(processor_seconds or seconds, exit=True)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_PROF, processor_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _send(answers: BinaryIO, answer: dict[str, object], pixels: bytes = b"") -> None:
    answers.write(json.dumps(answer).encode() + b"\n" + pixels)
    answers.flush()


def _private_output() -> BinaryIO:
    """Return the way to the parent, and leave decoders that print an empty standard output."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return answers


def _requests_of_parent() -> Iterator[_Request]:
    """Yield what the parent asks; when it is gone, end this process even amid a picture."""
    requests: SimpleQueue[_Request] = SimpleQueue()

    def listen() -> None:
        parent = sys.stdin.buffer
        try:
            while line := parent.readline():
                facts = json.loads(line)
                length = facts.get("num_bytes")
                requests.put(_Request(facts, None if length is None else parent.read(length)))
        finally:  # also without the memory for what was announced: nobody else would end it
            os._exit(0)

    Thread(target=listen, daemon=True).start()
    while True:
        yield requests.get()


def _limit_memory(max_memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = max_memory_bytes if hard == resource.RLIM_INFINITY else min(max_memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
