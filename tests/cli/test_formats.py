"""`clipfind formats`: what is read here, and what the rest would need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from PIL import features

from rclip_like.cli import main
from rclip_like.images import formats

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _load_readers_anew() -> None:
    formats.load_plugin.cache_clear()


def listed(capsys: Captured) -> dict[str, dict[str, object]]:
    """Return what `formats --json` prints, by format."""
    assert main(["formats", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {row["format"]: row for row in rows}


def test_every_format_is_listed_with_its_reader(capsys: Captured) -> None:
    rows = listed(capsys)
    assert list(rows) == [known.name for known in formats.FORMATS]
    assert rows["JPEG"]["package"] == "pillow"
    assert rows["RAW"]["endings"] == ["arw", "cr2", "cr3", "dng", "nef", "orf", "raf", "rw2"]
    assert all(row["readable"] and row["needs"] is None for row in rows.values())


def test_a_reader_that_is_not_installed_is_named(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    monkeypatch.delitem(sys.modules, "rclip_like.images.raw", raising=False)
    row = listed(capsys)["RAW"]
    assert (row["readable"], row["needs"]) == (False, "pip install rawpy")


def test_a_pillow_without_a_codec_is_no_reader(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "check", lambda name: name not in ("avif", "libtiff"))
    rows = listed(capsys)
    assert (rows["AVIF"]["readable"], rows["AVIF"]["needs"]) == (False, "a Pillow with avif")
    assert rows["TIFF"]["readable"]
    assert rows["TIFF"]["needs"] == "for compressed files, a Pillow with libtiff"


def test_people_get_a_table(capsys: Captured) -> None:
    assert main(["formats"]) == 0
    head, first, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["format", "read", "by", "endings", "needs"]
    assert first.startswith("JPEG")
    assert "jpg jpeg jpe jfif mpo" in first


def test_the_list_loads_no_torch() -> None:
    code = "import sys; from rclip_like.cli import main; main(['formats']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "rawpy" in loaded.split()
    assert {"torch", "open_clip", "sqlite3"}.isdisjoint(loaded.split())
