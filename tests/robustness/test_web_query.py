"""A search by a picture of the web, as a real process: refused, offline, interrupted, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from processes import run, start, write_pictures
from web_server import Play, answer, png, saying, serving

# The command line itself, where the system takes its time to look a name up.
SLOW_NAMES = """
import os, socket, sys, time
from rclip_like.cli import entry
def look_up(*_, **__):
    os.write(1, b"asked\\n")
    time.sleep(600)
socket.getaddrinfo = look_up
sys.exit(entry.run(sys.argv[1:]))
"""


@pytest.fixture
def environment(tmp_path: Path, tiny_model: Path) -> dict[str, str]:
    """Return the environment of an online user with the tiny model and a TMPDIR of its own."""
    (tmp_path / "lent").mkdir()
    own = {"CLIPFIND_MODEL": str(tiny_model), "CLIPFIND_DB": str(tmp_path / "index.db")}
    return (
        os.environ
        | own
        | {"TMPDIR": str(tmp_path / "lent"), "no_proxy": "*"}
        | {"HF_HUB_OFFLINE": ""}
    )


def test_a_local_address_and_offline_are_refused_in_one_sentence(
    environment: dict[str, str], tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "photos")
    with serving(saying(answer(png()))) as server:
        for more, why in (((), b"not a public address"), (("--offline",), b"leave out --offline")):
            done = run(server.url, folder, *more, env=environment)
            assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
            assert done.stderr.startswith(f"clipfind: {server.url}: ".encode())
            assert why in done.stderr
        assert server.requests == []
    assert not (tmp_path / "index.db").exists()


def test_whoever_types_it_may_ask_the_own_network(
    environment: dict[str, str], tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "photos")
    with serving(saying(answer((folder / "two.png").read_bytes()))) as server:
        search = (server.url, folder, "-f", "-t1")
        done = run(*search, "--allow-private", env=environment)
        assert (done.returncode, done.stdout) == (0, os.fsencode(folder / "two.png") + b"\n")
        # Neither the environment nor a file opens the own network to what is typed later.
        done = run(*search, env=environment | {"CLIPFIND_ALLOW_PRIVATE": "1"})
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"ask for it with --allow-private" in done.stderr
        (tmp_path / "config.toml").write_text("allow-private = true\n")
        done = run(*search, env=environment | {"CLIPFIND_CONFIG": str(tmp_path / "config.toml")})
        assert (done.returncode, b"allow-private" in done.stderr) == (2, True)
    assert len(server.requests) == 1


def slowly_decoded(folder: Path) -> Play:
    path = folder / "slow.png"
    Image.new("1", (22_000, 22_000)).save(path)
    return saying(answer(path.read_bytes()))


def never_ending(folder: Path) -> Play:
    return lambda connection, line: (connection.sendall(b"HTTP/1.1 200 OK\r\n"), time.sleep(2))[1]


def has_a_reader(process: subprocess.Popen[bytes]) -> bool:
    listings = Path(f"/proc/{process.pid}/task").glob("*/children")
    return any(listing.read_text().strip() for listing in listings)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("make", [slowly_decoded, never_ending])
def test_a_signal_leaves_no_picture_behind(
    environment: dict[str, str], tmp_path: Path, number: signal.Signals, make: object
) -> None:
    folder, lent = write_pictures(tmp_path / "photos"), tmp_path / "lent"
    play: Play = make(tmp_path)  # type: ignore[operator]
    with serving(play) as server:
        process = start(
            server.url, folder, "--allow-private", env=environment, stderr=subprocess.PIPE
        )
        until = time.monotonic() + 60
        while not (has_a_reader(process) if make is slowly_decoded else server.requests):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.005)
        process.send_signal(number)
        _, talk = process.communicate(timeout=60)
    is_killed = number == signal.SIGKILL
    assert process.returncode == (-number if is_killed else 128 + number)
    assert talk.count(b"\n") == (not is_killed)
    assert list(lent.iterdir()) == []


def test_ctrl_c_is_heard_while_a_name_is_looked_up(
    environment: dict[str, str], tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "photos")
    command = [sys.executable, "-c", SLOW_NAMES, "https://pictures.example/cat.jpg", str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"asked\n"
        process.send_signal(signal.SIGINT)
        _, talk = process.communicate(timeout=10)
    assert (process.returncode, talk.count(b"\n")) == (130, 1)
