"""Fetching a picture: from public addresses alone, and within limits, from real servers."""

from __future__ import annotations

import gzip
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from web_server import (
    answer,
    encrypting,
    go_online,
    make_certificate,
    png,
    redirect,
    saying,
    serving,
)

from rclip_like.errors import Remedy, WebError
from rclip_like.query.web import fetch, is_public
from rclip_like.settings import WebSettings

PICTURE = png()
# fmt: off
LOCAL = (
    "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.0.1",
    "169.254.169.254", "172.16.0.1", "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1",
    "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1",
    "::7f00:1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b:1::808:808", "100::1", "2001::1", "2001:db8::1",
    "2002:7f00:1::", "2002:808:808::", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0",
    "fec0::1", "ff02::1", "4000::1",
)
SPELLINGS = (
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
    "0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "169.254.169.254", "10.0.0.1",
    "192.168.0.1", "[fd00::1]", "224.0.0.1", "\uff11\uff12\uff17.0.0.1",
)
# fmt: on


def settings(**limits: Any) -> WebSettings:
    """Return limits for servers on this machine, which the default refuses."""
    return WebSettings(**{"allow_private": True, **limits})


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fetching happen, without the proxies of whoever runs the tests."""
    go_online(monkeypatch)


def resolve_as(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names stand for these addresses, one list a question, and return the questions."""
    real, asked, left = socket.getaddrinfo, [], list(answers)

    def look_up(host: str, *more: Any, **options: Any) -> list[Any]:
        if host[0].isdigit():  # an address, which stands for itself
            return real(host, *more, **options)
        asked.append(host)
        return [found for each in left.pop(0) for found in real(each, *more, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_what_an_address_holds_comes_back_byte_for_byte() -> None:
    with serving(saying(answer(PICTURE))) as server:
        assert fetch(server.url, settings()) == PICTURE


def test_nothing_is_sent_but_the_address_and_the_name_of_the_program() -> None:
    with serving(saying(answer(PICTURE))) as server:
        fetch(f"{server.url}?a=b%20c#part", settings())
    (request,) = server.requests
    line, *headers = request.strip().split("\r\n")
    assert line == "GET /cat.png?a=b%20c HTTP/1.1"
    names = {header.partition(":")[0] for header in headers}
    assert names == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}
    assert "Accept-Encoding: identity" in headers


def test_letters_and_spaces_that_no_address_holds_are_escaped() -> None:
    with serving(saying(answer(PICTURE))) as server:
        fetch(f"http://127.0.0.1:{server.port}/schöne katze\udcff.png", settings())
    assert server.requests[0].startswith("GET /sch%C3%B6ne%20katze%FF.png HTTP/1.1\r\n")


def test_content_in_chunks_and_content_that_ends_with_the_connection_are_read() -> None:
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(PICTURE), PICTURE)
    for said in (
        answer(chunked, "Transfer-Encoding: chunked"),
        b"HTTP/1.0 200 OK\r\n\r\n" + PICTURE,
    ):
        with serving(saying(said)) as server:
            assert fetch(server.url, settings()) == PICTURE


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Now", "308 Ever"])
def test_a_redirect_is_followed(status: str) -> None:
    with (
        serving(saying(answer(PICTURE))) as server,
        serving(saying(redirect(server.url, status))) as first,
    ):
        assert fetch(first.url, settings()) == PICTURE


def test_a_redirect_within_the_server_is_followed() -> None:
    def play(connection: socket.socket, line: str) -> None:
        connection.sendall(answer(PICTURE) if "/other/" in line else redirect("/other/ö.png"))

    with serving(play) as server:
        assert fetch(server.url, settings()) == PICTURE
    assert "/other/%F6.png" in server.requests[1]


def test_redirects_end_after_so_many() -> None:
    with serving(saying(redirect("/again"))) as server:
        with pytest.raises(WebError, match="more than 3 redirects"):
            fetch(server.url, settings(max_redirects=3))
        assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer(b"", status="404 Nowhere"), "the answer is 404 Not Found; save the picture"),
        (answer(b"", status="401 No"), "the answer is 401 Unauthorized"),
        (answer(b"", status="503 Busy"), "the answer is 503 Service Unavailable"),
        (answer(b"", status="304 No"), "the answer is 304 Not Modified"),
        (answer(b"", status="302 Found"), "the answer is 302 Found"),
        (answer(b"", status="599 Odd"), "the answer is 599 of no known kind"),
        (answer(PICTURE[:-9], f"Content-Length: {len(PICTURE)}"), "broke off"),
        (answer(b"fff\r\nabc", "Transfer-Encoding: chunked"), "broke off"),
        (answer(gzip.compress(PICTURE), "Content-Encoding: gzip"), "compressed"),
        (answer(PICTURE, "Content-Length: -1"), "is not HTTP"),
        (answer(PICTURE, "Content-Length: 5", "Content-Length: 6"), "is not HTTP"),
        (b"SSH-2.0-OpenSSH\r\n", "is not HTTP; try again, or save"),
        (b"", "broke off or is not HTTP"),
        (redirect("ftp://127.0.0.1/cat.png"), "leads on to ftp.* is not an http or https address"),
        (redirect("file:///etc/passwd"), "leads on to file.* is not an http or https address"),
        (redirect("http://[/"), r"leads on to http://\[/: is not an http or https address"),
        (redirect("http://me:secret@127.0.0.1/"), "leads on to http://127.* names a user"),
    ],
)
def test_an_answer_without_a_picture_is_told_in_a_sentence(said: bytes, why: str) -> None:
    with serving(saying(said)) as server, pytest.raises(WebError, match=why) as caught:
        fetch(server.url, settings())
    assert str(caught.value).startswith(f"{server.url}: ")
    assert "secret" not in str(caught.value)


