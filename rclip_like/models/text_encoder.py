"""Texts to embeddings, by the lightest way that the model allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rclip_like.models.specification import ModelSpecification
from rclip_like.models.text import TextTower, supports
from rclip_like.settings import EncoderSettings

if TYPE_CHECKING:
    from rclip_like.values import Embeddings


def encode_texts(
    specification: ModelSpecification, texts: Sequence[str], settings: EncoderSettings
) -> Embeddings:
    """Return unit float32 rows (N, D), in order.

    Standard CLIP text towers run in NumPy in float32 wherever the pictures are encoded; only for
    others torch is imported, and the settings tell it where. Raises ModelError.
    """
    if supports(specification):
        return TextTower.load(specification).encode(texts)
    from rclip_like.models.encoder import load_encoder

    return load_encoder(specification, settings).encode_texts(texts)
