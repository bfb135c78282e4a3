"""The tower: exact loading, devices, precisions, memory that runs out."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from hostile_models import save_foreign_tokenizer
from tiny_model import make_tiny_model, tiny_config

from rclip_like.errors import ModelError
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import fold_batch_norms, load_model
from rclip_like.models.towers.torch_tower import choose_precision, load_torch_tower, run_in_batches
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.settings import EncoderSettings

EXACT = EncoderSettings("cpu", "fp32")


def pictures(count: int, size: int = 32) -> np.ndarray:
    random = np.random.default_rng(7)
    return random.integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def change_tensors(folder: Path, change: Any) -> None:
    weights = folder / "open_clip_model.safetensors"
    tensors = safetensors.numpy.load_file(weights)
    change(tensors)
    safetensors.numpy.save_file(tensors, weights)


def test_embeddings_are_unit_rows_in_float32(tiny_model: Path) -> None:
    rows = load_torch_tower(resolve(str(tiny_model)), EXACT).pictures(pictures(3))
    assert (rows.shape, rows.dtype) == ((3, 32), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_pictures_equal_open_clips_own_encoding(tiny_model: Path) -> None:
    from PIL import Image

    open_clip = import_open_clip()
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{tiny_model}")
    array = pictures(5)
    batch = torch.stack([preprocess(Image.fromarray(pixels)) for pixels in array])
    with torch.inference_mode():
        expected = model.eval().encode_image(batch, normalize=True).numpy()
    rows = load_torch_tower(resolve(str(tiny_model)), EXACT).pictures(array)
    assert (rows * expected).sum(axis=1).min() > 0.999999


def test_no_pictures_give_no_rows(tiny_model: Path) -> None:
    tower = load_torch_tower(resolve(str(tiny_model)), EXACT)
    assert tower.pictures(pictures(0)).shape == (0, 32)
    assert tower.texts([]).shape == (0, 32)


def test_rows_do_not_depend_on_the_batch_size(tiny_model: Path) -> None:
    specification = resolve(str(tiny_model))
    alone = load_torch_tower(specification, EncoderSettings("cpu", "fp32", batch_size=1))
    together = load_torch_tower(specification, EXACT)
    array = pictures(7)
    np.testing.assert_allclose(alone.pictures(array), together.pictures(array), atol=1e-6)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precisions_keep_the_direction(tiny_model: Path, precision: str) -> None:
    specification = resolve(str(tiny_model))
    exact = load_torch_tower(specification, EXACT).pictures(pictures(8))
    rough = load_torch_tower(specification, EncoderSettings("cpu", precision))
    assert (rough.pictures(pictures(8)) * exact).sum(axis=1).min() > 0.999


def test_logit_scale_is_no_logarithm(tiny_model: Path) -> None:
    assert load_torch_tower(resolve(str(tiny_model)), EXACT).logit_scale == pytest.approx(1 / 0.07)


def test_timm_towers_load_from_float16_weights(tmp_path: Path) -> None:
    open_clip = import_open_clip()
    tower = {"timm_model_name": "tf_efficientnet_lite0", "image_size": 64, "timm_pool": "avg"}
    config = tiny_config() | {"vision_cfg": tower | {"timm_proj": "linear"}}
    torch.manual_seed(0)
    model = open_clip.CLIP(**config).eval()
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).numpy()
        for name, tensor in model.state_dict().items()
    }
    safetensors.numpy.save_file(tensors, tmp_path / "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    rows = load_torch_tower(resolve(str(tmp_path)), EXACT).pictures(pictures(2, 64))
    assert rows.shape == (2, 32)


class Tower(torch.nn.Module):
    """A convolution with its normalisation, whose output a second path may see as well."""

    def __init__(self, *, branches: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = torch.nn.Conv2d(3, 8, 3)
        self.norm = torch.nn.BatchNorm2d(8)
        self.branches = branches
        for value in (self.norm.running_mean, self.norm.weight, self.norm.bias):
            assert value is not None
            torch.nn.init.normal_(value)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        convolved = self.convolution(x)
        features = self.norm(convolved).relu() + (convolved if self.branches else 0)
        result: torch.Tensor = features.mean(dim=(2, 3))
        return result


def test_normalisations_are_folded_into_their_convolutions() -> None:
    tower = Tower(branches=False).eval().requires_grad_(False)
    folded = fold_batch_norms(tower, 16)
    x = torch.rand(4, 3, 16, 16)
    torch.testing.assert_close(folded(x), tower(x))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())


def test_tower_that_folding_would_change_is_left_alone() -> None:
    tower = Tower(branches=True).eval().requires_grad_(False)
    assert fold_batch_norms(tower, 16) is tower


def test_quick_gelu_of_the_configuration_is_heard(tmp_path: Path, tiny_model: Path) -> None:
    quick = load_torch_tower(resolve(str(make_tiny_model(tmp_path, quick_gelu=True))), EXACT)
    plain = load_torch_tower(resolve(str(tiny_model)), EXACT)
    both = quick.texts(["a cat"]) @ plain.texts(["a cat"]).T
    assert both[0, 0] < 0.99999


def test_checkpoint_of_torch_gives_the_same_rows(tiny_model: Path, tmp_path: Path) -> None:
    specification = resolve(str(tiny_model))
    checkpoint = tmp_path / "epoch.pt"
    torch.save({"state_dict": load_model(specification).state_dict()}, checkpoint)
    other = resolve(str(tiny_model), weights=checkpoint)
    np.testing.assert_array_equal(
        load_torch_tower(other, EXACT).pictures(pictures(2)),
        load_torch_tower(specification, EXACT).pictures(pictures(2)),
    )


def test_tokenizer_of_another_library_is_read_from_the_folder(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    text = tiny_config()["text_cfg"] | {"hf_tokenizer_name": "nobody/nothing", "pool_type": "last"}
    save_foreign_tokenizer(make_tiny_model(tmp_path, text_cfg=text))
    tower = load_torch_tower(resolve(str(tmp_path)), EXACT)
    rows = tower.texts(["un chat", "eine katze", "eine  katze"])
    np.testing.assert_allclose(rows[1], rows[2], atol=1e-6)
    assert rows[0] @ rows[1] < 0.999


def test_another_librarys_tokenizer_tells_which_texts_it_cuts(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    text = tiny_config()["text_cfg"] | {"hf_tokenizer_name": "nobody/nothing", "pool_type": "last"}
    save_foreign_tokenizer(make_tiny_model(tmp_path, text_cfg=text))
    texts, cut = ["chat " * 32, "chat " * 33, "9" * 5000], list[str]()
    Model(resolve(str(tmp_path)), EXACT).texts(texts, cut.append)
    assert cut == [texts[1]]


def test_a_tower_that_torch_runs_reads_the_default_tokens(tmp_path: Path) -> None:
    text = tiny_config()["text_cfg"] | {"pool_type": "last"}
    specification = resolve(str(make_tiny_model(tmp_path, text_cfg=text)))
    tower, texts = load_torch_tower(specification, EXACT), ["a cat", "cat " * 40, "ein Kätzchen"]
    theirs = import_open_clip().SimpleTokenizer(context_length=32)(texts)
    assert (tower._tokenizer_of_model()(texts) == theirs).all()
    assert [tower.is_cut(text) for text in texts] == [False, True, False]


def test_missing_tokenizer_of_another_library_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    text = tiny_config()["text_cfg"] | {"hf_tokenizer_name": "nobody/nothing"}
    tower = load_torch_tower(resolve(str(make_tiny_model(tmp_path, text_cfg=text))), EXACT)
    with pytest.raises(ModelError, match=r"tokenizer in .* cannot be loaded"):
        tower.texts(["cat"])


def test_text_tower_of_another_library_is_not_fetched_in_silence(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path, text_cfg={"hf_model_name": "xlm-roberta-base"})
    with pytest.raises(ModelError, match=r"text_model.config\.json is missing"):
        load_model(resolve(str(folder)))


def test_text_tower_of_another_library_is_built_from_its_own_description(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    described = transformers.BertConfig(vocab_size=64, intermediate_size=32, **sizes)
    described.save_pretrained(tmp_path / "text_model")
    text = {"hf_model_name": str(tmp_path / "text_model"), "hf_model_pretrained": False}
    config = tiny_config() | {"text_cfg": text | {"hf_tokenizer_name": "nobody/nothing"}}
    model = import_open_clip().CustomTextCLIP(**deepcopy(config))
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    safetensors.numpy.save_file(tensors, tmp_path / "open_clip_model.safetensors")
    config["text_cfg"]["hf_model_name"] = "nobody/nothing"
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    save_foreign_tokenizer(tmp_path)
    rows = load_torch_tower(resolve(str(tmp_path)), EXACT).texts(["un chat"])
    np.testing.assert_allclose(np.linalg.norm(rows), 1, atol=1e-6)


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return print, ("a checkpoint ran code",)


def test_checkpoint_that_would_run_code_is_refused(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "evil.pt"
    torch.save({"state_dict": Bomb()}, checkpoint)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(resolve(str(tiny_model), weights=checkpoint))
    assert "ran code" not in capsys.readouterr().out


def test_missing_tensor_is_refused_and_named(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path)
    change_tensors(folder, lambda tensors: tensors.pop("visual.proj"))
    with pytest.raises(ModelError, match=r"visual\.proj"):
        load_model(resolve(str(folder)))


def test_unexpected_tensor_is_refused_and_named(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path)
    change_tensors(folder, lambda tensors: tensors.update(extra=np.ones(3, dtype=np.float32)))
    with pytest.raises(ModelError, match="extra"):
        load_model(resolve(str(folder)))


def test_tensor_of_another_shape_is_refused(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path)
    change_tensors(folder, lambda tensors: tensors.update(text_projection=np.ones((32, 8), "f4")))
    with pytest.raises(ModelError, match="text_projection"):
        load_model(resolve(str(folder)))


@pytest.mark.parametrize("content", [b"", b"garbage" * 100])
def test_file_that_holds_no_weights_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = make_tiny_model(tmp_path)
    (folder / "open_clip_model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(resolve(str(folder)))


def test_configuration_unknown_to_open_clip_is_refused(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path, text_cfg={"number_of_heads": 3})
    with pytest.raises(ModelError, match=r"open_clip_config\.json: .*text_cfg\.number_of_heads"):
        resolve(str(folder))


def test_weights_that_are_no_numbers_are_reported(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path)
    change_tensors(folder, lambda tensors: tensors["visual.proj"].fill(np.nan))
    tower = load_torch_tower(resolve(str(folder)), EXACT)
    with pytest.raises(ModelError, match="not numbers"):
        tower.pictures(pictures(1))


def test_device_that_is_not_there_is_refused(tiny_model: Path) -> None:
    for name in ("mps", "quantum") if torch.cuda.is_available() else ("cuda", "mps", "quantum"):
        with pytest.raises(ModelError, match=f"no device {name}"):
            load_torch_tower(resolve(str(tiny_model)), EncoderSettings(name))


def test_precision_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ModelError, match="no precision int3"):
        choose_precision("int3", torch.device("cpu"))


def test_memory_that_runs_out_halves_the_batch_and_loses_nothing() -> None:
    small_memory = torch.nn.Linear(4, 2)
    sizes = []

    def run(items: torch.Tensor) -> torch.Tensor:
        sizes.append(len(items))
        if len(items) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        result: torch.Tensor = small_memory(items)
        return result

    items = torch.arange(92, dtype=torch.float32).view(23, 4)
    result, batch_size = run_in_batches(run, items, 16)
    torch.testing.assert_close(result, small_memory(items), check_stride=False)
    assert batch_size == 4
    assert sizes[:4] == [16, 8, 4, 4]


def test_a_tower_whose_memory_runs_out_gives_the_same_rows(tiny_model: Path) -> None:
    tower = load_torch_tower(
        resolve(str(tiny_model)), EncoderSettings("cpu", "fp32", batch_size=16)
    )
    pixels = np.random.default_rng(0).integers(0, 256, (21, 32, 32, 3), dtype=np.uint8)
    whole = tower.pictures(pixels)

    def run_out(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        if len(inputs[0]) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    with tower._model.visual.register_forward_pre_hook(run_out):
        np.testing.assert_allclose(tower.pictures(pixels), whole, atol=1e-6)
    assert tower.batch_size == 4


def test_memory_of_the_processor_that_runs_out_halves_the_batch_too() -> None:
    def run(items: torch.Tensor) -> torch.Tensor:
        huge = 1 << 50 if len(items) > 3 else 1
        return items + torch.empty(huge, dtype=torch.uint8).numel() * 0

    result, batch_size = run_in_batches(run, torch.arange(10.0), 8)
    assert batch_size == 2
    torch.testing.assert_close(result, torch.arange(10.0))


def test_memory_too_small_for_one_item_is_an_error() -> None:
    def run(items: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ModelError, match="a single picture"):
        run_in_batches(run, torch.ones(4), 2)


def test_other_errors_of_torch_are_not_taken_for_lack_of_memory() -> None:
    def run(items: torch.Tensor) -> torch.Tensor:
        return items @ torch.ones(3, 3)

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        run_in_batches(run, torch.ones(4, 2), 2)
