"""How many numbers a model has at least, told before memory is taken for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rclip_like.errors import ModelError
from rclip_like.models.names import TEXT_MODEL_FILE
from rclip_like.models.regular import read_json_object
from rclip_like.models.specification import ModelSpecification

HARMLESS = 1 << 28
"""So many numbers, a gigabyte of them in float32, do no harm: the weights are looked at then."""


def require_room(specification: ModelSpecification) -> None:
    """Raise ModelError when the weight file is far too small for a large model that is described.

    Each number takes a byte at least. What a model of timm has, and all of a text tower of
    transformers, is not known here: `most_numbers` bounds what is built.
    """
    config = specification.config
    places = {
        "vision_cfg": _of_pictures(config["vision_cfg"]),
        "text_cfg": _of_texts(specification),
        "multimodal_cfg": 2 * _of_layers(config.get("multimodal_cfg", {"layers": 0}), 512),
    }
    num_bytes = specification.weights.stat().st_size
    for name, least in places.items():
        if least > max(num_bytes, HARMLESS):
            raise ModelError(
                f"{specification.described_in}: model_cfg.{name} describes {least:,} numbers or "
                f"more, and {specification.weights} has {num_bytes:,} bytes; they are not of one "
                "model"
            )


def most_numbers(specification: ModelSpecification) -> int:
    """Return for how many numbers at most memory is taken while a model is built.

    Twice the bytes of its weights: of a model that translates, decoder and all is built before
    the encoder alone is kept, three numbers for each in the file, which has two bytes of it.
    """
    return max(2 * specification.weights.stat().st_size, HARMLESS)


def too_large(specification: ModelSpecification) -> ModelError:
    """Return the error for a model that was found to have more numbers while it was built."""
    num_bytes = specification.weights.stat().st_size
    return ModelError(
        f"{specification.described_in}: model_cfg describes more than "
        f"{most_numbers(specification):,} numbers, and {specification.weights} has {num_bytes:,} "
        "bytes; they are not of one model"
    )


def _of_pictures(vision: Mapping[str, Any]) -> int:
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
