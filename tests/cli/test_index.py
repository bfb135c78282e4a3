"""`clipfind index`: exit status, talk, progress, and how it is interrupted."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from bound_by_rights import needs_rights, run_without_override
from PIL import Image
from processes import read_terminal, run, run_on_terminal, start, write_pictures
from raw_files import dng
from witness import logging_batches

from rclip_like.store import Store

MANY = tuple(f"{number:04}.png".encode() for number in range(400))

# Two seconds where the machine has nothing else to do; the tests run two at a time.
SOON_SECONDS = 8


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of so many pictures that indexing it takes seconds."""
    return write_pictures(tmp_path_factory.mktemp("many") / "pictures", MANY)


def _num_indexed(database: Path) -> int:
    with Store.open_readonly(database) as store:
        return store.count_files()


def test_a_run_is_summed_up_on_stderr_and_prints_nothing(tiny: Path, pictures: Path) -> None:
    finished = run("index", pictures)
    assert (finished.returncode, finished.stdout) == (0, b"")
    assert b"3 pictures, 3 encoded" in finished.stderr
    assert b"3 unchanged" in run("index", pictures).stderr


def test_limits_of_reading_are_set_by_options(tiny: Path, pictures: Path) -> None:
    (pictures / "cut.png").write_bytes((pictures / "one.png").read_bytes()[:-3000])
    tight = run("index", "--max-megapixels", "0.001", pictures)
    assert b"has more than 0.001 megapixels; --max-megapixels sets the limit" in tight.stderr
    assert b"3 encoded" in run("index", pictures).stderr
    found = run("search", "--accept-truncated", "-f", "cat", pictures)
    assert b"cut.png" in found.stdout


def test_a_truncated_picture_names_its_remedy_which_helps_as_a_query_too(
    tiny: Path, tmp_path: Path
) -> None:
    pictures = write_pictures(tmp_path / "album")
    (tmp_path / "cut.png").write_bytes((pictures / "one.png").read_bytes()[:-400])
    told = b"cut.png: truncated; --accept-truncated reads the part that is there"
    assert told in run("index", tmp_path / "cut.png").stderr
    refused = run("search", tmp_path / "cut.png", pictures)
    assert refused.returncode == 2
    assert told in refused.stderr
    taken = run("search", tmp_path / "cut.png", pictures, "--accept-truncated", "-f", "-t1")
    assert (taken.returncode, taken.stdout.endswith(b"one.png\n")) == (0, True)


def test_raw_files_passed_over_are_counted_and_those_indexed_before_stay_unseen(
    tiny: Path, tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "album", (b"IMG_1.jpg", b"other.jpg"))
    for name in ("img_1.DNG", "IMG_2.dng"):
        (folder / name).write_bytes(dng(Image.effect_noise((64, 64), 60)))
    first = run("index", folder).stderr
    assert b"3 pictures, 3 encoded, " in first
    assert b"1 raw file beside a picture passed over" in first
    assert b"--raw-pairs" not in run("status").stdout
    both = run("index", "--raw-pairs", folder).stderr
    assert b"4 pictures" in both
    assert b"passed over" not in both
    assert b"passed over" in run("index", folder).stderr
    assert b"4 files" in run("status", folder).stdout
    assert b"1 raw file beside a JPEG or HEIC of the same name, shown" in run("status").stdout
    assert json.loads(run("status", "--json", folder / "IMG_2.dng").stdout)["raw_pairs"] == 0
    assert b"dropped: nothing" in run("prune").stderr


def test_quiet_says_nothing(tiny: Path, pictures: Path) -> None:
    finished = run("index", "--quiet", pictures)
    assert (finished.returncode, finished.stderr) == (0, b"")


def test_an_unreadable_picture_is_named_and_changes_the_status_with_strict_only(
    tiny: Path, tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "damaged")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    finished = run("index", folder)
    assert finished.returncode == 0
    assert b"broken.jpg: " in finished.stderr
    assert b"1 unreadable" in finished.stderr
    assert b"broken.jpg: " not in run("index", folder).stderr
    assert run("index", "-v", folder).stderr.count(b"broken.jpg: ") == 1
    assert run("index", "-v", "--retry", folder).stderr.count(b"broken.jpg: ") == 1
    strict = run("index", "--strict", "--quiet", folder)
    assert (strict.returncode, strict.stderr.count(b"\n")) == (2, 1)
    assert b"1 picture cannot be read; 'clipfind status -v' names them" in strict.stderr
    assert b"broken.jpg: " in run("status", "-v").stdout
    assert b'"broken.jpg' not in run("status").stdout
    assert b"broken.jpg" in run("status", "--json").stdout
    assert b"cannot be read" in run("cat", folder / "broken.jpg").stderr


