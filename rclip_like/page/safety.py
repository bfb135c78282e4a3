"""Who may ask the page's server for what: tokens, cookies, origins, headers, sizes of requests."""

from __future__ import annotations

import hashlib
import html
import json
import secrets
import socket
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from starlette.exceptions import HTTPException

from rclip_like.page.sessions import LASTING_SECONDS, SessionFile

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        b"media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What every response says, refusals and errors included."""
NO_STORE = (b"cache-control", b"no-store")
PASTED = "/api/pasted"
MOST_BYTES, MOST_BYTES_PASTED = 1_000_000, 64_000_000
"""Of a request's body; of a picture that is dropped or pasted."""
METHODS = ("GET", "HEAD", "POST")
_MOST_SESSIONS = 256


class Refusal(NamedTuple):
    """Why a request is not answered, in a sentence for people."""

    status: int
    sentence: str


class Access:
    """Whom a server answers: what it handed out, and the hosts under which it can be asked.

    token: opens the page for as long as the server runs. The token of `first_token` opens it once,
    and on Linux only for a program of the same user: a browser's arguments are no secret there.

    kept: where a cookie of the user's own browser lasts over restarts, if the browser came with
    the token of `first_token` and so runs on this machine. No other cookie does: another program
    could listen on this port after the end, be sent the cookie, and use it as if it were the
    browser. The printed token may come through a tunnel of ssh, whose end here is a program of the
    user's, whoever of the machine at its other end connects.
    """

    def __init__(
        self,
        port: int,
        hosts: tuple[str, ...],
        user: int | None = None,
        kept: SessionFile | None = None,
    ) -> None:
        self.port = port
        self.token = secrets.token_urlsafe(32)
        self.cookie = f"clipfind_{port}"
        self._hosts = {host.lower() for host in hosts}
        self._user = user
        self._first_token: str | None = None
        # A cookie goes to every port of a host, so that other users of this machine may get to see
        # it: it is worth something to the user alone whose browser it was given. It is found by
        # its digest, so that the time this takes tells nothing about it.
        self._sessions: OrderedDict[bytes, int | None] = OrderedDict()
        self._kept, self._lasting = kept, set[bytes]()
        if kept is not None and user is not None:
            self._sessions.update((digest, user) for digest in kept.load())

    def first_token(self) -> str:
        """Return a new token that opens the page once."""
        self._first_token = secrets.token_urlsafe(32)
        return self._first_token

    def admit(self, token: str, user: Callable[[], int | None]) -> str | None:
        """Return the value of a new cookie for a user who has a token; None for a wrong token.

        user: called where the token is right.
        """
        given, first = token.encode(), self._first_token
        is_first = first is not None and secrets.compare_digest(given, first.encode())
        if is_first:
            if user() not in (None, self._user):
                return None
            self._first_token = None
        elif not secrets.compare_digest(given, self.token.encode()):
            return None
        session = secrets.token_urlsafe(32)
        digest = _digest(session)
        owner = self._sessions[digest] = user()
        is_own = is_first and owner is not None and owner == self._user
        if self._kept is not None and is_own and self._kept.add(digest):
            self._lasting.add(digest)
        while len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def attributes(self, session: str) -> str:
        """Return what a browser is to know of a cookie beside its value."""
        lasting = f"; Max-Age={LASTING_SECONDS}" if _digest(session) in self._lasting else ""
        return f"Path=/; HttpOnly; SameSite=Strict{lasting}"

    def knows(self, cookies: str, user: Callable[[], int | None]) -> bool:
        """Return whether a Cookie header has the cookie that was given to this user.

        user: called where a cookie is one that was given to somebody.
        """
        for each in cookies.split(";"):
            name, _, value = each.partition("=")
            key = _digest(value.strip()) if name.strip() == self.cookie else b""
            if key in self._sessions and self._sessions[key] == user():
                return True
        return False

    def is_own_host(self, host: str, server: str) -> bool:
        """Return whether a Host header names this server.

        server: the address of this machine that the connection came to. A page whose name was led
        to this machine (DNS rebinding) does not pass: its requests have that name as Host.
        """
        name, port = _split_host(host.lower())
        return port == self.port and name in (*self._hosts, server)


