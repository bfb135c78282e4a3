"""The loss against open_clip's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.equality import NO_CAPTION, EqualCells, EqualNumbers
from rclip_like.train.loss import (
    CELLS,
    MAX_LOG_SCALE,
    clamp_log_scale,
    contrastive_loss,
    loss_bounds,
)
from rclip_like.train.settings import Positives


def make_towers(dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    rows = [torch.randn(24, 16, generator=generator, dtype=dtype) for _ in range(2)]
    return [value.requires_grad_() for value in (*rows, torch.tensor(2.5, dtype=dtype))]


def losses_and_gradients(dtype: torch.dtype) -> list[list[torch.Tensor]]:
    import_open_clip()
    from open_clip.loss import ClipLoss

    results = []
    for ours in (True, False):
        images, texts, log_scale = make_towers(dtype)
        unit = F.normalize(images, dim=1), F.normalize(texts, dim=1)
        loss = contrastive_loss(*unit, log_scale) if ours else ClipLoss()(*unit, log_scale.exp())
        results.append([loss, *torch.autograd.grad(loss, (images, texts, log_scale))])
    return results


def test_loss_and_gradients_equal_open_clips_where_no_captions_repeat() -> None:
    ours, theirs = losses_and_gradients(torch.float32)
    for mine, reference in zip(ours, theirs, strict=True):
        assert torch.linalg.norm(mine - reference) <= 1e-6 * max(1, torch.linalg.norm(reference))


def test_loss_and_gradients_equal_open_clips_in_double_precision() -> None:
    ours, theirs = losses_and_gradients(torch.float64)
    for mine, reference in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, reference, rtol=0, atol=1e-12)


def test_pairs_that_are_equal_are_left_out_of_the_wrong_ones() -> None:
    images, texts, log_scale = make_towers(torch.float64)
    unit = F.normalize(images, dim=1), F.normalize(texts, dim=1)
    same = torch.zeros(24, 24, dtype=torch.bool)
    same[2, 5] = True
    logits = log_scale.exp() * unit[0] @ unit[1].T
    rows = logits.clone().detach()
    rows[2, 5] = -1e30
    pairs = torch.arange(24)
    expected = (F.cross_entropy(rows, pairs) + F.cross_entropy(rows.T, pairs)) / 2
    assert torch.allclose(
        contrastive_loss(*unit, log_scale, EqualCells(same)), expected, atol=1e-12
    )
    assert contrastive_loss(*unit, log_scale, EqualCells(same)) != contrastive_loss(
        *unit, log_scale
    )


def test_a_mask_of_the_true_pairs_alone_changes_nothing() -> None:
    images, texts, log_scale = make_towers(torch.float64)
    diagonal = torch.eye(24, dtype=torch.bool)
    masked = contrastive_loss(images, texts, log_scale, EqualCells(diagonal))
    assert torch.equal(masked, contrastive_loss(images, texts, log_scale))


def test_gradient_flows_past_left_out_pairs() -> None:
    images, texts, log_scale = make_towers(torch.float64)
    everything = torch.ones(24, 24, dtype=torch.bool)
    loss = contrastive_loss(images, texts, log_scale, EqualCells(everything))
    gradients = torch.autograd.grad(loss, (images, texts, log_scale))
    assert loss == 0
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_logit_scale_stays_between_one_and_a_hundred() -> None:
    for start, end in ((-0.5, 0.0), (9.0, MAX_LOG_SCALE), (2.0, 2.0)):
        log_scale = torch.tensor(start, requires_grad=True)
        clamp_log_scale(log_scale)
        assert log_scale.item() == torch.tensor(end).item()


def equal_pairs(num: int) -> EqualNumbers:
    """Pairs of which some share captions, pictures or labels, by chance."""
    random = np.random.default_rng(2)
    captions_NM = random.integers(0, num, (num, 3))
    captions_NM[::4, 2] = NO_CAPTION
    numbers_2N = random.integers(0, 2 * num, (2, num))
    return EqualNumbers(captions_NM, captions_NM[:, 0], *numbers_2N)


@pytest.mark.parametrize("positives", ["left-out", "positive"])
@pytest.mark.parametrize("cells", [1, 24, 100, 575])
@pytest.mark.parametrize("has_equal", [False, True])
def test_a_loss_in_blocks_equals_the_plain_one(
    positives: Positives, cells: int, has_equal: bool
) -> None:
    equal = equal_pairs(24) if has_equal else None
    results = []
    for each in (CELLS, cells):
        values = make_towers(torch.float64)
        loss = 3 * contrastive_loss(*values, equal, positives=positives, cells=each)
        results.append([loss, *torch.autograd.grad(loss, values)])
    for plain, blocked in zip(*results, strict=True):
        assert torch.linalg.norm(plain - blocked) <= 1e-12 * torch.linalg.norm(plain)


@pytest.mark.parametrize("positives", ["left-out", "positive"])
def test_chance_is_the_loss_of_embeddings_that_are_all_alike(positives: Positives) -> None:
    alike_ND, log_scale, equal = torch.ones(24, 4).double() / 2, torch.tensor(1.0), equal_pairs(24)
    loss = contrastive_loss(alike_ND, alike_ND, log_scale, equal, positives=positives)
    for cells in (CELLS, 50):
        bounds = loss_bounds(24, equal, positives=positives, cells=cells)
        assert bounds.chance == pytest.approx(float(loss), abs=1e-6)
    assert loss_bounds(24, None, positives=positives) == (pytest.approx(math.log(24)), 0.0)


def test_the_floor_is_what_is_left_when_all_that_is_right_is_found() -> None:
    numbers = np.arange(24) // 3
    equal = EqualNumbers(numbers[:, None], numbers, numbers)
    one_hot = F.one_hot(torch.from_numpy(numbers)).double()
    for positives, floor in (("left-out", 0.0), ("positive", math.log(3))):
        log_scale = torch.tensor(MAX_LOG_SCALE)
        loss = contrastive_loss(one_hot, one_hot, log_scale, equal, positives=positives)
        assert loss_bounds(24, equal, positives=positives).floor == pytest.approx(floor, abs=1e-6)
        assert float(loss) == pytest.approx(floor, abs=1e-12)


@pytest.mark.parametrize("positives", ["left-out", "positive"])
def test_with_unlike_pairs_the_loss_is_that_of_clip(positives: Positives) -> None:
    import_open_clip()
    from open_clip.loss import ClipLoss

    images, texts, log_scale = make_towers(torch.float64)
    numbers = np.arange(24)
    equal = EqualNumbers(numbers[:, None], numbers, numbers, numbers)
    loss = contrastive_loss(images, texts, log_scale, equal, positives=positives)
    theirs = ClipLoss()(images, texts, log_scale.exp())
    assert (loss - theirs).item() == pytest.approx(0, abs=1e-12)


def test_positives_share_the_target_of_each_row_and_column() -> None:
    images, texts, log_scale = make_towers(torch.float64)
    same = torch.zeros(24, 24, dtype=torch.bool)
    same[2, 5] = same[7, 5] = same[2, 9] = True
    loss = contrastive_loss(images, texts, log_scale, EqualCells(same), positives="positive")
    logits = (log_scale.exp() * images @ texts.T).detach().numpy()
    expected = 0.0
    for values, right in ((logits, same.numpy()), (logits.T, same.numpy().T)):
        for row in range(24):
            targets = [row, *np.flatnonzero(right[row])]
            log_sum = np.log(np.exp(values[row] - values[row].max()).sum()) + values[row].max()
            expected += np.mean([log_sum - values[row, each] for each in targets]) / 48
    assert loss.item() == pytest.approx(expected, abs=1e-12)
