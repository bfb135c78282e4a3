"""Pairs made ready: read once, as a search sees them, and taken up again by a resumed run."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from drawn_pairs import draw_picture, write_shard
from PIL import Image

from rclip_like import settings as clipfind_settings
from rclip_like.errors import TrainingError
from rclip_like.images import readers
from rclip_like.images.products import Square
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.prepare import FeatureImages, PixelImages, Prepared, prepare
from rclip_like.train.settings import TrainSettings
from rclip_like.train.spool import stored_numbers
from rclip_like.train.survey import Survey, survey
from rclip_like.train.towers import Towers

MakeData = Callable[..., Path]


class Making:
    """What `prepare` is called with, for a folder of pictures and the tiny model."""

    def __init__(self, data: Path, model: Path, output: Path) -> None:
        self.data, self.output = data, output
        output.mkdir(exist_ok=True)
        self._model = model

    def survey(self) -> Survey:
        tokenize = import_open_clip().SimpleTokenizer(context_length=32)
        return survey(TrainSettings(self.data, self.output), tokenize)

    def towers(self, *, locked: bool = False) -> Towers:
        specification = resolve(str(self._model))
        model, device = load_model(specification), torch.device("cpu")
        preprocessing = specification.preprocessing
        return Towers(model, preprocessing, device, locked, locked, specification.fingerprint)

    def prepare(self, *, locked: bool = False, augments: bool = False, seed: int = 0) -> Prepared:
        plan = SimpleNamespace(augments=augments, loop=SimpleNamespace(seed=seed))
        towers = self.towers(locked=locked)
        return prepare(self.survey(), towers, plan, self.output, lambda progress: None)  # type: ignore[arg-type]


@pytest.fixture
def making(captioned: MakeData, tiny_model: Path, tmp_path: Path) -> Making:
    return Making(captioned(6), tiny_model, tmp_path / "out")


@pytest.fixture
def nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes any further reading of pictures fail."""

    def forbid() -> None:
        def refuse(*_: object) -> None:
            raise AssertionError("a picture was read again")

        monkeypatch.setattr(readers.Readers, "read_in_order", refuse)
        monkeypatch.setattr(Towers, "image_features", refuse)
        monkeypatch.setattr(Towers, "text_features", refuse)

    return forbid


def as_searched(towers: Towers, size: int = 40) -> np.ndarray:
    """Return the drawn pictures as open_clip's transform sees them before it normalises."""
    square = Square.of(towers.preprocessing)
    drawn = [Image.open(io.BytesIO(draw_picture(number, size))) for number in range(6)]
    resampling = {"bicubic": Image.Resampling.BICUBIC}[square.interpolation]
    return np.stack([np.asarray(each.resize((square.size,) * 2, resampling)) for each in drawn])


@pytest.mark.parametrize("augments", [False, True])
def test_measuring_and_a_run_that_does_not_augment_see_what_a_search_sees(
    making: Making, augments: bool
) -> None:
    images = making.prepare(augments=augments).images
    rows, expected = np.arange(6), as_searched(making.towers())
    assert np.array_equal(images.rows(rows).numpy(), expected)
    assert np.array_equal(images.rows(rows, 3).numpy(), expected) != augments


def test_what_an_epoch_sees_depends_on_seed_epoch_and_row_alone(making: Making) -> None:
    images = making.prepare(augments=True).images
    together = images.rows(np.array([4, 1, 2]), 7)
    assert torch.equal(images.rows(np.array([1]), 7)[0], together[1])
    assert torch.equal(images.rows(np.array([2, 4]), 7)[1], together[0])
    assert not torch.equal(images.rows(np.array([4, 1, 2]), 8), together)
    resumed = making.prepare(augments=True).images
    assert torch.equal(resumed.rows(np.array([4, 1, 2]), 7), together)
    other = making.prepare(augments=True, seed=1).images
    assert not torch.equal(other.rows(np.array([4, 1, 2]), 7), together)