def test_a_file_said_to_be_too_large_is_not_read() -> None:
    def play(connection: socket.socket, line: str) -> None:
        connection.sendall(answer(b"", "Content-Length: 2097153"))
        connection.recv(1)

    with serving(play) as server, pytest.raises(WebError, match="larger than 2 MiB; save"):
        fetch(server.url, settings(max_bytes=2 << 20, max_seconds=60))


@pytest.mark.parametrize("header", ["Connection: close", "Transfer-Encoding: chunked"])
def test_a_file_without_an_end_is_given_up_at_the_limit(header: str) -> None:
    def play(connection: socket.socket, line: str) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\n{header}\r\n\r\n".encode())
        while True:
            connection.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    with serving(play) as server, pytest.raises(WebError, match="larger than 1 MiB"):
        fetch(server.url, settings(max_bytes=1 << 20, max_seconds=60))


def test_a_file_of_just_the_largest_size_is_read() -> None:
    with serving(saying(b"HTTP/1.0 200 OK\r\n\r\n", bytes(1 << 20))) as server:
        assert len(fetch(server.url, settings(max_bytes=1 << 20))) == 1 << 20


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"A"),
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_a_drip_ends_with_the_time_for_all_of_it(start: bytes, drop: bytes) -> None:
    """Each read of it would be in time: only the sum is too much."""

    def play(connection: socket.socket, line: str) -> None:
        connection.sendall(start)
        for _ in range(600):
            connection.sendall(drop)
            time.sleep(0.05)

    with serving(play) as server, pytest.raises(WebError, match=r"took longer than 0\.5 s"):
        fetch(server.url, settings(max_seconds=0.5))


def test_the_time_limit_holds_over_redirects() -> None:
    def play(connection: socket.socket, line: str) -> None:
        time.sleep(0.2)
        connection.sendall(redirect("/again"))

    with serving(play) as server, pytest.raises(WebError, match=r"took longer than 0\.5 s"):
        fetch(server.url, settings(max_seconds=0.5, max_redirects=100))
    assert len(server.requests) <= 3


def test_the_time_limit_holds_for_a_name_that_is_not_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3))
    with pytest.raises(WebError, match=r"took longer than 0\.1 s"):
        fetch("http://slow.example/cat.png", settings(max_seconds=0.1))


def test_a_name_that_is_not_known_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WebError, match=r"no-such\.invalid/cat\.png: no such host .* spelled right"):
        fetch("http://no-such.invalid/cat.png")


@pytest.mark.parametrize("address", LOCAL)
def test_no_local_or_reserved_address_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::6810:84e5", "64:ff9b::8.8.8.8"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", SPELLINGS)
def test_a_local_address_is_refused_however_it_is_spelled(host: str) -> None:
    with pytest.raises(WebError, match=r"not a public address|no such host|not an http or https"):
        fetch(f"http://{host}:8080/cat.png")


def test_a_local_server_that_would_answer_hears_nothing() -> None:
    with serving(saying(answer(PICTURE))) as server:
        for host in ("127.0.0.1", "localhost", "2130706433", "0", "[::ffff:127.0.0.1]"):
            with pytest.raises(WebError, match="not a public address"):
                fetch(f"http://{host}:{server.port}/cat.png")
    assert server.requests == []


def test_a_name_that_leads_to_this_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(saying(answer(PICTURE))) as server:
        resolve_as(monkeypatch, ["127.0.0.1"])
        with pytest.raises(WebError, match=r"pictures\.example \(127\.0\.0\.1\) is not a public"):
            fetch(f"http://pictures.example:{server.port}/cat.png")
    assert server.requests == []


