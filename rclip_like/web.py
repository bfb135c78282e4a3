"""One picture's bytes over HTTP, from public addresses alone, within limits on time and size.

All that is sent is `_REQUEST`. Neither urllib nor a library is asked to open the connection: they
look the name up themselves, after the check, and may then be told another address.
"""

from __future__ import annotations

import io
import ipaddress
import re
import socket
import ssl
import time
from http.client import HTTPException, HTTPResponse, IncompleteRead
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from rclip_like import __version__
from rclip_like.errors import WebError
from rclip_like.settings import WebSettings, is_offline

_REQUEST = (
    "GET {target} HTTP/1.1\r\n"
    "Host: {authority}\r\n"
    f"User-Agent: clipfind/{__version__}\r\n"
    "Accept: image/*\r\n"
    "Accept-Encoding: identity\r\n"
    "Connection: close\r\n"
    "\r\n"
)
_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1024
_HOST = re.compile(r"[0-9a-z._:-]+")
_UNESCAPED = "%/:=&?~+!$,;'@()*[]"
_CHUNK_BYTES = 1 << 16
_LONGEST_SHOWN = 200
_SAVE = "save the picture to a file and search with that"

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_Place = tuple[Any, ...]
_Found = tuple[int, int, int, _Place]


class _Failure(Exception):
    """Why a place gives no picture, and what to do about it."""

    def __init__(self, why: str, remedy: str = _SAVE) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


