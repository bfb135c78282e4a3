"""HTTP as bytes on a socket: what no well-behaved client would send, and what comes back."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """One response, its headers' names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """Speaks to one server; with its cookie once `sign_in` has exchanged the token."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        assert parts.hostname is not None
        assert parts.port is not None
        self.host, self.port = parts.hostname, parts.port
        self.origin = f"http://{parts.netloc}"
        self.token = parts.query.removeprefix("token=")
        self.cookie = ""

    def sign_in(self) -> RawClient:
        """Exchange the token for a cookie."""
        answer = self.get(f"/?token={self.token}")
        assert answer.status == 303
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return self

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection((self.host, self.port), timeout=SECONDS)

    def send(self, data: bytes) -> list[Answer]:
        """Send bytes on a connection of their own; return the answers until it is closed."""
        with self.connect() as connection:
            try:
                connection.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before all of it was sent
            return answers(read_to_end(connection))

    def head(self, method: str, path: str, headers: dict[str, str | None] | None = None) -> bytes:
        """Return the head of a request as the page sends it, with other headers, None for none."""
        usual = {
            "Host": self.origin.removeprefix("http://"),
            "Cookie": self.cookie,
            "Connection": "close",
        }
        if method == "POST":
            usual |= {"Origin": self.origin, "Content-Type": "application/json"}
        lines = [f"{method} {path} HTTP/1.1"]
        both = {**usual, **(headers or {})}
        lines += [f"{name}: {value}" for name, value in both.items() if value is not None]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def request(
        self,
        method: str,
        path: str,
        headers: dict[str, str | None] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send one request and return its answer."""
        length = {"Content-Length": str(len(body))} if body or method == "POST" else {}
        (answer,) = self.send(self.head(method, path, {**length, **(headers or {})}) + body)
        return answer

    def get(self, path: str, **headers: str | None) -> Answer:
        """Get a path; headers with _ for -."""
        return self.request("GET", path, _named(headers))

    def post(self, path: str, content: object, **headers: str | None) -> Answer:
        """Post a value as JSON, or bytes as they are."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.request("POST", path, _named(headers), body)


def _named(headers: dict[str, str | None]) -> dict[str, str | None]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def read_to_end(connection: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    received = bytearray()
    try:
        while more := connection.recv(1 << 16):
            received += more
    except ConnectionResetError:
        pass  # closed with bytes of ours unread
    return bytes(received)


def answers(received: bytes) -> list[Answer]:
    """Return the responses in what a server sent on one connection."""
    return list(_parsed(received))


def _parsed(received: bytes) -> Iterator[Answer]:
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", first)
        assert match, first
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        if headers.get("transfer-encoding") == "chunked":
            body, received = _unchunked(rest)
        else:
            length = int(headers["content-length"])
            body, received = rest[:length], rest[length:]
        yield Answer(int(match[1]), headers, body)


def _unchunked(received: bytes) -> tuple[bytes, bytes]:
    """Return a body that came in chunks, and what came behind it."""
    body = b""
    while True:
        size, _, received = received.partition(b"\r\n")
        chunk, received = received[: int(size, 16)], received[int(size, 16) + 2 :]
        if not chunk:
            return body, received
        body += chunk
