"""One process that serves the page: its socket, its connections and their bounds, its end."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from rclip_like.page.peers import user_of_peer
from rclip_like.page.safety import HEADERS, NO_STORE

if TYPE_CHECKING:
    from starlette.types import ASGIApp

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
MOST_CONNECTIONS = 100
"""Beyond that, connections that wait for their client make room for new ones. With those accepted
at once they stay within the 256 descriptors that macOS gives a process."""
HEAD_BYTES = 32_768
HEAD_SECONDS = 10.0
"""From the first byte of a request, or the connection, to the end of its head."""
REQUEST_SECONDS = 120.0
"""The same to the end of its body: 64 MB through a slow tunnel."""
STALLED_SECONDS = 60.0
"""For a client that takes nothing of what it is sent."""
_KEEP_ALIVE_SECONDS = 60
_ACCEPTED_AT_ONCE = 64
_BACKLOG = 512
_SECONDS_TO_END = 1


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address of this machine; port 0 is any free one.

    Raises OSError, and ValueError for a host that is not an address.
    """
    address = ipaddress.ip_address(host)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    # By its full name, or asyncio leaves TCP's delay on, and each answer waits 40 ms for its body.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows lets two programs have one port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if host == "::":
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(socket.getaddrinfo(host, port, family, flags=socket.AI_NUMERICHOST)[0][4])
        bound.listen(_ACCEPTED_AT_ONCE)
    except BaseException:
        bound.close()
        raise
    return bound


def serve(app: ASGIApp, bound: socket.socket, on_ready: Callable[[], None]) -> int:
    """Serve until a signal comes, and return its number. Call it from the main thread.

    What is being answered then is broken off; work in other threads may go on.
    """
    config = uvicorn.Config(
        app,
        http=_Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.CRITICAL + 1,  # what a client does wrong is nothing for the terminal
        access_log=False,
        proxy_headers=False,
        server_header=False,
        workers=1,
        backlog=_ACCEPTED_AT_ONCE,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SECONDS_TO_END,
        h11_max_incomplete_event_size=HEAD_BYTES,
    )
    server = _Server(config, on_ready)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, server.handle_exit)
    try:
        # No Runner: it would wait for what still runs.
        asyncio.new_event_loop().run_until_complete(server.serve([bound]))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return server.signal_number


class _Server(uvicorn.Server):
    """Watches over its connections, and breaks them off at its end."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self.signal_number = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, and say so."""
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(_BACKLOG)  # asyncio would also accept as many before it looks at one
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections every second; return whether to end."""
        if counter % 10 == 0:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                assert isinstance(connection, _Connection)
                connection.end_if_overdue(now)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Break off all connections."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`, which lets ignored ones stay so."""
        yield

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Note a signal, upon which the server ends."""
        self.signal_number = sig
        self.should_exit = True


class _Connection(H11Protocol):
    """A connection that is closed when its client lets it wait, or others need its room."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.app_state = {**self.app_state, "user_of_peer": self._user_of_peer}
        self.active_at = time.monotonic()
        self.request_since: float | None = self.active_at
        self._unsent_bytes, self._moved_at = 0, self.active_at
        self._user: list[int | None] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, and close another one if there are too many."""
        super().connection_made(transport)
        others = [each for each in self.connections if isinstance(each, _Connection)]
        if len(others) > MOST_CONNECTIONS:
            idle = [each for each in others if each is not self and not each._is_served]
            end = min(idle, key=lambda each: (each._is_admitted, each.active_at), default=self)
            self.connections.discard(end)
            end.transport.abort()

    @property
    def _is_admitted(self) -> bool:
        """Whether its last request came from somebody who may ask."""
        return self.scope is not None and "is_admitted" in self.scope.get("state", ())

    @property
    def _is_served(self) -> bool:
        return self._is_admitted and not self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Take in what the client sends."""
        self.active_at = time.monotonic()
        if self.request_since is None:
            self.request_since = self.active_at
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self.request_since = None

    def end_if_overdue(self, now: float) -> None:
        """Break the connection off if its client has let the server wait too long."""
        unsent_bytes = self.transport.get_write_buffer_size()
        if not unsent_bytes or unsent_bytes != self._unsent_bytes:
            self._unsent_bytes, self._moved_at = unsent_bytes, now
        is_head = self.conn.their_state is h11.IDLE
        bounds = (
            (self.request_since, HEAD_SECONDS if is_head else REQUEST_SECONDS),
            (self._moved_at, STALLED_SECONDS if unsent_bytes else math.inf),
        )
        if any(since is not None and now - since > seconds for since, seconds in bounds):
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not a request, with the headers that all responses have."""
        body = b'{"error": "This server does not understand this request."}'
        length = (b"content-length", str(len(body)).encode())
        kind, close = (b"content-type", b"application/json"), (b"connection", b"close")
        headers = [*HEADERS, NO_STORE, kind, length, close]
        try:
            head = self.conn.send(h11.Response(status_code=400, headers=headers, reason=b""))
            self.transport.write((head or b"") + (self.conn.send(h11.Data(data=body)) or b""))
            self.conn.send(h11.EndOfMessage())
        except h11.LocalProtocolError:  # while an earlier request is answered
            self.transport.abort()
        self.transport.close()

    def _user_of_peer(self) -> int | None:
        if not self._user:
            self._user.append(user_of_peer(self.client, self.server))
        return self._user[0]
