"""Texts to embeddings, by the lightest way that the model allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from rclip_like.models.specification import ModelSpecification
from rclip_like.models.towers.text import TextTower, supports
from rclip_like.models.towers.tokenizer import is_cut
from rclip_like.settings import EncoderSettings

if TYPE_CHECKING:
    from rclip_like.values import Embeddings


def encode_texts(
    specification: ModelSpecification,
    texts: Sequence[str],
    settings: EncoderSettings,
    on_cut: Callable[[str], None] | None = None,
) -> Embeddings:
    """Return unit float32 rows (N, D), in order; `on_cut` is told each text that is too long.

    Of such a text the end does not count. Standard CLIP text towers run in NumPy in float32
    wherever the pictures are encoded; only for others torch is imported, and the settings tell it
    where. Raises ModelError.
    """
    is_too_long: Callable[[str], bool]
    if supports(specification):
        is_too_long = partial(is_cut, context_length=specification.context_length)
        rows = TextTower.load(specification).encode(texts)
    else:
        from rclip_like.models.towers.torch_tower import load_encoder

        encoder = load_encoder(specification, settings)
        is_too_long, rows = encoder.is_cut, encoder.encode_texts(texts)
    if on_cut is not None:
        for text in filter(is_too_long, texts):
            on_cut(text)
    return rows