class _Address(NamedTuple):
    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class _Deadline:
    """The moment by which all must be done."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left; raises TimeoutError when there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


def fetch(url: str, settings: WebSettings | None = None) -> bytes:
    """Return what an http or https address holds; what it is, its content must decide.

    Every address that a name stands for must be allowed, and the connection goes to one of those
    that were checked; so it is again for each redirect, of which none leads from https to http.
    No account, cookie or proxy is used, and a certificate must be valid. Raises WebError, within
    `settings.max_seconds`, with a sentence that names the address and the remedy.
    """
    settings = settings or WebSettings()
    deadline = _Deadline(settings.max_seconds)
    place = url
    try:
        for _ in range(settings.max_redirects + 1):
            answer = _ask(_address(place), deadline, settings)
            if isinstance(answer, bytes):
                return answer
            place = _next_place(place, answer)
        raise _Failure(f"there are more than {settings.max_redirects} redirects")
    except _Failure as failure:
        why, remedy = failure.why, failure.remedy
    except TimeoutError:
        why, remedy = f"took longer than {settings.max_seconds:g} s", _SAVE
    except ssl.SSLCertVerificationError as error:
        why, remedy = f"the certificate is not valid ({error.verify_message})", _SAVE
    except (OSError, HTTPException) as error:
        why, remedy = f"the connection failed ({_reason(error)})", f"try again, or {_SAVE}"
    raise WebError(f"{_shown(url)}: {_led_on(url, place)}{why}; {remedy}")


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public internet's.

    Of IPv6 that is global unicast, but not 6to4, which wraps any IPv4 address, and NAT64 around
    a public IPv4 address. So neither an IPv4 address written as IPv6 is, nor anything local.
    """
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if found not in _GLOBAL_UNICAST or found in _SIX_TO_FOUR:
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def _address(url: str) -> _Address:
    """Return the parts of an address; raises _Failure for what is not to be asked."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
        target = quote(parts.path or "/", safe=_UNESCAPED, errors="surrogateescape")
        query = quote(parts.query, safe=_UNESCAPED, errors="surrogateescape")
    except ValueError:
        host = ""
    if not _HOST.fullmatch(host):
        raise _Failure(
            "is no web address",
            "write it like https://example.org/cat.jpg, or add --text for words",
        )
    if parts.scheme not in _PORTS:
        raise _Failure("is neither http nor https")
    if "@" in parts.netloc:
        raise _Failure("names a user", "leave out what stands before the @")
    if port is not None and port < _FIRST_FREE_PORT and port not in _PORTS.values():
        raise _Failure(f"port {port} is not one of the web's")
    target += f"?{query}" if query else ""
    return _Address(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, target)


def _next_place(place: str, location: str) -> str:
    try:
        following = urljoin(place, location)
    except ValueError as error:
        raise _Failure("the server sends on to no address") from error
    if place.lower().startswith("https:") and following.lower().startswith("http:"):
        raise _Failure("the server sends on from https to http, where anybody can change it")
    return following


def _ask(address: _Address, deadline: _Deadline, settings: WebSettings) -> bytes | str:
    """Return what the address holds, or where else it says to look."""
    _refuse_offline()
    _refuse_proxy(address)
    with _connect(_resolve(address, deadline, settings), deadline) as connection:
        connection.settimeout(deadline.left())
        if address.scheme == "https":
            context = ssl.create_default_context()
            with context.wrap_socket(connection, server_hostname=address.host) as encrypted:
                return _converse(encrypted, address, deadline, settings.max_bytes)
        return _converse(connection, address, deadline, settings.max_bytes)


def _refuse_offline() -> None:
    if is_offline():
        raise _Failure("cannot be fetched offline", "leave out --offline, or unset HF_HUB_OFFLINE")


def _refuse_proxy(address: _Address) -> None:
    """A proxy looks names up itself, and could be led to a local address; past it we do not go."""
    if getproxies().keys() & {address.scheme, "all"} and not proxy_bypass(address.host):
        raise _Failure("cannot be fetched through the proxy that is set here")


def _resolve(address: _Address, deadline: _Deadline, settings: WebSettings) -> list[_Found]:
    """Return the addresses that a name stands for, all of them allowed; raises _Failure."""
    is_allowed = settings.is_allowed or is_public
    found = [(*each[:3], each[4]) for each in _look_up(address, deadline)]
    for *_, place in found:
        if not is_allowed(str(place[0])):
            what = "" if place[0] == address.host else f" ({place[0]})"
            raise _Failure(f"{address.host}{what} is no public address")
    return found


def _look_up(address: _Address, deadline: _Deadline) -> list[Any]:
    """Ask the system for a name, from a thread, as it takes no time limit and hears no Ctrl-C."""
    answers: SimpleQueue[list[Any] | Exception] = SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            answers.put(error)

    Thread(target=look_up, daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise _Failure(
            f"{address.host} cannot be found ({answer.args[-1]})",
            "is it spelled right, and is there a network?",
        )
    return answer


def _connect(found: list[_Found], deadline: _Deadline) -> socket.socket:
    """Return a connection to the first of the addresses that answers; raises OSError."""
    for tried, (family, kind, protocol, place) in enumerate(found, start=1):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(deadline.left() / (len(found) + 1 - tried))
            connection.connect(place)
            return connection
        except BaseException as error:
            connection.close()
            if tried == len(found) or not isinstance(error, OSError):
                raise
    raise AssertionError("a name stands for at least one address")


def _converse(
    connection: socket.socket, address: _Address, deadline: _Deadline, max_bytes: int
) -> bytes | str:
    connection.settimeout(deadline.left())
    request = _REQUEST.format(target=address.target, authority=address.authority)
    connection.sendall(request.encode("ascii"))
    timed: Any = _Timed(connection, deadline)
    with HTTPResponse(timed, method="GET") as answer:
        answer.begin()
        location = answer.getheader("Location")
        if answer.status in (301, 302, 303, 307, 308) and location:
            return location.encode("latin-1").decode(errors="surrogateescape")
        _refuse_answer(answer, max_bytes)
        return _read(answer, max_bytes)


def _refuse_answer(answer: HTTPResponse, max_bytes: int) -> None:
    if answer.status != 200:
        why = {
            401: "it asks for an account",
            403: "it is not for everybody",
            404: "it is not there",
        }
        raise _Failure(why.get(answer.status, f"the server answers {answer.status}"))
    if answer.getheader("Content-Encoding", "identity").strip().lower() != "identity":
        raise _Failure("comes compressed, which was not asked for")
    if answer.length is not None and answer.length > max_bytes:
        raise _too_large(max_bytes)


def _read(answer: HTTPResponse, max_bytes: int) -> bytes:
    content = bytearray()
    while chunk := answer.read(min(_CHUNK_BYTES, max_bytes + 1 - len(content))):
        content += chunk
        if len(content) > max_bytes:
            raise _too_large(max_bytes)
    if answer.length:
        raise ConnectionError("it broke off")
    return bytes(content)


def _too_large(max_bytes: int) -> _Failure:
    return _Failure(f"is larger than {max_bytes / (1 << 20):g} MiB")


class _Timed(io.RawIOBase):
    """A connection to read from, in which each wait ends at the deadline at the latest.

    A time limit on a socket is one for each read, and a byte now and then would go on for ever.
    """

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return this as the buffered file that HTTPResponse asks a socket for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there into the buffer and return its length; 0 at the end."""
        self._connection.settimeout(self._deadline.left())
        return self._connection.recv_into(buffer)


def _reason(error: OSError | HTTPException) -> str:
    """Return in a few words why a connection failed, none of them the server's."""
    if isinstance(error, IncompleteRead):
        return "it broke off"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return "what answers does not speak HTTP"


def _led_on(url: str, place: str) -> str:
    return "" if place == url else f"leads on to {_shown(place)}: "


def _shown(url: str) -> str:
    """Return an address for a sentence, without a password and not endlessly long."""
    shown = re.sub(r"//[^/?#]*@", "//", url)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}..."
