"""What captions and headers tell before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from drawn_pairs import draw_picture, write_shard
from labelled_sets import write_classes, write_files
from PIL import Image

from rclip_like.errors import TrainingError
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.settings import ReadSettings
from rclip_like.train.settings import TrainSettings
from rclip_like.train.start import load_start
from rclip_like.train.survey import Survey, read_rows, survey

MakeData = Callable[..., Path]


def surveyed(data: Path, templates: str | None = None) -> Survey:
    tokenize = import_open_clip().SimpleTokenizer(context_length=77)
    settings = TrainSettings(data, data.with_name("out"), templates=templates)
    return survey(settings, tokenize)


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


@pytest.mark.timeout(60)
def test_a_caption_of_one_endless_word_takes_no_hours(
    captioned: MakeData, tiny_model: Path, tmp_path: Path
) -> None:
    data = captioned(12)
    letters = np.random.default_rng(0).integers(97, 123, 1 << 20, dtype=np.uint8)
    (data / "003.txt").write_bytes(letters.tobytes())
    settings = TrainSettings(data, tmp_path / "out", str(tiny_model))
    found = load_start(settings, None).surveyed
    assert (len(found.names), found.num_cut) == (12, 1)


def test_labels_are_put_into_sentences(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data" / "train", ["cat", "hot dog"])
    write_classes(tmp_path / "data" / "test", ["cat", "hot dog"], each=3)
    found = surveyed(data.parent)
    assert found.labels == ("cat", "cat", "hot dog", "hot dog")
    assert found.format.endswith("for each label (split: only train is read, not test)")
    assert found.captions[3] == ("a photo of a hot dog.",)
    found = surveyed(data.parent, templates="{}, seen from afar")
    assert found.captions[0] == ("cat, seen from afar",)
    write_files(data, {"zeroshot_classification_templates.txt": "one {c}\nthe {c}\n"})
    assert surveyed(data).captions[2] == ("one hot dog", "the hot dog")
    assert surveyed(data).tokens[2].shape == (2, 77)


def test_headers_tell_the_sizes_and_what_is_no_picture(captioned: MakeData) -> None:
    data = captioned(25)
    Image.new("RGB", (70, 30)).save(data / "004.png")
    (data / "005.png").write_bytes(b"no picture")
    found = surveyed(data)
    assert found.sizes[3:6] == ((40, 40), (70, 30), (40, 40))
    assert [(Path(each.path.decode()).name, each.reason) for each in found.skipped] == [
        ("005.png", "not a picture in a known format")
    ]
    read = list(read_rows(found, (), ReadSettings(workers=1)))
    assert [each[0] for each in read] == list(range(24))


@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_pictures_in_shards_are_checked_in_the_same_way(tmp_path: Path, ending: str) -> None:
    members: dict[str, bytes] = {}
    for number in range(25):
        picture = b"no picture" if number == 5 else draw_picture(number)
        members |= {f"{number:02}.png": picture, f"{number:02}.txt": b"number %d" % number}
    shard = write_shard(tmp_path / f"a{ending}", members)
    found = surveyed(shard)
    assert found.sizes == ((40, 40),) * 24
    assert set(found.file_facts) == {(shard.stat().st_size, shard.stat().st_mtime_ns)}
    assert [each.reason for each in found.skipped] == ["not a picture in a known format"]
