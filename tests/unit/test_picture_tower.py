"""Pictures encoded without torch: the built-in tower against torch's, and when that is done."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from draw_graphs import draw_all
from reference_clip import photos
from tiny_model import make_tiny_model, tiny_config

from rclip_like.errors import ModelError
from rclip_like.models import model as model_module
from rclip_like.models.model import Model
from rclip_like.models.names import BUILTIN
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.models.towers import picture_tower, torch_tower
from rclip_like.models.towers.picture_tower import PictureTower, kind_of
from rclip_like.models.towers.tensors import Weights
from rclip_like.models.towers.torch_tower import TorchTower, load_torch_tower
from rclip_like.settings import EncoderSettings

WEIGHTS = "open_clip_model.safetensors"
EXACT = EncoderSettings("cpu", "fp32")


def tower_of(specification: ModelSpecification, **options: Any) -> PictureTower:
    return PictureTower(specification, Weights(specification.weights), **options)


def chosen(specification: ModelSpecification, settings: EncoderSettings) -> object:
    """Return the tower with which a model encodes batches of pictures."""
    return Model(specification, settings)._picture_tower()


def supports(specification: ModelSpecification) -> bool:
    return kind_of(specification, Weights(specification.weights).header) is not None


def builtin_copy(folder: Path) -> Path:
    return Path(shutil.copytree(resolve(BUILTIN).weights.parent, folder / "model"))


def change_weights(folder: Path, without: str) -> ModelSpecification:
    """Take one tensor away."""
    tensors = safetensors.numpy.load_file(folder / WEIGHTS)
    del tensors[without]
    safetensors.numpy.save_file(tensors, folder / WEIGHTS)
    return resolve(str(folder))


def loaded_by(code: str) -> list[str]:
    """Run code in a process of its own and return which of the large packages it has loaded."""
    names = "('torch', 'open_clip', 'onnxruntime')"
    code += f"\nimport sys; print(*[name for name in {names} if name in sys.modules])"
    return subprocess.check_output([sys.executable, "-c", code], text=True).split()


def test_the_built_in_tower_equals_that_of_torch() -> None:
    specification = resolve(BUILTIN)
    pixels = photos(specification.preprocessing.size)
    ours = tower_of(specification).pictures(pixels)
    theirs = load_torch_tower(specification, EXACT).pictures(pixels)
    assert ours.dtype == np.float32
    assert (theirs @ theirs.T - 2 * np.eye(len(theirs))).max() < 0.9999
    assert (ours * theirs).sum(axis=1).min() > 0.999999


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_each_picture_has_its_row_however_the_threads_share_them(
    tiny_model: Path, threads: int
) -> None:
    specification = resolve(str(tiny_model))
    pixels = np.random.default_rng(0).integers(0, 255, (23, 32, 32, 3), dtype=np.uint8)
    tower = tower_of(specification, threads=threads, batch_size=2)
    theirs = load_torch_tower(specification, EXACT).pictures(pixels)
    for count in (0, 1, 2, 3, 9, 10, 11, 23):
        rows = tower.pictures(pixels[:count])
        assert rows.shape == (count, theirs.shape[1])
        assert rows.dtype == np.float32
        assert np.abs(rows - theirs[:count]).max(initial=0) < 1e-6


class Watched:
    """Layers that note how many pictures they were given, and wait for other threads."""

    def __init__(self, pictures_at_once: int, parties: int = 1, most: int = 1000) -> None:
        self.pictures_at_once = pictures_at_once
        self.taken: list[int] = []
        self._together = threading.Barrier(parties)
        self._most = most

    def embed(self, pixels_NHWC: np.ndarray) -> np.ndarray:
        self.taken.append(len(pixels_NHWC))
        if len(pixels_NHWC) > self._most:
            raise MemoryError("Failed to allocate memory")
        self._together.wait(timeout=30)
        return np.ones((len(pixels_NHWC), 32), dtype=np.float32)


def watched_tower(
    layers: Watched, model: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> PictureTower:
    monkeypatch.setattr(picture_tower, "kind_of", lambda *_: lambda *_, **__: layers)
    return tower_of(resolve(str(model)), **{"threads": 2} | options)


@pytest.mark.parametrize(("at_once", "batch_size"), [(3, None), (3, 40), (8, 3)])
def test_no_thread_takes_more_pictures_than_is_good(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, batch_size: int | None
) -> None:
    layers = Watched(at_once)
    tower = watched_tower(layers, tiny_model, monkeypatch, batch_size=batch_size)
    tower.pictures(np.zeros((7, 32, 32, 3), dtype=np.uint8))
    assert sorted(layers.taken) == [1, 2, 2, 2]


def test_threads_encode_at_the_same_time(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = Watched(8, parties=2)
    tower = watched_tower(layers, tiny_model, monkeypatch)
    assert len(tower.pictures(np.zeros((2, 32, 32, 3), dtype=np.uint8))) == 2
    assert layers.taken == [1, 1]


def test_with_little_memory_fewer_pictures_are_taken_at_a_time(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = Watched(8, most=3)
    tower = watched_tower(layers, tiny_model, monkeypatch)
    pixels = np.zeros((16, 32, 32, 3), dtype=np.uint8)
    assert len(tower.pictures(pixels)) == 16
    assert layers.taken[-8:] == [2] * 8
    layers.taken.clear()
    tower.pictures(pixels)
    assert layers.taken == [2] * 8


@pytest.mark.parametrize("is_for_one", [False, True])
def test_too_little_memory_for_one_picture_is_told(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, is_for_one: bool
) -> None:
    layers = Watched(8, most=0)
    tower = watched_tower(layers, tiny_model, monkeypatch, is_for_one=is_for_one)
    with pytest.raises(ModelError, match="too little memory"):
        tower.pictures(np.zeros((16, 32, 32, 3), dtype=np.uint8))


@pytest.mark.skipif(sys.platform != "linux", reason="reads and bounds memory as Linux does")
def test_out_of_memory_in_the_runtime_is_told_as_that_and_nothing_is_printed() -> None:
    code = (
        "import numpy as np, resource\n"
        "from rclip_like.models.towers.efficientnet import EfficientNet\n"
        "from rclip_like.models.specification import resolve\n"
        "from rclip_like.models.towers.tensors import Weights\n"
        "builtin = resolve('builtin')\n"
        "tower = EfficientNet(builtin, Weights(builtin.weights).tensors(), threads=1)\n"
        "pixels = np.zeros((256, 224, 224, 3), dtype=np.uint8)\n"
        "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + (64 << 20), -1))\n"
        "try:\n    tower.features(pixels)\nexcept MemoryError:\n    print('memory')"
    )
    command = [sys.executable, "-c", code]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (finished.stdout, finished.stderr) == ("memory\n", "")


def test_however_many_threads_a_batch_stays_small(tiny_model: Path) -> None:
    assert tower_of(resolve(str(tiny_model)), threads=64).batch_size == 256


def test_one_picture_is_encoded_by_as_many_threads_as_are_asked_for(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def load(specification: ModelSpecification, tensors: object, *, threads: int) -> Watched:
        asked.append(threads)
        return Watched(8)

    monkeypatch.setattr(picture_tower, "kind_of", lambda *_: load)
    monkeypatch.setattr(picture_tower, "num_processors", lambda: 7)
    specification, pixels = resolve(str(tiny_model)), photos(32)[0]
    Model(specification, EncoderSettings(threads=3)).picture(pixels)
    Model(specification).picture(pixels)
    assert asked == [3, 7]


def test_the_graphs_that_come_along_are_those_that_are_drawn() -> None:
    drawn = draw_all()
    assert {place.name for place in drawn} == {
        each.name for each in Path(picture_tower.__file__).parents[1].glob("graphs/*.onnx")
    }
    for place, graph in drawn.items():
        assert place.read_bytes() == graph


@pytest.mark.parametrize("name", ["builtin", "tiny"])
def test_pictures_are_encoded_without_torch_on_the_cpu(name: str, tiny_model: Path) -> None:
    model = name if name == "builtin" else str(tiny_model)
    side = resolve(model).preprocessing.size
    code = (
        "import numpy as np\n"
        "from rclip_like.models.model import Model\n"
        "from rclip_like.models.specification import resolve\n"
        "from rclip_like.settings import EncoderSettings\n"
        f"model = Model(resolve({model!r}), EncoderSettings('cpu', 'fp32'))\n"
        f"model.pictures(np.zeros((1, {side}, {side}, 3), dtype=np.uint8))"
    )
    assert loaded_by(code) == ["onnxruntime"]


def test_other_models_precisions_and_devices_are_left_to_torch(tmp_path: Path) -> None:
    builtin = resolve(BUILTIN)
    assert isinstance(chosen(builtin, EncoderSettings("cpu", "bf16")), TorchTower)
    vision = tiny_config()["vision_cfg"] | {"pool_type": "avg"}
    other = resolve(str(make_tiny_model(tmp_path / "other", vision_cfg=vision)))
    assert isinstance(chosen(other, EncoderSettings("cpu")), TorchTower)
    with pytest.raises(ModelError, match="no device"):
        chosen(builtin, EncoderSettings("mps"))


@pytest.mark.parametrize("is_faster", [True, False])
def test_where_bf16_is_faster_transformers_are_left_to_torch_unless_fp32_is_asked_for(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_faster: bool
) -> None:
    flags = tmp_path / "cpuinfo"
    flags.write_text("flags : fpu avx2 avx512_bf16\n")
    monkeypatch.setattr(model_module, "_PROCESSOR", flags)
    monkeypatch.setattr(torch_tower, "_processor_is_faster_in_bf16", lambda: is_faster)
    tiny, auto = resolve(str(tiny_model)), EncoderSettings("cpu")
    assert isinstance(chosen(tiny, auto), TorchTower if is_faster else PictureTower)
    assert isinstance(chosen(tiny, EXACT), PictureTower)
    assert isinstance(chosen(resolve(BUILTIN), auto), PictureTower)


def test_where_nothing_tells_of_the_processor_torch_is_asked(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "_PROCESSOR", tmp_path / "none")
    monkeypatch.setattr(torch_tower, "_processor_is_faster_in_bf16", lambda: True)
    assert isinstance(chosen(resolve(str(tiny_model)), EncoderSettings("cpu")), TorchTower)


def test_a_processor_without_bf16_is_not_asked(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = tmp_path / "cpuinfo"
    flags.write_text("flags : fpu avx2\n")
    monkeypatch.setattr(model_module, "_PROCESSOR", flags)
    monkeypatch.setattr(torch_tower, "_processor_is_faster_in_bf16", lambda: True)
    assert isinstance(chosen(resolve(str(tiny_model)), EncoderSettings("cpu")), PictureTower)


def test_a_sign_of_a_gpu_that_torch_cannot_use_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "_GPU_SIGNS", (str(tmp_path),))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    tower = chosen(resolve(BUILTIN), EncoderSettings(threads=1, batch_size=3))
    assert isinstance(tower, PictureTower)
    assert tower.batch_size == 3
    assert tower_of(resolve(BUILTIN), threads=3).batch_size == 48


@pytest.mark.parametrize("name", ["visual.trunk.conv_stem.weight", "visual.trunk.bn2.bias"])
def test_missing_tensor_is_named(tmp_path: Path, name: str) -> None:
    specification = change_weights(builtin_copy(tmp_path), name)
    assert supports(specification)
    with pytest.raises(ModelError, match=name):
        tower_of(specification)


def test_weights_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    folder = builtin_copy(tmp_path)
    tensors = safetensors.numpy.load_file(folder / WEIGHTS)
    tensors["visual.trunk.conv_head.weight"][:] = np.nan
    safetensors.numpy.save_file(tensors, folder / WEIGHTS)
    with pytest.raises(ModelError, match="not numbers"):
        tower_of(resolve(str(folder))).pictures(photos(224))


@pytest.mark.parametrize("name", ["visual.head.proj.weight", "visual.head.proj.bias"])
def test_a_head_that_is_not_whole_is_left_to_torch(tmp_path: Path, name: str) -> None:
    specification = change_weights(builtin_copy(tmp_path), name)
    assert not supports(specification)
    with pytest.raises(ModelError, match=name):
        chosen(specification, EXACT)


@pytest.mark.parametrize("change", [{"timm_pool": "avg"}, {"timm_proj": "mlp"}])
def test_towers_of_another_kind_are_not_taken_for_it(
    tmp_path: Path, change: dict[str, object]
) -> None:
    folder = builtin_copy(tmp_path)
    place = folder / "open_clip_config.json"
    described = json.loads(place.read_text())
    assert supports(resolve(str(folder)))
    described["model_cfg"]["vision_cfg"] |= change
    place.write_text(json.dumps(described))
    assert not supports(resolve(str(folder)))


def test_one_picture_is_encoded_without_torch_wherever_others_are(tmp_path: Path) -> None:
    elsewhere = EncoderSettings("a device that is not there")
    for specification in (resolve(BUILTIN), resolve(str(make_tiny_model(tmp_path)))):
        pixels = photos(specification.preprocessing.size)
        rows = load_torch_tower(specification, EXACT).pictures(pixels)
        assert Model(specification, elsewhere).picture(pixels[0]) @ rows[0] > 0.999999
