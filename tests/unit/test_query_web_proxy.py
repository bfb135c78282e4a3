"""Fetching a picture through the proxy that the environment sets: a real one, on this machine."""

from __future__ import annotations

import base64
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from web_server import (
    answer,
    encrypting,
    go_online,
    make_certificate,
    png,
    relaying,
    saying,
    serving,
)

from rclip_like.errors import WebError
from rclip_like.query.web import fetch
from rclip_like.settings import WebSettings

PICTURE = png()
URL = "http://pictures.example/cat.png"
NEEDS_ACCOUNT = b"HTTP/1.1 407 Give\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fetching happen, with no proxy yet, and know no name: here the proxy alone does."""
    go_online(monkeypatch)
    know_names(monkeypatch, {})


def know_names(monkeypatch: pytest.MonkeyPatch, names: dict[str, str]) -> None:
    real = socket.getaddrinfo

    def look_up(host: str, *more: Any, **options: Any) -> list[Any]:
        if not (host in names or host[0].isdigit()):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(names.get(host, host), *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_the_proxy_is_asked_for_the_whole_address(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with serving(saying(answer(PICTURE))) as server, serving(relaying(server.port)) as proxy:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        assert fetch(f"{URL}?a=b") == PICTURE
    assert proxy.requests[0].startswith("GET http://pictures.example:80/cat.png?a=b HTTP/1.1\r\n")
    assert "\r\nHost: pictures.example\r\n" in proxy.requests[0]
    assert "Proxy-Authorization" not in proxy.requests[0]


def test_a_proxy_written_without_its_scheme_is_one_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(saying(answer(PICTURE))) as server, serving(relaying(server.port)) as proxy:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy.port}")
        assert fetch(URL) == PICTURE


def test_the_proxy_s_own_name_is_looked_up_and_may_be_private(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(saying(answer(PICTURE))) as server, serving(relaying(server.port)) as proxy:
        know_names(monkeypatch, {"proxy.corp": "127.0.0.1"})
        monkeypatch.setenv("http_proxy", f"http://proxy.corp:{proxy.port}")
        assert fetch(URL) == PICTURE


def test_https_goes_through_the_proxy_encrypted_from_end_to_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path, "pictures.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with (
        serving(saying(answer(PICTURE)), encrypting(certificate)) as server,
        serving(relaying(server.port)) as proxy,
    ):
        monkeypatch.setenv("https_proxy", f"http://me:secret@127.0.0.1:{proxy.port}")
        assert fetch(URL.replace("http:", "https:")) == PICTURE
        with pytest.raises(WebError, match=r"through the proxy.*certificate is not valid"):
            fetch("https://other.example/cat.png")
    connect = proxy.requests[0].split("\r\n")
    assert connect[0] == "CONNECT pictures.example:443 HTTP/1.1"
    assert any(line.startswith("Proxy-Authorization: Basic ") for line in connect)
    assert "Proxy-Authorization" not in server.requests[0]
    assert server.requests[0].startswith("GET /cat.png HTTP/1.1\r\n")


def test_user_and_password_are_the_proxy_s_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(saying(NEEDS_ACCOUNT)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:p%40ss%C3%B6@127.0.0.1:{proxy.port}")
        with pytest.raises(WebError) as caught:
            fetch(URL)
    word = base64.b64encode("me:p@ssö".encode()).decode()
    assert f"\r\nProxy-Authorization: Basic {word}\r\n" in proxy.requests[0]
    assert str(caught.value).startswith(f"{URL}: through the proxy 127.0.0.1: the answer is 407 ")
    assert "p@ss" not in str(caught.value)
    assert "p%40ss" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_asks_for_an_account_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    with serving(saying(NEEDS_ACCOUNT)) as proxy:
        monkeypatch.setenv("all_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(WebError, match=r"407 .*write http://USER:PASSWORD@HOST:PORT into"):
            fetch(f"{scheme}://pictures.example/cat.png")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "is not HTTP"),
        (b"", "broke off or is not HTTP"),
        (answer(b"", status="502 \x1b[31mBad"), "the answer is 502 Bad Gateway"),
    ],
)
def test_a_proxy_that_fails_is_named(
    monkeypatch: pytest.MonkeyPatch, scheme: str, said: bytes, why: str
) -> None:
    with serving(saying(said)) as proxy:
        monkeypatch.setenv("all_proxy", f"http://me:secret@127.0.0.1:{proxy.port}")
        with pytest.raises(WebError, match=f"through the proxy 127.0.0.1: .*{why}.*save") as caught:
            fetch(f"{scheme}://pictures.example/cat.png")
    assert "secret" not in str(caught.value)


def test_a_tunnel_that_drips_ends_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(saying(b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n"] * 100, pause=0.05)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(WebError, match=r"took longer than 0\.5 s"):
            fetch("https://pictures.example/", WebSettings(max_seconds=0.5))


def test_a_proxy_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.corp:3128")
    with pytest.raises(WebError, match=r"through the proxy proxy\.corp: no such host"):
        fetch(URL)


@pytest.mark.parametrize(
    "named",
    [
        "socks5://127.0.0.1:1080",
        "socks5h://me:secret@127.0.0.1:1080",
        "https://127.0.0.1:3128",
        "http://127.0.0.1:x",
        "http://[::1",
        "http://",
        "http://me:1/secret@127.0.0.1:3128",
        "http://me:1#secret@127.0.0.1:3128",
        "me:secret@",
        "http://me:\udcff@127.0.0.1:3128",
    ],
)
def test_a_proxy_of_another_kind_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("all_proxy", named)
    with pytest.raises(WebError, match=r"proxy that is set.*write http://HOST:PORT") as caught:
        fetch(URL)
    assert str(caught.value).startswith(f"{URL}: ")
    assert "secret" not in str(caught.value)


def test_what_no_proxy_names_is_asked_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1,.local")
    with serving(saying(answer(PICTURE))) as server:
        assert fetch(server.url, WebSettings(allow_private=True)) == PICTURE


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "[::1]", "nas.corp", "2130706433"])
def test_a_proxy_is_not_asked_for_what_is_known_here_to_be_private(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    know_names(monkeypatch, {"nas.corp": "10.1.2.3", "::1": "::1"})
    with serving(saying(answer(PICTURE))) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(WebError, match="is not a public address"):
            fetch(f"http://{host}/cat.png")
        assert proxy.requests == []
        assert fetch(f"http://{host}/cat.png", WebSettings(allow_private=True)) == PICTURE


def test_a_proxy_is_not_held_up_by_a_name_that_nobody_answers_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = socket.getaddrinfo

    def look_up(host: str, *more: Any, **options: Any) -> list[Any]:
        if host == "pictures.example":
            threading.Event().wait(20)
        return real(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with serving(saying(answer(PICTURE))) as server, serving(relaying(server.port)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert fetch(URL, WebSettings(max_seconds=15)) == PICTURE
