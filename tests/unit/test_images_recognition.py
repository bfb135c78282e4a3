"""Text in pictures: what is read, what a picture may do to the reading process, harmless text."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3
from PIL import Image
from processes import children
from signs import needs_ocr, write_sign

from rclip_like.errors import Reason
from rclip_like.images.recognition import (
    MOST_CHARACTERS,
    RECOGNITION_SIDE,
    Recogniser,
    TextModels,
    TextReaders,
    UnreadPicture,
    plain_text,
    text_models,
)
from rclip_like.settings import ReadSettings
from rclip_like.values import Trouble

LIMITS = ReadSettings(workers=1)


def unread(path: Path) -> UnreadPicture:
    return UnreadPicture(os.fsencode(path), blake3(path.read_bytes()).digest())


@pytest.fixture
def models() -> TextModels:
    found = text_models()
    assert found is not None
    return found


@needs_ocr
def test_text_is_read_from_small_and_large_pictures(tmp_path: Path, models: TextModels) -> None:
    small = write_sign(tmp_path / "small.png", "RED BOAT\nharbour")
    large = write_sign(tmp_path / "large.png", "bakery 1924", (1600, 1200), 60)
    blank = tmp_path / "blank.png"
    Image.new("RGB", (300, 300), "green").save(blank)
    with TextReaders(LIMITS, models) as readers:
        found = dict(readers.read_all(map(unread, (small, blank, large))))
    texts = {os.fsdecode(each.path).rpartition("/")[2]: text for each, text in found.items()}
    assert texts == {
        "small.png": "RED BOAT\nharbour",
        "blank.png": "",
        "large.png": "bakery 1924",
    }


@needs_ocr
def test_a_picture_that_changed_and_one_that_is_gone_are_left_out(
    tmp_path: Path, models: TextModels
) -> None:
    other, gone = write_sign(tmp_path / "a.png", "A"), write_sign(tmp_path / "b.png", "B")
    pictures = [unread(other)._replace(digest=bytes(32)), unread(gone)]
    gone.unlink()
    with TextReaders(LIMITS, models) as readers:
        troubles = [outcome for _, outcome in readers.read_all(pictures)]
    assert all(isinstance(each, Trouble) and not each.lasting for each in troubles)
    assert isinstance(troubles[0], Trouble)
    assert (troubles[0].reason, troubles[0].code) == (
        "changed since it was indexed",
        Reason.CHANGED,
    )


@needs_ocr
def test_what_takes_too_long_costs_its_picture_alone(tmp_path: Path, models: TextModels) -> None:
    noise = np.random.default_rng(0).integers(
        0, 255, (RECOGNITION_SIDE, RECOGNITION_SIDE, 3), dtype=np.uint8
    )
    sign = np.asarray(Image.open(write_sign(tmp_path / "a.png", "harbour")))
    recogniser = Recogniser(LIMITS._replace(max_seconds=0.5), models)
    try:
        slow = recogniser.read(b"noise", noise)
        assert isinstance(slow, Trouble)
        assert (slow.path, slow.code, slow.lasting) == (b"noise", Reason.TOO_SLOW, True)
        assert recogniser.read(b"sign", sign) == "harbour"
    finally:
        recogniser.close()


@needs_ocr
def test_a_process_without_memory_costs_its_picture_alone(
    tmp_path: Path, models: TextModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(
        0, 255, (RECOGNITION_SIDE, RECOGNITION_SIDE, 3), dtype=np.uint8
    )
    sign = np.asarray(Image.open(write_sign(tmp_path / "a.png", "harbour")))
    monkeypatch.setattr("rclip_like.images.recognition._MEMORY_BYTES", 700 << 20)
    recogniser = Recogniser(LIMITS, models)
    try:
        swollen = recogniser.read(b"noise", noise)
        assert isinstance(swollen, Trouble)
        assert swollen.code is Reason.CRASHED
        assert recogniser.read(b"sign", sign) == "harbour"
    finally:
        recogniser.close()


@needs_ocr
def test_closing_from_another_thread_ends_the_reading(tmp_path: Path, models: TextModels) -> None:
    path = write_sign(tmp_path / "large.png", "bakery", (3000, 2000), 60)
    with TextReaders(LIMITS, models) as readers:
        threading.Timer(1.5, readers.close).start()
        found = list(readers.read_all([unread(path)] * 1000))
    assert len(found) < 1000


@needs_ocr
def test_the_reader_is_named_by_its_models(models: TextModels) -> None:
    assert models.made_by.startswith("rapidocr ")
    assert Path(models.rec).stem in models.made_by


@pytest.mark.light
def test_recognised_text_is_plain_and_short() -> None:
    lines = ["\x1b[31mred\u202e \u2066boat\u200b", "\0\x07", "two\nlines", " cafe\u0301 "]
    assert plain_text(lines) == "[31mred boat\ntwo lines\ncafé"
    assert len(plain_text(["x" * 999] * 99)) == MOST_CHARACTERS


@needs_ocr
def test_a_process_that_is_stopped_is_ended_in_time_and_costs_one_picture(
    tmp_path: Path, models: TextModels
) -> None:
    before = set(children(os.getpid()))
    sign = write_sign(tmp_path / "a.png", "harbour", (600, 400))  # more bytes than a pipe holds
    pixels = np.asarray(Image.open(sign).convert("RGB"))
    recogniser = Recogniser(LIMITS._replace(max_wait_seconds=8), models)
    try:
        assert recogniser.read(b"a", pixels) == "harbour"
        [process] = set(children(os.getpid())) - before
        os.kill(process, signal.SIGSTOP)
        outcome = recogniser.read(b"b", pixels)
        assert isinstance(outcome, Trouble)
        assert (outcome.lasting, outcome.code) == (False, Reason.STALLED)
        assert recogniser.read(b"c", pixels) == "harbour"
    finally:
        recogniser.close()
    assert set(children(os.getpid())) <= before