def _digest(session: str) -> bytes:
    return hashlib.blake2b(session.encode(), digest_size=32).digest()


def _split_host(host: str) -> tuple[str, int]:
    """Return the name or address and the port of a Host header; (, -1) for anything else."""
    name, colon, digits = host.rpartition(":")
    if not colon or digits.endswith("]"):
        name, digits = host, "80"
    if not (name and digits.isascii() and digits.isdigit() and len(digits) <= len("65535")):
        return "", -1
    if name.startswith("[") and name.endswith("]"):
        return name[1:-1], int(digits)
    return ("", -1) if ":" in name else (name, int(digits))


class Safety:
    """Answers what may not be asked with a refusal, and lets through what may, within bounds.

    on_fault: hears of exceptions that are faults of clipfind.
    """

    def __init__(
        self, app: ASGIApp, access: Access, on_fault: Callable[[Exception], None] | None = None
    ) -> None:
        self._app = app
        self._access = access
        self._on_fault = on_fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        assert scope["type"] == "http"
        request = _Request(scope)
        out = _Response(send)
        if refusal := self._refusal(request):
            await out.refuse(refusal, as_json=request.wants_json)
        elif request.token is not None and request.path == "/":
            await self._exchange_token(request, out)
        elif not self._access.knows(request.header(b"cookie"), request.user):
            await out.refuse(_NO_TOKEN, as_json=request.wants_json)
        elif request.method == "POST" and not request.has_right_type:
            await out.refuse(_WRONG_TYPE, as_json=True)
        elif request.announced_bytes > request.most_bytes:
            await out.refuse(_too_large(request.most_bytes), as_json=True)
        else:
            scope.setdefault("state", {})["is_admitted"] = True
            await self._pass_on(scope, _bounded(receive, request.most_bytes), out)

    def _refusal(self, request: _Request) -> Refusal | None:
        """Return why nobody may ask this, None if somebody may."""
        hosts = request.headers(b"host")
        if len(hosts) != 1 or not self._access.is_own_host(hosts[0], request.server):
            return Refusal(403, "This server does not answer under this name or address.")
        if request.method not in METHODS:
            return Refusal(405, "This server answers GET, HEAD and POST alone.")
        if request.headers(b"transfer-encoding") and request.headers(b"content-length"):
            return Refusal(400, "This request states its length twice.")
        own, origins = f"http://{hosts[0].lower()}", request.headers(b"origin")
        sites = set(request.headers(b"sec-fetch-site"))
        is_post = request.method == "POST"
        if (
            any(origin.lower() != own for origin in origins)
            or (is_post and len(origins) != 1)
            or not sites <= {"same-origin", *(() if is_post else ("none",))}
        ):
            return Refusal(
                403,
                "Another page asked for this, which clipfind does not answer. To open clipfind, "
                "copy its address into the address bar.",
            )
        return None

    async def _exchange_token(self, request: _Request, out: _Response) -> None:
        """Send a client that has the token to the address without it, with a cookie."""
        headers = [(b"location", f"/?{request.state}".removesuffix("?").encode("latin-1"))]
        session = self._access.admit(request.token or "", request.user)
        if session is not None:
            value = f"{self._access.cookie}={session}; {self._access.attributes(session)}"
            headers.append((b"set-cookie", value.encode()))
        elif not self._access.knows(request.header(b"cookie"), request.user):
            await out.refuse(_NO_TOKEN, as_json=request.wants_json)
            return
        await out.answer(303, headers, b"")

    async def _pass_on(self, scope: Scope, receive: Receive, out: _Response) -> None:
        try:
            await self._app(scope, receive, out.send)
        except Exception as error:  # for whoever started the server to report
            if self._on_fault:
                self._on_fault(error)
            if not out.is_started:
                await out.refuse(FAULT, as_json=True)
            elif not out.is_complete:
                raise  # breaks the connection off


_WRONG_TYPE = Refusal(415, "This takes JSON, or a picture where one is pasted.")
FAULT = Refusal(500, "This did not work; that is a fault of clipfind.")
_NO_TOKEN = Refusal(
    403,
    "This browser is not let in yet, or clipfind serve was started again: open the address that "
    "clipfind serve printed last, up to its last letter.",
)


