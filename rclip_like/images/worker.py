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
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO, NamedTuple

from blake3 import blake3

from rclip_like.errors import PictureError
from rclip_like.images.picture import pixels_of, read_images
from rclip_like.settings import ReadSettings
from rclip_like.values import Preprocessing

STOPPED_BY_TIME_LIMIT = 1
"""The exit status of a worker that took too long; `faulthandler` has no other."""


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
    answers = _private_output()
    requests = _requests_of_parent()
    setup = next(requests).facts
    preprocessing = Preprocessing(**setup["preprocessing"])
    limits = ReadSettings(**setup["limits"])
    assert limits.max_memory_bytes is not None
    _limit_memory(limits.max_memory_bytes)
    _send(answers, {"num_bytes": 0})
    with open(os.devnull, "w") as nowhere:
        for request in requests:
            # A thread of C: it ends even a decoder that never lets Python run again.
            faulthandler.dump_traceback_later(limits.max_seconds, exit=True, file=nowhere)
            answer = _answer(request, preprocessing, limits)
            faulthandler.cancel_dump_traceback_later()
            _send(answers, *answer)


def _answer(
    request: _Request, preprocessing: Preprocessing, limits: ReadSettings
) -> tuple[dict[str, object], bytes]:
    path = os.fsencode(request.facts["path"])
    known = {bytes.fromhex(digest) for digest in request.facts["known"]}
    try:
        digest, size_bytes, decoded = read_images(
            path, preprocessing, limits, known, request.content
        )
    except PictureError as error:
        trouble = {"reason": error.reason, "lasting": error.lasting, "code": error.code}
        return trouble | {"num_bytes": 0}, b""
    answer = {"digest": digest.hex(), "size_bytes": size_bytes}
    if decoded is None:
        return answer | {"facts": None, "num_bytes": 0}, b""
    pixels = pixels_of(decoded)
    answer |= {"facts": decoded.facts._asdict(), "reader": decoded.reader}
    answer |= {"pixels_digest": blake3(pixels).hexdigest(), "num_bytes": len(pixels)}
    return answer, pixels


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
