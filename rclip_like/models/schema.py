"""What a model's configuration may say: the keys that open_clip 3.3 knows, each within limits.

A configuration is data. What would run code, ask a hub, read a file of its choice or fill the
memory is not in the tables below, so it is refused before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from rclip_like.errors import ModelError
from rclip_like.models.regular import shown, shown_key

PATCHES = 16_384
"""How many patches a picture may have; in open_clip's own configurations 1,024 are the most."""


class Kind:
    """What values a key may have: in words, whether one is of them, and an object's own keys.

    A plain class: to make a tuple's takes a third of what this file costs a query.
    """

    __slots__ = ("admits", "keys", "words")

    def __init__(
        self, words: str, admits: Callable[[Any], bool], keys: Mapping[str, Kind] | None = None
    ) -> None:
        self.words = words
        self.admits = admits
        self.keys = keys


def _whole(most: int, least: int = 1) -> Kind:
    words = f"a whole number from {least:,} to {most:,}"
    return Kind(words, lambda value: type(value) is int and least <= value <= most)


def _number(least: float, most: float) -> Kind:
    words = f"a number from {least:g} to {most:g}"
    return Kind(words, lambda value: type(value) in (int, float) and least <= value <= most)


def _one_of(*words: str) -> Kind:
    admitted = frozenset(words)
    listed = ", ".join(f'"{word}"' for word in words)
    return Kind(f"one of {listed}", lambda value: isinstance(value, str) and value in admitted)


def _several(kind: Kind, count: int) -> Kind:
    def admits(value: Any) -> bool:
        is_list = isinstance(value, list | tuple)  # open_clip's own lists are tuples
        return is_list and len(value) == count and all(map(kind.admits, value))

    return Kind(f"a list of {count}, each {kind.words}", admits)


def _or(kind: Kind, other: Kind) -> Kind:
    words = f"{kind.words}, or {other.words}"
    return Kind(words, lambda value: kind.admits(value) or other.admits(value))


def _named(words: str, pattern: str) -> Kind:
    return Kind(
        words, lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value, re.ASCII))
    )


def _object(keys: Mapping[str, Kind], *, or_null: bool) -> Kind:
    words = "an object, or null" if or_null else "an object"
    kinds = (dict, type(None)) if or_null else (dict,)
    return Kind(words, lambda value: isinstance(value, kinds), keys)


_NULL = Kind("null", lambda value: value is None)
_FLAG = Kind("true or false", lambda value: type(value) is bool)
_WIDTH = _whole(8192)
_LAYERS = _whole(128)
_HEADS = _whole(256)
_RATIO = _number(0.01, 16)
_SHARE = _number(0, 0.99)
_SIDE = _whole(4096)
_VALUE = _or(_number(-1e4, 1e4), _NULL)
_HUB_NAME = _named("OWNER/NAME or NAME on the hub", r"(?:\w[\w.-]{0,95}/)?\w[\w.-]{0,95}")

_TRANSFORMER: dict[str, Kind] = {
    "width": _WIDTH,
    "layers": _LAYERS,
    "mlp_ratio": _RATIO,
    "ls_init_value": _VALUE,
    "act_kwargs": _object({"approximate": _one_of("none", "tanh")}, or_null=True),
    "norm_kwargs": _object({"eps": _number(1e-12, 1)}, or_null=True),
    "block_type": _or(_one_of("default", "custom"), _NULL),
    **dict.fromkeys(("final_ln_after_pool", "output_tokens", "qk_norm"), _FLAG),
    **dict.fromkeys(("scaled_cosine_attn", "scale_heads", "scale_attn_inner"), _FLAG),
    **dict.fromkeys(("scale_attn", "scale_fc"), _FLAG),
}
"""What both towers of open_clip take."""

