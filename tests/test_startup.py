"""What a command does not load: measured in real processes by the interpreter's own log."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_model import make_tiny_model, tiny_config


def _run(*arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, "-m", "rclip_like", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def _modules_loaded(*arguments: str) -> set[str]:
    """Return the top-level modules that `clipfind ARGUMENTS` imports, the command succeeding."""
    finished = _run(*arguments, options=("-X", "importtime"))
    assert finished.returncode == 0, finished.stderr[-2000:]
    lines = [line for line in finished.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.fixture
def indexed(tmp_path: Path, tiny_model: Path) -> tuple[str, ...]:
    """Return the arguments that search a folder of two indexed pictures without indexing it."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for value in (40, 200):
        pixels = np.full((64, 64, 3), value, dtype=np.uint8)
        Image.fromarray(pixels).save(pictures / f"{value}.png")
    common = (str(pictures), "--model", str(tiny_model), "--db", str(tmp_path / "index.db"))
    finished = _run("index", *common)
    assert finished.returncode == 0, finished.stderr
    return ("-n", *common)


def test_help_loads_neither_numpy_nor_torch() -> None:
    loaded = _modules_loaded("--help")
    assert "rclip_like" in loaded
    assert loaded.isdisjoint({"numpy", "torch", "open_clip", "PIL", "sqlite3", "huggingface_hub"})


def test_neither_indexing_nor_the_list_of_models_loads_what_downloads(
    indexed: tuple[str, ...],
) -> None:
    assert "huggingface_hub" not in _modules_loaded("index", *indexed[1:])
    assert "huggingface_hub" not in _modules_loaded("models", "list")


def test_an_index_of_unchanged_pictures_loads_no_numpy(indexed: tuple[str, ...]) -> None:
    time.sleep(2)  # younger files are read once more
    assert _run("index", *indexed[1:]).returncode == 0
    loaded = _modules_loaded("index", *indexed[1:])
    assert "sqlite3" in loaded
    assert loaded.isdisjoint({"numpy", "PIL", "onnxruntime", "torch", "regex"})


def test_hiding_pictures_loads_no_numpy(indexed: tuple[str, ...]) -> None:
    folder, database = indexed[1], indexed[-2:]
    for words in (("hide", f"{folder}/40.png"), ("hide", "--list"), ("unhide", "--all")):
        loaded = _modules_loaded(*words, *database)
        assert "sqlite3" in loaded
        assert loaded.isdisjoint({"numpy", "PIL", "onnxruntime", "torch", "regex", "rich"})


def test_the_package_itself_loads_nothing_heavy() -> None:
    code = "import sys, rclip_like; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert set(loaded.split()).isdisjoint({"numpy", "torch", "typer", "platformdirs", "sqlite3"})


def test_a_query_loads_nothing_that_hides_pictures(indexed: tuple[str, ...]) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "rclip_like", "search", "blue", *indexed]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "rclip_like.store.reading" in loaded
    assert "rclip_like.store.hidden" not in loaded


def test_a_text_query_loads_no_torch(indexed: tuple[str, ...]) -> None:
    loaded = _modules_loaded("search", "something blue", *indexed)
    assert {"numpy", "sqlite3"} <= loaded
    assert loaded.isdisjoint({"torch", "torchvision", "open_clip", "timm", "transformers"})
    assert loaded.isdisjoint({"rich", "sqlite_utils", "ftfy", "huggingface_hub", "httpcore2"})
    assert "PIL" not in loaded  # with which pictures are drawn and thumbnails made


def test_neither_help_nor_a_query_loads_what_serves_the_page(indexed: tuple[str, ...]) -> None:
    serving = {"starlette", "uvicorn", "anyio", "asyncio", "h11", "jinja2", "webbrowser"}
    assert _modules_loaded("--help").isdisjoint(serving)
    assert _modules_loaded("help", "serve").isdisjoint(serving)
    assert _modules_loaded("search", "something blue", *indexed).isdisjoint(serving)


def test_labels_of_indexed_pictures_load_nothing_that_encodes_pictures(
    indexed: tuple[str, ...],
) -> None:
    loaded = _modules_loaded("classify", "--labels", "cat,dog", *indexed)
    assert "numpy" in loaded
    assert loaded.isdisjoint({"torch", "open_clip", "onnxruntime", "PIL", "sklearn", "scipy"})


def test_a_text_query_asked_again_loads_no_tokenizer(indexed: tuple[str, ...]) -> None:
    assert _run("search", "something blue", *indexed).returncode == 0
    loaded = _modules_loaded("search", "something blue", *indexed)
    assert loaded.isdisjoint({"torch", "regex", "ftfy", "PIL"})


def test_a_picture_that_is_not_indexed_is_encoded_without_torch(
    indexed: tuple[str, ...], tmp_path: Path
) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "query.png")
    loaded = _modules_loaded("search", str(tmp_path / "query.png"), *indexed)
    assert loaded.isdisjoint({"torch", "torchvision", "open_clip", "timm", "httpcore2"})


def test_a_picture_for_another_kind_of_model_does_load_torch(tmp_path: Path) -> None:
    # Else the tests above could pass by looking in the wrong place.
    vision = tiny_config()["vision_cfg"] | {"pool_type": "avg"}
    model = make_tiny_model(tmp_path / "model", vision_cfg=vision)
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (64, 64), "blue").save(tmp_path / "pictures" / "blue.png")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "query.png")
    common = (str(tmp_path / "pictures"), "--model", str(model), "--db", str(tmp_path / "index.db"))
    assert _run("index", *common).returncode == 0
    assert "torch" in _modules_loaded("search", str(tmp_path / "query.png"), "-n", *common)
