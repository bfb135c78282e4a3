"""Attacks on `clipfind serve`: each is refused or bounded, and the index stays as it was."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from attacked_page import attacked_album, tables
from raw_http import Answer, RawClient
from served import Album, Served

from rclip_like.page.safety import HEADERS

# What tests wait for in place of 10, 120 and 60 seconds.
IMPATIENT = """
import sys
from rclip_like.page import server
server.HEAD_SECONDS, server.REQUEST_SECONDS, server.STALLED_SECONDS = 1.0, 2.0, 2.0
from rclip_like.cli import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    return attacked_album(tmp_path_factory.mktemp("serve"))


@pytest.fixture(scope="module")
def served(album: Album) -> Iterator[Served]:
    """Serve the album to the tests of this file, with no indexer running."""
    with album.serving("--no-index") as served:
        yield served


@pytest.fixture
def client(served: Served) -> RawClient:
    return RawClient(served.address).sign_in()


@pytest.fixture
def stranger(served: Served) -> RawClient:
    """Return a client without the cookie."""
    return RawClient(served.address)


@pytest.fixture
def unchanged(album: Album) -> Iterator[None]:
    """Hold every table of the index to what it was."""
    before = tables(album)
    yield
    assert tables(album) == before


def assert_refused(answer: Answer, *statuses: int) -> None:
    """Hold a response to a refusal in a sentence, with what every response says."""
    assert answer.status in statuses
    assert len(answer.body) < 400
    assert b"root:" not in answer.body
    assert "set-cookie" not in answer.headers
    for name, value in HEADERS:
        assert answer.headers[name.decode()] == value.decode()
    assert answer.headers["cache-control"] == "no-store"


ROUTES = (
    ("GET", "/"),
    ("GET", "/?q=red"),
    ("GET", "/static/window.js"),
    ("GET", "/api/search?q=red"),
    ("GET", f"/api/picture/{'0' * 64}"),
    ("GET", "/api/folders"),
    ("GET", "/api/progress"),
    ("GET", f"/thumbnail/{'0' * 64}?size=256"),
    ("GET", f"/original/{'0' * 64}"),
    ("GET", f"/pasted/{'0' * 64}"),
    ("POST", "/api/pasted"),
    ("POST", "/api/paths"),
    ("POST", "/api/list"),
    ("POST", "/api/sheet"),
    ("POST", "/api/hide"),
    ("POST", "/api/unhide"),
    ("GET", "/api/saved"),
    ("POST", "/api/saved"),
    ("POST", "/api/saved/remove"),
    ("GET", "/api/copies"),
    ("POST", "/api/copies/find"),
    ("POST", "/api/copies/stop"),
)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.usefixtures("unchanged")
def test_no_route_answers_a_stranger(stranger: RawClient, method: str, path: str) -> None:
    body = b'{"ids": []}' if method == "POST" else b""
    assert_refused(stranger.request(method, path, body=body), 403)
    stranger.cookie = f"clipfind_{stranger.port}=guessed"
    assert_refused(stranger.request(method, path, body=body), 403)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_no_route_answers_another_page(
    client: RawClient, method: str, path: str, headers: dict[str, str]
) -> None:
    body = b'{"ids": []}' if method == "POST" else b""
    assert_refused(client.request(method, path, dict(headers), body), 403)


@pytest.mark.parametrize("token", ["", "x", "..", "%00", "A" * 5000])
def test_a_wrong_token_is_refused(stranger: RawClient, token: str) -> None:
    assert_refused(stranger.get(f"/?token={token}"), 403)


def test_a_cookie_of_another_server_is_refused(client: RawClient, stranger: RawClient) -> None:
    stranger.cookie = client.cookie.replace(str(client.port), str(client.port + 1))
    assert_refused(stranger.get("/"), 403)


@contextmanager
def another_user() -> Iterator[None]:
    """Connect as another user of this machine, as only the system's own may."""
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="only root on Linux connects as others"
)
def test_a_cookie_is_worth_nothing_to_another_user(client: RawClient) -> None:
    assert client.get("/").status == 200
    with another_user():
        assert_refused(client.get("/"), 403)
        assert client.sign_in().get("/").status == 200  # who was told the token may
    assert_refused(client.get("/"), 403)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell who connects")
