"""What is shipped: the wheel, the sources, and a package without the built-in model."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import rclip_like

CHECKOUT = Path(__file__).parents[1]
INSTALLED = Path(rclip_like.__file__).parent
MAX_MODEL_BYTES = 40_000_000
# What made parts of the package, and no user runs.
NOT_SHIPPED = ("rclip_like/builtin/recipe/", "rclip_like/models/graphs/draw_graphs.py")


def _build(source: Path, target: Path, kind: str) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    [built] = target.iterdir()
    return built


def _wheel_names(source: Path, target: Path) -> set[str]:
    with zipfile.ZipFile(_build(source, target, "wheel")) as wheel:
        return set(wheel.namelist())


@pytest.mark.skipif("CLIPFIND_TEST_CHECKOUT" in os.environ, reason="told to test the checkout")
def test_the_tests_meet_the_installed_package() -> None:
    assert INSTALLED.parent == Path(sysconfig.get_path("purelib"))


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the names in the wheel that this checkout builds."""
    return _wheel_names(CHECKOUT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_package_the_model_and_the_manual(wheel_names: set[str]) -> None:
    package = {
        path.relative_to(CHECKOUT).as_posix()
        for path in (CHECKOUT / "rclip_like").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    tools = {name for name in package if name.startswith(NOT_SHIPPED)}
    assert all(any(name.startswith(tool) for name in tools) for tool in NOT_SHIPPED)
    assert {"rclip_like/py.typed", "rclip_like/cli/__init__.py"} <= package
    assert {name for name in wheel_names if name.startswith("rclip_like/")} == package - tools
    assert any(name.endswith(".data/data/share/man/man1/clipfind.1") for name in wheel_names)
    assert {Path(name).name for name in wheel_names} >= {"LICENSE", "NOTICE", "entry_points.txt"}


def test_the_wheel_holds_the_completions_that_the_command_prints(
    tmp_path: Path, wheel_names: set[str]
) -> None:
    folders = {
        "bash": "bash-completion/completions/clipfind",
        "zsh": "zsh/site-functions/_clipfind",
        "fish": "fish/vendor_completions.d/clipfind.fish",
    }
    with zipfile.ZipFile(_build(CHECKOUT, tmp_path, "wheel")) as wheel:
        for shell, folder in folders.items():
            [name] = (each for each in wheel_names if each.endswith(f".data/data/share/{folder}"))
            command = [sys.executable, "-m", "rclip_like", "completion", shell]
            printed = subprocess.run(command, check=True, capture_output=True).stdout
            assert wheel.read(name) == printed


def test_a_package_index_can_show_the_description(tmp_path: Path) -> None:
    built = _build(CHECKOUT, tmp_path, "wheel")
    twine = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", str(built)]
    checked = subprocess.run(twine, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    with zipfile.ZipFile(built) as wheel:
        [name] = (each for each in wheel.namelist() if each.endswith("/METADATA"))
        metadata = wheel.read(name).decode()
    assert "# clipfind" in metadata
    links = re.findall(r"\]\(([^)\s]+)\)", metadata)
    assert links
    assert all(link.startswith(("https://", "#")) for link in links)


def test_the_wheel_holds_nothing_but_the_package(wheel_names: set[str]) -> None:
    folders = {name.partition("/")[0].rpartition(".")[2] for name in wheel_names}
    assert folders == {"rclip_like", "data", "dist-info"}


def test_the_sources_build_the_same_wheel(tmp_path: Path, wheel_names: set[str]) -> None:
    archive = _build(CHECKOUT, tmp_path / "sdist", "sdist")
    with tarfile.open(archive) as sources:
        sources.extractall(tmp_path / "unpacked", filter="data")
    [unpacked] = (tmp_path / "unpacked").iterdir()
    assert (unpacked / "tests" / "test_package.py").is_file()
    assert _wheel_names(unpacked, tmp_path / "wheel") == wheel_names


def test_the_built_in_model_lies_in_the_package() -> None:
    folder = INSTALLED / "builtin"
    for name in ("open_clip_config.json", "open_clip_model.safetensors", "MODEL_CARD.md"):
        assert (folder / name).stat().st_size > 0
    assert (folder / "open_clip_model.safetensors").stat().st_size <= MAX_MODEL_BYTES


def _search_without_model(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Search a folder of one picture with a copy of the package that lacks builtin/."""
    left_out = shutil.ignore_patterns("builtin", "__pycache__")
    shutil.copytree(INSTALLED, tmp_path / "site" / "rclip_like", ignore=left_out)
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (40, 30), "red").save(tmp_path / "pictures" / "red.png")
    command = [sys.executable, "-m", "rclip_like", "cat", str(tmp_path / "pictures"), *options]
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)


def test_without_the_built_in_model_a_sentence_asks_for_one(tmp_path: Path) -> None:
    finished = _search_without_model(tmp_path)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert "clipfind models use " in finished.stderr
    assert "Traceback" not in finished.stderr


def test_without_the_built_in_model_any_other_works(tmp_path: Path, tiny_model: Path) -> None:
    finished = _search_without_model(tmp_path, "-f", "--model", str(tiny_model))
    assert finished.stdout == f"{tmp_path / 'pictures' / 'red.png'}\n", finished.stderr
    assert finished.returncode == 0
