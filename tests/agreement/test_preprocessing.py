"""Our geometry against open_clip's own evaluation transform, on real pictures."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage
from PIL import Image
from read_in_process import read_picture

from rclip_like.images.decoding import REDUCTION_MARGIN
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.settings import ReadSettings
from rclip_like.values import Preprocessing

LIMITS = ReadSettings()
DATA = Path(skimage.__file__).parent / "data"
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "hubble_deep_field.jpg")
GREYS = ("camera.png", "coins.png", "page.png")


def preprocessing(size: int = 224, mode: str = "shortest", by: str = "bicubic") -> Preprocessing:
    return Preprocessing(size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), by, mode)


@cache
def transform(model: Preprocessing) -> Callable[[Image.Image], Any]:
    return import_open_clip().transform.image_transform(
        model.size,
        is_train=False,
        mean=model.mean,
        std=model.std,
        resize_mode=model.resize_mode,
        interpolation=model.interpolation,
    )


def theirs(image: Image.Image, model: Preprocessing) -> npt.NDArray[np.int_]:
    tensor = transform(model)(image).numpy()
    return np.rint(tensor.transpose(1, 2, 0) * 255).astype(int)


def ours(path: Path, model: Preprocessing) -> npt.NDArray[np.int_]:
    pixels = read_picture(os.fsencode(path), model, LIMITS).parts[0]
    assert pixels is not None
    return pixels.astype(int)


@pytest.mark.parametrize("by", ["bicubic", "bilinear"])
@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
@pytest.mark.parametrize("name", PHOTOS + GREYS)
def test_photos_equal_the_reference_bit_for_bit(
    name: str, mode: str, by: str, tmp_path: Path
) -> None:
    model = preprocessing(mode=mode, by=by)
    with Image.open(DATA / name) as image:
        # Without its profile, which the reference does not look at and we obey.
        image.save(tmp_path / "a.png", icc_profile=None)
        assert (ours(tmp_path / "a.png", model) == theirs(image, model)).all()


def test_photos_tagged_as_srgb_equal_the_reference_bit_for_bit() -> None:
    model = preprocessing(256)
    with Image.open(DATA / "hubble_deep_field.jpg") as image:
        assert image.info["icc_profile"]
        assert (ours(DATA / "hubble_deep_field.jpg", model) == theirs(image, model)).all()


@pytest.mark.parametrize("size", [32, 224, 240, 256, 384])
def test_odd_sizes_equal_the_reference_bit_for_bit(size: int, tmp_path: Path) -> None:
    draw = random.Random(size)
    with Image.open(DATA / "coffee.png") as image:
        for number in range(12):
            wide, high = draw.randint(20, image.width), draw.randint(20, image.height)
            crop = image.crop((0, 0, wide, high))
            crop.save(tmp_path / f"{number}.png")
            model = preprocessing(size)
            found = ours(tmp_path / f"{number}.png", model)
            assert (found == theirs(crop, model)).all(), (wide, high)


def starter_photos(limit: int) -> Iterator[tuple[str, bytes]]:
    """Yield photos of the first shard of the starter set, as files."""
    folder = os.environ.get("CLIPFIND_STARTER")
    if folder is None:
        pytest.skip("needs CLIPFIND_STARTER, the folder of the starter photos")
    shards = sorted(Path(folder).glob("*.tar.gz"))
    assert shards, f"no shards in {folder}"
    with tarfile.open(shards[0]) as shard:
        for member in shard:
            if member.name.endswith((".jpg", ".jpeg", ".png", ".webp")):
                file = shard.extractfile(member)
                assert file is not None
                yield Path(member.name).suffix, file.read()
                limit -= 1
            if limit == 0:
                return


def test_starter_photos_equal_the_reference_bit_for_bit(tmp_path: Path) -> None:
    model = preprocessing()
    num_equal = 0
    for suffix, data in starter_photos(60):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(data)
        with Image.open(io.BytesIO(data)) as image:
            if image.mode not in ("RGB", "L") or image.info.get("icc_profile"):
                continue
            if image.getexif().get(0x0112, 1) != 1 or min(image.size) >= 2 * 2 * model.size:
                continue
            assert (ours(path, model) == theirs(image, model)).all()
            num_equal += 1
    assert num_equal > 30


@pytest.mark.parametrize("size", [(16_000, 1), (1, 16_000), (8_000, 1), (20_000, 100)])
def test_absurd_shapes_differ_from_the_reference_by_a_level_or_two(
    size: tuple[int, int], tmp_path: Path
) -> None:
    model = preprocessing(64)
    Image.effect_noise(size, 60).convert("RGB").save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        difference = np.abs(ours(tmp_path / "a.png", model) - theirs(image, model))
    assert difference.max() <= 2
    assert difference.mean() <= 0.5


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
@pytest.mark.parametrize("size", [(16_000, 1), (1, 16_000), (65_000, 2)])
def test_absurd_shapes_need_little_memory(size: tuple[int, int], mode: str, tmp_path: Path) -> None:
    Image.new("RGB", size, (9, 99, 199)).save(tmp_path / "a.png")
    program = (
        "import os, sys\n"
        "from read_in_process import read_picture\n"
        "from rclip_like.settings import ReadSettings\n"
        "from rclip_like.values import Preprocessing\n"
        "model = Preprocessing(224, (0.0,) * 3, (1.0,) * 3, resize_mode=sys.argv[2])\n"
        "read_picture(os.fsencode(sys.argv[1]), model, ReadSettings())\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    peak = subprocess.check_output(
        [sys.executable, "-c", program, tmp_path / "a.png", mode], env=environment
    )
    assert int(peak.split()[1]) < 100_000  # KiB, of which Python and NumPy are 40,000


def as_large_photo(name: str, path: Path) -> None:
    """Write one of the photos as a JPEG of at least four megapixels."""
    with Image.open(DATA / name) as image:
        scale = 2000 / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(path, quality=92)


@pytest.mark.parametrize("size", [224, 256, 336])
@pytest.mark.parametrize("name", PHOTOS)
def test_reduced_decoding_stays_near_the_full_one(name: str, size: int, tmp_path: Path) -> None:
    as_large_photo(name, tmp_path / "a.jpg")
    model = preprocessing(size)
    with Image.open(tmp_path / "a.jpg") as image:
        difference = np.abs(ours(tmp_path / "a.jpg", model) - theirs(image, model))
    assert difference.max() > 0, "this photo was not read at reduced scale"
    assert difference.mean() <= 1.25  # the stars of Hubble's deep field; 0.6 on the others
    assert np.quantile(difference, 0.99) <= 16


@pytest.mark.parametrize("margin", [1, 1.99, 3.99])
def test_small_photos_are_never_read_at_reduced_scale(margin: float, tmp_path: Path) -> None:
    model = preprocessing(112)
    short = int(margin * model.size)
    assert short < 2 * REDUCTION_MARGIN * model.size
    with Image.open(DATA / "astronaut.png") as image:
        image.resize((short * 2, short)).save(tmp_path / "a.jpg", quality=90)
    with Image.open(tmp_path / "a.jpg") as image:
        assert (ours(tmp_path / "a.jpg", model) == theirs(image, model)).all()


@pytest.mark.parametrize("factor", [4, 5.5, 8, 15.9, 16, 17, 33])
def test_reduced_photos_keep_twice_the_models_size(
    factor: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = preprocessing(64)
    seen: list[tuple[int, int]] = []
    resize = Image.Image.resize
    monkeypatch.setattr(
        Image.Image,
        "resize",
        lambda image, *args, **options: (
            seen.append(image.size) or resize(image, *args, **options)  # type: ignore[func-returns-value]
        ),
    )
    short = int(model.size * factor)
    Image.new("RGB", (short + 301, short)).save(tmp_path / "a.jpg")
    read_picture(os.fsencode(tmp_path / "a.jpg"), model, LIMITS)
    decoded = min(seen[-1])
    assert REDUCTION_MARGIN * model.size <= decoded <= short / 2
