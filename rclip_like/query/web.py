"""One picture's bytes over HTTP, from public addresses alone, within limits on time and size.

httpcore2 speaks HTTP, with proxies too, but opens no connection: it would look the name up once
more, after the check, and could then get another address.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import time
from concurrent.futures import Future
from dataclasses import dataclass
from http.client import responses
from threading import Thread
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2 as http

from rclip_like import __version__
from rclip_like.errors import Remedy, WebError
from rclip_like.settings import WebSettings, is_offline

_HEADERS = [("User-Agent", f"clipfind/{__version__}"), ("Accept", "image/*")]
_HEADERS += [("Accept-Encoding", "identity"), ("Connection", "close")]
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[0-9a-z._:-]+")
_UNESCAPED = "%/:=&?~+!$,;'@()*[]"
_BESIDE_CONTENT_BYTES = 1 << 20
_PROXIES = "http_proxy, https_proxy or all_proxy"
_SAVE = "save the picture to a file and search with that"
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def fetch(url: str, settings: WebSettings | None = None) -> bytes:
    """Return what an http or https address holds, whatever that is.

    Every IP address that a host's name stands for must be public, and the connection goes to one
    that was checked. The same holds for each redirect, and none may lead from https to http. With
    `settings.allow_private` the host of `url` itself may have any address. The environment's
    proxies are used. Raises WebError, within `settings.max_seconds`, that names the address.
    """
    settings = settings or WebSettings()
    until = time.monotonic() + settings.max_seconds
    trail = [_shown(url)]
    try:
        return _follow(url, settings, until, trail)
    except WebError as error:
        refusal = error
    except ValueError:
        example = "write it like https://example.org/cat.jpg"
        refusal = WebError("is not an http or https address", Remedy.READ_AS_WORDS, example)
    except (TimeoutError, http.TimeoutException):
        refusal = WebError(f"took longer than {settings.max_seconds:g} s", _SAVE)
    except http.ProxyError as error:
        refusal = _refusal(int(str(error)[:3]))
    except socket.gaierror as error:
        advice = "is it spelled right, and is there a network?"
        refusal = WebError(f"no such host ({error.strerror})", advice)
    except (OSError, http.NetworkError, http.ProtocolError) as error:
        refusal = WebError(_reason(error), "try again", _SAVE)
    raise WebError(": ".join([*trail, refusal.reason]), *refusal.remedies)


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to the public internet.

    Of IPv6, global unicast does, except 6to4, which wraps any IPv4 address; so does NAT64 around a
    public IPv4 address. An IPv4 address written as IPv6 does not, nor does anything local.
    """
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if found not in _GLOBAL_UNICAST or found in _SIX_TO_FOUR:
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def _follow(url: str, settings: WebSettings, until: float, trail: list[str]) -> bytes:
    """Return what is found where `url` leads; `trail` collects what was asked, for an error."""
    location, typed_host = url, b""
    for _ in range(settings.max_redirects + 1):
        address = _address(location)
        typed_host = typed_host or address.host
        if proxy := _proxy(address):
            trail.append(f"through the proxy {proxy.url.host.decode()}")
        may_be_private = settings.allow_private and address.host == typed_host
        reachable = _reachable(address, proxy, until, may_be_private)
        answer = _ask(address, proxy, _Line(reachable, until, settings.max_bytes))
        if isinstance(answer, bytes):
            return answer
        trail[1:] = [f"leads on to {_shown(answer)}"]
        location = urljoin(location, answer)
        if address.scheme == b"https" and location[:5].lower() == "http:":
            raise WebError("from https to http, where anybody can change it", _SAVE)
    raise WebError(f"there are more than {settings.max_redirects} redirects", _SAVE)


def _address(url: str) -> http.URL:
    """Return the parts of an address; raises WebError for what is not to be asked."""
    if is_offline():
        raise WebError("cannot be fetched offline", Remedy.GO_ONLINE)
    parts = urlsplit(url)
    host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    if not _HOST.fullmatch(host) or parts.scheme not in _PORTS:
        raise ValueError(url)
    if "@" in parts.netloc:
        raise WebError("names a user", "leave out what stands before the @")
    port = _PORTS[parts.scheme] if port is None else port
    host = f"[{host}]" if ":" in host else host
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    target = quote(target, safe=_UNESCAPED, errors="surrogateescape")
    return http.URL(scheme=parts.scheme, host=host, port=port, target=target)


def _proxy(address: http.URL) -> http.Proxy | None:
    """Return the proxy that the environment sets for an address; WebError if it cannot be used."""
    scheme = address.scheme.decode()
    named = getproxies().get(scheme) or getproxies().get("all")
    if not named or proxy_bypass(address.host.decode()):
        return None
    try:
        parts = urlsplit(named if "://" in named else f"http://{named}")
        host, port = (parts.hostname or "").encode("idna"), parts.port
        user, password = (unquote_to_bytes(each or "") for each in (parts.username, parts.password))
    except ValueError:
        host = b""
    if not host or parts.scheme != "http" or ("@" in named) != ("@" in parts.netloc):
        remedy = f"write http://HOST:PORT into {_PROXIES}"
        raise WebError("the proxy that is set for it is not an http proxy", remedy, _SAVE)
    url = http.URL(scheme=b"http", host=host, port=port, target=b"/")
    return http.Proxy(url, (user, password) if user or password else None)


