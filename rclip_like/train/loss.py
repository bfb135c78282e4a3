"""The contrastive loss: matching pairs out of a batch, both ways.

Shape suffixes: N pairs, n of them in a block of rows, D embedding's dimension.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from rclip_like.train.equality import Equal
from rclip_like.train.settings import Positives

MAX_LOG_SCALE = math.log(100)
CELLS = 1 << 22
"""How many cosines are in memory at a time: 16 MB of fp32, and about five times that in all. A
batch of 2,048 pairs has as many."""


class Rule(NamedTuple):
    """What counts as right beside the pairs themselves; see `contrastive_loss`."""

    equal: Equal | None
    positives: Positives
    cells: int


class Bounds(NamedTuple):
    """What a batch's loss is compared with.

    chance: of a model that cannot tell the pairs apart, ln N where none are equal; floor: the
    least that equal pairs allow, 0 where they are left out.
    """

    chance: float
    floor: float


def contrastive_loss(
    images_ND: torch.Tensor,
    texts_ND: torch.Tensor,
    log_scale: torch.Tensor,
    equal: Equal | None = None,
    *,
    positives: Positives = "left-out",
    cells: int = CELLS,
) -> torch.Tensor:
    """Return the mean of the cross-entropies over rows and over columns of the cosines.

    images_ND, texts_ND: unit rows, row i of both is a pair. log_scale: log of the factor on the
    cosines, scalar. equal: where picture i and text j are not a wrong pair. Such cells are left
    out of the sums, or count as right: then the target of a row is shared evenly by all that is
    right for it (half the bidirectional loss of UniCL, Yang et al. 2022). Without `equal` this is
    the loss of CLIP (Radford et al. 2021, figure 3). More than `cells` cosines are computed in
    blocks, with equal loss and gradients, twice.
    """
    if len(images_ND) ** 2 > cells:
        loss: torch.Tensor = _InBlocks.apply(  # type: ignore[no-untyped-call]
            images_ND, texts_ND, log_scale, Rule(equal, positives, cells)
        )
        return loss
    logits_NN = log_scale.exp() * images_ND @ texts_ND.T
    pairs_N = torch.arange(len(logits_NN), device=logits_NN.device)
    targets_NN: torch.Tensor = pairs_N
    targets_of_texts_NN: torch.Tensor = pairs_N
    if equal is not None:
        same_NN = equal.rows(slice(0, len(logits_NN))).to(logits_NN.device, copy=True)
        same_NN.fill_diagonal_(positives == "positive")
        if positives == "left-out":
            logits_NN = logits_NN.masked_fill(same_NN, -math.inf)
        else:
            shared_NN = same_NN.to(logits_NN.dtype)
            targets_NN = shared_NN / shared_NN.sum(1, keepdim=True)
            targets_of_texts_NN = (shared_NN / shared_NN.sum(0)).T
    by_images = F.cross_entropy(logits_NN, targets_NN)
    return (by_images + F.cross_entropy(logits_NN.T, targets_of_texts_NN)) / 2


def loss_bounds(
    num_pairs: int, equal: Equal | None, *, positives: Positives = "left-out", cells: int = CELLS
) -> Bounds:
    """Return what the loss of a batch of this many pairs is compared with.

    A cross-entropy is never less than the entropy of its target, the logarithm of how many share
    it; all alike, it is the logarithm of how many are summed over.
    """
    if equal is None:
        return Bounds(math.log(num_pairs), 0.0)
    rows_N, columns_N = torch.empty(num_pairs), torch.zeros(num_pairs)
    for part in _blocks(num_pairs, cells):
        right_nN = _right(equal, part)
        rows_N[part] = right_nN.sum(1).float()
        columns_N += right_nN.sum(0).cpu()
    right = torch.stack([rows_N, columns_N])
    if positives == "positive":
        return Bounds(math.log(num_pairs), float(right.log().mean()))
    return Bounds(float((num_pairs + 1 - right).log().mean()), 0.0)


def clamp_log_scale(log_scale: torch.Tensor) -> None:
    """Keep the logit scale within [1, 100], in place, as CLIP does after each step."""
    with torch.no_grad():
        log_scale.clamp_(0.0, MAX_LOG_SCALE)


class _InBlocks(torch.autograd.Function):
    """The loss by blocks of rows: sums of rows and running sums of columns, then gradients.

    With r_i and c_j the logarithms of a row's and a column's sum of exponentials, and P and Q the
    targets of rows and columns, the gradient by the logits L is
    (exp(L - r) + exp(L - c) - P - Q) / 2N.
    """

    @staticmethod
    def forward(
        ctx: Any,
        images_ND: torch.Tensor,
        texts_ND: torch.Tensor,
        log_scale: torch.Tensor,
        rule: Rule,
    ) -> torch.Tensor:
        """Return the loss, and keep one number a row and a column for the gradients."""
        num, scale = len(images_ND), log_scale.exp()
        rows_N, row_targets_N, row_counts_N = images_ND.new_zeros(3, num)
        columns_N = images_ND.new_full((num,), -math.inf)
        column_targets_N, column_counts_N = images_ND.new_zeros(2, num)
        for part in _blocks(num, rule.cells):
            logits_nN = scale * images_ND[part] @ texts_ND.T
            right_nN = _targets(logits_nN, rule, part)
            right_logits_nN = torch.where(right_nN, logits_nN, 0.0)
            rows_N[part] = logits_nN.logsumexp(1)
            columns_N = torch.logaddexp(columns_N, logits_nN.logsumexp(0))
            row_targets_N[part] = right_logits_nN.sum(1)
            row_counts_N[part] = right_nN.sum(1).to(rows_N.dtype)
            column_targets_N += right_logits_nN.sum(0)
            column_counts_N += right_nN.sum(0)
        ctx.save_for_backward(
            images_ND, texts_ND, log_scale, rows_N, columns_N, row_counts_N, column_counts_N
        )
        ctx.rule = rule
        by_rows = (rows_N - row_targets_N / row_counts_N).mean()
        by_columns = (columns_N - column_targets_N / column_counts_N).mean()
        loss: torch.Tensor = (by_rows + by_columns) / 2
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients with respect to images, texts and the log of the scale."""
        images_ND, texts_ND, log_scale, rows_N, columns_N, row_counts_N, column_counts_N = (
            ctx.saved_tensors
        )
        num, scale = len(images_ND), log_scale.exp()
        by_images_ND, by_texts_ND = torch.empty_like(images_ND), torch.zeros_like(texts_ND)
        for part in _blocks(num, ctx.rule.cells):
            logits_nN = scale * images_ND[part] @ texts_ND.T
            right_nN = _targets(logits_nN, ctx.rule, part)
            by_logits_nN = (logits_nN - rows_N[part, None]).exp_()
            by_logits_nN += logits_nN.sub_(columns_N).exp_()
            shares_nN = 1 / row_counts_N[part, None] + 1 / column_counts_N
            by_logits_nN -= torch.where(right_nN, shares_nN, 0.0)
            by_logits_nN *= scale * gradient / (2 * num)
            by_images_ND[part] = by_logits_nN @ texts_ND
            by_texts_ND += by_logits_nN.T @ images_ND[part]
        # The logits are products with the scale, so their sum with their gradients is that of
        # the embeddings with theirs; cells that were left out have no part in either.
        return by_images_ND, by_texts_ND, (images_ND * by_images_ND).sum(), None


def _targets(logits_nN: torch.Tensor, rule: Rule, part: slice) -> torch.Tensor:
    """Return bool (n, N), what is right; logits that are left out become -inf, in place."""
    own_nN = torch.zeros_like(logits_nN, dtype=torch.bool)
    own_nN.diagonal(part.start).fill_(True)
    if rule.equal is None:
        return own_nN
    same_nN = rule.equal.rows(part).to(logits_nN.device)
    if rule.positives == "positive":
        return same_nN | own_nN
    logits_nN.masked_fill_(same_nN & ~own_nN, -math.inf)
    return own_nN


def _right(equal: Equal, part: slice) -> torch.Tensor:
    """Return bool (n, N): what is right for each picture of the part, its own text included."""
    same_nN = equal.rows(part).clone()
    same_nN.diagonal(part.start).fill_(True)
    return same_nN


def _blocks(num: int, cells: int) -> Iterator[slice]:
    """Yield parts of the rows, of at most so many cells each but of one row at least."""
    size = max(1, cells // num)
    for start in range(0, num, size):
        yield slice(start, min(start + size, num))
