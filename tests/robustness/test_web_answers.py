"""Whatever a server or a proxy answers, it is a picture's bytes or a sentence, in time and size."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from web_server import Play, go_online, png, serving

from rclip_like.errors import WebError
from rclip_like.query.web import fetch
from rclip_like.settings import WebSettings

PICTURE = png()
MAX_BYTES = 1 << 20
# What the systems of both sides hold of a connection that is given up.
HELD_BYTES = 16 << 20
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    go_online(monkeypatch)


def flooding(start: bytes, again: bytes, sent: list[int]) -> Play:
    """Return the play that says `start`, then `again` without an end, and counts what was sent."""
    block = again * max(1, 0x10000 // len(again))

    def play(connection: socket.socket, line: str) -> None:
        connection.sendall(start)
        while sum(sent) < 4 * HELD_BYTES:
            connection.sendall(block)
            sent.append(len(block))

    return play


@pytest.mark.parametrize(
    ("start", "again"),
    [
        pytest.param(CHUNKED + b"-1\r\n", bytes(9), id="a negative chunk"),
        pytest.param(CHUNKED + b"-fffff\r\n", bytes(9), id="a very negative chunk"),
        pytest.param(CHUNKED + b"7fffffffffffffff\r\n", bytes(9), id="a huge chunk"),
        pytest.param(CHUNKED + b"f" * 99 + b"\r\n", bytes(9), id="a chunk without measure"),
        pytest.param(CHUNKED, b"0", id="an endless chunk size"),
        pytest.param(CHUNKED + b"1;", b"a", id="an endless chunk extension"),
        pytest.param(CHUNKED, b"1\r\na\r\n", id="endless small chunks"),
        pytest.param(CHUNKED + b"0\r\n", b"A: b\r\n", id="endless trailers"),
        pytest.param(b"", b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n", id="endless hints"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="endless continues"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", id="endless headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: ", b"a", id="an endless header"),
        pytest.param(b"HTTP/1.1 200 ", b"a", id="an endless status"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", bytes(9), id="no length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", bytes(9), id="length -1"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5_0\r\n\r\n", bytes(9), id="length 5_0"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            bytes(9),
            id="two lengths",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", bytes(9), id="a huge length"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", bytes(9), id="a gzip bomb"
        ),
        pytest.param(b"HTTP/1.1 302 On\r\nLocation: /", b"a", id="an endless redirect"),
    ],
)
def test_an_answer_without_an_end_is_given_up_soon(start: bytes, again: bytes) -> None:
    sent: list[int] = []
    limits = WebSettings(allow_private=True, max_bytes=MAX_BYTES, max_seconds=20)
    with serving(flooding(start, again, sent)) as server, pytest.raises(WebError) as caught:
        fetch(server.url, limits)
    assert_is_a_sentence(caught.value, server.url)
    assert "took longer" not in str(caught.value)
    assert sum(sent) < HELD_BYTES


def assert_is_a_sentence(error: WebError, url: str) -> None:
    said = str(error)
    assert said.startswith(url[:5] if "@" in url else f"{url}: ")  # no user's word is shown
    assert "; " in said  # before the remedy
    assert "nexpected" not in said
    assert len(said) < 1000


HEADERS = (
    b"Content-Length: %d" % len(PICTURE),
    b"Content-Length: 5",
    b"Content-Length: -5",
    b"Content-Length: 5, 5",
    b"Content-Length: 99999999999999999999999",
    b"Content-Length:",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: identity",
    b"Content-Encoding: gzip",
    b"Content-Encoding: \xff",
    b"Connection: keep-alive",
    b"Connection: upgrade",
    b"Upgrade: h2c",
    b"Location: /again",
    b"Location: http://[/",
    b"Location: \x1b[31m\xff",
    b"Location: //user:word@[::1]:99999/",
    b"Location:",
    b"Set-Cookie: a=b",
    b" folded",
    b"no colon",
    b": no name",
    b"A" * 9000 + b": b",
)
statuses = st.sampled_from([100, 101, 103, 200, 204, 206, 301, 302, 304, 407, 500, 999, 99, 1000])
versions = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b"HTTP/0.9", b"ICY", b""])
bodies = st.sampled_from(
    [b"", PICTURE, b"%x\r\n%s\r\n0\r\n\r\n" % (len(PICTURE), PICTURE), b"-1\r\n", b"5\r\nabc"]
) | st.binary(max_size=64)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Return an answer as some server might give it, or one with a few of its bytes changed."""
    status = b"%s %d OK" % (draw(versions), draw(statuses))
    lines = [status, *draw(st.lists(st.sampled_from(HEADERS), max_size=4)), b"", draw(bodies)]
    said = bytearray(b"\r\n".join(lines))
    for _ in range(draw(st.sampled_from([0, 0, 1, 3]))):
        place = draw(st.integers(0, len(said)))
        said[place : place + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    return bytes(said) * draw(st.sampled_from([1, 1, 1, 2]))


parts = ["/", "@", "[", "]", "::1", ":", ":80", ":99999", "a.example", "%", "?", "#", "\\", "\x00"]
parts += [
    "\udcff",
    "é",
    "。",
    "xn--",
    "..",
    "-",
    "\t",
    "fe80::1%eth0",
    "v1.x",
    "10.0.0.1",
    "socks5:",
]
addresses = st.lists(st.sampled_from(["//", *parts]) | st.text(max_size=4), max_size=8).map("".join)


def answering(said: bytes, hangs_up: bool) -> Play:
    def play(connection: socket.socket, line: str) -> None:
        connection.sendall(said)
        if not hangs_up:
            connection.recv(1)

    return play


def fetch_within_limits(url: str) -> None:
    limits = WebSettings(0.3, MAX_BYTES, 2, allow_private=True)
    begun = time.monotonic()
    try:
        content = fetch(url, limits)
    except WebError as error:
        assert_is_a_sentence(error, url)
    else:
        assert isinstance(content, bytes)
    assert time.monotonic() - begun < limits.max_seconds + 5


fuzzed = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@fuzzed
@given(said=answers(), hangs_up=st.sampled_from([True] * 9 + [False]))
@example(said=CHUNKED + b"-1\r\n" + bytes(1 << 16), hangs_up=True)
@example(
    said=b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", hangs_up=True
)
@example(said=b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nabcde", hangs_up=True)
def test_any_answer_of_a_server_is_bytes_or_a_sentence(said: bytes, hangs_up: bool) -> None:
    with serving(answering(said, hangs_up)) as server:
        fetch_within_limits(server.url)


@settings(fuzzed, max_examples=100)
@given(said=answers(), hangs_up=st.sampled_from([True] * 9 + [False]), scheme=st.just("https"))
@example(said=b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", hangs_up=True, scheme="https")
def test_any_answer_of_a_proxy_is_bytes_or_a_sentence(
    said: bytes, hangs_up: bool, scheme: str
) -> None:
    with serving(answering(said, hangs_up)) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("all_proxy", f"http://me:secret@127.0.0.1:{proxy.port}")
        fetch_within_limits(f"{scheme}://192.88.98.1/cat.png")


@settings(fuzzed, max_examples=500)
@given(address=addresses, scheme=st.sampled_from(["http:", "https://", "HTTP://"]))
def test_any_address_typed_is_refused_in_a_sentence(address: str, scheme: str) -> None:
    with no_names():
        fetch_within_limits(f"{scheme}{address}")


@fuzzed
@given(location=addresses)
def test_any_address_sent_on_to_is_refused_in_a_sentence(location: str) -> None:
    said = f"HTTP/1.1 302 On\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n"
    play = answering(said.encode(errors="surrogatepass"), hangs_up=True)
    with serving(play) as server, no_names():
        fetch_within_limits(server.url)


@settings(fuzzed, max_examples=500)
@given(named=addresses.filter(lambda named: "\0" not in named))
def test_any_proxy_set_is_refused_in_a_sentence(named: str) -> None:
    with no_names() as patch:
        patch.setattr(os, "environ", {**os.environ, "all_proxy": named})
        fetch_within_limits("http://192.88.98.1/cat.png")


@contextmanager
def no_names() -> Iterator[pytest.MonkeyPatch]:
    """Know addresses only, so that no name that is drawn by chance is asked for."""
    real = socket.getaddrinfo

    def look_up(host: str, *more: Any, **options: Any) -> list[Any]:
        if not host[0].isdigit():
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *more, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        yield patch
