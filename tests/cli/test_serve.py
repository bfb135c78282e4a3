"""`clipfind serve`: where it listens, what it prints, and how it opens the browser."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest
from processes import COMMAND, Finished, Word, run
from raw_http import RawClient

from rclip_like.cli.serve import USUAL_PORT

ADDRESS = re.compile(r"http://(.+):(\d+)/\?token=([\w-]{43})\n")


@dataclass
class Page:
    """What a running server printed on stdout."""

    line: str

    @property
    def parts(self) -> tuple[str, int, str]:
        match = ADDRESS.fullmatch(self.line)
        assert match, self.line
        return match[1], int(match[2]), match[3]

    @property
    def client(self) -> RawClient:
        return RawClient(self.line.strip())


Serve = Callable[..., AbstractContextManager[tuple[Page, "subprocess.Popen[bytes]"]]]


@pytest.fixture
def serve(pictures: Path, database: Path, tiny_model: Path) -> Serve:
    """Return what serves the pictures to the end of a block; give the page and the process."""

    @contextmanager
    def serving(*arguments: Word, **variables: str) -> Iterator[tuple[Page, object]]:
        own = ("--db", database, "--model", tiny_model, "--no-index")
        process = subprocess.Popen(
            [*COMMAND, "serve", pictures, *own, *arguments],
            env={**os.environ, "SSH_CONNECTION": "", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], 60)
            assert ready
            yield Page(process.stdout.readline().decode()), process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=30)

    return serving


def way_out() -> str:
    """Return the address of this machine in front of other networks, empty if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return ""


def end(process: subprocess.Popen[bytes]) -> Finished:
    """Interrupt a server and return what it said besides the address."""
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def test_it_prints_one_address_and_ends_with_the_status_of_ctrl_c(serve: Serve) -> None:
    with serve("--no-open", "--port", "0") as (page, process):
        host, port, _ = page.parts
        assert (host, page.client.sign_in().get("/").status) == ("127.0.0.1", 200)
        assert port not in (0, USUAL_PORT)
        ended = end(process)
    assert (ended.returncode, ended.stdout) == (130, b"")
    assert ended.stderr.decode() == "clipfind: Ctrl-C ends the page\nclipfind: stopped\n"


def test_who_comes_by_ssh_is_told_how_to_see_it(serve: Serve) -> None:
    with serve("--no-open", "--port", "0", SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22") as (
        page,
        process,
    ):
        port = page.parts[1]
        told = end(process).stderr.decode()
    tunnel = f"ssh -L {port}:127.0.0.1:{port} {socket.gethostname()}\n"
    assert f"clipfind: to open it where you sit, type there: {tunnel}" in told


def test_quiet_prints_the_address_alone(serve: Serve) -> None:
    with serve("--no-open", "--port", "0", "--quiet") as (page, process):
        assert page.parts
        assert end(process).stderr == b""


def test_clients_that_leave_early_are_nothing_to_talk_about(serve: Serve) -> None:
    with serve("--no-open", "--port", "0") as (page, process):
        client = page.client.sign_in()
        body = client.head("POST", "/api/paths", {"Content-Length": "500"}) + b"{"
        for data in (b"", b"GET / HT", b"\0\r\n\r\n", body, client.head("GET", "/api/folders")):
            with client.connect() as connection:
                connection.sendall(data)
        with client.connect() as connection:
            connection.sendall(body)
            assert client.get("/api/progress").status == 200
            stderr = end(process).stderr.decode()
    assert stderr == "clipfind: Ctrl-C ends the page\nclipfind: stopped\n"


def test_nobody_else_can_listen_on_the_port_meanwhile(serve: Serve, tmp_path: Path) -> None:
    with serve("--no-open", "--port", "0") as (page, _):
        _, port, _ = page.parts
        finished = run("serve", tmp_path, "--no-open", "--port", str(port))
        assert (finished.returncode, finished.stdout) == (2, b"")
        assert f"port {port} is in use, perhaps by another clipfind serve".encode() in (
            finished.stderr
        )


def test_without_a_port_a_second_server_takes_another(serve: Serve) -> None:
    with serve("--no-open") as (first, _), serve("--no-open") as (second, _):
        ports = [page.parts[1] for page in (first, second)]
        assert len(set(ports)) == 2
        # Sessions lie side by side in one browser, whose cookies go to all ports.
        clients = [page.client.sign_in() for page in (first, second)]
        both = "; ".join(client.cookie for client in clients)
        assert [client.get("/", Cookie=both).status for client in clients] == [200, 200]


