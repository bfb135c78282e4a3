"""Real servers on this machine for tests of fetching, each playing one part."""

from __future__ import annotations

import io
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Play = Callable[[socket.socket, str], None]


@dataclass
class Server:
    """A server that plays `play` to each caller, and what it was asked."""

    port: int
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/cat.png"


@contextmanager
def serving(
    play: Play, wrap: Callable[[socket.socket], socket.socket] | None = None
) -> Iterator[Server]:
    """Run a server until the block ends; `play` gets a connection and the request's first line."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1])
    threads = []

    def answer(connection: socket.socket) -> None:
        # What the caller breaks off is no fault of the server's.
        with suppress(OSError), connection, (wrap or _plain)(connection) as talking:
            request = _request(talking)
            server.requests.append(request)
            play(talking, request.partition("\r\n")[0])

    def listen() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=answer, args=(connection,)))
                threads[-1].start()

    listening = threading.Thread(target=listen)
    listening.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (listening, *threads):
            thread.join(timeout=30)
            assert not thread.is_alive()


def _plain(connection: socket.socket) -> socket.socket:
    return connection


def _request(connection: socket.socket) -> str:
    heard = b""
    while not heard.endswith(b"\r\n\r\n"):
        more = connection.recv(4096)
        if not more:
            break
        heard += more
    return heard.decode("latin-1")


def go_online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fetching happen, without the proxies of whoever runs the tests."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def answer(content: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a whole answer with this content and these further headers."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if not any(line.startswith(("Content-Length", "Transfer-Encoding")) for line in lines):
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def saying(*parts: bytes, pause: float = 0) -> Play:
    """Return a play that says the parts, whatever it is asked, and hangs up."""

    def play(connection: socket.socket, request: str) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)

    return play


def relaying(port: int) -> Play:
    """Return a proxy's play, to which every name stands for the server at this port."""

    def play(connection: socket.socket, request: str) -> None:
        method, target, version = request.split(" ")
        with socket.create_connection(("127.0.0.1", port)) as onward:
            if method == "CONNECT":
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                onward.sendall(f"GET /{target.split('/', 3)[3]} {version}\r\n\r\n".encode())
            back = threading.Thread(target=pass_on, args=(onward, connection))
            back.start()
            pass_on(connection, onward)
            back.join()

    return play


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Send all that comes from one connection to another one, its end as well."""
    with suppress(OSError):
        while heard := source.recv(1 << 16):
            target.sendall(heard)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def encrypting(certificate: Path) -> Callable[[socket.socket], socket.socket]:
    """Return what makes a server's connections speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return lambda connection: context.wrap_socket(connection, server_side=True)


def redirect(location: str, status: str = "302 Found") -> bytes:
    """Return an answer that sends on to another place."""
    return answer(b"", f"Location: {location}", status=status)


def png(seed: int = 0) -> bytes:
    """Return the bytes of a small picture, another one for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(noise).save(written, "png")
    return written.getvalue()


def make_certificate(folder: Path, name: str) -> Path:
    """Write a certificate that `name` signed for itself, with its key, and return the file."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command: list[Any] = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both
