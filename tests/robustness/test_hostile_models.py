"""Model folders that would run code, hang or fill the memory: refused, in a sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hostile_models import (
    OWN_MODEL,
    PANICS,
    add_code,
    change_json,
    foreign_model,
    model_that_asks,
    model_that_runs_its_code,
    model_with_tokenizer,
)
from processes import Finished, run, write_pictures
from tiny_model import make_tiny_model, tiny_config

pytest.importorskip("transformers")

from rclip_like.models.names import downloaded_folder
from rclip_like.store import Store


def look(*arguments: str | Path) -> Finished:
    """Run clipfind with a yes on stdin for whoever asks."""
    return run(*arguments, input=b"y\n" * 10)


def assert_refused(finished: Finished, *words: str) -> None:
    told = finished.stderr.decode()
    assert finished.returncode == 2, told
    assert finished.stdout == b""
    assert told.startswith("clipfind: ")
    assert told.count("\n") == 1, told
    for word in words:
        assert word in told
    for word in ("unexpected", "Traceback", "weights_only", "trust_remote_code=True"):
        assert word not in told


OTHER_RUNTIME = """
import importlib.machinery, importlib.util, pathlib
here = str(pathlib.Path(__file__).parent)
place = importlib.machinery.PathFinder.find_spec(
    "onnxruntime", [each for each in sys.path if each != here]
)
module = importlib.util.module_from_spec(place)
sys.modules["onnxruntime"] = module
place.loader.exec_module(module)
"""
"""Puts the real module in its own place: it is loaded by name, and talks before."""

HOSTILE = {
    "trusts": (model_that_runs_its_code, "tokenizer_kwargs.trust_remote_code"),
    "asks": (model_that_asks, "auto_map"),
}


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of pictures that no index knows; the index lies beside it."""
    monkeypatch.setenv("CLIPFIND_DB", str(tmp_path / "index.db"))
    return write_pictures(tmp_path / "pictures")


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_folder_that_names_code_is_refused(kind: str, tmp_path: Path, pictures: Path) -> None:
    make, key = HOSTILE[kind]
    folder = make(tmp_path / "model", tmp_path / "ran")
    assert_refused(look("chat", pictures, "--model", folder), str(folder), key)
    assert_refused(look("models", "use", folder), str(folder), key)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_downloaded_model_that_names_code_is_refused(
    kind: str, tmp_path: Path, pictures: Path
) -> None:
    make, key = HOSTILE[kind]
    make(downloaded_folder("hf-hub:evil/model"), tmp_path / "ran")
    assert_refused(look("chat", pictures, "--model", "hf-hub:evil/model"), key)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_index_whose_default_model_names_code_is_refused(
    kind: str, tmp_path: Path, pictures: Path
) -> None:
    make, key = HOSTILE[kind]
    folder = make(tmp_path / "model", tmp_path / "ran")
    with Store.open(tmp_path / "index.db", create=True) as store:
        store.set_default_model(str(folder))
    assert_refused(look("chat", pictures), str(folder), key)
    assert not (tmp_path / "ran").exists()


def test_code_that_only_other_programs_would_run_is_not_asked_about(
    tmp_path: Path, pictures: Path
) -> None:
    """`config.json` is for the package transformers' own models: its code is none of ours."""
    folder = foreign_model(tmp_path / "model")
    add_code(folder, tmp_path / "ran")
    (folder / "config.json").write_text(json.dumps(OWN_MODEL))
    finished = look("chat", pictures, "--model", folder, "-f")
    assert finished.returncode == 0, finished.stderr
    assert len(finished.stdout.splitlines()) == 3
    assert all(line.startswith(bytes(pictures)) for line in finished.stdout.splitlines())
    assert not (tmp_path / "ran").exists()


def test_a_text_tower_that_names_code_is_refused(tmp_path: Path, pictures: Path) -> None:
    folder = foreign_model(tmp_path / "model", hf_model_name="evil/model")
    (folder / "text_model").mkdir()
    add_code(folder / "text_model", tmp_path / "ran")
    place = folder / "text_model" / "config.json"
    for described in (OWN_MODEL, OWN_MODEL | {"model_type": "roberta"}):
        place.write_text(json.dumps(described))
        assert_refused(look("chat", pictures, "--model", folder), str(place))
    assert not (tmp_path / "ran").exists()


def test_what_other_libraries_print_is_no_data(
    tmp_path: Path, pictures: Path, tiny_model: Path
) -> None:
    talk = "import sys; print('talk of a library'); sys.stdout.write('more of it')"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "onnxruntime.py").write_text(f"{talk}\n{OTHER_RUNTIME}")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    by_runtime = ("--device", "cpu", "--precision", "fp32")
    finished = run("chat", pictures, "--model", tiny_model, "-f", *by_runtime, env=environment)
    assert finished.returncode == 0, finished.stderr
    assert b"talk of a library" in finished.stderr
    assert len(finished.stdout.splitlines()) == 3
    assert b"talk" not in finished.stdout


@pytest.mark.parametrize("name", ["open_clip_config.json", "open_clip_model.safetensors"])
def test_a_pipe_in_a_files_place_does_not_hang(name: str, tmp_path: Path, pictures: Path) -> None:
    folder = make_tiny_model(tmp_path / "model")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert_refused(look("chat", pictures, "--model", folder), str(folder))


def test_a_model_that_would_fill_the_memory_is_refused(tmp_path: Path, pictures: Path) -> None:
    """Each number is within its limits; all together they describe 8,600 million numbers."""
    folder = make_tiny_model(tmp_path / "model")
    vision = {"width": 8192, "layers": 128, "mlp_ratio": 16.0, "patch_size": 16, "image_size": 32}
    change_json(
        folder / "open_clip_config.json", {"model_cfg": tiny_config() | {"vision_cfg": vision}}
    )
    assert_refused(look("chat", pictures, "--model", folder), "model_cfg.vision_cfg", str(folder))


@pytest.mark.parametrize("kind", PANICS)
def test_a_tokenizer_that_panics_is_one_sentence(kind: str, tmp_path: Path, pictures: Path) -> None:
    """A panic of Rust is no Exception to Python, and reports itself on stderr before that."""
    folder = model_with_tokenizer(tmp_path / "model", **PANICS[kind])
    finished = look("x" * 40, pictures, "--model", folder, "-f")
    assert_refused(finished, f"the tokenizer in {folder} cannot be ")
    assert b"panicked" not in finished.stderr
