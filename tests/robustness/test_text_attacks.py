"""`index --read-text` under attack: each picture costs itself, and nothing that was read is lost.

The recogniser is the real one. Where it would not misbehave by itself, it is told to by the colour
of a picture.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from index_states import integrity
from PIL import Image
from private_mounts import needs_mounts, run_on_small_disk
from processes import all_end, children, run, run_on_terminal, start
from signs import needs_ocr, write_sign

pytestmark = needs_ocr

MISBEHAVING = '''
import rclip_like.images.process as process

process._PROGRAM = process._PROGRAM.replace("serve()\\n", """
import os, signal, time
from rclip_like.images import recognition_worker as worker

def misbehave(engine, request, pixels):
    colour = tuple(pixels[:3])
    if colour == (255, 0, 0):
        open(os.environ["REACHED"], "w").close()
        if "PATIENCE" in os.environ:
            signal.setitimer(signal.ITIMER_REAL, float(os.environ["PATIENCE"]))
        time.sleep(600)
    if colour == (0, 255, 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if colour == (0, 0, 255):
        swollen = []
        while True:
            swollen.append(bytearray(1 << 29))
    if colour == (255, 255, 0):
        os.abort()
    return answer(engine, request, pixels)

if hasattr(worker, "_answer"):
    answer, worker._answer = worker._answer, misbehave
serve()
""")
'''
COLOURS = {"hangs": "#ff0000", "killed": "#00ff00", "swells": "#0000ff", "crashes": "#ffff00"}


@pytest.fixture
def reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let recognisers misbehave; return the file that appears when one hangs."""
    (tmp_path / "customs").mkdir()
    (tmp_path / "customs" / "sitecustomize.py").write_text(MISBEHAVING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "customs"))
    monkeypatch.setenv("REACHED", str(tmp_path / "reached"))
    return tmp_path / "reached"


def paint(folder: Path, *names: str) -> None:
    """Write small pictures, each of one colour: one of COLOURS, or a plain one for a number."""
    for name in names:
        path = folder / f"{name}.png"
        Image.new("RGB", (60, 40), COLOURS.get(name) or f"#8020{int(name):02x}").save(path)
        an_hour_ago = time.time() - 3600
        os.utime(path, (an_hour_ago, an_hour_ago))


