"""The whole command over fuzzed pictures of every format, with good ones among them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from bench.memory import Memory, watch
from damaged_pictures import ENDINGS, write_damaged, write_whole
from processes import run, start
from witness import Witness, logging_batches

PRIVATE_BYTES = 1 << 30
"""What the command and its reading processes may hold together; measured were 0.37 GB. The tiny
model and torch take most of it, each reading process 30 MB and its picture."""
FILE_SECONDS = 10.0


def index(folder: Path, witness: Witness) -> tuple[subprocess.Popen[bytes], bytes, Memory]:
    """Index the folder in a process of its own; return it, what it said, and its peaks."""
    environment = os.environ | witness.environment
    with tempfile.TemporaryFile() as talk:
        process = start("index", folder, env=environment, stdout=talk, stderr=talk)
        peaks = watch(process)
        talk.seek(0)
        return process, talk.read(), peaks


def names_found(folder: Path) -> set[str]:
    lines = run("anything", folder, "-n", "-t", "0", "--json").stdout.splitlines()
    return {Path(json.loads(line)["path"]).name for line in lines}


def index_twice(folder: Path, num_bad: int, num_good: int) -> None:
    """Hold a first run over good and damaged pictures, and a second one, to what is promised."""
    album = folder / "album"
    album.mkdir()
    bad, good = write_damaged(album, num_bad), write_whole(album, num_good)
    first = Witness(folder / "first")
    process, talk, peaks = index(album, first)
    assert process.returncode == 0, talk.decode()
    assert b"Traceback" not in talk
    assert {path.name for path in good} <= names_found(album)
    assert first.num_begun >= len(bad) + len(good)
    assert max(first.seconds) < FILE_SECONDS
    assert first.num_begun - len(first.seconds) <= talk.count(b"crashed")
    assert peaks.private < PRIVATE_BYTES
    batches = Path(os.environ["BATCH_LOG"])
    encoded = batches.read_bytes()
    second = Witness(folder / "second")
    process, talk, _ = index(album, second)
    assert process.returncode == 0
    assert b"bad-" not in talk, "a failure was told again"
    assert second.num_begun == 0, "a file was read again"
    assert batches.read_bytes() == encoded, "a picture was encoded again"


@pytest.fixture(autouse=True)
def batch_log(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in logging_batches(tmp_path / "batches").items():
        monkeypatch.setenv(name, value)


def test_fuzzed_pictures_cost_no_good_one_and_are_read_once(tmp_path: Path) -> None:
    index_twice(tmp_path, 3 * len(ENDINGS), len(ENDINGS))


@pytest.mark.long
def test_a_thousand_fuzzed_pictures_cost_none_of_two_hundred(tmp_path: Path) -> None:
    index_twice(tmp_path, 1000, 200)