@pytest.mark.parametrize(("host", "shown"), [("::1", "[::1]"), ("localhost", "127.0.0.1")])
def test_it_listens_on_this_machine_by_other_addresses(serve: Serve, host: str, shown: str) -> None:
    with serve("--no-open", "--port", "0", "--host", host) as (page, process):
        assert page.parts[0] == shown
        assert page.client.sign_in().get("/").status == 200
        assert b"encrypted" not in end(process).stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_listening_for_others_is_warned_of_even_quietly(serve: Serve, host: str) -> None:
    with serve("--no-open", "--port", "0", "--host", host, "--quiet") as (page, process):
        assert page.parts[0] == "127.0.0.1"
        client = page.client.sign_in()
        for name in ("127.0.0.1", "localhost", socket.gethostname()):
            assert client.get("/", Host=f"{name}:{client.port}").status == 200
        assert client.get("/", Host=f"evil.example:{client.port}").status == 403
        ended = end(process)
        assert b"nothing is encrypted on the way" in ended.stderr
        for line in ended.stdout.decode().splitlines():
            assert re.fullmatch(rf"http://[^/]+:{client.port}/\?token=\S+", line)


@pytest.mark.skipif(not way_out(), reason="this machine has no address that others could use")
def test_who_listens_for_others_gets_an_address_that_they_can_use(serve: Serve) -> None:
    with serve("--no-open", "--port", "0", "--host", "0.0.0.0") as (_, process):
        assert process.stdout is not None
        page = Page(process.stdout.readline().decode())
        host, port, token = page.parts
        assert host == way_out()
        with closing(HTTPConnection(host, port, timeout=30)) as connection:
            connection.request("GET", f"/?token={token}")
            assert connection.getresponse().status < 400


@pytest.mark.parametrize("host", ["example.org", "", "127.0.0.1:80", "256.1.1.1"])
def test_a_host_that_is_no_address_is_refused(host: str) -> None:
    finished = run("serve", "--no-open", "--host", host)
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert finished.stderr.startswith(b"clipfind: --host takes an address of this machine")


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    finished = run("serve", tmp_path, "--no-open", "--host", "192.0.2.1")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert finished.stderr.startswith(b"clipfind: cannot listen on 192.0.2.1: ")


def test_without_anything_indexed_a_folder_has_to_be_named() -> None:
    finished = run("serve", "--no-open")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert finished.stderr == (
        b"clipfind: nothing is indexed yet; name a folder to show: clipfind serve FOLDER\n"
    )


@pytest.fixture
def browser(tmp_path: Path) -> tuple[str, Path]:
    """Return a command that writes down its arguments in place of a browser, and where."""
    program, log = tmp_path / "browser", tmp_path / "opened"
    program.write_text(f'#!/bin/sh\necho "$@" > {log}.part && mv {log}.part {log}\n')
    program.chmod(0o700)
    return f"{program} %s", log


def test_the_browser_gets_an_address_that_opens_once(
    serve: Serve, browser: tuple[str, Path]
) -> None:
    command, log = browser
    with serve("--port", "0", BROWSER=command) as (page, _):
        client = page.client
        end_by = time.monotonic() + 30
        while not log.exists() and time.monotonic() < end_by:
            time.sleep(0.02)
        opened = log.read_text().strip()
        start, _, token = opened.partition("?token=")
        assert start == f"{client.origin}/"
        assert token != client.token
        assert client.get(f"/?token={token}").status == 303
        assert client.get(f"/?token={token}").status == 403
        assert client.get(f"/?token={client.token}").status == 303
        assert client.get(f"/?token={client.token}").status == 303


def test_no_browser_is_started_where_there_are_no_windows(
    serve: Serve, browser: tuple[str, Path], tmp_path: Path
) -> None:
    command, log = browser
    named = tmp_path / "www-browser"  # as systems name one that takes the terminal
    named.write_text(f'#!/bin/sh\nexec {command.removesuffix(" %s")} "$@"\n')
    named.chmod(0o700)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    without = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "BROWSER": ""}
    with serve("--port", "0", PATH=path, **without) as (page, _):
        assert page.client.sign_in().get("/").status == 200
        time.sleep(0.5)
    assert sys.platform == "darwin" or not log.exists()
