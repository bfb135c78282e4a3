"""Distillation: the text tower's start, its batches, and exact resumption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recipe import distil as module
from recipe.distil import (
    DistilSettings,
    Lesson,
    Pupil,
    batches,
    distil,
    learning_rate_factor,
    principal_axes,
    start_as_bag_of_words,
)

from rclip_like.models.towers.torchvision_cure import import_open_clip

WIDTH, TEACHER, VOCABULARY = 32, 48, 300


def make_model() -> Any:
    image = {"image_size": 32, "patch_size": 16, "layers": 1, "width": 32, "head_width": 16}
    text = {"context_length": 12, "vocab_size": VOCABULARY, "heads": 2, "layers": 2}
    torch.manual_seed(0)
    return import_open_clip().CLIP(16, image, text | {"width": WIDTH})


def make_lesson(number: int = 400) -> tuple[Lesson, torch.Tensor]:
    """Return strings whose meaning is the mean of their words', and the words' meanings."""
    random = np.random.default_rng(1)
    words = random.normal(size=(VOCABULARY, TEACHER)).astype(np.float32)
    words /= np.linalg.norm(words, axis=1, keepdims=True)
    tokens = np.zeros((number, 12), np.uint16)
    targets = np.zeros((number, TEACHER), np.float32)
    for row in range(number):
        own = random.integers(0, VOCABULARY - 2, random.integers(1, 9))
        tokens[row, : len(own) + 2] = [VOCABULARY - 2, *own, VOCABULARY - 1]
        targets[row] = words[own].mean(0)
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    return Lesson(tokens, targets.astype(np.float16)), torch.from_numpy(words)


def make_pupil(lesson: Lesson, words: torch.Tensor, num_steps: int) -> Pupil:
    model = make_model()
    axes = principal_axes(lesson.targets_NT, WIDTH)
    start_as_bag_of_words(model, words[:-2], axes)
    return Pupil(model, axes, DistilSettings(num_steps, batch_size=32, warm_up_steps=5))


def test_the_tower_starts_close_to_the_mean_of_its_words() -> None:
    lesson, words = make_lesson()
    everything = np.arange(len(lesson.tokens_NL))
    started = module.agreement(make_pupil(lesson, words, 1), lesson, everything)
    random_pupil = Pupil(make_model(), principal_axes(lesson.targets_NT, WIDTH), DistilSettings(1))
    assert started > 0.5
    assert started > module.agreement(random_pupil, lesson, everything) + 0.3


def test_learning_follows_the_teacher_more_closely(tmp_path: Path) -> None:
    lesson, words = make_lesson()
    told: list[float] = []
    pupil = make_pupil(lesson, words, 60)
    before = module.agreement(pupil, lesson, np.arange(0, 400, 97))
    distil(pupil, lesson, tmp_path / "x.pt", None, lambda step, loss, cosine: told.append(cosine))
    assert told[-1] > before + 0.05


def test_a_stopped_distillation_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPORT_STEPS", 5)
    lesson, words = make_lesson()
    whole = make_pupil(lesson, words, 20)
    distil(whole, lesson, tmp_path / "whole.pt", None, lambda *told: None)

    def stop(step: int, loss: float, cosine: float) -> None:
        if step == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distil(make_pupil(lesson, words, 20), lesson, tmp_path / "x.pt", None, stop)
    resumed = make_pupil(lesson, words, 20)
    distil(resumed, lesson, tmp_path / "x.pt", None, lambda *told: None)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_batches_hold_strings_of_like_length_and_every_string_once() -> None:
    lengths = np.random.default_rng(3).integers(3, 30, 500)
    order = batches(lengths.tolist(), 50, seed=1)
    epoch = [next(order) for _ in range(10)]
    assert sorted(np.concatenate(epoch)) == list(range(500))
    assert max(np.ptp(lengths[rows]) for rows in epoch) <= 4


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    settings = DistilSettings(num_steps=1000, warm_up_steps=100)
    factors = [learning_rate_factor(step, settings) for step in (0, 49, 99, 500, 850, 1000)]
    assert factors == pytest.approx([0.01, 0.5, 1.0, 1.0, 0.5, 0.0])
