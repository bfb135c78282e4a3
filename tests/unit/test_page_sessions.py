"""The private file of the browsers that may open the page again."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from rclip_like.page.sessions import LASTING_SECONDS, SessionFile

DIGEST = bytes(range(32))


@pytest.fixture
def kept(tmp_path: Path) -> SessionFile:
    return SessionFile(tmp_path / "data" / "browsers.json", "/index.db", 8417)


def _file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "browsers.json"


def test_what_is_kept_is_for_its_owner_alone(kept: SessionFile, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert kept.add(DIGEST)
    finally:
        os.umask(before)
    assert stat.S_IMODE(_file(tmp_path).stat().st_mode) == 0o600
    assert kept.load() == [DIGEST]
    kept.clear()
    assert kept.load() == []


def test_it_ends_after_thirty_days_whatever_the_clock(
    kept: SessionFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.add(DIGEST)
    now = time.time()
    for later, is_good in ((LASTING_SECONDS - 60, True), (LASTING_SECONDS + 60, False)):
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        assert bool(kept.load()) is is_good
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    assert kept.load() == []


@pytest.mark.parametrize("content", ["", "{", "[1]", "[[1, 2, 3]]", '[["a", "zz", 9e99]]', "null"])
def test_a_damaged_file_is_an_empty_one(kept: SessionFile, tmp_path: Path, content: str) -> None:
    kept.add(DIGEST)
    _file(tmp_path).write_text(content)
    assert kept.load() == []
    assert kept.add(DIGEST)
    assert kept.load() == [DIGEST]


def test_a_file_that_others_may_write_or_a_link_is_not_believed(
    kept: SessionFile, tmp_path: Path
) -> None:
    kept.add(DIGEST)
    _file(tmp_path).chmod(0o620)
    assert kept.load() == []
    _file(tmp_path).chmod(0o600)
    _file(tmp_path).rename(tmp_path / "elsewhere")
    _file(tmp_path).symlink_to(tmp_path / "elsewhere")
    assert kept.load() == []
    assert kept.add(DIGEST)
    assert not _file(tmp_path).is_symlink()


def test_it_keeps_the_last_ones_alone(kept: SessionFile, tmp_path: Path) -> None:
    rows = [["8417 /index.db", DIGEST.hex(), int(time.time()) + 60]] * 256
    kept.add(DIGEST)
    _file(tmp_path).write_text(json.dumps(rows))
    kept.add(DIGEST[::-1])
    assert len(kept.load()) == 256
    assert kept.load()[-1] == DIGEST[::-1]


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    assert not SessionFile(_file(tmp_path), "/index.db", 8417).add(DIGEST)


def test_a_file_of_nested_lists_counts_as_empty(kept: SessionFile, tmp_path: Path) -> None:
    assert kept.add(DIGEST)
    _file(tmp_path).write_text("[" * 150_000)
    assert kept.load() == []
