"""open_clip's model with its weights: built, filled and folded, as data that nobody trusts."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.overrides import TorchFunctionMode

from rclip_like.errors import ModelError
from rclip_like.files import write_whole
from rclip_like.models.names import TEXT_MODEL_FILE
from rclip_like.models.regular import read_json_object
from rclip_like.models.schema import is_custom
from rclip_like.models.specification import ModelSpecification
from rclip_like.models.towers.faults import misfit, not_loaded, unusable
from rclip_like.models.towers.tensors import Weights
from rclip_like.models.towers.torchvision_cure import import_open_clip

# Shape suffixes: N pictures, C colours, H and W pixels.

_ALLOCATING = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn)

_HARMLESS = 1 << 28
"""So many numbers, a gigabyte of them in float32, do no harm: the weights are looked at then."""


def load_model(specification: ModelSpecification) -> torch.nn.Module:
    """Return open_clip's model with its weights, float32 on the CPU, in evaluation mode.

    Raises ModelError unless every tensor of the model is in the file and every tensor of the
    file in the model, so that no random weights are left.
    """
    open_clip = import_open_clip()
    Weights(specification.weights)  # which says in our words what is wrong with them
    _require_room(specification)
    try:
        model = _build(open_clip, specification)
    except _TooLarge as error:
        raise ModelError(
            f"{specification.described_in}: model_cfg describes more than "
            f"{_most_numbers(specification):,} numbers, and {specification.weights} has "
            f"{specification.weights.stat().st_size:,} bytes; they are not of one model"
        ) from error
    except Exception as error:  # open_clip, timm and transformers raise anything
        raise unusable(specification, error) from error
    try:
        odd = open_clip.load_checkpoint(model, str(specification.weights), strict=False)
    except Exception as error:  # and so do all that read the several formats
        raise not_loaded(specification.weights, error, specification.described_in) from error
    if odd and (odd.missing_keys or odd.unexpected_keys):
        raise misfit(specification, odd.missing_keys, odd.unexpected_keys)
    return model.eval().requires_grad_(False)


def fold_batch_norms(tower: torch.nn.Module, size: int) -> torch.nn.Module:
    """Return the image tower with each batch normalisation folded into the convolution before it.

    size: pixels on a side of its pictures. The result computes the same up to rounding, which is
    looked at, half as fast again (EfficientNet-Lite0 on the CPU: 31 -> 47 pictures a second); a
    tower that cannot be folded, or has nothing to fold, comes back as it is.
    """
    if not any(isinstance(module, torch.nn.BatchNorm2d) for module in tower.modules()):
        return tower
    generator = torch.Generator().manual_seed(0)
    example_NCHW = torch.randn(1, 3, size, size, generator=generator)
    folded = deepcopy(tower)
    with torch.inference_mode(False), torch.no_grad():
        for convolution, name in _normalised_convolutions(folded, example_NCHW):
            normalisation: Any = folded.get_submodule(name)
            fused = torch.nn.utils.fuse_conv_bn_eval(convolution, normalisation)
            convolution.weight, convolution.bias = fused.weight, fused.bias
            # timm's normalisation has the activation inside.
            parent, _, child = name.rpartition(".")
            activation = getattr(normalisation, "act", torch.nn.Identity())
            setattr(folded.get_submodule(parent), child, activation)
        before, after = tower(example_NCHW), folded(example_NCHW)
    same = torch.nn.functional.cosine_similarity(before, after).min() > 1 - 1e-6
    return folded if same else tower


def _normalised_convolutions(
    tower: torch.nn.Module, example_NCHW: torch.Tensor
) -> list[tuple[torch.nn.Conv2d, str]]:
    """Return the convolutions whose output a batch normalisation takes in, with its name."""
    convolutions: dict[int, tuple[torch.nn.Conv2d, torch.Tensor]] = {}
    pairs: list[tuple[torch.nn.Conv2d, str]] = []
    hooks = []

    def remember(module: torch.nn.Conv2d, inputs: Any, output: torch.Tensor) -> None:
        # The tensor is kept with its convolution, so that no other can get its identity.
        convolutions[id(output)] = module, output

    for name, module in tower.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            hooks.append(module.register_forward_hook(remember))
        elif isinstance(module, torch.nn.BatchNorm2d):

            def pair(module: torch.nn.Module, inputs: Any, name: str = name) -> None:
                if id(inputs[0]) in convolutions:
                    pairs.append((convolutions[id(inputs[0])][0], name))

            hooks.append(module.register_forward_pre_hook(pair))
    tower(example_NCHW)
    for hook in hooks:
        hook.remove()
    return pairs


def convert_checkpoint(checkpoint: Path, path: Path) -> None:
    """Write the tensors of a torch checkpoint to `path` as safetensors, whole or not at all.

    Raises ModelError when the checkpoint holds anything but tensors.
    """
    open_clip = import_open_clip()
    try:
        tensors = open_clip.factory.load_state_dict(str(checkpoint), weights_only=True)
        tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
        with write_whole(path) as draft:
            save_file(tensors, draft)
    except Exception as error:
        raise not_loaded(checkpoint, error) from error


class _TooLarge(Exception):
    """A model has more numbers than its weights can have."""


class _Uninitialised(TorchFunctionMode):
    """Leaves parameters as they are allocated, for weights that a file brings in full.

    Drawing random numbers only to replace them takes a second for a ViT-B-32. Raises _TooLarge
    where memory is taken for more numbers in all than `most_numbers`.
    """

    def __init__(self, most_numbers: int) -> None:
        super().__init__()
        self._left = most_numbers

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(function, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        made = function(*args, **kwargs)
        if function in _ALLOCATING:  # which takes addresses alone until something is written
            self._left -= made.numel()
            if self._left < 0:
                raise _TooLarge
        return made


def _build(open_clip: Any, specification: ModelSpecification) -> torch.nn.Module:
    """Return the model without any weights, and without asking a hub for pretrained towers."""
    config = deepcopy(dict(specification.config))
    kind = open_clip.CLIP
    if is_custom(config):
        kind = open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP
    if config["vision_cfg"].get("timm_model_name"):
        config["vision_cfg"]["timm_model_pretrained"] = False
    if config["text_cfg"].get("hf_model_name"):
        described = specification.folder / TEXT_MODEL_FILE
        config["text_cfg"] |= {"hf_model_name": str(described.parent), "hf_model_pretrained": False}
    config.pop("custom_text", None)
    with _Uninitialised(_most_numbers(specification)):
        model: torch.nn.Module = kind(**config)
    return model


def _require_room(specification: ModelSpecification) -> None:
    """Raise ModelError when the weight file is far too small for a large model that is described.

    Each number takes a byte at least. What a model of timm has, and all of a text tower of
    transformers, cannot be told from here: `_most_numbers` bounds what is built.
    """
    config = specification.config
    least = {
        "vision_cfg": _of_pictures(config["vision_cfg"]),
        "text_cfg": _of_texts(specification),
        "multimodal_cfg": 2 * _of_layers(config.get("multimodal_cfg", {"layers": 0}), 512),
    }
    num_bytes = specification.weights.stat().st_size
    for name, count in least.items():
        if count > max(num_bytes, _HARMLESS):
            raise ModelError(
                f"{specification.described_in}: model_cfg.{name} describes {count:,} numbers or "
                f"more, and {specification.weights} has {num_bytes:,} bytes; they are not of one "
                "model"
            )


def _most_numbers(specification: ModelSpecification) -> int:
    """Return for how many numbers at most memory is taken while a model is built.

    Twice the bytes of its weights: of a model that translates, decoder and all is built before
    the encoder alone is kept, three numbers for each in the file, which has two bytes of it.
    """
    return max(2 * specification.weights.stat().st_size, _HARMLESS)


def _of_pictures(vision: Mapping[str, Any]) -> int:
    """Return how many numbers an image tower has at least; 0 for timm's, which say it nowhere."""
    if vision.get("timm_model_name"):
        return 0
    if isinstance(vision.get("layers"), list):
        # Of each block the middle convolution alone (He et al. 2016, table 1).
        width: int = vision.get("width", 768)
        return sum(9 * count * (width << step) ** 2 for step, count in enumerate(vision["layers"]))
    return _of_layers(vision, 768)


def _of_texts(specification: ModelSpecification) -> int:
    text = specification.config["text_cfg"]
    if not text.get("hf_model_name"):
        vocabulary: int = text.get("vocab_size", 49_408)
        return _of_layers(text, 512) + vocabulary * int(text.get("width", 512))
    described = read_json_object(specification.folder / TEXT_MODEL_FILE)
    width = _number(described, "hidden_size", "d_model")
    layers = _number(described, "num_hidden_layers", "encoder_layers", "num_layers")
    return width * (4 * layers * width + _number(described, "vocab_size"))


def _of_layers(tower: Mapping[str, Any], width: int) -> int:
    """Return how many numbers the layers of a transformer have, `width` being the usual one."""
    width = tower.get("width", width)
    hidden = int(width * tower.get("mlp_ratio", 4.0))
    layers: int = tower.get("layers", 12)
    return layers * width * (4 * width + 2 * hidden)


def _number(described: Mapping[str, Any], *keys: str) -> int:
    """Return what stands under the first of the keys that is there with a whole number, else 0."""
    found = (described.get(key) for key in keys)
    return next((each for each in found if type(each) is int and each > 0), 0)
