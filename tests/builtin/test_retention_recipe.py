"""The general set: which photos it takes, and what their features are after packing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recipe.photos import Photo
from recipe.retention import MOST_PER_LABEL, choose, packed

from rclip_like.models.specification import resolve
from rclip_like.train import general_set
from rclip_like.train.general_set import GENERAL_SET, has_general_set, load_general_set

MOST_BYTES = 2_500_000


def photo(number: int, source: str = "grocery", label: str = "apple") -> Photo:
    return Photo(str(number), b"", source, "open", label=label)


def test_only_licensed_photos_are_taken_and_few_of_each_label() -> None:
    photos = [photo(0, "houses", "kitchen"), photo(1, label="pear"), *map(photo, range(2, 40))]
    chosen = list(choose(photos))
    assert [each.key for each in chosen] == [str(n) for n in range(1, 2 + MOST_PER_LABEL)]


def test_packed_features_differ_by_less_than_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    features_NF = np.random.default_rng(0).random((3, 40), np.float32)
    photos = [photo(0, label="pear"), photo(1), photo(2, label="pear")]
    path, specification = tmp_path / "set.safetensors", resolve(str(tiny_model))
    path.write_bytes(packed(features_NF, photos, ["dog", "pear"], specification.fingerprint))
    monkeypatch.setattr(general_set, "GENERAL_SET", path)
    loaded = load_general_set(("a dog",))
    assert np.abs(loaded.features_NF - features_NF).max() <= features_NF.max() / 255
    assert loaded.judge.names == ("apple", "pear", "dog")
    assert loaded.judge.num_own == 2
    assert loaded.judge.labels.tolist() == [1, 0, 1]
    assert has_general_set(specification)
    assert not has_general_set(resolve(None))


def test_the_set_in_the_package_is_small_and_belongs_to_the_built_in_model() -> None:
    assert GENERAL_SET.stat().st_size <= MOST_BYTES
    assert has_general_set(resolve(None))
