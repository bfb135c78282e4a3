"""Short digests of what is written to the index, by which damage of the disk is noticed."""

from __future__ import annotations

import blake3

_DIGEST_BYTES = 8
"""Chance, not malice, is what changes a row: one damage in 2 to the power of 64 goes unseen."""


def row_digest(embedding: bytes) -> bytes:
    """Return the digest that stands beside an embedding of a picture."""
    return bytes(blake3.blake3(embedding).digest(_DIGEST_BYTES))


def text_mark(model_id: int, tokenizer: str, text: str, embedding: bytes) -> str:
    """Return what stands beside a remembered text: its tokenizer, and a digest of the whole row."""
    described = f"{model_id} {tokenizer} {text}\0".encode()
    return f"{tokenizer} {blake3.blake3(described + embedding).digest(_DIGEST_BYTES).hex()}"