VISION: dict[str, Kind] = _TRANSFORMER | {
    "layers": _or(_LAYERS, _several(_LAYERS, 4)),
    "head_width": _whole(1024),
    "patch_size": _or(_or(_SIDE, _several(_SIDE, 2)), _NULL),
    "image_size": _or(_SIDE, _several(_SIDE, 2)),
    "patch_dropout": _SHARE,
    "attentional_pool": _or(_FLAG, _one_of("parallel", "cascade")),
    "attn_pooler_queries": _whole(4096),
    "attn_pooler_heads": _HEADS,
    "no_ln_pre": _FLAG,
    "pos_embed_type": _one_of("learnable", "sin_cos_2d"),
    "pool_type": _one_of("tok", "avg"),
    # Neither a hub's prefix nor a path: timm builds what it has under that name.
    "timm_model_name": _or(
        _named("the name of an architecture of timm", r"[a-z0-9_]{1,80}"), _NULL
    ),
    "timm_model_pretrained": _FLAG,
    "timm_pool": _one_of(
        "", "avg", "max", "avgmax", "catavgmax", "token", "map", "abs_attn", "rot_attn"
    ),
    "timm_proj": _or(_one_of("", "linear", "mlp", "none"), _NULL),
    "timm_proj_bias": _FLAG,
    "timm_drop": _SHARE,
    "timm_drop_path": _or(_SHARE, _NULL),
}

TEXT: dict[str, Kind] = _TRANSFORMER | {
    "context_length": _whole(4096),
    "vocab_size": _whole(2_000_000),
    "heads": _HEADS,
    "embed_cls": _FLAG,
    "pad_id": _whole(2_000_000, 0),
    "eos_id": _whole(2_000_000, 0),
    "no_causal_mask": _FLAG,
    "pool_type": _one_of("argmax", "first", "last", "eos"),
    "proj_bias": _FLAG,
    "proj_type": _one_of("linear", "none"),
    "hf_tokenizer_name": _or(_or(_HUB_NAME, _one_of("")), _NULL),
    "tokenizer_mode": _or(_one_of("", "clips"), _NULL),
    "tokenizer_kwargs": _object(
        {"clean": _one_of("canonicalize", "lower", "whitespace"), "strip_sep_token": _FLAG},
        or_null=False,
    ),
    "hf_model_name": _or(_HUB_NAME, _NULL),
    "hf_model_pretrained": _FLAG,
    "hf_proj_type": _or(_one_of("linear", "mlp"), _NULL),
    "hf_pooler_type": _or(
        _one_of("mean_pooler", "max_pooler", "cls_pooler", "cls_last_hidden_state_pooler"), _NULL
    ),
}

DECODER: dict[str, Kind] = TEXT | {
    "dim_head": _whole(1024),
    "n_queries": _whole(4096),
    "attn_pooler_heads": _HEADS,
}

MODEL: dict[str, Kind] = {
    "embed_dim": _WIDTH,
    "quick_gelu": _FLAG,
    "custom_text": _FLAG,
    "init_logit_scale": _number(-1e3, 1e3),
    "init_logit_bias": _VALUE,
    "nonscalar_logit_scale": _FLAG,
    "output_dict": _FLAG,
    "pad_id": _whole(2_000_000, 0),
}

PREPROCESSING: dict[str, Kind] = {
    "size": _or(_SIDE, _several(_SIDE, 2)),
    "mode": _one_of("RGB"),
    "mean": _several(_number(-1e3, 1e3), 3),
    "std": _several(_number(1e-3, 1e3), 3),
    "interpolation": _one_of("bicubic", "bilinear", "random"),
    "resize_mode": _one_of("shortest", "longest", "squash"),
    "fill_color": _whole(255, 0),
}

_NO_MODEL = "so it does not describe a model of open_clip"
TOWERS = {"vision_cfg": VISION, "text_cfg": TEXT, "multimodal_cfg": DECODER}


class _Refused(Exception):
    """The key at fault, what it holds and what it may hold."""


def check(described: Mapping[str, Any], source: object) -> None:
    """Raise ModelError, with source and key, unless a model's configuration can be used.

    described: what a model folder's configuration file holds, parsed. Keys beside `model_cfg` and
    `preprocess_cfg` are ignored, as open_clip ignores them: they say nothing of the embeddings.
    source: the file, for the error.
    """
    try:
        _check_model(_part(described, "model_cfg"))
        if described.get("preprocess_cfg") is not None:
            stated = _part(described, "preprocess_cfg")
            # Null stands for the default there, as in open_clip.
            given = {key: value for key, value in stated.items() if value is not None}
            _check_keys("preprocess_cfg", given, PREPROCESSING)
    except _Refused as error:
        raise ModelError(f"{source}: {error}") from None


