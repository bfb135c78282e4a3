"""A real HTTP server that stands in for a model hub, as huggingface_hub asks one."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

LARGE_BYTES = 10_000
"""From here on a file lies at another host, where the hub sends on to."""

COMMIT = "c" * 40

ENDLESS = {
    "flood": (
        200,
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n[0\r\n",
        b"10000\r\n" + b",0" * 32768 + b"\r\n",
    ),
    "drip": (200, b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "headers": (200, b"X-Long: ", b"a"),
    "refusal": (404, b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"a" * 65536 + b"\r\n"),
    "refusal in drips": (404, b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "redirect": (
        302,
        b"Location: /elsewhere\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"10000\r\n" + b"a" * 65536 + b"\r\n",
    ),
}
"""Answers without end: status, beginning, and what comes again and again, slowly where short."""


class Request(NamedTuple):
    """One request: method, path with the query, and headers by their names in small letters."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Hub:
    """Files by `owner/name/path`, faults to play, and the requests seen.

    status: answers by the beginning of a path, `METHOD /path`; altered: what headers say in place
    of the truth, None for not sent; altered_later: the same, from the second HEAD for a file on;
    listing: what is listed in place of the truth; cut_after: bytes after which a connection for a
    large file is cut, each once; stall_after: bytes after which one falls silent, until it is None;
    endless: how the answers to a beginning of a path do not end, by ENDLESS.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    status: dict[str, int] = field(default_factory=dict)
    altered: dict[str, str | None] = field(default_factory=dict)
    altered_later: dict[str, str | None] = field(default_factory=dict)
    listing: bytes | None = None
    cut_after: list[int] = field(default_factory=list)
    stall_after: int | None = None
    endless: dict[str, str] = field(default_factory=dict)
    damaged: str = ""
    knows_ranges: bool = True
    requests: list[Request] = field(default_factory=list, repr=False)
    sent_bytes: int = 0

    def add(self, repository: str, folder: Path, *names: str) -> None:
        for name in names:
            self.files[f"{repository}/{name}"] = (folder / name).read_bytes()

    def entries(self, repository: str) -> list[dict[str, Any]]:
        return [
            entry_of(path.removeprefix(f"{repository}/"), content)
            for path, content in self.files.items()
            if path.startswith(f"{repository}/")
        ]

    def described(self, repository: str, entries: list[dict[str, Any]]) -> bytes:
        return json.dumps({"id": repository, "sha": COMMIT, "siblings": entries}).encode()

    def alterations(self) -> dict[str, str | None]:
        """Return what the headers of the request in hand say in place of the truth."""
        method, path, _ = self.requests[-1]
        asked = [request[:2] for request in self.requests].count((method, path))
        return self.altered | (self.altered_later if method == "HEAD" and asked > 1 else {})

    def ranges(self) -> list[str | None]:
        """Return the Range header of each request for a large file, at the address sent on to."""
        return [
            request.headers.get("range")
            for request in self.requests
            if request.path.startswith("/store/")
        ]


def digest_of(content: bytes) -> str:
    """Return the digest that the hub states of a content."""
    if len(content) > LARGE_BYTES:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def entry_of(path: str, content: bytes) -> dict[str, Any]:
    """Return how the hub lists a file."""
    entry = {"rfilename": path, "size": len(content), "blobId": digest_of(content[:LARGE_BYTES])}
    if len(content) > LARGE_BYTES:
        large = {"sha256": digest_of(content), "size": len(content), "pointerSize": 134}
        return entry | {"lfs": large}
    return entry


class _Answer(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.requests.append(Request(self.command, self.path, headers))
        asked = f"{self.command} {self.path}"
        for beginning, kind in self.hub.endless.items():
            if asked.startswith(beginning):
                return self.send_without_end(*ENDLESS[kind])
        for beginning, status in self.hub.status.items():
            if asked.startswith(beginning):
                return self.send(b"", status)
        path = urlsplit(self.path).path
        if path.startswith("/api/models/"):
            return self.list_files(path.removeprefix("/api/models/"))
        if path.startswith("/store/"):
            return self.send_content(self.hub.files[path.removeprefix("/store/")])
        repository, _, rest = path.lstrip("/").partition("/resolve/")
        return self.resolve(f"{repository}/{rest.partition('/')[2]}")

    def list_files(self, repository: str) -> None:
        entries = self.hub.entries(repository)
        if self.hub.listing is not None:
            self.send(self.hub.listing)
        elif entries:
            self.send(self.hub.described(repository, entries))
        else:
            self.send(b'{"error": "Repository not found"}', 404, {"X-Error-Code": "RepoNotFound"})

    def resolve(self, name: str) -> None:
        content = self.hub.files.get(name)
        if content is None:
            return self.send(b"", 404, {"X-Error-Code": "EntryNotFound"})
        known = {"X-Repo-Commit": COMMIT, "ETag": f'"{digest_of(content)}"'}
        if len(content) <= LARGE_BYTES:
            return self.send_content(content, known)
        elsewhere = self.hub.address.replace("127.0.0.1", "localhost")
        token = f"{self.hub.address}/api/models/{name.rpartition('/')[0]}/xet-read-token/{COMMIT}"
        linked = {
            "Location": f"{elsewhere}/store/{name}",
            "X-Linked-Etag": f'"{digest_of(content)}"',
            "X-Linked-Size": str(len(content)),
            "X-Xet-Hash": "a" * 64,
            "Link": f'<{token}>; rel="xet-auth"',
        }
        return self.send(b"", 302, known | linked)

    def send_content(self, content: bytes, headers: dict[str, str] | None = None) -> None:
        """Send from where the Range header says, cut short or damaged if that is to be played."""
        wanted = self.headers.get("Range") if self.hub.knows_ranges else None
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if self.hub.damaged and self.path.endswith(self.hub.damaged):
            content = bytes([content[0] ^ 255]) + content[1:]
        span = f"bytes {start}-{len(content) - 1}/{len(content)}"
        ranged = {"Content-Range": span} if start else {}
        large = len(content) > LARGE_BYTES
        stop = self.hub.cut_after.pop(0) if large and self.hub.cut_after else None
        self.send(content[start:], 206 if start else 200, (headers or {}) | ranged, stop)

    def send(
        self,
        content: bytes,
        status: int = 200,
        headers: dict[str, str] | None = None,
        stop: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in ((headers or {}) | self.hub.alterations()).items():
            if value is not None:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        stall = self.hub.stall_after if len(content) > LARGE_BYTES else None
        with suppress(ConnectionError):
            self.wfile.write(content[: stop if stall is None else stall])
            while stall is not None and self.hub.stall_after is not None:
                time.sleep(0.02)
        self.hub.sent_bytes += len(content[:stop])
        if stop is not None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def send_without_end(self, status: int, beginning: bytes, again: bytes) -> None:
        """Send until nobody listens, or the stand-in goes, a GB at most."""
        self.close_connection = True
        with suppress(ConnectionError):
            self.wfile.write(b"HTTP/1.1 %d Whatever\r\n" % status + beginning)
            while self.hub.endless and self.hub.sent_bytes < 1 << 30:
                self.wfile.write(again)
                self.hub.sent_bytes += len(again)
                time.sleep(0.05 if len(again) < 100 else 0)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving_hub() -> Iterator[Hub]:
    """Run a stand-in until the block ends; it is to be named in HF_ENDPOINT."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answer", (_Answer,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.endless.clear()
        server.shutdown()
        thread.join()
        server.server_close()
