"""`--tiles` of `index` and `search`, as a setting, and what sheets and JSON show of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import run
from small_index import settle


@pytest.fixture
def album(tiny: Path, tmp_path: Path) -> Path:
    """Return a folder with a panorama of which each part is another noise."""
    noise = np.random.default_rng(0).integers(0, 256, (8, 40, 3), dtype=np.uint8)
    (tmp_path / "album").mkdir()
    whole = Image.fromarray(noise).resize((320, 64), Image.Resampling.NEAREST)
    whole.save(tmp_path / "album" / "wide.png")
    whole.crop((256, 0, 320, 64)).save(tmp_path / "edge.png")
    settle(tmp_path / "album" / "wide.png")
    return tmp_path / "album"


def crops(album: Path, *words: str) -> list[object]:
    found = run("search", album.parent / "edge.png", album, "--json", *words)
    return [json.loads(line).get("crop") for line in found.stdout.splitlines()]


EDGE = {"x": 256, "y": 0, "width": 64, "height": 64}


def test_index_says_how_many_pictures_have_tiles_now(album: Path) -> None:
    assert run("index", album).returncode == 0
    assert b"1 with tiles now" in run("index", album, "--tiles").stderr
    assert b"tiles" not in run("index", album, "--tiles").stderr
    assert crops(album, "--no-index") == [EDGE]


def test_a_search_updates_with_tiles_where_they_are_asked_for(album: Path) -> None:
    assert crops(album) == [None]
    assert crops(album, "--tiles") == [EDGE]


def test_tiles_are_a_setting(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPFIND_TILES", "1")
    assert crops(album) == [EDGE]


def test_a_search_that_updates_nothing_refuses_the_option(album: Path) -> None:
    refused = run("search", "cat", album, "--no-index", "--tiles")
    assert refused.returncode == 2
    assert b"--tiles" in refused.stderr


def test_a_contact_sheet_marks_the_crop(album: Path) -> None:
    sheet = album.parent / "sheet.html"
    edge = album.parent / "edge.png"
    for words, marks in (((), 0), (("--tiles",), 1)):
        assert run("search", edge, album, "--html", sheet, *words).returncode == 0
        text = sheet.read_text("utf-8")
        assert text.count("left: 80.0%; top: 0.0%; width: 20.0%; height: 100.0%") == marks
