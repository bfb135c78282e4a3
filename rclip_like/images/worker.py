"""The process that reads pictures: one line of JSON in, one line and pixels out.

Each file is read once: the digest is that of all its bytes, the products are made of the same.

It imports Pillow and blake3, NumPy for deep greys only, and leaves when its parent does.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

from blake3 import blake3

from rclip_like.errors import Reason
from rclip_like.files import open_at_once
from rclip_like.images.decoding import (
    Unreadable,
    decode,
    decode_video,
    product_from,
    read_words,
)
from rclip_like.images.limits import most_bytes
from rclip_like.settings import ReadSettings
from rclip_like.values import FIRST_PARTS, VIDEO_EXTENSIONS

_BLOCK_BYTES = 1 << 20
_SIGNS = 8
"""How many signs a process gives while it reads for as long as it may stand still."""
_CHANGED = "changed while being read"
_HAS_TIMERS = hasattr(signal, "setitimer")  # Windows has none
OUT_OF_TIME = -signal.SIGPROF if _HAS_TIMERS else 1
"""The exit status of a worker that decoded for too long; `faulthandler` has no other than 1."""
STOOD_STILL = -signal.SIGALRM if _HAS_TIMERS else None
"""The exit status of a worker whose disk or machine stood still."""


def serve() -> None:
    """Answer the requests on standard input until it ends.

    The first line holds the limits; each further one is a request, followed by the picture's bytes
    where they are not in a file. The answer is a line, followed by as many bytes of pixels as it
    says; before it come empty lines while a long file is read.
    """
    answers, requests = connect_to_parent()
    limits = ReadSettings(**next(requests)[0])
    assert limits.max_memory_bytes is not None
    limit_memory(limits.max_memory_bytes)
    send(answers, {"num_bytes": 0})

    def give_sign() -> None:
        answers.write(b"\n")
        answers.flush()

    for request, content in requests:
        send(answers, *answer(request, content, limits, give_sign))


def connect_to_parent() -> tuple[BinaryIO, Iterator[tuple[dict[str, Any], bytes | None]]]:
    """Return where the answers go, and the parent's requests, each with the bytes that follow it.

    From then on the process is ready to be ended: by its parent, by the timers of `limited`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if _HAS_TIMERS:
        for deadly in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(deadly, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGPROF, signal.SIGALRM))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for decoders that print
    return answers, _requests_of_parent()


def answer(
    request: dict[str, Any],
    content: bytes | None,
    limits: ReadSettings,
    give_sign: Callable[[], None] = lambda: None,
) -> tuple[dict[str, object], bytes]:
    """Return digest, facts and products of one picture, or why there are none, and all pixels.

    request: the path, the products to make, and the digests of contents that need none. content:
    the bytes of the picture, None where they are in the file. The products come by name with the
    width and height of each image, their RGB pixels one after the other. The digest of the pixels
    is that of the products in FIRST_PARTS, in that order. give_sign: called now and then while a
    long file is read.
    """
    path = os.fsencode(request["path"])
    try:
        if request.get("words_of"):
            with limited(limits.max_wait_seconds, limits.max_seconds):
                return _words_alone(path, request["words_of"], limits), b""
        with _digested(path, content, limits, give_sign) as (source, digest, size_bytes):
            about: dict[str, object] = {"digest": digest, "size_bytes": size_bytes}
            if digest in request["known"]:
                return about | {"facts": None, "num_bytes": 0}, b""
            products = [product_from(each) for each in request["products"]]
            ending = os.path.splitext(path)[1].lower()
            with limited(limits.max_wait_seconds, limits.max_seconds):
                if isinstance(source, bytes):
                    decoded = decode(source, ending, products, limits)
                else:
                    decoded = decode_video(source, products, limits)
    except Unreadable as error:
        trouble = {"reason": error.reason, "remedy": error.remedy, "code": error.code}
        return trouble | {"num_bytes": 0}, b""
    pixels = {
        name: b"".join(image.tobytes() for image in images)
        for name, images in decoded.products.items()
    }
    embedded = blake3()
    for name in FIRST_PARTS:
        embedded.update(pixels.get(name, b""))
    sizes = {name: [each.size for each in images] for name, images in decoded.products.items()}
    about |= {"facts": decoded.facts._asdict(), "reader": decoded.reader, "products": sizes}
    about |= {"words": decoded.words, "seconds": decoded.seconds}
    about |= {"pixels_digest": embedded.hexdigest(), "num_bytes": sum(map(len, pixels.values()))}
    return about, b"".join(pixels.values())


