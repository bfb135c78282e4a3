"""The general set: which photos it takes, and what their features are after packing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from recipe.photos import Photo
from recipe.retention import MOST_PER_LABEL, choose, packed

from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.train import general_set
from rclip_like.train.folder import save_model_folder
from rclip_like.train.general_set import GENERAL_SET, has_general_set, load_general_set

MOST_BYTES = 2_500_000


def photo(number: int, source: str = "grocery", label: str = "apple") -> Photo:
    return Photo(str(number), b"", source, "open", label=label)


def test_only_licensed_photos_are_taken_and_few_of_each_label() -> None:
    photos = [photo(0, "houses", "kitchen"), photo(1, label="pear"), *map(photo, range(2, 40))]
    chosen = list(choose(photos))
    assert [each.key for each in chosen] == [str(n) for n in range(1, 2 + MOST_PER_LABEL)]


def test_packed_features_differ_by_less_than_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features_NF = np.random.default_rng(0).random((3, 40), np.float32)
    photos = [photo(0, label="pear"), photo(1), photo(2, label="pear")]
    path = tmp_path / "set.safetensors"
    path.write_bytes(packed(features_NF, photos, ["dog", "pear"], "another tower"))
    monkeypatch.setattr(general_set, "GENERAL_SET", path)
    loaded = load_general_set(("a dog",))
    assert np.abs(loaded.features_NF - features_NF).max() <= features_NF.max() / 255
    assert loaded.judge.names == ("apple", "pear", "dog")
    assert loaded.judge.num_own == 2
    assert loaded.judge.labels.tolist() == [1, 0, 1]
    assert not has_general_set(resolve(None))


def test_the_set_in_the_package_is_small_and_belongs_to_the_built_in_model(
    tiny_model: Path,
) -> None:
    assert GENERAL_SET.stat().st_size <= MOST_BYTES
    assert has_general_set(resolve(None))
    assert not has_general_set(resolve(str(tiny_model)))


@pytest.mark.parametrize("trained", ["text_projection", "visual.head.proj.weight"])
def test_the_set_belongs_to_models_with_the_same_trunk(tmp_path: Path, trained: str) -> None:
    specification = resolve(None)
    model = load_model(specification)
    with torch.no_grad():
        dict(model.named_parameters())[trained].add_(0.01)
    save_model_folder(tmp_path, model, specification.config, specification.preprocessing)
    assert has_general_set(resolve(str(tmp_path)))
    with torch.no_grad():
        next(iter(model.visual.trunk.parameters())).add_(0.01)
    save_model_folder(tmp_path, model, specification.config, specification.preprocessing)
    assert not has_general_set(resolve(str(tmp_path)))
