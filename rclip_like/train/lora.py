"""Low-rank additions to attention layers (Hu et al. 2022, LoRA), merged before a model is saved.

Shape suffixes: P matrices that lie one above the other, O outputs, I inputs, R rank.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn.utils import parametrize

LINEAR_PARTS = {
    **dict.fromkeys(("q", "k", "v", "q_proj", "k_proj", "v_proj", "query", "key", "value"), 1),
    "kv": 2,
    "qkv": 3,
}
"""How an attention's linear layers are called that make queries, keys and values of its input, in
open_clip, timm and transformers, and how many of these matrices each holds."""
DOWN, UP = "down_PRI", "up_POR"


class LowRank(torch.nn.Module):
    """Adds up @ down to a weight (P * O, I), for each of its P matrices on its own.

    up begins at zero, so that the weight begins as it is; down as a linear layer begins.
    """

    def __init__(self, weight: torch.Tensor, parts: int, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape
        down_PRI = weight.new_empty(parts, rank, columns).uniform_(-1, 1) / columns**0.5
        self.down_PRI = torch.nn.Parameter(down_PRI)
        self.up_POR = torch.nn.Parameter(weight.new_zeros(parts, rows // parts, rank))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the weight with its addition."""
        return weight + (self.up_POR @ self.down_PRI).flatten(0, 1)


def add_low_rank(tower: torch.nn.Module, rank: int, *, apart_from: str | None = None) -> int:
    """Put additions of this rank into a tower's attention layers; return into how many weights.

    Modules whose names begin with `apart_from` are left as they are. What the tower computes
    stays the same to the bit.
    """
    weights = [
        found
        for found in _attention_weights(tower)
        if apart_from is None or not found[0].startswith(apart_from)
    ]
    for _, module, name, parts in weights:
        addition = LowRank(getattr(module, name), parts, rank)
        parametrize.register_parametrization(module, name, addition)
    return len(weights)


def merge_low_rank(model: torch.nn.Module) -> None:
    """Turn the additions into part of their weights; the model is then as it was built."""
    for module in list(model.modules()):
        for name, chain in list(getattr(module, "parametrizations", {}).items()):
            if any(isinstance(each, LowRank) for each in chain):
                parametrize.remove_parametrizations(module, name)


def low_rank_names(model: torch.nn.Module) -> frozenset[str]:
    """Return the names of the additions' parameters."""
    return frozenset(
        name for name, _ in model.named_parameters() if name.rpartition(".")[2] in (DOWN, UP)
    )


def has_attention(tower: torch.nn.Module) -> bool:
    """Return whether there is anything in a tower that low-rank additions can be put into."""
    return any(True for _ in _attention_weights(tower))


def _attention_weights(
    tower: torch.nn.Module,
) -> Iterator[tuple[str, torch.nn.Module, str, int]]:
    """Yield the weights of attention layers: path, module, attribute, number of matrices."""
    for path, module in tower.named_modules():
        if isinstance(getattr(module, "in_proj_weight", None), torch.nn.Parameter):
            yield path, module, "in_proj_weight", 3
        elif isinstance(module, torch.nn.Linear) and isinstance(module.weight, torch.nn.Parameter):
            parts = LINEAR_PARTS.get(path.rpartition(".")[2])
            if parts and module.out_features % parts == 0:
                yield path, module, "weight", parts
