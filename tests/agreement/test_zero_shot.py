"""Zero-shot probabilities beside a short program of open_clip's on the same files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from read_in_process import read_picture
from reference_clip import encode, save_photos
from tiny_model import make_tiny_model

from rclip_like.evaluate.templates import templates_of
from rclip_like.evaluate.zero_shot import build_classifier
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.settings import EncoderSettings, ReadSettings

LABELS = ("astronaut", "cat", "cup of coffee", "rocket", "naïve café", "{0}")


@pytest.mark.parametrize("name", ["photo", "simple", "imagenet80"])
def test_probabilities_equal_those_of_open_clip(tmp_path: Path, name: str) -> None:
    folder = make_tiny_model(tmp_path / "model", image_size=224, layers=3)
    paths = save_photos(tmp_path, ".png")
    templates = templates_of(name)
    texts = [template.replace("{}", label) for label in LABELS for template in templates]
    images, words = encode(folder, paths, texts)
    weights = words.reshape(len(LABELS), len(templates), -1).mean(1)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    powers = np.exp(images @ weights.T / 0.07)
    theirs = powers / powers.sum(1, keepdims=True)

    specification = resolve(str(folder))
    pictures = [
        read_picture(os.fsencode(path), specification.preprocessing, ReadSettings())
        for path in paths
    ]
    model = Model(specification, EncoderSettings("cpu", "fp32"))
    rows = model.pictures(np.stack([picture.parts[0] for picture in pictures]))
    classifier = build_classifier(dict.fromkeys(LABELS, ()), templates, model.texts)
    assert np.abs(classifier.rows - weights).max() < 1e-6
    ours = classifier.probabilities(rows, model.logit_scale)
    assert np.abs(ours - theirs).max() < 1e-4
    halves = classifier.probabilities(rows.astype(np.float16), model.logit_scale)
    assert np.array_equal(halves.argmax(1), theirs.argmax(1))
    assert np.ptp(theirs, axis=0).min() > 1e-3, "the model cannot tell the pictures apart"


@pytest.mark.parametrize("name", ["photo", "imagenet80"])
def test_rows_equal_open_clips_own_zero_shot_classifier(tmp_path: Path, name: str) -> None:
    folder = make_tiny_model(tmp_path / "model")
    open_clip = import_open_clip()
    templates, labels = templates_of(name), LABELS[:-1]
    specification = resolve(str(folder))
    theirs_DL = open_clip.build_zero_shot_classifier(
        load_model(specification).eval(),
        open_clip.SimpleTokenizer(context_length=32),
        labels,
        [lambda label, template=each: template.replace("{}", label) for each in templates],
    )
    model = Model(specification, EncoderSettings("cpu", "fp32"))
    ours = build_classifier(dict.fromkeys(labels, ()), templates, model.texts)
    assert np.abs(ours.rows - theirs_DL.detach().numpy().T).max() < 1e-6
