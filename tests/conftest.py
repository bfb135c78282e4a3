"""Fixtures for all tests: folders of their own, no network, and a tiny model."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from drawn_pairs import describe, draw_picture
from stand_in_hub import Hub, serving_hub
from tiny_model import make_tiny_model

from rclip_like import settings

LONG_SECONDS = 7200


def pytest_configure() -> None:
    """Encode in float32: bf16, where a processor has it, needs torch, which loads for seconds."""
    os.environ["CLIPFIND_PRECISION"] = "fp32"


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
    monkeypatch.setenv("HF_HOME", str(home / "huggingface"))
    foreign = ("HF_ENDPOINT", "HF_HUB_CACHE", "HF_TOKEN")
    for variable in ("CLIPFIND_MODEL", "CLIPFIND_DB", "CLIPFIND_DATABASE", *foreign):
        monkeypatch.delenv(variable, raising=False)
    return home


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny model with random weights, the same in every run."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def captioned(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of folders with so many pictures and same-named captions."""

    def make(number: int, name: str = "data") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for index in range(number):
            (folder / f"{index:03}.png").write_bytes(draw_picture(index))
            (folder / f"{index:03}.txt").write_text(f"{describe(index)}\nno {index} drawn\n")
        return folder

    return make


@pytest.fixture
def feeders(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Return a list of the processes that read rows ahead from here on, on whatever machine."""
    processes: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def remember(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        processes.append(start(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr(settings, "num_processors", lambda: 2)
    monkeypatch.setattr(subprocess, "Popen", remember)
    return processes


@pytest.fixture
def hub(tiny_model: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Serve the tiny model as hf-hub:museum/tiny; huggingface_hub has a cache of its own."""
    from huggingface_hub import close_session, constants

    monkeypatch.delenv("HF_HUB_OFFLINE")
    # What huggingface_hub takes from the environment it has read at its import.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(own_folders / "huggingface" / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(own_folders / "huggingface" / "token"))
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 500_000)
    with serving_hub() as hub:
        hub.add("museum/tiny", tiny_model, "open_clip_model.safetensors", "open_clip_config.json")
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        yield hub
        close_session()
