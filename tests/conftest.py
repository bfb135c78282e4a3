"""Fixtures for all tests: folders of their own, no network, and a tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_model import make_tiny_model

LONG_SECONDS = 7200


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let long tests take longer than pyproject.toml allows the others."""
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test, and the processes it starts, off the user's folders and the network."""
    home = tmp_path_factory.mktemp("home")
    for variable in ("DATA_DIR", "CACHE_DIR"):
        monkeypatch.setenv(f"CLIPFIND_{variable}", str(home / variable.lower()))
    (home / "config.toml").touch()
    monkeypatch.setenv("CLIPFIND_CONFIG", str(home / "config.toml"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for variable in ("CLIPFIND_MODEL", "CLIPFIND_DB", "CLIPFIND_DATABASE", "HF_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    return home


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny model with random weights, the same in every run."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