def test_a_path_that_is_not_there_exits_with_two_and_the_others_are_indexed(
    tiny: Path, pictures: Path, tmp_path: Path
) -> None:
    finished = run("index", tmp_path / "gone", pictures)
    assert finished.returncode == 2
    assert b"gone: not there" in finished.stderr
    listed = f"{tmp_path / 'gone'}\n{pictures}\n".encode()
    assert run("index", "--files-from", "-", input=listed).returncode == 2
    assert _num_indexed(tiny) == 3
    assert run("index", tmp_path / "gone").returncode == 2


@pytest.mark.parametrize("listed", [False, True])
def test_what_is_neither_folder_nor_file_is_named_and_the_others_are_indexed(
    tiny: Path, pictures: Path, tmp_path: Path, listed: bool
) -> None:
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "broken.jpg").symlink_to("nowhere")
    paths = [tmp_path / "fifo.jpg", tmp_path / "broken.jpg", pictures]
    if listed:
        finished = run("index", "--files-from", "-", input=b"\n".join(map(os.fsencode, paths)))
    else:
        finished = run("index", *paths)
    assert finished.returncode == 2
    for path in paths[:2]:
        assert b"%s: neither a folder nor a regular file" % os.fsencode(path) in finished.stderr
    assert _num_indexed(tiny) == 3


def test_no_wait_leaves_at_once_with_zero_while_another_run_indexes(
    tiny: Path, pictures: Path
) -> None:
    with Store.open(tiny, create=True) as store, store.writing(wait=False):
        finished = run("index", "--no-wait", pictures)
    assert finished.returncode == 0
    assert finished.stderr.count(b"\n") == 1
    assert _num_indexed(tiny) == 0


def test_a_search_answers_while_another_run_indexes(
    tiny: Path, pictures: Path, tmp_path: Path
) -> None:
    assert run("index", pictures).returncode == 0
    with Store.open(tiny, create=False) as store, store.writing(wait=False):
        finished = run("blue", pictures, "-f")
    assert len(finished.stdout.splitlines()) == 3
    assert finished.stderr.count(b"\n") == 1


def test_a_terminal_gets_a_bar_with_the_rate_that_goes_away(tiny: Path, many: Path) -> None:
    shown = run_on_terminal("index", many, streams=("stderr",))
    assert shown.status == 0
    assert "pictures/s" in shown.text
    assert "400/400" in shown.text
    assert run_on_terminal("index", many, "-q", streams=("stderr",)).text == ""


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_a_signal_ends_a_run_soon_and_keeps_what_is_done(
    tiny: Path, many: Path, number: signal.Signals, status: int, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    process = start("index", many, stderr=theirs, env=os.environ | _log(tmp_path))
    os.close(theirs)
    _wait_for_second_line(tmp_path / "batches")
    process.send_signal(number)
    sent_at = time.monotonic()
    assert process.wait(timeout=30) == status
    assert time.monotonic() - sent_at < SOON_SECONDS
    assert "Traceback" not in read_terminal(ours)
    os.close(ours)
    assert 0 < _num_indexed(tiny) < len(MANY)
    assert run("index", many).returncode == 0
    assert _num_indexed(tiny) == len(MANY)


def _log(folder: Path) -> dict[str, str]:
    return logging_batches(folder / "batches")


def _wait_for_second_line(log: Path) -> None:
    """Wait until a second batch is begun, which is when the first one has been committed."""
    until = time.monotonic() + 60
    while not log.exists() or log.read_bytes().count(b"\n") < 2:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_max_time_stops_cleanly_and_the_next_run_goes_on(
    tiny: Path, pictures: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(pictures, tmp_path / "copy")
    finished = run("index", "--max-time", "0.001", folder)
    assert finished.returncode == 1
    assert b"the next run continues" in finished.stderr
    assert run("index", folder).returncode == 0
    assert _num_indexed(tiny) == 3


def test_a_search_says_how_many_pictures_are_missing(tiny: Path, many: Path) -> None:
    finished = run("blue", many, "--max-time", "0.001")
    assert re.search(rb"\d+ pictures? not indexed yet|time was up", finished.stderr)
    assert b"clipfind index" in finished.stderr


INDEXING = """
import subprocess, sys
done = subprocess.run([sys.executable, "-m", "rclip_like", *sys.argv[1:]], capture_output=True)
print(done.returncode, done.stdout + done.stderr)
"""


@needs_rights
@pytest.mark.parametrize("name", ["one.png", "deep"])
def test_what_may_not_be_opened_is_named_and_counted_and_strict_minds_it(
    tiny: Path, tmp_path: Path, name: str
) -> None:
    folder = write_pictures(tmp_path / "album")
    (folder / name).chmod(0)
    told = run_without_override(INDEXING, "index", folder)
    assert told.startswith("0 ")
    assert f"{folder / name}: Permission denied" in told
    assert "1 out of reach" in told
    told = run_without_override(INDEXING, "index", folder, "--strict", "--quiet")
    assert told.startswith("2 ")
    assert f"{folder / name}: Permission denied" in told
