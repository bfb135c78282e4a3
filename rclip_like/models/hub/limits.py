"""Limits on what a hub answers before a transfer: the library reads whatever comes, to its end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Thread
from typing import Any, TypeVar, cast

from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status, httpx

ANSWER_SECONDS = 60.0
"""The limit on a whole answer: one that comes byte by byte never exceeds a limit on each wait."""

_MAX_LIST_BYTES = 8 << 20
_MAX_REFUSAL_BYTES = 1 << 16

Answer = TypeVar("Answer")


class WrongAnswer(ValueError):
    """A hub's answer that cannot be right, and why."""


def ask_in_time(ask: Callable[[], Answer]) -> Answer:
    """Return what a call returns; raises what it raises, or WrongAnswer when it takes too long.

    It runs in a thread, which is then left behind, as the library's waits take no such limit.
    """
    answer: Future[Answer] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            answer.set_exception(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    if thread.is_alive():
        raise WrongAnswer(f"it takes longer than {ANSWER_SECONDS:g} s")
    return answer.result()


def fetch_list(url: str, headers: dict[str, str], timeout: float) -> Any:
    """Return the JSON that a hub answers; raises WrongAnswer, httpx.HTTPError, ValueError."""
    cut_refusals()
    with get_session().stream(
        "GET",
        url,
        params={"blobs": True},
        headers=build_hf_headers(headers=headers),
        timeout=timeout,
    ) as answer:
        hf_raise_for_status(answer)
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise WrongAnswer("its list of files comes compressed, which nobody asked for")
        content = bytearray()
        for chunk in answer.iter_raw():
            content += chunk
            if len(content) > _MAX_LIST_BYTES:
                raise WrongAnswer(f"its list of files is larger than {_MAX_LIST_BYTES >> 20} MiB")
    return json.loads(content)


def cut_refusals() -> None:
    """Let the library's session read only the beginning of an answer that is a refusal."""
    hooks = get_session().event_hooks["response"]
    if _cut not in hooks:
        hooks.append(_cut)


def _cut(answer: httpx.Response) -> None:
    if answer.status_code not in (200, 206):
        answer.stream = _Beginning(cast(httpx.SyncByteStream, answer.stream))


class _Beginning(httpx.SyncByteStream):
    """The first bytes of a stream, and what comes in time."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream
        self._until = time.monotonic() + ANSWER_SECONDS

    def __iter__(self) -> Iterator[bytes]:
        left_bytes = _MAX_REFUSAL_BYTES
        for chunk in self._stream:
            yield chunk[:left_bytes]
            left_bytes -= len(chunk)
            if left_bytes <= 0 or time.monotonic() > self._until:
                return

    def close(self) -> None:
        self._stream.close()
