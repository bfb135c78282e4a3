"""Pictures encoded without torch: the built-in tower against torch's, and when that is done."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from draw_graphs import draw_all
from reference_clip import photos
from tiny_model import make_tiny_model, tiny_config

from rclip_like.errors import ModelError
from rclip_like.models import picture_encoder
from rclip_like.models.names import BUILTIN
from rclip_like.models.picture_encoder import encode_picture, load_picture_encoder
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.models.towers import cpu_encoder
from rclip_like.models.towers import torch_tower as encoder_module
from rclip_like.models.towers.cpu_encoder import CpuEncoder, encode_alone, supports
from rclip_like.models.towers.torch_tower import Encoder, load_encoder
from rclip_like.settings import EncoderSettings

WEIGHTS = "open_clip_model.safetensors"


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
    ours = CpuEncoder(specification).encode_pictures(pixels)
    theirs = load_encoder(specification, EncoderSettings("cpu", "fp32")).encode_pictures(pixels)
    assert ours.dtype == np.float32
    assert (theirs @ theirs.T - 2 * np.eye(len(theirs))).max() < 0.9999
    assert (ours * theirs).sum(axis=1).min() > 0.999999


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_each_picture_has_its_row_however_the_threads_share_them(
    tiny_model: Path, threads: int
) -> None:
    specification = resolve(str(tiny_model))
    pixels = np.random.default_rng(0).integers(0, 255, (23, 32, 32, 3), dtype=np.uint8)
    encoder = CpuEncoder(specification, threads=threads, batch_size=2)
    theirs = load_encoder(specification, EncoderSettings("cpu", "fp32")).encode_pictures(pixels)
    for count in (0, 1, 2, 3, 9, 10, 11, 23):
        rows = encoder.encode_pictures(pixels[:count])
        assert rows.shape == (count, theirs.shape[1])
        assert rows.dtype == np.float32
        assert np.abs(rows - theirs[:count]).max(initial=0) < 1e-6


class Watched:
    """A tower that notes how many pictures it was given, and waits for other threads."""

    def __init__(self, pictures_at_once: int, parties: int = 1, most: int = 1000) -> None:
        self.pictures_at_once = pictures_at_once
        self.taken: list[int] = []
        self._together = threading.Barrier(parties)
        self._most = most

    def features(self, pixels_NHWC: np.ndarray) -> np.ndarray:
        self.taken.append(len(pixels_NHWC))
        if len(pixels_NHWC) > self._most:
            raise MemoryError("Failed to allocate memory")
        self._together.wait(timeout=30)
        return np.ones((len(pixels_NHWC), 32), dtype=np.float32)


def watched_encoder(
    tower: Watched, model: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int | None = None
) -> CpuEncoder:
    monkeypatch.setattr(cpu_encoder, "_load", lambda *_, **__: tower)
    return CpuEncoder(resolve(str(model)), threads=2, batch_size=batch_size)


@pytest.mark.parametrize(("at_once", "batch_size"), [(3, None), (3, 40), (8, 3)])
def test_no_thread_takes_more_pictures_than_is_good(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, batch_size: int | None
) -> None:
    tower = Watched(at_once)
    encoder = watched_encoder(tower, tiny_model, monkeypatch, batch_size)
    encoder.encode_pictures(np.zeros((7, 32, 32, 3), dtype=np.uint8))
    assert sorted(tower.taken) == [1, 2, 2, 2]


def test_threads_encode_at_the_same_time(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tower = Watched(8, parties=2)
    encoder = watched_encoder(tower, tiny_model, monkeypatch)
    assert len(encoder.encode_pictures(np.zeros((2, 32, 32, 3), dtype=np.uint8))) == 2
    assert tower.taken == [1, 1]


def test_with_little_memory_fewer_pictures_are_taken_at_a_time(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tower = Watched(8, most=3)
    encoder = watched_encoder(tower, tiny_model, monkeypatch)
    pixels = np.zeros((16, 32, 32, 3), dtype=np.uint8)
    assert len(encoder.encode_pictures(pixels)) == 16
    assert tower.taken[-8:] == [2] * 8
    tower.taken.clear()
    encoder.encode_pictures(pixels)
    assert tower.taken == [2] * 8


def test_too_little_memory_for_one_picture_is_told(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = watched_encoder(Watched(8, most=0), tiny_model, monkeypatch)
    with pytest.raises(ModelError, match="too little memory"):
        encoder.encode_pictures(np.zeros((16, 32, 32, 3), dtype=np.uint8))
    with pytest.raises(ModelError, match="too little memory"):
        encode_alone(resolve(str(tiny_model)), photos(32)[0])


@pytest.mark.skipif(sys.platform != "linux", reason="reads and bounds memory as Linux does")
def test_out_of_memory_in_the_runtime_is_told_as_that_and_nothing_is_printed() -> None:
    code = (
        "import numpy as np, resource\n"
        "from rclip_like.models.towers.efficientnet import EfficientNet\n"
        "from rclip_like.models.specification import resolve\n"
        "tower = EfficientNet(resolve('builtin'), threads=1)\n"
        "pixels = np.zeros((256, 224, 224, 3), dtype=np.uint8)\n"
        "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + (64 << 20), -1))\n"
        "try:\n    tower.features(pixels)\nexcept MemoryError:\n    print('memory')"
    )
    command = [sys.executable, "-c", code]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (finished.stdout, finished.stderr) == ("memory\n", "")


def test_however_many_threads_a_batch_stays_small(tiny_model: Path) -> None:
    assert CpuEncoder(resolve(str(tiny_model)), threads=64).batch_size == 256


def test_one_picture_is_encoded_by_as_many_threads_as_are_asked_for(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def load(specification: ModelSpecification, *, threads: int) -> Watched:
        asked.append(threads)
        return Watched(8)

    monkeypatch.setattr(cpu_encoder, "_load", load)
    monkeypatch.setattr(cpu_encoder, "num_processors", lambda: 7)
    specification, pixels = resolve(str(tiny_model)), photos(32)[0]
    encode_picture(specification, pixels, lambda: pytest.fail("the encoder was loaded"), threads=3)
    encode_picture(specification, pixels, lambda: pytest.fail("the encoder was loaded"))
    assert asked == [3, 7]


def test_the_graphs_that_come_along_are_those_that_are_drawn() -> None:
    drawn = draw_all()
    assert {place.name for place in drawn} == {
        each.name for each in Path(cpu_encoder.__file__).parents[1].glob("graphs/*.onnx")
    }
    for place, graph in drawn.items():
        assert place.read_bytes() == graph


@pytest.mark.parametrize("name", ["builtin", "tiny"])
def test_pictures_are_encoded_without_torch_on_the_cpu(name: str, tiny_model: Path) -> None:
    model = name if name == "builtin" else str(tiny_model)
    side = resolve(model).preprocessing.size
    code = (
        "import numpy as np\n"
        "from rclip_like.models.picture_encoder import load_picture_encoder\n"
        "from rclip_like.models.specification import resolve\n"
        "from rclip_like.settings import EncoderSettings\n"
        f"encoder = load_picture_encoder(resolve({model!r}), EncoderSettings('cpu', 'fp32'))\n"
        f"encoder.encode_pictures(np.zeros((1, {side}, {side}, 3), dtype=np.uint8))"
    )
    assert loaded_by(code) == ["onnxruntime"]


def test_other_models_precisions_and_devices_are_left_to_torch(tmp_path: Path) -> None:
    builtin = resolve(BUILTIN)
    assert isinstance(load_picture_encoder(builtin, EncoderSettings("cpu", "bf16")), Encoder)
    vision = tiny_config()["vision_cfg"] | {"pool_type": "avg"}
    other = resolve(str(make_tiny_model(tmp_path / "other", vision_cfg=vision)))
    assert isinstance(load_picture_encoder(other, EncoderSettings("cpu")), Encoder)
    with pytest.raises(ModelError, match="no device"):
        load_picture_encoder(builtin, EncoderSettings("mps"))


@pytest.mark.parametrize("is_faster", [True, False])
def test_where_bf16_is_faster_transformers_are_left_to_torch_unless_fp32_is_asked_for(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_faster: bool
) -> None:
    flags = tmp_path / "cpuinfo"
    flags.write_text("flags : fpu avx2 avx512_bf16\n")
    monkeypatch.setattr(picture_encoder, "_PROCESSOR", flags)
    monkeypatch.setattr(encoder_module, "_processor_is_faster_in_bf16", lambda: is_faster)
    tiny, auto = resolve(str(tiny_model)), EncoderSettings("cpu")
    expected = Encoder if is_faster else CpuEncoder
    assert isinstance(load_picture_encoder(tiny, auto), expected)
    assert isinstance(load_picture_encoder(tiny, EncoderSettings("cpu", "fp32")), CpuEncoder)
    assert isinstance(load_picture_encoder(resolve(BUILTIN), auto), CpuEncoder)


def test_where_nothing_tells_of_the_processor_torch_is_asked(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_encoder, "_PROCESSOR", tmp_path / "none")
    monkeypatch.setattr(encoder_module, "_processor_is_faster_in_bf16", lambda: True)
    assert isinstance(
        load_picture_encoder(resolve(str(tiny_model)), EncoderSettings("cpu")), Encoder
    )


def test_a_processor_without_bf16_is_not_asked(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = tmp_path / "cpuinfo"
    flags.write_text("flags : fpu avx2\n")
    monkeypatch.setattr(picture_encoder, "_PROCESSOR", flags)
    monkeypatch.setattr(encoder_module, "_processor_is_faster_in_bf16", lambda: True)
    encoder = load_picture_encoder(resolve(str(tiny_model)), EncoderSettings("cpu"))
    assert isinstance(encoder, CpuEncoder)


def test_a_sign_of_a_gpu_that_torch_cannot_use_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_encoder, "_SIGNS", (str(tmp_path),))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    encoder = load_picture_encoder(resolve(BUILTIN), EncoderSettings(threads=1, batch_size=3))
    assert isinstance(encoder, CpuEncoder)
    assert encoder.batch_size == 3
    assert CpuEncoder(resolve(BUILTIN), threads=3).batch_size == 48


@pytest.mark.parametrize("name", ["visual.trunk.conv_stem.weight", "visual.trunk.bn2.bias"])
def test_missing_tensor_is_named(tmp_path: Path, name: str) -> None:
    specification = change_weights(builtin_copy(tmp_path), name)
    assert supports(specification)
    with pytest.raises(ModelError, match=name):
        CpuEncoder(specification)


def test_weights_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    folder = builtin_copy(tmp_path)
    tensors = safetensors.numpy.load_file(folder / WEIGHTS)
    tensors["visual.trunk.conv_head.weight"][:] = np.nan
    safetensors.numpy.save_file(tensors, folder / WEIGHTS)
    with pytest.raises(ModelError, match="no numbers"):
        CpuEncoder(resolve(str(folder))).encode_pictures(photos(224))


@pytest.mark.parametrize("name", ["visual.head.proj.weight", "visual.head.proj.bias"])
def test_a_head_that_is_not_whole_is_left_to_torch(tmp_path: Path, name: str) -> None:
    specification = change_weights(builtin_copy(tmp_path), name)
    assert not supports(specification)
    with pytest.raises(ModelError, match=name):
        load_picture_encoder(specification, EncoderSettings("cpu", "fp32"))


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


def test_one_picture_needs_no_encoder_where_its_tower_is_known(tmp_path: Path) -> None:
    def refuse() -> Encoder:
        pytest.fail("the encoder was loaded")

    for specification in (resolve(BUILTIN), resolve(str(make_tiny_model(tmp_path)))):
        pixels = photos(specification.preprocessing.size)
        rows = load_encoder(specification, EncoderSettings("cpu", "fp32")).encode_pictures(pixels)
        assert encode_picture(specification, pixels[0], refuse) @ rows[0] > 0.999999