def _words_alone(path: bytes, digest: str, limits: ReadSettings) -> dict[str, object]:
    """Return the words in a file of which the caller knows the digest. Raises Unreadable."""
    try:
        with open(path, "rb", opener=open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable(Reason.NOT_A_FILE, "not a regular file")
            words = read_words(file, os.path.splitext(path)[1].lower(), limits)
    except OSError as error:
        raise Unreadable(Reason.UNREADABLE, error.strerror or type(error).__name__) from error
    about: dict[str, object] = {"digest": digest, "size_bytes": status.st_size, "facts": None}
    return about | {"words": words, "num_bytes": 0}


@contextmanager
def _digested(
    path: bytes, content: bytes | None, limits: ReadSettings, give_sign: Callable[[], None]
) -> Iterator[tuple[bytes | BinaryIO, str, int]]:
    """Yield a picture's bytes or a video's file, which may be large, and its digest and size.

    content, give_sign: as `answer` takes them. Raises Unreadable.
    """
    is_video = os.path.splitext(path)[1].lower() in VIDEO_EXTENSIONS
    if content is None and is_video:
        with _unchanging(path) as (file, size_bytes):
            digest, block, signed_at = blake3(), b"-", time.monotonic()
            while block:  # each has the time: a whole video from a slow disk may take longer
                with limited(limits.max_wait_seconds):
                    block = file.read(_BLOCK_BYTES)
                digest.update(block)
                if time.monotonic() - signed_at > limits.max_wait_seconds / _SIGNS:
                    signed_at = time.monotonic()
                    give_sign()
            file.seek(0)
            yield file, digest.hexdigest(), size_bytes
        return
    if content is None:
        with limited(limits.max_wait_seconds):
            content = read_bytes(path, limits)
    source = BytesIO(content) if is_video else content
    yield source, blake3(content).hexdigest(), len(content)


def read_bytes(path: bytes, limits: ReadSettings) -> bytes:
    """Return all of a regular file that stays as it is meanwhile. Raises Unreadable."""
    with _unchanging(path) as (file, size_bytes):
        largest = most_bytes(limits)
        if size_bytes > largest:
            reason = f"larger than {largest / (1 << 30):.1f} GiB"
            raise Unreadable(Reason.FILE_TOO_LARGE, reason)
        data = file.read()
    if len(data) != size_bytes:
        raise Unreadable(Reason.CHANGED, _CHANGED)
    return data


@contextmanager
def _unchanging(path: bytes) -> Iterator[tuple[BinaryIO, int]]:
    """Yield a regular file and its size; raise Unreadable if it is another one afterwards."""
    try:
        with open(path, "rb", buffering=0, opener=open_at_once) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise Unreadable(Reason.NOT_A_FILE, "not a regular file")
            yield file, before.st_size
            after = os.fstat(file.fileno())
    except OSError as error:
        raise Unreadable(Reason.UNREADABLE, error.strerror or type(error).__name__) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise Unreadable(Reason.CHANGED, _CHANGED)


@contextmanager
def limited(seconds: float, processor_seconds: float = 0.0) -> Iterator[None]:
    """End this process when so much time is over by the clock, or of the processor.

    Even amid a decoder that never lets Python run again: nobody handles these signals. The clock
    goes on where the machine is stopped, so what it ends says nothing of the picture.
    """
    if _HAS_TIMERS:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        signal.setitimer(signal.ITIMER_PROF, processor_seconds)
    else:
        faulthandler.dump_traceback_later(processor_seconds or seconds, exit=True)
    try:
        yield
    finally:
        if _HAS_TIMERS:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
        else:
            faulthandler.cancel_dump_traceback_later()


def send(answers: BinaryIO, answer: dict[str, object], pixels: bytes = b"") -> None:
    """Write one answer: a line, then its bytes."""
    answers.write(json.dumps(answer).encode() + b"\n" + pixels)
    answers.flush()


def _requests_of_parent() -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """Yield each line of the parent, and the bytes that followed it, if it announced any.

    When the parent is gone, end this process even amid a picture.
    """
    requests: SimpleQueue[tuple[dict[str, Any], bytes | None]] = SimpleQueue()

    def listen() -> None:
        parent = sys.stdin.buffer
        try:
            while line := parent.readline():
                request = json.loads(line)
                length = request.get("num_bytes")
                requests.put((request, None if length is None else parent.read(length)))
        finally:  # even without the memory for what was announced: nobody else would end it
            os._exit(0)

    Thread(target=listen, daemon=True).start()
    while True:
        yield requests.get()


def limit_memory(max_memory_bytes: int) -> None:
    """Let this process have no more memory than that, where the system can see to it."""
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = max_memory_bytes if hard == resource.RLIM_INFINITY else min(max_memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