def test_a_browser_stays_let_in_when_it_starts_again_until_it_is_signed_out(
    album: Album, tmp_path: Path
) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o700)
    with album.serving("--no-index", browser=f"{browser} %s") as first:
        end_by = time.monotonic() + 30
        while not opened.exists() and time.monotonic() < end_by:
            time.sleep(0.02)
        client = RawClient(opened.read_text().strip()).sign_in()
        told = RawClient(first.address).sign_in()  # perhaps through a tunnel
    port = str(client.port)
    with album.serving("--no-index", "--port", port) as again:
        assert client.get("/").status == 200
        assert_refused(told.get("/"), 403)
        stranger = RawClient(again.address)
        assert stranger.token != client.token
        assert_refused(stranger.get("/"), 403)
        assert_refused(stranger.get(f"/?token={client.token}"), 403)
        if os.getuid() == 0:
            with another_user():
                assert_refused(client.get("/"), 403)
    with album.serving("--no-index", "--port", port, "--sign-out"):
        assert_refused(client.get("/"), 403)


PATHS = (
    "/../../../../etc/passwd",
    "/static/../app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e/app.py",
    "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/static/..%5capp.py",
    "/static/%00",
    "/static/window.js%00.css",
    "/static/",
    "/static//etc/passwd",
    "//etc/passwd",
    "/original/..%2f..%2fetc%2fpasswd",
    "/original//etc/passwd",
    "/original/%2fetc%2fpasswd",
    "/thumbnail/..%2f..%2fetc%2fpasswd?size=256",
    "/pasted/../../etc/passwd",
    "/api/picture/..%2f..%2fetc%2fpasswd",
    "/templates/index.html",
    "/docs",
    "/openapi.json",
)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_elsewhere(client: RawClient, path: str) -> None:
    assert_refused(client.get(path), 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"])
def test_unknown_methods_are_refused(client: RawClient, method: str) -> None:
    assert_refused(client.request(method, "/"), 405)


def test_a_route_is_answered_by_its_method_alone(client: RawClient) -> None:
    assert client.get("/api/hide").status in (404, 405)
    assert client.post("/api/search?q=red", {}).status in (404, 405)


def _host(client: RawClient) -> bytes:
    return f"Host: {client.host}:{client.port}\r\n".encode()


def _cookie(client: RawClient) -> bytes:
    return f"Cookie: {client.cookie}\r\n".encode()


ODD_REQUESTS: tuple[Callable[[RawClient], bytes], ...] = (
    lambda client: b"GET / HTTP/1.0\r\n" + _cookie(client) + b"\r\n",
    lambda client: b"GET / HTTP/1.1\r\n" + _cookie(client) + b"\r\n",
    lambda client: b"GET / HTTP/1.1\r\n" + 2 * _host(client) + _cookie(client) + b"\r\n",
    lambda client: b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    lambda client: b"GET /\r\n\r\n",
    lambda client: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200 + b"\r\n\r\n",
    lambda client: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    lambda client: b"GET / HTTP/1.1\r\n" + _host(client) + b"X : y\r\n\r\n",
    lambda client: b"GET / HTTP/1.1\r\n" + _host(client) + b"X: a\0b\r\n\r\n",
    lambda client: b"POST /api/hide HTTP/1.1\r\n" + _host(client) + b"Content-Length: -1\r\n\r\n",
    lambda client: b"POST / HTTP/1.1\r\n" + _host(client) + b"Content-Length: 1, 2\r\n\r\nab",
    lambda client: b"POST / HTTP/1.1\r\n" + _host(client) + b"Transfer-Encoding: gzip\r\n\r\n",
    lambda client: (
        client.head("POST", "/api/hide", {"Content-Length": "5", "Transfer-Encoding": "chunked"})
        + b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    ),
    lambda client: (
        client.head("GET", "/", {"Connection": "Upgrade", "Upgrade": "websocket"})[:-2]
        + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        + b"Origin: http://evil.example\r\n\r\n"
    ),
)


@pytest.mark.parametrize("number", range(len(ODD_REQUESTS)))
@pytest.mark.usefixtures("unchanged")
def test_odd_requests_get_one_refusal_and_the_end(client: RawClient, number: int) -> None:
    (answer,) = client.send(ODD_REQUESTS[number](client))
    assert_refused(answer, 400, 403)


def test_requests_in_one_piece_are_answered_in_order(client: RawClient) -> None:
    kept = {"Connection": "keep-alive"}
    first, second = client.head("GET", "/static/missing", kept), client.head("GET", "/api/progress")
    assert [answer.status for answer in client.send(first + second)] == [404, 200]


def test_a_flood_of_requests_in_one_connection_is_read_as_it_is_answered(
    client: RawClient, stranger: RawClient, served: Served
) -> None:
    before = memory_of(served)
    flood = client.head("GET", "/static/missing", {"Connection": "keep-alive"}) * 200_000
    with stranger.connect() as connection:
        connection.settimeout(2)
        with pytest.raises(TimeoutError):
            connection.sendall(flood)
        assert client.get("/api/progress").status == 200
    assert memory_of(served) < before + (32 << 20)


def memory_of(served: Served) -> int:
    """Return how many bytes of memory the server takes."""
    pages = int(Path(f"/proc/{served.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def descriptors_of(served: Served) -> int:
    """Return how many files and sockets the server has open."""
    return len(os.listdir(f"/proc/{served.process.pid}/fd"))


@pytest.mark.parametrize(
    "start", [b"GET / HTTP/1.1\r\nX: ", b"GET /?q=", b"GET / HTTP/1.1\r\n", b"X" * 100]
)
def test_ten_megabytes_of_head_are_refused(
    stranger: RawClient, served: Served, start: bytes
) -> None:
    before = memory_of(served)
    filling = b"A: b\r\n" if start.endswith(b"\r\n") else b"A" * 6
    found = stranger.send(start + filling * (10_000_000 // 6))
    assert [answer.status for answer in found] in ([400], [])  # [] if it was closed too soon
    assert memory_of(served) < before + (8 << 20)


def test_a_body_beyond_all_bounds_is_not_read(client: RawClient, served: Served) -> None:
    before = memory_of(served)
    huge = {"Content-Length": str(1 << 40)}
    (answer,) = client.send(client.head("POST", "/api/hide", huge) + b"x" * 1000)
    assert_refused(answer, 413)
    chunked = {"Transfer-Encoding": "chunked"}
    body = (b"fffff\r\n" + b"x" * 0xFFFFF + b"\r\n") * 70
    found = client.send(client.head("POST", "/api/hide", chunked) + body)
    assert [answer.status for answer in found] in ([413], [])
    assert memory_of(served) < before + (32 << 20)


def test_a_thousand_connections_leave_room_for_one_more(
    client: RawClient, stranger: RawClient, served: Served
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    try:
        with ExitStack() as stack:
            for _ in range(1000):
                stack.enter_context(stranger.connect())
            began = time.monotonic()
            assert client.get("/api/progress").status == 200
            assert time.monotonic() - began < 5
            assert descriptors_of(served) < 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def impatient(album: Album) -> Iterator[Served]:
    """Serve as `served` does, for clients that are cut off after a second or two."""
    command = (sys.executable, "-c", IMPATIENT)
    with album.serving("--no-index", command=command) as served:
        yield served


def seconds_to_end(connection: socket.socket, drip: bytes = b"") -> float:
    """Send the bytes one by one, slowly; return after how many seconds the server has closed."""
    began = time.monotonic()
    connection.settimeout(0.1)
    pieces = iter(drip)
    while time.monotonic() - began < 20:
        try:
            if (piece := next(pieces, None)) is not None:
                connection.sendall(bytes([piece]))
            if not connection.recv(1 << 16):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


@pytest.mark.parametrize("drip", [b"", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100])
def test_a_slow_head_is_cut_off(impatient: Served, drip: bytes) -> None:
    with RawClient(impatient.address).connect() as connection:
        assert 0.5 < seconds_to_end(connection, drip) < 5


@pytest.mark.parametrize("drip", [b"", b"x" * 500])
def test_a_slow_body_is_cut_off(impatient: Served, drip: bytes) -> None:
    client = RawClient(impatient.address).sign_in()
    with client.connect() as connection:
        connection.sendall(client.head("POST", "/api/hide", {"Content-Length": "500"}))
        assert 0.5 < seconds_to_end(connection, drip) < 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_while_clients_wait(album: Album, number: signal.Signals) -> None:
    with album.serving("--no-index") as served:
        client = RawClient(served.address).sign_in()
        with client.connect() as idle, client.connect() as posting:
            idle.sendall(b"GET / HT")
            posting.sendall(client.head("POST", "/api/hide", {"Content-Length": "500"}))
            time.sleep(0.2)
            began = time.monotonic()
            served.process.send_signal(number)
            assert served.process.wait(timeout=30) == 128 + number
            assert time.monotonic() - began < 5
