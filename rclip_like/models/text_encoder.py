"""Texts to embeddings, by the lightest way that the model allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rclip_like.models.specification import ModelSpecification
from rclip_like.settings import EncoderSettings

if TYPE_CHECKING:
    from rclip_like.values import Embeddings


def encode_texts(
    specification: ModelSpecification, texts: Sequence[str], settings: EncoderSettings
) -> Embeddings:
    """Return unit float32 rows (N, D) for texts."""
    from rclip_like.models.encoder import load_encoder

    return load_encoder(specification, settings).encode_texts(texts)
