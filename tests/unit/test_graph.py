"""The built-in image tower on ONNX Runtime against torch's, and when it is taken."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import skimage.data
from PIL import Image
from tiny_model import make_tiny_model

from rclip_like.errors import ModelError
from rclip_like.models import picture_encoder
from rclip_like.models.encoder import Encoder, load_encoder
from rclip_like.models.graph import BATCH_SIZE, GRAPH, GraphEncoder, supports
from rclip_like.models.picture_encoder import encode_picture, load_picture_encoder
from rclip_like.models.specification import BUILTIN, ModelSpecification, resolve
from rclip_like.settings import EncoderSettings
from rclip_like.train.graph import draw

WEIGHTS = "open_clip_model.safetensors"


def photos(side: int) -> np.ndarray:
    named = [getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea")]
    return np.stack([np.asarray(Image.fromarray(each).resize((side, side))) for each in named])


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
    ours = GraphEncoder(specification).encode_pictures(pixels)
    theirs = load_encoder(specification, EncoderSettings("cpu", "fp32")).encode_pictures(pixels)
    assert ours.dtype == np.float32
    assert (theirs @ theirs.T - 2 * np.eye(len(theirs))).max() < 0.9999
    assert (ours * theirs).sum(axis=1).min() > 0.999999


def test_more_pictures_than_a_batch_and_none_give_a_row_each() -> None:
    encoder = GraphEncoder(resolve(BUILTIN), batch_size=2)
    pixels = photos(224)
    rows = encoder.encode_pictures(pixels)
    assert encoder.encode_pictures(pixels[:0]).shape == (0, rows.shape[1])
    for row, each in zip(rows, pixels, strict=True):
        assert encoder.encode_pictures(each[np.newaxis])[0] @ row > 0.999999


def test_the_graph_that_comes_along_is_the_one_that_is_drawn() -> None:
    assert draw() == GRAPH.read_bytes()


def test_pictures_are_encoded_without_torch_on_the_cpu() -> None:
    code = (
        "import numpy as np\n"
        "from rclip_like.models.picture_encoder import load_picture_encoder\n"
        "from rclip_like.models.specification import resolve\n"
        "from rclip_like.settings import EncoderSettings\n"
        "encoder = load_picture_encoder(resolve('builtin'), EncoderSettings('cpu'))\n"
        "encoder.encode_pictures(np.zeros((1, 224, 224, 3), dtype=np.uint8))"
    )
    assert loaded_by(code) == ["onnxruntime"]


def test_other_models_precisions_and_devices_are_left_to_torch(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builtin = resolve(BUILTIN)
    assert isinstance(load_picture_encoder(builtin, EncoderSettings("cpu", "bf16")), Encoder)
    other = load_picture_encoder(resolve(str(tiny_model)), EncoderSettings("cpu"))
    assert isinstance(other, Encoder)
    with pytest.raises(ModelError, match="no device"):
        load_picture_encoder(builtin, EncoderSettings("mps"))


def test_a_sign_of_a_gpu_that_torch_cannot_use_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_encoder, "_SIGNS", (str(tmp_path),))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    encoder = load_picture_encoder(resolve(BUILTIN), EncoderSettings(threads=1, batch_size=3))
    assert isinstance(encoder, GraphEncoder)
    assert encoder.batch_size == 3
    assert GraphEncoder(resolve(BUILTIN)).batch_size == BATCH_SIZE


@pytest.mark.parametrize(
    "name", ["visual.head.proj.weight", "visual.trunk.conv_stem.weight", "visual.trunk.bn2.bias"]
)
def test_missing_tensor_is_named(tmp_path: Path, name: str) -> None:
    specification = change_weights(builtin_copy(tmp_path), name)
    assert supports(specification)
    with pytest.raises(ModelError, match=name):
        GraphEncoder(specification)


def test_weights_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    folder = builtin_copy(tmp_path)
    tensors = safetensors.numpy.load_file(folder / WEIGHTS)
    tensors["visual.trunk.conv_head.weight"][:] = np.nan
    safetensors.numpy.save_file(tensors, folder / WEIGHTS)
    with pytest.raises(ModelError, match="no numbers"):
        GraphEncoder(resolve(str(folder))).encode_pictures(photos(224))


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
