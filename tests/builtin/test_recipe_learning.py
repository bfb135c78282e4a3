"""The stages of the recipe that learn by batches, on made-up features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from recipe.__main__ import build_model, load_edition, require_imagenet_trunk
from recipe.contrast import (
    Blend,
    Classes,
    Pictures,
    RemindedLearner,
    Reminder,
    SubjectBatches,
    image_encoder,
)
from recipe.distil import Lesson
from recipe.joint import fit
from recipe.pairs import Subject
from recipe.stages import (
    CONTEXT_LENGTH,
    PLURAL_PULL,
    TOKEN_PULL,
    draw_plural_tokens,
    plural_tokens,
    with_plurals_closer,
)

from rclip_like.models.names import BUILTIN_FOLDER
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.loop import run_loop
from rclip_like.train.settings import LoopSettings

NUM, FEATURES, TEACHER = 24, 12, 10
END = 63


def subjects() -> list[Subject]:
    """Half of them named alike in twos, so that a text is right for another picture."""
    names = [f"thing {row // 2 if row % 4 < 2 else row}" for row in range(NUM)]
    return [Subject((), (name,), (1.0,), frozenset({name})) for name in names]


def batches(texts: Any) -> SubjectBatches:
    views = [np.random.default_rng(0).normal(size=(NUM, FEATURES)).astype(np.float32)]
    nothing_KF = np.zeros((0, FEATURES), np.float32)
    pictures = Pictures(views, Classes(nothing_KF, nothing_KF))
    return SubjectBatches(pictures, subjects(), np.arange(NUM), ("a {}",), texts, seed=0)


def teacher_rows(texts: list[str]) -> torch.Tensor:
    rows = [np.random.default_rng([*text.encode()]).normal(size=TEACHER) for text in texts]
    return torch.nn.functional.normalize(torch.from_numpy(np.float32(rows)), dim=1)


def tokens(texts: list[str]) -> torch.Tensor:
    numbers = [int(text.split()[-1]) + 1 for text in texts]
    return torch.tensor([[number, END, 0, 0] for number in numbers])


def test_a_joint_space_is_fitted_to_pictures_and_the_teachers_texts() -> None:
    axes_TE = torch.linalg.qr(torch.randn(TEACHER, 6, generator=torch.Generator().manual_seed(0)))
    settings = LoopSettings(epochs=60, batch_size=12, lr=1e-2)
    space = fit(axes_TE.Q, torch.zeros(FEATURES), batches(teacher_rows), settings)
    everything = batches(teacher_rows).batch(np.arange(NUM), 0)
    images = everything.images(slice(0, NUM)) @ space["image_FE"] + space["image_bias_E"]
    cosines_NN = (
        torch.nn.functional.normalize(images, dim=1)
        @ torch.nn.functional.normalize(everything.texts @ space["text_TE"], dim=1).T
    )
    best = cosines_NN.argmax(dim=1)
    names = [subject.names[0] for subject in subjects()]
    assert (
        np.mean([names[int(column)] == name for name, column in zip(names, best, strict=True)])
        > 0.5
    )


def test_a_reminder_is_learnt_beside_the_batches_whole_and_in_pieces() -> None:
    towers = {"layers": 1, "width": 16}
    image = {**towers, "image_size": 16, "head_width": 8, "patch_size": 8}
    text = {**towers, "context_length": 4, "vocab_size": 64, "heads": 2}
    lesson = Lesson(
        tokens([f"thing {n}" for n in range(NUM)]).numpy().astype(np.uint16),
        teacher_rows([f"thing {n}" for n in range(NUM)]).numpy().astype(np.float16),
    )
    losses: list[list[float]] = []
    for piece_size in (None, 5):
        torch.manual_seed(0)
        model: Any = import_open_clip().CLIP(8, image, text)
        model.visual = torch.nn.Module()
        model.visual.head = torch.nn.Linear(FEATURES, 8)
        reminder = Reminder(lesson, torch.randn(16, TEACHER), weight=0.5, batch_size=8)
        encode = image_encoder(model, torch.zeros(FEATURES), 0.0)
        settings = LoopSettings(epochs=5, batch_size=12, lr=1e-2, piece_size=piece_size)
        learner = RemindedLearner(model, encode, settings, reminder)
        losses.append([])
        take = lambda figures: losses[-1].append(figures.loss)  # noqa: E731
        run_loop(learner, batches(tokens), after_step=take)
    assert len(losses[0]) == 10
    assert np.allclose(*losses, rtol=1e-3)
    assert losses[0][-1] < losses[0][0]


def test_a_blend_is_the_mean_of_the_steps_and_is_lent_to_the_model() -> None:
    layer = torch.nn.Linear(1, 1)
    layer.bias.requires_grad_(False)
    layer.weight.data.fill_(0.0)
    blend = Blend(layer, kept=0.75)
    for step, value in enumerate((2.0, 4.0, 6.0, 10.0), start=1):
        layer.weight.data.fill_(value)
        blend.take(step)
    assert set(blend.values) == {"weight"}
    assert blend.values["weight"].item() == 0.75 * (0 + 2 + 4 + 6) / 4 + 0.25 * 10
    with blend.in_place():
        assert layer.weight.item() == blend.values["weight"].item()
    assert layer.weight.item() == 10.0


def test_the_row_of_a_plural_is_brought_nearer_to_its_singular() -> None:
    rows = np.eye(4, dtype=np.float16)
    strings = ["dog", "cats", "dogs", "a dog"]
    closer = with_plurals_closer(strings, rows, {"dogs": "dog"}).astype(np.float32)
    assert np.array_equal(closer[[0, 1, 3]], rows[[0, 1, 3]])
    norm = (PLURAL_PULL**2 + (1 - PLURAL_PULL) ** 2) ** 0.5
    assert np.allclose(closer[2], [PLURAL_PULL / norm, 0, (1 - PLURAL_PULL) / norm, 0], atol=1e-3)


def test_the_token_of_a_plural_is_drawn_to_its_singulars() -> None:
    tokenizer = import_open_clip().SimpleTokenizer(context_length=CONTEXT_LENGTH)
    pairs = plural_tokens(
        tokenizer,
        {"sheep": "sheep", "men": "man", "dogs": "dog", "xylophonists": "xylophonist"},
    )
    assert [[tokenizer.decode([each]).strip() for each in pair] for pair in pairs] == [
        ["man", "men"],
        ["dog", "dogs"],
    ]
    model = build_model()
    before = model.token_embedding.weight.detach().clone()
    draw_plural_tokens(model, pairs)
    after = model.token_embedding.weight.detach()
    changed = (after != before).any(dim=1).nonzero().flatten()
    assert sorted(changed.tolist()) == sorted(pairs[:, 1].tolist())
    dog, dogs = pairs[1]
    wanted = (1 - TOKEN_PULL) * before[dogs] + TOKEN_PULL * before[dog]
    assert torch.allclose(after[dogs], wanted, atol=1e-6)


@pytest.mark.skipif(not BUILTIN_FOLDER.exists(), reason="this copy comes without builtin/")
def test_a_run_can_begin_with_an_earlier_edition() -> None:
    model = build_model()
    before = model.text_projection.detach().clone()
    load_edition(model, BUILTIN_FOLDER)
    assert not torch.equal(model.text_projection, before)
    assert {value.dtype for value in model.parameters()} == {torch.float32}


def test_features_are_made_of_imagenets_trunk_alone() -> None:
    model = build_model()
    require_imagenet_trunk(model, last_blocks_may_differ=False)
    with torch.no_grad():
        model.visual.trunk.conv_head.weight += 0.01
    require_imagenet_trunk(model, last_blocks_may_differ=True)
    with pytest.raises(SystemExit, match="conv_head"):
        require_imagenet_trunk(model, last_blocks_may_differ=False)
    with torch.no_grad():
        model.visual.trunk.conv_stem.weight += 0.01
    with pytest.raises(SystemExit, match="conv_stem"):
        require_imagenet_trunk(model, last_blocks_may_differ=True)
