"""Where clipfind keeps its things."""

from __future__ import annotations

from pathlib import Path

import pytest

from rclip_like.settings import cache_folder, config_file, data_folder


def test_a_tilde_in_a_variable_stands_for_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for variable in ("CONFIG", "DATA_DIR", "CACHE_DIR"):
        monkeypatch.setenv(f"CLIPFIND_{variable}", "~/own")
    assert config_file() == data_folder() == cache_folder() == tmp_path / "own"