@pytest.mark.parametrize("workers", [1, 3])
def test_pairs_are_the_same_for_any_number_of_workers(
    making: Making, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = making.prepare(augments=True)
    monkeypatch.setattr(clipfind_settings, "num_processors", lambda: workers)
    monkeypatch.setattr("rclip_like.images.limits.num_processors", lambda: workers)
    again = Making(making.data, making._model, making.output.with_name("again"))
    found = again.prepare(augments=True)
    assert found.digests == expected.digests
    rows = np.arange(6)
    assert torch.equal(found.images.rows(rows, 1), expected.images.rows(rows, 1))


def test_pictures_whose_captions_tell_left_from_right_are_never_mirrored(
    making: Making,
) -> None:
    for number in range(6):
        caption = "on the left" if number % 2 else "on this side"
        (making.data / f"{number:03}.txt").write_text(f"{caption}\nnumber {number}\n")
    images = making.prepare(augments=True).images
    assert isinstance(images, PixelImages)
    assert images.may_mirror.tolist() == [True, False] * 3


@torch.no_grad()
def test_locked_towers_keep_features_that_give_the_embeddings_of_whole_towers(
    making: Making,
) -> None:
    locked, whole = making.prepare(locked=True), making.towers()
    towers = making.towers(locked=True)
    assert isinstance(locked.images, FeatureImages)
    found = towers.encode_images(locked.images.rows(np.arange(6), 5))
    pixels = torch.from_numpy(as_searched(whole))
    assert torch.allclose(found, whole.encode_images(pixels), atol=1e-6)
    drawn = towers.encode_texts(locked.texts.rows(np.arange(6), [0, 1] * 3))
    tokens = [row[number % 2] for number, row in enumerate(making.survey().tokens)]
    expected = whole.encode_texts(torch.from_numpy(np.stack(tokens)))
    assert torch.allclose(drawn, expected, atol=1e-6)
    every = towers.encode_texts(locked.texts.all_of(3))
    assert torch.allclose(every[1], drawn[3], atol=1e-6)


@pytest.mark.parametrize("locked", [False, True])
def test_a_resumed_run_neither_decodes_nor_encodes(
    making: Making, locked: bool, nothing_is_read: Callable[[], None]
) -> None:
    before = making.prepare(locked=locked, augments=True)
    nothing_is_read()
    after = making.prepare(locked=locked, augments=True)
    rows = np.arange(6)
    assert after.digests == before.digests
    assert torch.equal(after.images.rows(rows, 2), before.images.rows(rows, 2))
    assert torch.equal(after.texts.rows(rows, [0] * 6), before.texts.rows(rows, [0] * 6))


def test_a_file_with_another_time_and_the_same_content_has_not_changed(
    making: Making, nothing_is_read: Callable[[], None]
) -> None:
    before = making.prepare()
    os.utime(making.data / "003.png", (1, 1))
    nothing_is_read()
    assert making.prepare().digests == before.digests


def change_picture(data: Path) -> None:
    (data / "003.png").write_bytes(draw_picture(11))


def change_caption(data: Path) -> None:
    (data / "003.txt").write_text("something else\n")


def add_pair(data: Path) -> None:
    (data / "003a.png").write_bytes(draw_picture(11))
    (data / "003a.txt").write_text("one more\n")


def remove_pair(data: Path) -> None:
    (data / "003.png").unlink()


@pytest.mark.parametrize("change", [change_picture, change_caption, add_pair, remove_pair])
def test_what_changed_is_named_once_there_is_a_checkpoint(
    making: Making, change: Callable[[Path], None]
) -> None:
    making.prepare()
    change(making.data)
    (making.output / "checkpoint.pt").touch()
    with pytest.raises(TrainingError, match=r"003a?\.png .* since the run in .*out began"):
        making.prepare()


@pytest.mark.parametrize("change", [change_picture, change_caption, add_pair, remove_pair])
def test_before_the_first_checkpoint_what_changed_is_read_anew(
    making: Making, change: Callable[[Path], None]
) -> None:
    making.prepare()
    change(making.data)
    found, anew = making.prepare(), making.output.with_name("anew")
    assert found.digests == Making(making.data, making._model, anew).prepare().digests
    assert np.array_equal(
        np.fromfile(making.output / "pixels.bin", np.uint8),
        np.fromfile(anew / "pixels.bin", np.uint8),
    )


def test_pictures_prepared_in_another_way_are_refused_once_there_is_a_checkpoint(
    making: Making,
) -> None:
    making.prepare(augments=True)
    (making.output / "checkpoint.pt").touch()
    with pytest.raises(TrainingError, match="by a run with another augmentation"):
        making.prepare()
    with pytest.raises(TrainingError, match="by a run with another image tower lock"):
        making.prepare(locked=True)


@pytest.mark.parametrize("damage", ["pixels.bin", "prepared.json"])
@pytest.mark.parametrize("is_cut", [True, False])
def test_files_that_are_not_whole_are_made_anew(making: Making, damage: str, is_cut: bool) -> None:
    making.prepare()
    path = making.output / damage
    content = path.read_bytes()
    path.write_bytes(content[:-100] if is_cut else content[:-100] + b"\x07" * 100)
    rows = making.prepare().images.rows(np.arange(6))
    assert np.array_equal(rows.numpy(), as_searched(making.towers()))


def test_pictures_that_cannot_be_read_are_named_and_remembered(
    making: Making, nothing_is_read: Callable[[], None]
) -> None:
    (making.data / "002.png").write_bytes(draw_picture(2)[:-40])
    before = making.prepare()
    nothing_is_read()
    after = making.prepare()
    for found in (before, after):
        assert found.rows.tolist() == [0, 1, 3, 4, 5]
        assert [Path(os.fsdecode(each.path)).name for each in found.skipped] == ["002.png"]
        assert found.skipped[0].reason == "truncated"
        assert len(found.captions) == len(found.digests) == len(found.images.rows(np.arange(5)))


def test_a_shard_gives_the_same_pairs_as_a_folder_and_its_changes_are_named(
    making: Making, tiny_model: Path, tmp_path: Path
) -> None:
    members = {path.name: path.read_bytes() for path in sorted(making.data.iterdir())}
    shard = write_shard(tmp_path / "pairs.tar", members)
    sharded = Making(shard, tiny_model, tmp_path / "sharded")
    expected = making.prepare()
    assert sharded.prepare().digests == expected.digests
    write_shard(shard, members | {"004.png": draw_picture(12)})
    (sharded.output / "checkpoint.pt").touch()
    with pytest.raises(TrainingError, match=r"pairs\.tar:004\.png has changed since"):
        sharded.prepare()


def test_what_is_prepared_is_its_owners_alone(making: Making) -> None:
    before = os.umask(0)
    try:
        making.prepare(augments=True)
        locked = Making(making.data, making._model, making.output.with_name("locked"))
        locked.prepare(locked=True)
    finally:
        os.umask(before)
    written = [*making.output.iterdir(), *locked.output.iterdir()]
    assert {path.name for path in written} == {
        "prepared.json",
        "pixels.bin",
        "finer-pixels.bin",
        "image-features.bin",
        "text-features.bin",
    }
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}


def test_numbers_are_computed_once(tmp_path: Path) -> None:
    path = tmp_path / "copies.bin"
    assert stored_numbers(path, 3, lambda: np.array([2, 0, 1])).tolist() == [2, 0, 1]
    assert path.stat().st_mode & 0o777 == 0o600
    assert stored_numbers(path, 3, lambda: np.array([9, 9, 9])).tolist() == [2, 0, 1]
    assert stored_numbers(path, 2, lambda: np.array([5, 6])).tolist() == [5, 6]


def test_numbers_of_other_pictures_are_forgotten(making: Making) -> None:
    making.prepare()
    stored_numbers(making.output / "copies.bin", 6, lambda: np.arange(6))
    making.prepare()
    assert (making.output / "copies.bin").exists()
    change_picture(making.data)
    making.prepare()
    assert not (making.output / "copies.bin").exists()


def test_a_disk_without_room_for_the_pixels_is_told_of_before_any_is_read(
    making: Making, nothing_is_read: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    nothing_is_read()
    with pytest.raises(TrainingError, match=r"the pixels take 0\.0 GB in .* while training"):
        making.prepare()
