"""Nothing is sent and nothing strewn: what a run asks of the network, and where it writes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from fresh_user import FreshUser, fresh_user
from processes import Word, write_pictures
from raw_http import RawClient
from reporting_clipfind import COMMAND
from signs import write_sign
from tiny_model import make_tiny_model
from witness import logging_batches

from rclip_like.telemetry import SWITCHES

HELD_OPEN_SECONDS = 45
"""ONNX Runtime reports for the first time after some twenty."""
HAS_STRACE = shutil.which("strace") is not None
needs_strace = pytest.mark.skipif(not HAS_STRACE, reason="there is no strace to see calls with")
_CALLS = ("connect", "sendto", "sendmsg", "sendmmsg")
_CALL = re.compile(rf"^\d+ +({'|'.join(_CALLS)})\(.*")


@dataclass(frozen=True)
class Seen:
    """What strace saw: calls that reach for an address, and programs with their environment."""

    calls: list[str]
    programs: list[str]


@dataclass(frozen=True)
class Run:
    """A run that ended well, by whom, and what was seen of it where there is strace."""

    user: FreshUser
    seen: Seen | None


def _traced(command: Sequence[Word], trace: Path) -> list[Word]:
    """Return a command that does the same under strace; what it would send fails, unsent."""
    watched = ["-e", f"trace={','.join(_CALLS)},execve", "-v", "-s", "65536"]
    kept_in = [word for call in _CALLS for word in ("-e", f"inject={call}:error=ENETUNREACH")]
    return ["strace", "-f", "--signal=none", "-o", trace, *watched, *kept_in, *command]


def _seen(trace: Path, stderr: bytes) -> Seen:
    if b"Operation not permitted" in stderr:
        pytest.skip(f"nothing can be traced here: {stderr.decode()}")
    lines = trace.read_text(errors="replace").splitlines()
    programs = [line for line in lines if "execve(" in line and "ENOENT" not in line]
    assert programs
    return Seen([line for line in lines if _CALL.match(line)], programs)


def _held_open(folder: Path, **variables: str) -> tuple[Seen, FreshUser]:
    """Index pictures, held at the first batch for as long as it takes to report."""
    folder.mkdir()
    user, batches = fresh_user(folder), folder / "batches"
    os.mkfifo(batches)
    process = subprocess.Popen(
        _traced([*COMMAND, "index", write_pictures(folder / "pictures")], folder / "trace"),
        env={**user.environment, **variables, **logging_batches(batches)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + HELD_OPEN_SECONDS
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
    was_held = process.poll() is None
    if was_held:
        batches.read_text()  # lets it go on
    _, stderr = process.communicate(timeout=120)
    seen = _seen(folder / "trace", stderr)
    assert was_held, stderr.decode()
    assert process.returncode == 0, stderr.decode()
    return seen, user


@pytest.fixture(scope="module")
def held_open(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Seen, FreshUser]]:
    """Return what an index run did, `silent` as clipfind makes it, `reporting` without that."""
    folder = tmp_path_factory.mktemp("held")
    variables = {"silent": {}, "reporting": {"LET_REPORT": "1"}}
    with ThreadPoolExecutor(len(variables)) as threads:
        runs = {
            name: threads.submit(_held_open, folder / name, **given)
            for name, given in variables.items()
        }
        return {name: run.result() for name, run in runs.items()}


@needs_strace
def test_a_long_index_run_reaches_for_no_address(
    held_open: dict[str, tuple[Seen, FreshUser]],
) -> None:
    seen, user = held_open["silent"]
    assert seen.calls == []
    assert user.strewn() == []


@needs_strace
def test_without_the_switches_the_same_run_would_report(
    held_open: dict[str, tuple[Seen, FreshUser]],
) -> None:
    # Else the test above could pass by looking in the wrong place, or too early.
    seen, user = held_open["reporting"]
    assert seen.calls
    assert any(name.endswith("/.onnxruntime/deviceid") for name in user.strewn())


@needs_strace
def test_every_process_of_a_run_is_told_to_report_nothing(
    held_open: dict[str, tuple[Seen, FreshUser]],
) -> None:
    seen, _ = held_open["silent"]
    _, *started = seen.programs
    assert started
    for name, value in SWITCHES.items():
        assert all(f'"{name}={value}"' in program for program in started)


def _index(folder: Path) -> list[Word]:
    return ["index", write_pictures(folder / "pictures")]


def _index_text(folder: Path) -> list[Word]:
    write_sign(folder / "sign.png", "harbour")
    return ["index", folder / "sign.png", *(["--read-text"] if find_spec("rapidocr") else [])]


def _query_by_picture(folder: Path) -> list[Word]:
    """Index pictures as somebody else and return a query by one that is not indexed."""
    index, database = _index(folder), ("--db", folder / "index.db")
    before = fresh_user(folder / "before").environment
    subprocess.run([*COMMAND, *index, *database], env=before, check=True, capture_output=True)
    query = write_pictures(folder / "query", (b"a.png",), seed=5) / "a.png"
    return ["search", query, index[1], *database]


def _train(folder: Path) -> list[Word]:
    names = [str(number) for number in range(12)]
    captions = write_pictures(folder / "captions", tuple(f"{each}.png".encode() for each in names))
    for each in names:
        (captions / f"{each}.txt").write_text(f"picture number {each}\n")
    places = ("--model", make_tiny_model(folder / "model"), "--output", folder / "trained")
    return ["train", captions, *places, "--epochs", "2", "--batch-size", "4"]


@pytest.fixture(scope="module", params=[_index, _index_text, _query_by_picture, _train])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a short run of each kind, made by a user who has just come."""
    folder = tmp_path_factory.mktemp("run")
    command: list[Word] = [*COMMAND, *request.param(folder)]
    user, trace = fresh_user(folder), folder / "trace" if HAS_STRACE else None
    if trace:
        command = _traced(command, trace)
    done = subprocess.run(command, env=user.environment, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    return Run(user, _seen(trace, done.stderr) if trace else None)


def test_a_run_leaves_nothing_outside_its_own_folders(run: Run) -> None:
    assert run.user.strewn() == []


@needs_strace
def test_a_run_reaches_for_no_address(run: Run) -> None:
    assert run.seen is not None
    assert run.seen.calls == []


_LISTENS = re.compile(r"sendto\(\d+, .*, NULL, 0(\)| <unfinished)")
"""An answer on a connection that a browser made; unfinished while another thread calls."""


@needs_strace
def test_a_page_answers_and_reaches_for_no_address(tmp_path: Path) -> None:
    user, pictures, trace = fresh_user(tmp_path), write_pictures(tmp_path / "a"), tmp_path / "trace"
    watched = ["-e", f"trace={','.join(_CALLS)},execve", "-v", "-s", "65536"]
    kept_in = ["-e", "inject=connect,sendmsg,sendmmsg:error=ENETUNREACH"]
    process = subprocess.Popen(
        [
            *("strace", "-f", "--signal=none", "-o", trace, *watched, *kept_in),
            *(*COMMAND, "serve", pictures, "--no-open", "--port", "0"),
        ],
        env=user.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    address = process.stdout.readline().decode().strip()
    if address:
        client = RawClient(address).sign_in()
        while client.get("/api/progress").json()["running"]:
            time.sleep(0.1)
        (first, *_) = client.get("/api/search?q=red").json()["items"]
        for path in (f"/thumbnail/{first['id']}?size=256", f"/original/{first['id']}", "/"):
            assert client.get(path).status == 200
        (server,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(server), signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    seen = _seen(trace, stderr)
    assert address, stderr.decode()
    assert [call for call in seen.calls if not _LISTENS.search(call)] == []
    assert any(_LISTENS.search(call) for call in seen.calls)
    assert user.strewn() == []
