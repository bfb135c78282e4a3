"""Where torch and open_clip are missing, `builtin` works, and what needs them says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from processes import Word
from tiny_model import make_tiny_model, tiny_config
from without_torch import packages_without_torch, run_without_torch

pytestmark = pytest.mark.light

INSTALL = "install them with: python -m pip install torch torchvision open_clip_torch\n"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the packages of an installation without torch."""
    return packages_without_torch(tmp_path_factory.mktemp("light") / "packages")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return a folder of a red and a blue picture."""
    (tmp_path / "album").mkdir()
    for colour in ("red", "blue"):
        Image.new("RGB", (80, 60), colour).save(tmp_path / "album" / f"{colour}.png")
    return tmp_path / "album"


def test_builtin_indexes_and_searches(packages: Path, album: Path) -> None:
    indexed = run_without_torch(packages, "index", album)
    assert (indexed.returncode, indexed.stdout) == (0, b""), indexed.stderr
    for query in ("red", "naïve ☕", album / "red.png"):
        found = run_without_torch(packages, query, album, "--json")
        assert found.returncode == 0, found.stderr
        assert found.stdout
    found = run_without_torch(packages, "red", album, "-f", "-t", "1")
    assert found.stdout.decode() == f"{album / 'red.png'}\n"


def test_a_clip_of_ones_own_is_encoded_without_torch(
    packages: Path, album: Path, tiny_model: Path
) -> None:
    found = run_without_torch(packages, "red", album, "-f", "--model", tiny_model)
    assert (found.returncode, found.stdout.count(b"\n")) == (0, 2), found.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--model", "RN50/openai", "red"),
        ("--model", "no-such", "red"),
        ("models", "list", "--all"),
        ("models", "show", "RN50/openai"),
        ("train", "captions", "--output", "ours"),
    ],
    ids=" ".join,
)
def test_what_needs_torch_says_in_a_sentence_what_to_install(
    packages: Path, arguments: tuple[Word, ...]
) -> None:
    done = run_without_torch(packages, *arguments)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr
    assert done.stderr.decode().endswith(INSTALL)


def test_a_model_of_another_kind_says_what_to_install(
    packages: Path, album: Path, tmp_path: Path
) -> None:
    vision = tiny_config()["vision_cfg"] | {"pool_type": "avg"}
    model = make_tiny_model(tmp_path / "model", vision_cfg=vision)
    done = run_without_torch(packages, "index", album, "--model", model)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr
    assert done.stderr.decode().endswith(INSTALL)


def test_doctor_calls_missing_torch_a_note(packages: Path, album: Path) -> None:
    assert run_without_torch(packages, "index", album).returncode == 0
    done = run_without_torch(packages, "doctor", "--json")
    findings = json.loads(done.stdout)["findings"]
    assert {finding["state"] for finding in findings} == {"ok"}
    assert done.returncode == 0
    assert any("torch and open_clip are not installed" in finding["text"] for finding in findings)


def test_labels_need_neither_torch_nor_scikit_learn(packages: Path, album: Path) -> None:
    words = ("classify", album, "--labels", "a red wall,a blue wall", "--format", "{label}\\n")
    finished = run_without_torch(packages, *words)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split() == b"a blue wall a red wall".split()


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate",),
        ("evaluate", "--suite", "paper"),
        ("probe", "--output", "p.safetensors"),
        ("classify", "--truth", "folders"),
    ],
)
def test_what_measures_says_what_to_install(
    packages: Path, tmp_path: Path, words: tuple[Word, ...]
) -> None:
    for label in ("red", "blue"):
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.new("RGB", (80, 60 + number), label).save(tmp_path / label / f"{number}.png")
    finished = run_without_torch(packages, *words, tmp_path)
    assert (finished.returncode, finished.stdout) == (2, b"")
    (line,) = finished.stderr.splitlines()
    assert line.endswith(b"install them with: python -m pip install scikit-learn scipy matplotlib")
