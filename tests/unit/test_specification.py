"""Names, folders and weight files become specifications."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_model import make_tiny_model

import rclip_like
from rclip_like.errors import ModelError, ModelMissing
from rclip_like.models.names import downloaded_folder
from rclip_like.models.regular import read_cache, write_cache
from rclip_like.models.specification import resolve


def change_configuration(folder: Path, **changes: object) -> None:
    place = folder / "open_clip_config.json"
    described = json.loads(place.read_bytes())
    described |= changes
    place.write_text(json.dumps(described))


def test_folder_gives_dimension_preprocessing_and_fingerprint(tiny_model: Path) -> None:
    specification = resolve(str(tiny_model))
    assert specification.dimension == 32
    assert specification.preprocessing.size == 32
    assert specification.preprocessing.mean == (0.48145466, 0.4578275, 0.40821073)
    assert len(specification.fingerprint) == 64


@pytest.mark.parametrize("spelling", ["./model", "../here/model", "~/here/model"])
def test_folders_are_found_in_every_spelling(
    spelling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_tiny_model(tmp_path / "here" / "model")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve(spelling).fingerprint == resolve(str(folder)).fingerprint


def test_preprocessing_comes_from_the_models_own_configuration(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path)
    stated = {"mean": [0, 0, 0], "std": [1, 1, 1], "resize_mode": "squash", "size": [32, 32]}
    change_configuration(folder, preprocess_cfg=stated | {"interpolation": "bilinear"})
    preprocessing = resolve(str(folder)).preprocessing
    assert preprocessing.mean == (0.0, 0.0, 0.0)
    assert preprocessing.std == (1.0, 1.0, 1.0)
    assert (preprocessing.resize_mode, preprocessing.interpolation) == ("squash", "bilinear")


def test_equal_models_in_two_places_have_one_fingerprint(tmp_path: Path) -> None:
    first, second = make_tiny_model(tmp_path / "a"), make_tiny_model(tmp_path / "b")
    assert resolve(str(first)).fingerprint == resolve(str(second)).fingerprint


def test_other_weights_give_another_fingerprint(tmp_path: Path, tiny_model: Path) -> None:
    other = make_tiny_model(tmp_path, seed=1)
    assert resolve(str(other)).fingerprint != resolve(str(tiny_model)).fingerprint


def test_other_preprocessing_gives_another_fingerprint(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path)
    before = resolve(str(folder)).fingerprint
    change_configuration(folder, preprocess_cfg={"interpolation": "bilinear"})
    assert resolve(str(folder)).fingerprint != before


def test_fingerprint_follows_a_change_of_the_weights(tmp_path: Path) -> None:
    weights = make_tiny_model(tmp_path) / "open_clip_model.safetensors"
    os.utime(weights, (1, 1))
    before = resolve(str(tmp_path)).fingerprint
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert resolve(str(tmp_path)).fingerprint != before


def test_fingerprint_of_settled_files_is_not_computed_twice(
    tmp_path: Path, own_folders: Path
) -> None:
    weights = make_tiny_model(tmp_path) / "open_clip_model.safetensors"
    os.utime(weights, (1, 1))
    before = resolve(str(tmp_path)).fingerprint
    cache = own_folders / "cache_dir" / "fingerprints.json"
    facts = read_cache(cache)
    (entry,) = facts.values()
    entry[-1] = "0" * 64
    write_cache(cache, facts)
    assert resolve(str(tmp_path)).fingerprint != before, "the cached digest was not used"


def test_damaged_cache_of_fingerprints_is_made_anew(tmp_path: Path, own_folders: Path) -> None:
    weights = make_tiny_model(tmp_path) / "open_clip_model.safetensors"
    os.utime(weights, (1, 1))
    before = resolve(str(tmp_path)).fingerprint
    cache = own_folders / "cache_dir" / "fingerprints.json"
    for damage in (b"", b"[]", b'{"' + str(weights).encode() + b'": 3}'):
        cache.write_bytes(damage)
        assert resolve(str(tmp_path)).fingerprint == before


def test_downloaded_models_are_found_by_name(tiny_model: Path) -> None:
    name = "ViT-B-32-256/datacomp_s34b_b86k"
    shutil.copytree(tiny_model, downloaded_folder(name))
    specification = resolve(name)
    assert specification.name == name
    assert specification.fingerprint == resolve(str(tiny_model)).fingerprint


def test_tags_are_found_in_every_spelling_that_open_clip_takes(tiny_model: Path) -> None:
    shutil.copytree(tiny_model, downloaded_folder("ViT-B-32/laion2b_s34b_b79k"))
    assert resolve("ViT-B-32/LAION2B-s34B-b79K").name == "ViT-B-32/laion2b_s34b_b79k"


@pytest.mark.parametrize("name", ["ViT-B-32/openai", "hf-hub:someone/something"])
def test_models_not_on_this_machine_name_the_command_that_fetches_them(name: str) -> None:
    with pytest.raises(ModelMissing, match=f"fetch {name}"):
        resolve(name)


def test_architecture_alone_asks_for_a_tag_or_weights() -> None:
    with pytest.raises(ModelError, match="write ViT-B-32/TAG, or name a file of weights"):
        resolve("ViT-B-32")


def test_unknown_names_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    with pytest.raises(ModelError, match="there is no model nonsense/x; see"):
        resolve("nonsense/x")
    with pytest.raises(ModelError, match=r"for the folder write \./mine"):
        resolve("mine")


def test_folder_without_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not a model folder: it has no open_clip_config\.json"):
        resolve(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", r"not JSON that can be read: .* in line 1, column 2"),
        ("[]", "must hold a JSON object"),
        ("{}", "model_cfg is missing"),
        ('{"model_cfg": {"embed_dim": 8}}', r"model_cfg\.vision_cfg is missing"),
    ],
)
def test_configuration_that_describes_no_model_is_refused(
    tmp_path: Path, content: str, reason: str
) -> None:
    make_tiny_model(tmp_path)
    (tmp_path / "open_clip_config.json").write_text(content)
    with pytest.raises(ModelError, match=reason):
        resolve(str(tmp_path))


def test_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (make_tiny_model(tmp_path) / "open_clip_model.safetensors").unlink()
    with pytest.raises(ModelError, match="holds no weights"):
        resolve(str(tmp_path))


def test_weight_files_take_an_architecture(tiny_model: Path, tmp_path: Path) -> None:
    weights = shutil.copy(tiny_model / "open_clip_model.safetensors", tmp_path / "my.safetensors")
    specification = resolve("ViT-B-32-256", weights=Path(weights))
    assert specification.weights == tmp_path / "my.safetensors"
    assert specification.preprocessing.size == 256
    assert specification.config["vision_cfg"]["patch_size"] == 32


def test_tag_decides_preprocessing_and_activation_of_a_weight_file(tiny_model: Path) -> None:
    weights = tiny_model / "open_clip_model.safetensors"
    squashed = resolve("ViT-B-16-SigLIP/webli", weights=weights).preprocessing
    assert (squashed.mean, squashed.resize_mode) == ((0.5, 0.5, 0.5), "squash")
    assert resolve("ViT-B-32/openai", weights=weights).config["quick_gelu"] is True


def test_configuration_beside_a_weight_file_decides_its_preprocessing(tmp_path: Path) -> None:
    weights = make_tiny_model(tmp_path) / "open_clip_model.safetensors"
    change_configuration(tmp_path, preprocess_cfg={"resize_mode": "longest"})
    assert resolve("ViT-B-32", weights=weights).preprocessing.resize_mode == "longest"


def test_missing_weight_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no weight file .*nothing\.safetensors"):
        resolve("ViT-B-32", weights=tmp_path / "nothing.safetensors")


def test_installation_without_builtin_asks_for_a_model_by_name(tmp_path: Path) -> None:
    package = Path(rclip_like.__file__).parent
    shutil.copytree(
        package, tmp_path / "rclip_like", ignore=shutil.ignore_patterns("builtin", "__pycache__")
    )
    code = (
        "from rclip_like.models.specification import resolve\n"
        "try: resolve(None)\nexcept Exception as error: print(type(error).__name__, error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("ModelMissing this installation comes without")
    assert "ViT-B-32-256/datacomp_s34b_b86k" in result.stdout


def test_resolving_imports_no_torch(tiny_model: Path) -> None:
    code = (
        "import sys; from rclip_like.models.specification import resolve; resolve(sys.argv[1]);"
        "print([name for name in ('torch', 'open_clip', 'safetensors') if name in sys.modules])"
    )
    arguments = [sys.executable, "-c", code, str(tiny_model)]
    result = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "changes",
    [
        {"vision_cfg": [32]},
        {"vision_cfg": None},
        {"text_cfg": ["x"]},
        {"text_cfg": 7},
        {"embed_dim": float("inf")},
        {"embed_dim": [32]},
    ],
)
def test_configurations_of_other_shapes_are_told(
    tiny_model: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    place = folder / "open_clip_config.json"
    described = json.loads(place.read_bytes())
    described["model_cfg"] |= changes
    place.write_text(json.dumps(described))
    with pytest.raises(ModelError, match=str(folder)):
        resolve(str(folder))


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"model_cfg": {}, "preprocess_cfg": [1]}'])
def test_configurations_of_other_contents_are_told(
    tiny_model: Path, tmp_path: Path, content: bytes
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "open_clip_config.json").write_bytes(content)
    with pytest.raises(ModelError, match=str(folder)):
        resolve(str(folder))


def test_weights_that_a_link_leads_nowhere_are_told(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    weights = folder / "open_clip_model.safetensors"
    weights.unlink()
    weights.symlink_to(tmp_path / "gone")
    with pytest.raises(ModelMissing, match=f"have gone from {tmp_path / 'gone'}, where {weights}"):
        resolve(str(folder))
