"""`clipfind index --read-text`: what is read when, how it is said, and what is found by it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from bench.planted_text import FIRST, bundled_fonts, plant_all, ranks
from PIL import Image
from processes import run, start, write_pictures
from signs import needs_ocr, write_sign

from rclip_like.store import Store


def texts(database: Path, names: Iterable[Path]) -> list[str | None]:
    """Return the recognised text of each file; None where it was not read."""
    with closing(Store.open(database, create=False)) as store:
        digests = [store.digest_at(bytes(name)) for name in names]
        return [store.words.text_of(digest or b"").get("text") for digest in digests]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = write_pictures(tmp_path / "album")
    for name in ("harbour", "bakery", "station"):
        write_sign(folder / f"{name}.png", name)
    return folder


@needs_ocr
def test_an_indexed_folder_gets_its_text_once(tiny: Path, tmp_path: Path, album: Path) -> None:
    assert run("index", album).returncode == 0
    finished = run("index", album, "--read-text")
    assert finished.returncode == 0
    assert b"6 pictures, 0 encoded, 6 unchanged; " in finished.stderr
    assert b"text read in 6 pictures, found in 3\n" in finished.stderr
    assert texts(tiny, [album / "harbour.png", album / "one.png"]) == ["harbour", ""]
    assert b"text read in 0 pictures" in run("index", album, "--read-text").stderr
    write_sign(album / "new.png", "cinema")
    assert b"text read in 1 picture, found in 1\n" in run("index", album, "--read-text").stderr
    assert b"text read in 7 pictures, found in 4\n" in run("status").stdout
    described = json.loads(run("status", "--json").stdout)
    assert (described["texts_read"], described["with_text"]) == (7, 4)


@needs_ocr
def test_left_out_pictures_are_not_read(tiny: Path, album: Path) -> None:
    run("index", album)
    finished = run("index", album, "--read-text", "--glob", "*y.png")
    assert b"text read in 1 picture, " in finished.stderr
    assert texts(tiny, [album / "bakery.png", album / "station.png"]) == ["bakery", None]


@needs_ocr
def test_a_run_that_is_out_of_time_or_interrupted_is_continued(tiny: Path, tmp_path: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for number in range(24):
        write_sign(album / f"{number}.png", f"{number}", (120, 80), 30)
    run("index", album)
    short = run("index", album, "--read-text", "--max-time", "0.2")
    assert short.returncode == 1
    assert b" left without; the next run continues\n" in short.stderr
    for deadly, status in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        process = start("index", album, "--read-text", "--verify")
        time.sleep(2)
        process.send_signal(deadly)
        assert process.wait(timeout=60) in (status, 0)
    before = json.loads(run("status", "--json").stdout)["texts_read"]
    finished = run("index", album, "--read-text")
    assert finished.returncode == 0, finished.stderr
    assert f"text read in {24 - before} picture".encode() in finished.stderr
    assert json.loads(run("status", "--json").stdout)["with_text"] == 24


def test_without_the_package_one_sentence_says_what_to_install(
    tiny: Path, album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shadow" / "rapidocr").mkdir(parents=True)
    (tmp_path / "shadow" / "rapidocr" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "shadow"))
    finished = run("index", album, "--read-text")
    assert finished.returncode == 2
    [sentence] = finished.stderr.decode().splitlines()
    assert sentence.endswith(
        "needs the package rapidocr, with its models inside; python -m pip install 'rapidocr>=3.10'"
    )
    assert (
        b"text in pictures is not read here; for it: python -m pip install" in run("doctor").stdout
    )


@needs_ocr
def test_doctor_names_what_reads_text(tiny: Path) -> None:
    assert b"text in pictures, by rapidocr " in run("doctor").stdout


@needs_ocr
def test_planted_words_are_found_by_the_text_that_was_read(tiny: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    random = np.random.default_rng(0)
    for number in range(3):
        coarse = Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=np.uint8))
        coarse.resize((160, 120), Image.Resampling.BICUBIC).save(photos / f"{number}.jpg")
    album = tmp_path / "album"
    album.mkdir()
    planted = plant_all(sorted(photos.iterdir()), album, 20, 3, bundled_fonts())
    run("index", album, "--read-text")
    found = ranks(tiny, album, planted)
    assert sum(rank is not None and rank <= FIRST for rank in found.values()) >= 17, found
