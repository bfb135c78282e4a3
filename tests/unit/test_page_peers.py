"""Who is at the other end of a connection."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from rclip_like.page.peers import user_of_peer

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")


@on_linux
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_user_of_a_program_on_this_machine_is_known(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listening:
        listening.bind((host, 0))
        listening.listen()
        with socket.create_connection(listening.getsockname()[:2]) as client:
            ends = client.getsockname()[:2], client.getpeername()[:2]
            assert user_of_peer(*ends) == os.getuid()


@on_linux
def test_a_client_of_both_versions_is_found() -> None:
    with socket.socket(socket.AF_INET6) as listening:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind(("::", 0))
        listening.listen()
        with socket.create_connection(("127.0.0.1", listening.getsockname()[1])):
            accepted, _ = listening.accept()
            with accepted:
                ends = accepted.getpeername()[:2], accepted.getsockname()[:2]
                assert user_of_peer(*ends) == os.getuid()


@on_linux
def test_of_a_client_that_has_left_nothing_is_known() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        ends = client.getsockname(), client.getpeername()
        accepted, _ = listening.accept()
        with accepted:
            assert user_of_peer(*ends) == os.getuid()
            client.close()
            assert user_of_peer(*ends) is None


def test_of_others_nothing_is_known() -> None:
    assert user_of_peer(("192.0.2.1", 1), ("192.0.2.2", 2)) is None
    assert user_of_peer(("no address", 1), ("127.0.0.1", 2)) is None
    assert user_of_peer(None, None) is None
