"""The contrastive loss: matching pairs out of a batch, both ways.

Shape suffixes: N pairs, D embedding's dimension.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

MAX_LOG_SCALE = math.log(100)


def contrastive_loss(
    images_ND: torch.Tensor,
    texts_ND: torch.Tensor,
    log_scale: torch.Tensor,
    same_NN: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the mean of the cross-entropies over rows and over columns of the cosines.

    images_ND, texts_ND: unit rows, row i of both is a pair. log_scale: log of the factor on the
    cosines, scalar. same_NN: bool, where picture i and text j are not to count as a wrong pair
    because captions or pictures are equal; such cells are left out of the sums. The diagonal always
    counts. Without `same_NN` this is the loss of CLIP (Radford et al. 2021, figure 3).
    """
    logits_NN = log_scale.exp() * images_ND @ texts_ND.T
    if same_NN is not None:
        others_NN = same_NN & ~torch.eye(len(same_NN), dtype=torch.bool, device=same_NN.device)
        logits_NN = logits_NN.masked_fill(others_NN, -math.inf)
    pairs_N = torch.arange(len(logits_NN), device=logits_NN.device)
    return (F.cross_entropy(logits_NN, pairs_N) + F.cross_entropy(logits_NN.T, pairs_N)) / 2


def loss_of_chance(same_NN: torch.Tensor) -> float:
    """Return the loss of a model to which all pictures and texts are alike; ln N if no pairs are.

    same_NN: as in `contrastive_loss`.
    """
    own_N = same_NN.diagonal().long()
    counted = (len(same_NN) - (same_NN.sum(dim) - own_N) for dim in (0, 1))
    return sum(float(each.log().mean()) for each in counted) / 2


def clamp_log_scale(log_scale: torch.Tensor) -> None:
    """Keep the logit scale within [1, 100], in place, as CLIP does after each step."""
    with torch.no_grad():
        log_scale.clamp_(0.0, MAX_LOG_SCALE)
