"""`clipfind preview`, and `search --preview`, as processes on terminals and in pipes."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from answering_terminal import talk_with
from PIL import Image
from processes import read_terminal, run, run_on_terminal, start
from raw_files import dng
from terminal_pictures import blocks_in, kitty_in, sixels_in

BLOCK = "\u2580"
FULL_ANSWER = b"\x1b[6;20;10t\x1b[?62;4;22c"


@pytest.fixture(autouse=True)
def unknown_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say of the terminal only that it is some xterm, with 24 bits of colour."""
    for name in ("TMUX", "STY", "KITTY_WINDOW_ID", "TERM_PROGRAM", "NVIM", "ZELLIJ"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Return a picture that is red on its left and blue on its right."""
    image = Image.new("RGB", (200, 100), (220, 20, 20))
    image.paste((20, 20, 220), (100, 0, 200, 100))
    image.save(tmp_path / "halves.png")
    return tmp_path / "halves.png"


def assert_halves(pixels: np.ndarray) -> None:
    middle = pixels[pixels.shape[0] // 2].astype(int)
    assert np.abs(middle[2] - (220, 20, 20)).max() < 30
    assert np.abs(middle[-3] - (20, 20, 220)).max() < 30


def test_a_picture_is_drawn_into_a_pipe_in_the_size_given(picture: Path) -> None:
    finished = run("preview", picture, "--size", "40x20")
    assert (finished.returncode, finished.stderr) == (0, b"")
    pixels = blocks_in(finished.stdout.decode().splitlines())
    assert pixels.shape == (20, 40, 3)
    assert_halves(pixels)


@pytest.mark.parametrize("protocol", ["sixel", "kitty"])
def test_another_protocol_is_drawn_when_it_is_asked_for(protocol: str, picture: Path) -> None:
    shown = run("preview", picture, "--size", "40x20", "--preview-protocol", protocol).stdout
    assert_halves(sixels_in(shown) if protocol == "sixel" else np.asarray(kitty_in(shown)[0]))


def test_the_protocol_can_be_set_once(picture: Path, own_folders: Path) -> None:
    (own_folders / "config.toml").write_text('preview-protocol = "sixel"\n')
    assert run("preview", picture, "--size", "40x20").stdout.count(b"\x1bP") == 1
    environment = os.environ | {"CLIPFIND_PREVIEW_PROTOCOL": "blocks"}
    assert b"\x1bP" not in run("preview", picture, "--size", "40x20", env=environment).stdout


def test_the_size_that_fzf_gives_is_taken(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FZF_PREVIEW_COLUMNS", "31")
    monkeypatch.setenv("FZF_PREVIEW_LINES", "20")
    assert blocks_in(run("preview", picture).stdout.decode().splitlines()).shape == (16, 30, 3)
    sized = run("preview", picture, "--size", "10x20").stdout.decode()
    assert blocks_in(sized.splitlines()).shape == (6, 10, 3)


@pytest.mark.parametrize("size", ["", "x", "0x5", "5x0", "5", "-1x5", "5x5x5", "99999x5"])
def test_a_size_that_is_none_is_refused(size: str, picture: Path) -> None:
    finished = run("preview", picture, f"--size={size}")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert b"--size wants columns and rows, as 80x24" in finished.stderr


def test_in_a_pipe_a_size_is_needed(picture: Path) -> None:
    finished = run("preview", picture)
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert b"say how large the picture may be: --size 80x24" in finished.stderr


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, reason in (
        ("letter.txt", b"not a picture in a known format"),
        ("cut.jpg", b"cut.jpg: "),
        ("pipe.jpg", b"is not a regular file"),
        ("", b"is not a regular file"),
        ("gone.jpg", b"No such file or directory"),
        ("\x1b[31m.jpg", b"\\x1b[31m.jpg: No such file"),
    ):
        finished = run("preview", tmp_path / name, "--size", "10x10", timeout=20)
        assert (finished.returncode, finished.stdout) == (2, b"")
        assert reason in finished.stderr


def test_raw_files_and_odd_names_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    pixels = np.full((64, 96, 3), 90, np.uint8)
    name = os.fsencode(tmp_path) + b"/-\xff\n.dng"
    Path(os.fsdecode(name)).write_bytes(dng(Image.fromarray(pixels)))
    finished = run("preview", "--size", "20x20", "--", b"-\xff\n.dng", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert BLOCK.encode() in finished.stdout


def test_a_name_that_begins_with_a_tilde_is_that_file(tmp_path: Path, picture: Path) -> None:
    (tmp_path / "~").mkdir()
    picture.rename(tmp_path / "~" / "x.png")
    assert run("preview", "~/x.png", "--size", "20x20", cwd=tmp_path).returncode == 0
    environment = os.environ | {"HOME": str(tmp_path / "~")}
    (tmp_path / "other").mkdir()
    finished = run("preview", "~/x.png", "--size=9x9", cwd=tmp_path / "other", env=environment)
    assert finished.returncode == 0


def test_the_terminal_is_asked_and_its_answer_taken(picture: Path) -> None:
    talked = talk_with("preview", picture, answer=FULL_ANSWER)
    assert (talked.status, talked.was_asked, talked.left) == (0, True, b"")
    pixels = sixels_in(talked.shown)
    assert pixels.shape == (100, 200, 3)
    assert_halves(pixels)


def test_a_terminal_without_sixels_gets_blocks(picture: Path) -> None:
    talked = talk_with("preview", picture, answer=b"\x1b[?62;22c")
    assert (talked.status, talked.was_asked, talked.left) == (0, True, b"")
    assert BLOCK.encode() in talked.shown
    assert b"\x1bP" not in talked.shown


def test_a_terminal_that_answers_nothing_costs_a_second(picture: Path) -> None:
    talked = talk_with("preview", picture)
    assert (talked.status, talked.was_asked) == (0, True)
    assert talked.seconds < 20
    assert BLOCK.encode() in talked.shown


def test_what_is_typed_ahead_stays(picture: Path) -> None:
    talked = talk_with("preview", picture, answer=FULL_ANSWER, typed_ahead=b"ls -l")
    assert (talked.status, talked.was_asked, talked.left) == (0, False, b"ls -l")
    assert BLOCK.encode() in talked.shown


def test_nothing_is_asked_where_stdin_is_not_the_terminal(picture: Path) -> None:
    talked = talk_with("preview", picture, answer=FULL_ANSWER, stdin=subprocess.DEVNULL)
    assert (talked.status, talked.was_asked) == (0, False)
    shown = run_on_terminal("preview", picture, streams=("stdout",))
    assert shown.status == 0
    assert "\x1b[c" not in shown.text
    assert BLOCK in shown.text


def test_nothing_is_asked_where_variables_tell_enough(
    picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")
    talked = talk_with("preview", picture, pixels=(800, 480))
    assert not talked.was_asked
    assert kitty_in(talked.shown)[0].size == (200, 100)
    monkeypatch.setenv("TERM", "foot")
    talked = talk_with("preview", picture, pixels=(800, 480))
    assert not talked.was_asked
    assert_halves(sixels_in(talked.shown))


def test_search_draws_only_on_a_terminal(indexed: Path) -> None:
    plain = run("blue", "pictures", "-n")
    piped = run("blue", "pictures", "-n", "-p", "--color", "always")
    assert piped.returncode == 0
    assert BLOCK.encode() not in piped.stdout
    assert run("blue", "pictures", "-n", "-p").stdout == plain.stdout
    shown = run_on_terminal("blue", "pictures", "-n", "-p", streams=("stdout",))
    assert BLOCK in shown.text
    assert all(name in shown.text for name in ("one.png", "two.png", "deep/three.jpg"))


def test_a_dumb_terminal_gets_the_table(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    shown = run_on_terminal("blue", "pictures", "-n", "-p", streams=("stdout",))
    assert BLOCK not in shown.text
    assert "  score  path" in shown.text


def test_names_change_nothing_on_the_terminal(indexed: Path) -> None:
    shown = run_on_terminal("blue", "odd", "-n", "-p", "--color=never", streams=("stdout",))
    text = re.sub(r"\x1b\[[\d;]*m", "", shown.text)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert "\\x1b[31mescape.png" in text


def test_a_picture_that_cannot_be_drawn_says_why_in_its_box(indexed: Path, tiny: Path) -> None:
    (indexed / "again").mkdir(exist_ok=True)
    path = indexed / "again" / "taken.png"
    path.write_bytes((indexed / "one.png").read_bytes())
    run("index", indexed / "again")
    shown = run_on_terminal(
        *("blue", indexed / "again", "-n", "-p", "--max-megapixels", "0.001"),
        streams=("stdout",),
    )
    assert shown.status == 0
    assert "no preview: " in shown.text
    assert "--max-megapixels" in re.sub(r"[│\s]", "", shown.text)


def test_an_interrupted_picture_is_ended_before_anything_is_said(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "foot")
    ours, theirs = pty.openpty()
    process = start("blue", "pictures", "-n", "-p", stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"\x1bP" not in shown:
        shown += os.read(ours, 64)
    time.sleep(0.5)  # a terminal holds 4 KiB, so that it waits in the middle of a picture
    process.send_signal(signal.SIGINT)
    text = shown.decode() + read_terminal(ours)
    os.close(ours)
    assert process.wait(timeout=60) == 130
    assert text.endswith("\x1b\\\x1b[0m\nclipfind: interrupted; what was finished is kept\n")


@pytest.mark.parametrize("option", ["--files", "--json", "--null", "--format={path}", "--html=x"])
def test_previews_are_refused_where_they_have_no_effect(option: str, indexed: Path) -> None:
    finished = run("blue", "pictures", "-n", "-p", option)
    assert finished.returncode == 2
    assert f"--preview has no effect together with {option.partition('=')[0]}".encode() in (
        finished.stderr
    )


def test_the_word_preview_can_still_be_searched_for(indexed: Path) -> None:
    assert run("search", "preview", "pictures", "-n").returncode == 0
