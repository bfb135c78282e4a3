"""The text tower on only as many positions as the texts have, for training.

open_clip always runs the whole context and every position of the last layer; short texts then
cost three to six times what they need. Same parameters, same result (tests hold it to 1e-6).

Shape suffixes: N texts, L positions, D width, H heads, K width of a head.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional as F

GROUP = 128
"""Texts run together; those of a batch are sorted by length first, so little is padding."""


def is_standard(model: Any) -> bool:
    """Return whether the model's text tower is CLIP's own: causal, read at the end of text."""
    return (
        getattr(model, "text_pool_type", None) == "argmax"
        and getattr(model, "attn_mask", None) is not None
        and isinstance(getattr(model, "text_projection", None), torch.nn.Parameter)
        and all(isinstance(block.attn, torch.nn.MultiheadAttention) for block in _blocks(model))
    )


def encode_texts(model: Any, tokens_NL: torch.Tensor) -> torch.Tensor:
    """Return unit embeddings (N, E) with gradient; tokens are zero after the end of text.

    A standard tower runs groups of like length over as many columns as they have. Others run as
    open_clip does.
    """
    if not is_standard(model):
        embeddings: torch.Tensor = model.encode_text(tokens_NL, normalize=True)
        return embeddings
    shortest_first = torch.argsort(tokens_NL.argmax(dim=1), stable=True)
    groups = shortest_first.tensor_split(math.ceil(len(tokens_NL) / GROUP))
    features_ND = torch.cat([text_features(model, tokens_NL[rows]) for rows in groups])
    in_order_ND = features_ND[torch.argsort(torch.cat(groups))]
    return F.normalize(in_order_ND @ model.text_projection, dim=-1)


def text_features(model: Any, tokens_NL: torch.Tensor) -> torch.Tensor:
    """Return a standard tower's normalised state at the end of text, (N, D)."""
    ends_N = tokens_NL.argmax(dim=1)
    length = int(ends_N.max()) + 1
    x_NLD = model.token_embedding(tokens_NL[:, :length]) + model.positional_embedding[:length]
    *first, last = _blocks(model)
    for block in first:
        x_NLD = x_NLD + _attend_causally(block, block.ln_1(x_NLD))
        x_NLD = x_NLD + block.mlp(block.ln_2(x_NLD))
    rows_N = torch.arange(len(ends_N), device=ends_N.device)
    x_ND = x_NLD[rows_N, ends_N] + _attend_at(last, last.ln_1(x_NLD), ends_N)
    x_ND = x_ND + last.mlp(last.ln_2(x_ND))
    features_ND: torch.Tensor = model.ln_final(x_ND)
    return features_ND


def _blocks(model: Any) -> Any:
    return getattr(getattr(model, "transformer", None), "resblocks", ())


def _attend_causally(block: Any, x_NLD: torch.Tensor) -> torch.Tensor:
    attention = block.attn
    packed = F.linear(x_NLD, attention.in_proj_weight, attention.in_proj_bias)
    query, key, value = _split_heads(packed, 3, attention.num_heads)
    mixed_NHLK = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    mixed: torch.Tensor = attention.out_proj(mixed_NHLK.transpose(1, 2).flatten(2))
    return mixed


def _attend_at(block: Any, x_NLD: torch.Tensor, ends_N: torch.Tensor) -> torch.Tensor:
    """Return the attention's output for one position a text; later positions are masked."""
    attention, width = block.attn, x_NLD.shape[2]
    weights, biases = attention.in_proj_weight, attention.in_proj_bias
    rows_N = torch.arange(len(ends_N), device=ends_N.device)
    query_N1D = F.linear(x_NLD[rows_N, ends_N], weights[:width], biases[:width])[:, None]
    (query,) = _split_heads(query_N1D, 1, attention.num_heads)
    packed = F.linear(x_NLD, weights[width:], biases[width:])
    key, value = _split_heads(packed, 2, attention.num_heads)
    seen_NL = torch.arange(x_NLD.shape[1], device=ends_N.device) <= ends_N[:, None]
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=seen_NL[:, None, None])
    attended: torch.Tensor = attention.out_proj(mixed.transpose(1, 2).flatten(2)[:, 0])
    return attended


def _split_heads(packed: torch.Tensor, parts: int, num_heads: int) -> tuple[torch.Tensor, ...]:
    """Return the parts that lie side by side in the last axis, each as (N, H, L, K)."""
    rows, length, _ = packed.shape
    split = packed.view(rows, length, parts, num_heads, -1)
    return split.permute(2, 0, 3, 1, 4).unbind(0)
