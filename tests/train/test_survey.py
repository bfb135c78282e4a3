"""What captions and headers tell before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rclip_like.errors import TrainingError
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.settings import TrainSettings
from rclip_like.train.survey import Survey, survey

MakeData = Callable[..., Path]


def surveyed(data: Path) -> Survey:
    tokenize = import_open_clip().SimpleTokenizer(context_length=77)
    return survey(TrainSettings(data, data.with_name("out")), tokenize)


def test_a_survey_has_the_captions_and_their_tokens(captioned: MakeData) -> None:
    found = surveyed(captioned(3))
    assert [Path(name).name for name in found.names] == ["000.png", "001.png", "002.png"]
    assert found.captions[1] == ("green on the left, number 1", "no 1 drawn")
    assert found.tokens[1].shape == (2, 77)
    assert found.tokens[1].dtype == np.int64
    assert found.file_facts[0][0] == Path(found.names[0]).stat().st_size


def test_only_captions_longer_than_the_context_are_counted_as_cut(captioned: MakeData) -> None:
    data = captioned(3)
    (data / "000.txt").write_text(" ".join(["red"] * 75))
    (data / "001.txt").write_text("\n".join([" ".join(["red"] * 76), "short", "red " * 300]))
    assert surveyed(data).num_cut == 2


def test_one_pair_is_too_few(captioned: MakeData) -> None:
    with pytest.raises(TrainingError, match="at least two pairs"):
        surveyed(captioned(1))