def _reachable(
    address: http.URL, proxy: http.Proxy | None, until: float, may_be_private: bool
) -> list[str]:
    """Return the IP addresses to connect to: the host's, all of them public, or the proxy's own.

    A proxy looks the host up itself; where the name is known here as well, it must be public.
    """
    host, port = address.host.decode().strip("[]"), address.port or 0
    if port < (1 if may_be_private else 1024) and port not in _PORTS.values():
        raise WebError(f"port {port} is not one of the web's", _SAVE)
    try:
        found = _look_up(host, min(until, time.monotonic() + 3) if proxy else until)
    except OSError:
        if not proxy:
            raise
        found = [host] if ":" in host else []  # an IPv6 address, where IPv6 is off
    private = [each for each in found if not is_public(each)]
    if private and not may_be_private:
        named = host if host in private else f"{host} ({private[0]})"
        raise WebError(f"{named} is not a public address", Remedy.ALLOW_PRIVATE, _SAVE)
    return _look_up(proxy.url.host.decode(), until) if proxy else found


def _look_up(host: str, until: float) -> list[str]:
    """Ask the system for a name, from a thread, as it takes no time limit and hears no Ctrl-C."""
    answer: Future[Any] = Future()

    def look_up() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.set_exception(error)

    Thread(target=look_up, daemon=True).start()
    return [str(found[4][0]) for found in answer.result(_left(until))]


def _left(until: float) -> float:
    if (seconds := until - time.monotonic()) > 0:
        return seconds
    raise TimeoutError


@dataclass
class _Line(http.NetworkBackend, http.NetworkStream):
    """A connection to the first of the IP addresses that answers, and to nothing else.

    No wait goes beyond `until`: httpcore2 alone would wait as long again for each byte. All that
    is read is counted, as an answer may have no end before its content, too.
    """

    addresses: list[str]
    until: float
    max_bytes: int
    num_read: int = 0
    stream = http.NetworkStream()

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> _Line:
        for untried in range(len(self.addresses), 0, -1):
            try:
                share = _left(self.until) / untried
                self.stream = http.SyncBackend().connect_tcp(self.addresses[-untried], port, share)
                break
            except (http.ConnectError, http.ConnectTimeout):
                if untried == 1:
                    raise
        return self

    def start_tls(self, ssl_context: Any, server_hostname: Any = None, timeout: Any = None) -> Any:
        self.stream = self.stream.start_tls(ssl_context, server_hostname, _left(self.until))
        return self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        content = self.stream.read(max_bytes, _left(self.until))
        self.num_read += len(content)
        self.refuse_over(self.num_read - _BESIDE_CONTENT_BYTES)
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.stream.write(buffer, _left(self.until))

    def close(self) -> None:
        self.stream.close()

    def refuse_over(self, num_bytes: int) -> None:
        if num_bytes > self.max_bytes:
            raise WebError(f"is larger than {self.max_bytes / (1 << 20):g} MiB", _SAVE)


def _ask(address: http.URL, proxy: http.Proxy | None, line: _Line) -> bytes | str:
    """Return what the address holds, or where else it says to look."""
    context = ssl.create_default_context() if address.scheme == b"https" else None
    with (
        http.ConnectionPool(context, proxy, network_backend=line) as pool,
        pool.stream("GET", address, headers=_HEADERS) as answer,
    ):
        headers = {name.lower(): value for name, value in answer.headers}
        if answer.status in (301, 302, 303, 307, 308) and b"location" in headers:
            return headers[b"location"].decode(errors="surrogateescape")
        if answer.status != 200:
            raise _refusal(answer.status)
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise WebError("comes compressed, which was not asked for", _SAVE)
        line.refuse_over(int(headers.get(b"content-length", 0)))
        content = bytearray()
        for chunk in answer.iter_stream():
            content += chunk
            line.refuse_over(len(content))
        return bytes(content)


def _refusal(status: int) -> WebError:
    remedy = f"write http://USER:PASSWORD@HOST:PORT into {_PROXIES}" if status == 407 else _SAVE
    return WebError(f"the answer is {status} {responses.get(status, 'of no known kind')}", remedy)


def _reason(error: Exception) -> str:
    """Return in a few words why a connection failed, none of them the server's."""
    found = error if isinstance(error, OSError) else error.args[0]
    if isinstance(found, ssl.SSLCertVerificationError):
        return f"the certificate is not valid ({found.verify_message})"
    if isinstance(found, OSError):
        return f"the connection failed ({found.strerror or type(found).__name__})"
    return "the answer broke off or is not HTTP"


def _shown(url: str) -> str:
    """Return an address for a sentence, without a password and not endlessly long."""
    shown = re.sub(r"//[^/?#]*@", "//", url)
    return shown if len(shown) <= 200 else f"{shown[:200]}..."
