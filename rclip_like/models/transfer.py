"""One file over HTTP: resumed where it broke off, checked, and put in place whole."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclip_like import __version__
from rclip_like.errors import DownloadError

TIMEOUT_SECONDS = 10.0
"""For a connection and for each read: without a network the answer comes at once."""

_CHUNK_BYTES = 1 << 20
_BROKEN = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file to fetch: address, size in bytes, and how its content is checked.

    `digest` is hexadecimal: SHA-256, or the SHA-1 that git gives a blob when `is_git_blob`.
    """

    url: str
    name: str
    size_bytes: int
    digest: str
    is_git_blob: bool = False


def read_json(url: str) -> Any:
    """Return what an address answers, parsed; raises DownloadError."""
    try:
        with _open(url, {}) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise DownloadError(_refusal(url, error)) from error
    except _BROKEN as error:
        raise DownloadError(_unreachable(url, error)) from error
    except ValueError as error:
        raise DownloadError(f"{url} does not answer like a model hub") from error


def fetch(file: RemoteFile, place: Path, on_bytes: Callable[[int], None]) -> None:
    """Write a remote file to `place`, going on with what an earlier attempt left in `.part`.

    on_bytes is told how many bytes more are there, those found in the beginning included. Raises
    DownloadError: the network failed or the disk is full (the part stays), or the content is not
    what the hub promised (the part is removed).
    """
    part = place.with_name(f"{place.name}.{file.digest[:12]}.part")
    with part.open("ab+") as output:
        on_bytes(output.tell())
        _fill(file, output, on_bytes)
        output.flush()
        os.fsync(output.fileno())
        found = _digest(output, file)
    if found != file.digest:
        part.unlink()
        raise DownloadError(
            f"{file.name} came damaged from {file.url} (its digest is {found[:12]}..., not "
            f"{file.digest[:12]}...); it was thrown away, try again"
        )
    os.replace(part, place)


def _fill(file: RemoteFile, output: io.BufferedRandom, on_bytes: Callable[[int], None]) -> None:
    """Append what is missing, taking up a broken connection as long as each one brings bytes."""
    while output.tell() < file.size_bytes:
        before = output.tell()
        try:
            _append(file, output, on_bytes)
        except urllib.error.HTTPError as error:
            raise DownloadError(_refusal(file.url, error)) from error
        except _BROKEN as error:
            if output.tell() <= before:
                raise DownloadError(_unreachable(file.url, error)) from error


def _append(file: RemoteFile, output: io.BufferedRandom, on_bytes: Callable[[int], None]) -> None:
    start = output.tell()
    with _open(file.url, {"Range": f"bytes={start}-"} if start else {}) as answer:
        if start and answer.status != 206:
            # The server does not know ranges and begins anew.
            output.truncate(0)
            output.seek(0)
            on_bytes(-start)
        while chunk := answer.read(_CHUNK_BYTES):
            _write(output, chunk)
            on_bytes(len(chunk))
            if output.tell() > file.size_bytes:
                break
    if output.tell() < file.size_bytes:
        raise ConnectionError("the connection broke off")


def _write(output: io.BufferedRandom, chunk: bytes) -> None:
    try:
        output.write(chunk)
        output.flush()
    except OSError as error:
        raise DownloadError(
            f"{output.name}: cannot be written ({error.strerror}); make room, and the same "
            "command goes on from here"
        ) from error


def _digest(content: io.BufferedRandom, file: RemoteFile) -> str:
    content.seek(0)
    if not file.is_git_blob:
        return hashlib.file_digest(content, "sha256").hexdigest()
    blob = content.read()
    return hashlib.sha1(b"blob %d\0" % len(blob) + blob, usedforsecurity=False).hexdigest()


def _open(url: str, headers: Mapping[str, str]) -> Any:
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"{url} is no address of a model hub; HF_ENDPOINT wants http or https")
    agent = {"User-Agent": f"clipfind/{__version__}", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=agent | dict(headers))
    return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)


def require_name(url: str) -> None:
    """Raise DownloadError if the host of a URL has no address: the surest sign of no network.

    Behind a proxy nothing is asked, as the proxy alone may know the name.
    """
    host = urllib.parse.urlsplit(url).hostname
    if host is None or urllib.request.getproxies():
        return
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        raise DownloadError(_unreachable(url, error)) from error


def _refusal(url: str, error: urllib.error.HTTPError) -> str:
    why = {401: "it asks for an account", 403: "it asks for an account", 404: "it is not there"}
    return f"{url} cannot be fetched: {why.get(error.code, f'the server answers {error.code}')}"


def _unreachable(url: str, error: Exception) -> str:
    host = urllib.request.Request(url).host
    reason = getattr(error, "reason", None) or error
    return (
        f"{host} cannot be reached ({reason}); what was fetched is kept, and the same command "
        "goes on when there is a network"
    )
