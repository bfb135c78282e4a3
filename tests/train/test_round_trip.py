"""Trained models of each architecture, saved and loaded by open_clip: the same embeddings."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import four_towers
import numpy as np
import pytest
import torch
from drawn_pairs import describe, draw_picture
from PIL import Image

from rclip_like.images.products import Square
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torch_tower import load_torch_tower
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.settings import EncoderSettings, ReadSettings
from rclip_like.train.presets import Preset
from rclip_like.train.run import train
from rclip_like.train.settings import LoopOptions, TrainSettings
from rclip_like.train.split import split_image_tower, split_text_tower
from rclip_like.values import Picture

MakeData = Callable[..., Path]
TEXTS = [describe(number) for number in range(4)]


def trained(kind: str, data: Path, folder: Path, preset: Preset = "all") -> Path:
    """Return the model folder of a short run; by default all layers learn."""
    settings = TrainSettings(
        data=data,
        output=folder / "trained",
        model=str(four_towers.save(kind, folder / "start")),
        preset=preset,
        unlock_image_tower=preset == "all",
        loop=LoopOptions(epochs=1, batch_size=4, lr=1e-3),
        folds=0,
        held_out=0.0,
        alpha=1.0,
    )
    train(settings)
    return settings.output


@pytest.mark.parametrize("kind", four_towers.KINDS)
def test_open_clip_gives_the_embeddings_that_a_search_gives(
    kind: str, captioned: MakeData, tmp_path: Path
) -> None:
    data = captioned(8)
    output = trained(kind, data, tmp_path)
    model, _, transform = import_open_clip().create_model_and_transforms(f"local-dir:{output}")
    model.eval()
    drawn = [Image.open(io.BytesIO(draw_picture(number))).convert("RGB") for number in range(8)]
    tokens = import_open_clip().get_tokenizer(f"local-dir:{output}")(TEXTS)
    with torch.no_grad():
        pictures = model.encode_image(torch.stack([*map(transform, drawn)]), normalize=True)
        texts = model.encode_text(tokens, normalize=True)
    specification = resolve(str(output))
    assert specification.preprocessing == four_towers.PREPROCESSING
    tower = load_torch_tower(specification, EncoderSettings("cpu", "fp32"))
    square = Square.of(specification.preprocessing)
    tasks = [ReadTask(str(path).encode(), (square,)) for path in sorted(data.glob("*.png"))]
    with Readers(ReadSettings(workers=1)) as readers:
        read = [each for each in readers.read_in_order(tasks) if isinstance(each, Picture)]
    ours = tower.pictures(np.stack([each.products[square.name][0] for each in read]))
    for found, expected in ((ours, pictures.numpy()), (tower.texts(TEXTS), texts.numpy())):
        assert (found * expected).sum(axis=1).min() > 0.99999
        assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize("kind", four_towers.KINDS)
def test_training_changed_the_model_and_kept_its_description(
    kind: str, captioned: MakeData, tmp_path: Path
) -> None:
    output = trained(kind, captioned(8), tmp_path)
    described = [
        json.loads((folder / "open_clip_config.json").read_text())
        for folder in (tmp_path / "start", output)
    ]
    assert described[0] == described[1]
    assert described[1]["model_cfg"].get("quick_gelu", False) == (kind == "quick gelu")
    start, end = (load_model(resolve(str(each))) for each in (tmp_path / "start", output))
    buffers = zip(start.named_buffers(), end.buffers(), strict=True)
    assert all(torch.equal(before, after) for (_, before), after in buffers)
    changed = [
        not torch.equal(before, after)
        for before, after in zip(start.parameters(), end.parameters(), strict=True)
    ]
    assert sum(changed) > 0.9 * len(changed)


@pytest.mark.parametrize("kind", four_towers.KINDS)
def test_a_head_run_changes_the_projections_and_no_other_bit(
    kind: str, captioned: MakeData, tmp_path: Path
) -> None:
    output = trained(kind, captioned(8), tmp_path, "head")
    before, after = (load_model(resolve(str(each))) for each in (tmp_path / "start", output))
    projections = {*split_image_tower(before, 32).projection, *split_text_tower(before).projection}
    end = after.state_dict()
    changed = {name for name, value in before.state_dict().items() if (value != end[name]).any()}
    assert changed == {*projections, "logit_scale"}