def _check_model(model: Mapping[str, Any]) -> None:
    """Check each key of `model_cfg`, and then what must go together."""
    _check_keys("model_cfg", {k: v for k, v in model.items() if k not in TOWERS}, MODEL)
    if "embed_dim" not in model:
        raise _Refused(f"model_cfg.embed_dim is missing, {_NO_MODEL}")
    for name, kinds in TOWERS.items():
        if name in model or name != "multimodal_cfg":
            _check_keys(f"model_cfg.{name}", _part(model, name, "model_cfg."), kinds)
    _check_captions(model)
    text = model["text_cfg"]
    if "strip_sep_token" in text.get("tokenizer_kwargs", {}) and not text.get("hf_tokenizer_name"):
        raise _Refused(
            "model_cfg.text_cfg.tokenizer_kwargs.strip_sep_token must not stand there without "
            "hf_tokenizer_name"
        )
    _check_pictures(model["vision_cfg"])
    for name in ("vision_cfg", "text_cfg"):
        if model.get("quick_gelu") and model[name].get("act_kwargs"):
            raise _Refused(f"model_cfg.{name}.act_kwargs has no meaning with quick_gelu")


def _part(described: Mapping[str, Any], name: str, prefix: str = "") -> Mapping[str, Any]:
    if name not in described:
        raise _Refused(f"{prefix}{name} is missing, {_NO_MODEL}")
    part = described[name]
    if not isinstance(part, dict):
        raise _Refused(f"{prefix}{name} is {shown(part)}, and must be an object")
    return part


def _check_keys(name: str, stated: Mapping[str, Any], kinds: Mapping[str, Kind]) -> None:
    for key, value in stated.items():
        kind = kinds.get(key)
        if kind is None:
            raise _Refused(
                f"{name}.{shown_key(key)} is not a key that clipfind knows; it knows those of "
                "open_clip 3.3"
            )
        if not kind.admits(value):
            raise _Refused(f"{name}.{key} is {shown(value)}, and must be {kind.words}")
        if kind.keys is not None and value is not None:
            _check_keys(f"{name}.{key}", value, kind.keys)


def _check_captions(model: Mapping[str, Any]) -> None:
    """Check that a model that writes captions, and no other, has what open_clip wants for that."""
    writes = "multimodal_cfg" in model
    kind = "a model with multimodal_cfg" if writes else "a model without multimodal_cfg"
    for name in ("vision_cfg", "text_cfg"):
        if model[name].get("output_tokens", False) is not writes:
            wanted = "true" if writes else "false"
            raise _Refused(f"model_cfg.{name}.output_tokens must be {wanted} in {kind}")
    if writes and not is_custom(model):
        raise _Refused(f"model_cfg.custom_text must be true in {kind}")
    if writes and model["vision_cfg"].get("timm_model_name"):
        raise _Refused(f"model_cfg.vision_cfg.timm_model_name must not stand in {kind}")
    misplaced = "output_dict" if writes else "pad_id"
    if misplaced in model:
        raise _Refused(f"model_cfg.{misplaced} must not stand in {kind}")


def is_custom(model: Mapping[str, Any]) -> bool:
    """Return whether open_clip makes the text tower of a `model_cfg` an object of its own."""
    return bool(model.get("custom_text")) or "hf_model_name" in model["text_cfg"]


def _check_pictures(vision: Mapping[str, Any]) -> None:
    size = vision.get("image_size", 224)
    side = size if isinstance(size, int) else size[0]
    if size not in (side, [side, side]):
        raise _Refused(f"model_cfg.vision_cfg.image_size is {size}; clipfind reads square pictures")
    if vision.get("timm_model_name") or isinstance(vision.get("layers"), list):
        return
    patch = vision.get("patch_size", 16)
    if patch is None:
        raise _Refused(
            "model_cfg.vision_cfg.patch_size is null, and must be a number without timm_model_name"
        )
    down, across = (patch, patch) if isinstance(patch, int) else patch
    if (side // down) * (side // across) > PATCHES:
        raise _Refused(
            f"model_cfg.vision_cfg.patch_size is {patch}: a picture of {side:,} pixels would have "
            f"more than {PATCHES:,} patches"
        )