def _too_large(most_bytes: int) -> Refusal:
    return Refusal(413, f"This is more than the {most_bytes // 1_000_000} MB that can be sent.")


def _bounded(receive: Receive, most_bytes: int) -> Receive:
    """Return a receive that raises HTTPException once a body has too many bytes."""
    received = 0

    async def count() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most_bytes:
            raise HTTPException(*_too_large(most_bytes))
        return message

    return count


class _Request:
    """What the checks look at in a request."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        pairs = scope["query_string"].decode("latin-1").split("&")
        tokens = [
            unquote(value)
            for name, _, value in (pair.partition("=") for pair in pairs)
            if name == "token"
        ]
        self.token = tokens[-1] if tokens else None
        self.state = "&".join(pair for pair in pairs if pair.partition("=")[0] != "token")
        self.most_bytes = MOST_BYTES_PASTED if self.path == PASTED else MOST_BYTES

    def headers(self, name: bytes) -> list[str]:
        """Return all values of a header."""
        return [value.decode("latin-1") for key, value in self._scope["headers"] if key == name]

    def header(self, name: bytes) -> str:
        """Return a header's values as one."""
        return "; ".join(self.headers(name))

    @property
    def wants_json(self) -> bool:
        """Whether a script asks, and not somebody who opens an address."""
        return "text/html" not in self.header(b"accept")

    @property
    def has_right_type(self) -> bool:
        """Whether the body is said to be what a form of another page cannot send."""
        kinds = self.headers(b"content-type")
        kind = kinds[0].partition(";")[0].strip().lower() if len(kinds) == 1 else ""
        if self.path == PASTED:
            return kind == "application/octet-stream" or kind.startswith("image/")
        return kind == "application/json"

    @property
    def server(self) -> str:
        """The address of this machine that the connection came to."""
        server = self._scope.get("server")
        return str(server[0]).removeprefix("::ffff:") if server else ""

    def user(self) -> int | None:
        """The number of the user whose program asks; None if that is unknown."""
        state: Mapping[str, Callable[[], int | None]] = self._scope.get("state") or {}
        return state["user_of_peer"]() if "user_of_peer" in state else None

    @property
    def announced_bytes(self) -> int:
        """The length that the body is said to have."""
        lengths = self.headers(b"content-length")
        return int(lengths[0]) if lengths else 0  # digits, or h11 refuses it


class _Response:
    """Sends one response with the headers that all have."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_started = self.is_complete = False

    async def send(self, message: Message) -> None:
        """Send a part of the response."""
        if message["type"] == "http.response.start":
            self.is_started = True
            own = {name for name, _ in HEADERS}
            kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in own]
            is_said = any(name.lower() == NO_STORE[0] for name, _ in kept)
            message = {**message, "headers": [*kept, *HEADERS, *(() if is_said else (NO_STORE,))]}
        await self._send(message)
        if message["type"] == "http.response.body":
            self.is_complete = not message.get("more_body", False)

    async def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Send a whole response. The connection ends, so that no body of the request is read."""
        length = (b"content-length", str(len(body)).encode())
        headers = [*headers, length, (b"connection", b"close")]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    async def refuse(self, refusal: Refusal, *, as_json: bool) -> None:
        """Send a refusal: an object with the error for scripts, else a page of one sentence."""
        status, sentence = refusal
        if as_json:
            kind, body = b"application/json", json.dumps({"error": sentence})
        else:
            kind = b"text/html; charset=utf-8"
            body = (
                '<!doctype html><html lang="en"><meta charset="utf-8">'
                '<meta name="viewport" content="width=device-width">'
                '<meta name="color-scheme" content="light dark">'
                f"<title>clipfind</title><h1>clipfind</h1><p>{html.escape(sentence)}</p></html>"
            )
        headers = [(b"content-type", kind)]
        if status == 405:
            headers.append((b"allow", ", ".join(METHODS).encode()))
        await self.answer(status, headers, body.encode())


def own_names(host: str) -> tuple[str, ...]:
    """Return the names under which a server at an address of this machine may be asked."""
    name = socket.gethostname().lower()
    return ("localhost", "127.0.0.1", "::1", host, name, f"{name.partition('.')[0]}.local")