def test_a_name_with_one_local_address_among_others_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve_as(monkeypatch, ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(WebError, match=r"\(10\.0\.0\.1\) is not a public"):
        fetch("http://pictures.example/cat.png")


def test_a_redirect_to_a_local_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(saying(answer(PICTURE))) as inner:
        local = f"http://127.0.0.2:{inner.port}/cat.png"
        with serving(saying(redirect(local))) as outer, pytest.raises(WebError) as caught:
            fetch(outer.url, settings())
    assert str(caught.value).startswith(
        f"{outer.url}: leads on to {local}: 127.0.0.2 is not a public"
    )
    assert inner.requests == []


def test_the_address_that_was_checked_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that stands for another address the second time must not be asked for twice."""
    with serving(saying(answer(PICTURE))) as server:
        asked = resolve_as(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        assert fetch(f"http://pictures.example:{server.port}/cat.png", settings()) == PICTURE
    assert asked == ["pictures.example"]
    assert f"Host: pictures.example:{server.port}\r\n" in server.requests[0]


def test_the_next_address_is_tried_when_one_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(saying(answer(PICTURE))) as server:
        resolve_as(monkeypatch, ["127.0.0.9", "127.0.0.1"])
        assert fetch(f"http://x.example:{server.port}/", settings()) == PICTURE


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http:", "is not an http or https address"),
        ("http://", "is not an http or https address"),
        ("http:cat", "is not an http or https address"),
        ("https:///cat.png", "is not an http or https address"),
        ("http://[::1/cat.png", "is not an http or https address"),
        ("http://a..b/cat.png", "is not an http or https address"),
        ("http://a b/cat.png", "is not an http or https address"),
        ("http://example.org\\@127.0.0.1/", "names a user|is not an http or https address"),
        ("http://example.org:99999/", "is not an http or https address"),
        ("http://example.org:x/", "is not an http or https address"),
        ("http://example.org/\ud800", "is not an http or https address"),
        ("http://me:secret@example.org/cat.png", "names a user; leave out"),
        ("http://@example.org/cat.png", "names a user"),
        ("http://example.org:25/", "port 25"),
        ("http://example.org:0/", "port 0"),
    ],
)
def test_what_is_no_address_to_be_asked_is_refused(url: str, why: str) -> None:
    with pytest.raises(WebError, match=why) as caught:
        fetch(url)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_with_leave_the_own_network_is_asked_by_any_name_and_on_any_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(saying(answer(PICTURE))) as server:
        resolve_as(monkeypatch, ["127.0.0.1"])
        assert fetch(f"http://nas.local:{server.port}/cat.png", settings()) == PICTURE
    for port, why in ((25, "connection failed"), (0, "port 0 is not one")):
        with pytest.raises(WebError, match=why):
            fetch(f"http://127.0.0.1:{port}/cat.png", settings())


def test_without_leave_the_sentence_says_what_gives_it() -> None:
    with pytest.raises(WebError, match="not a public address") as raised:
        fetch("http://10.0.0.1/cat.png")
    assert raised.value.remedies[0] is Remedy.ALLOW_PRIVATE


def test_leave_for_one_host_is_none_for_those_it_leads_on_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a server of the internet could have anything asked in the own network."""
    with serving(saying(answer(PICTURE))) as router:
        local = f"http://router.local:{router.port}/reboot"
        with serving(saying(redirect(local))) as server:
            resolve_as(monkeypatch, ["127.0.0.1"])
            with pytest.raises(WebError, match=r"router\.local \(127\.0\.0\.1\) is not a public"):
                fetch(server.url, settings())
        with (
            serving(saying(redirect("http://127.0.0.1:25/"))) as server,
            pytest.raises(WebError, match="connection failed"),
        ):
            fetch(server.url, settings())
    assert router.requests == []


def test_a_long_address_makes_no_long_sentence() -> None:
    with pytest.raises(WebError) as caught:
        fetch("http://127.0.0.1/" + "a" * 100_000)
    assert len(str(caught.value)) < 400


def test_offline_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with serving(saying(answer(PICTURE))) as server:
        with pytest.raises(WebError, match="offline; unset HF_HUB_OFFLINE"):
            fetch(server.url, settings())
        assert server.requests == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    return make_certificate(tmp_path_factory.mktemp("certificate"), "pictures.example")


def test_a_certificate_must_be_of_a_known_authority_and_of_the_name_asked(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(saying(answer(PICTURE)), encrypting(certificate)) as server:
        resolve_as(monkeypatch, *[["127.0.0.1"]] * 3)
        url = f"https://pictures.example:{server.port}/cat.png"
        with pytest.raises(WebError, match=r"certificate is not valid.*self-signed"):
            fetch(url, settings())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert fetch(url, settings()) == PICTURE
        with pytest.raises(WebError, match=r"certificate is not valid.*other\.example"):
            fetch(url.replace("pictures", "other"), settings())
    assert len(server.requests) == 1


def test_a_redirect_never_leaves_encryption(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    resolve_as(monkeypatch, ["127.0.0.1"])
    with (
        serving(saying(answer(PICTURE))) as plain,
        serving(saying(redirect(plain.url)), encrypting(certificate)) as server,
        pytest.raises(WebError, match="from https to http"),
    ):
        fetch(f"https://pictures.example:{server.port}/cat.png", settings())
    assert plain.requests == []


def test_a_handshake_that_nobody_answers_ends_with_the_time() -> None:
    with (
        serving(lambda connection, line: time.sleep(1.5)) as server,
        pytest.raises(WebError, match=r"took longer than 0\.5 s"),
    ):
        fetch(server.url.replace("http:", "https:"), settings(max_seconds=0.5))