@pytest.fixture
def album(tmp_path: Path, tiny: Path) -> Path:
    """Return a folder of two signs, to which more is added."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("harbour", "station"):
        write_sign(folder / f"{name}.png", name)
    return folder


def texts(database: Path) -> list[tuple[str, str]]:
    """Return text and reader of each picture whose text was looked for."""
    with closing(sqlite3.connect(database)) as connection:
        question = "SELECT text, made_by FROM words WHERE source = 'text' ORDER BY text"
        return connection.execute(question).fetchall()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_each_attack_costs_its_picture_and_retry_tries_it_again(
    album: Path, tiny: Path, reached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(album, *COLOURS)
    run("index", album)
    monkeypatch.setenv("PATIENCE", "1")  # seconds instead of a quarter of an hour
    finished = run("index", album, "--read-text")
    assert finished.returncode == 0, finished.stderr
    said = finished.stderr.decode()
    for name, reason in (
        ("hangs", "took too long to read: the disk or the machine stood still"),
        ("killed", "the text recognition was killed"),
        ("swells", "the text recognition failed: MemoryError"),
        ("crashes", "the text recognition crashed"),
    ):
        assert f"{name}.png: {reason}" in said
    assert "text read in 2 pictures, found in 2" in said
    found = texts(tiny)
    assert [text for text, _ in found] == ["", "", "harbour", "station"]
    assert [made_by.endswith(", failed") for _, made_by in found] == [True, True, False, False]

    monkeypatch.delenv("PYTHONPATH")
    assert b"text read in 2 pictures, found in 0" in run("index", album, "--read-text").stderr
    assert b"text read in 0 pictures" in run("index", album, "--read-text").stderr
    again = run("index", album, "--read-text", "--retry")
    assert b"text read in 2 pictures, found in 0" in again.stderr
    assert not any(made_by.endswith(", failed") for _, made_by in texts(tiny))


def test_ctrl_c_while_one_hangs_keeps_what_was_read(album: Path, tiny: Path, reached: Path) -> None:
    paint(album, "hangs")
    (album / "hangs.png").rename(album / "z-hangs.png")
    run("index", album)
    process = start("index", album, "--read-text")
    wait_until(reached.exists)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 128 + signal.SIGINT
    assert [text for text, _ in texts(tiny)] == ["harbour", "station"]


def test_a_recogniser_that_is_killed_from_outside_costs_one_picture(
    album: Path, tiny: Path
) -> None:
    paint(album, *map(str, range(24)))
    run("index", album)
    process = start("index", album, "--read-text", stderr=-1)
    killed: list[int] = []

    def kill_recogniser() -> bool:
        for child in children(process.pid):
            try:
                command = Path(f"/proc/{child}/cmdline").read_bytes()
            except OSError:
                continue
            if b"recognition_worker" in command and b"serve" in command:
                os.kill(child, signal.SIGKILL)
                killed.append(child)
        return bool(killed)

    wait_until(lambda: b"onnxruntime" in maps_of_children(process.pid))
    kill_recogniser()
    assert killed
    _, said = process.communicate(timeout=120)
    assert process.returncode in (0, 2), said
    if process.returncode == 0:
        assert len(texts(tiny)) >= 25
    else:  # killed before it was ready for the first picture
        assert b"no process to recognise text with" in said
    run("index", album, "--read-text")
    assert len(texts(tiny)) == 26


def maps_of_children(pid: int) -> bytes:
    found = b""
    for child in children(pid):
        try:
            found += Path(f"/proc/{child}/maps").read_bytes()
        except OSError:
            continue
    return found


def test_kill_9_amid_reading_keeps_each_batch_and_leaves_no_process(
    album: Path, tiny: Path, reached: Path
) -> None:
    paint(album, *map(str, range(66)), "hangs")
    (album / "hangs.png").rename(album / "z-hangs.png")
    run("index", album)
    process = start("index", album, "--read-text")
    wait_until(reached.exists)
    readers = children(process.pid)
    process.kill()
    process.wait()
    assert all_end(readers)
    kept = len(texts(tiny))
    assert kept > 0  # 64 if they were read within the five seconds after which a batch ends, too
    assert integrity(tiny) == "ok"
    (album / "z-hangs.png").unlink()
    finished = run("index", album, "--read-text")
    assert f"text read in {68 - kept} pictures".encode() in finished.stderr
    assert len(texts(tiny)) == 68


def test_progress_is_counted_on_a_terminal(album: Path) -> None:
    paint(album, *map(str, range(20)))
    run("index", album)
    shown = run_on_terminal("index", album, "--read-text", streams=("stderr",))
    assert shown.status == 0
    assert "reading text" in shown.text
    assert "/22" in shown.text


FULL = """
import os, subprocess, sys
from pathlib import Path
model, album, disk = map(Path, sys.argv[1:])
command = [sys.executable, "-m", "rclip_like", "index", album, "--model", model, "--db", disk / "i"]
subprocess.run(command, check=True)
room = os.statvfs(disk)
with open(disk / "filler", "wb") as file:
    os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize)
full = subprocess.run([*command, "--read-text"], capture_output=True, text=True)
assert full.returncode == 2, full
assert "full" in full.stderr.splitlines()[-1] and str(disk / "i") in full.stderr, full.stderr
assert "Traceback" not in full.stderr
(disk / "filler").unlink()
after = subprocess.run([*command, "--read-text"], capture_output=True, text=True, check=True)
assert "text read in 2 pictures, found in 2" in after.stderr, after.stderr
"""


@needs_mounts
def test_a_full_disk_is_named_and_the_next_run_goes_on(
    album: Path, tmp_path: Path, tiny_model: Path
) -> None:
    (tmp_path / "full.py").write_text(FULL)
    run_on_small_disk(tmp_path / "disk", "4m", tmp_path / "full.py", tiny_model, album)
