"""The socket that the page listens on."""

from __future__ import annotations

import asyncio
import socket

from rclip_like.page.server import bind


def test_answers_do_not_wait_for_the_client_to_confirm_their_head() -> None:
    async def has_no_delay() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            found.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        server = await asyncio.start_server(accept, sock=bind("127.0.0.1", 0))
        async with server:
            with socket.create_connection(server.sockets[0].getsockname()):
                return await found

    assert asyncio.run(has_no_delay()) != 0
