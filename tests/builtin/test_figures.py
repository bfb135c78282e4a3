"""The figures of a model that knows everything, and of one that knows nothing."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from recipe.figures import TEMPLATE, measure
from recipe.measure import main
from recipe.photos import Photo, read_validation_photos

from rclip_like.errors import ClipfindError

PHOTOS = (
    Photo("0", b"", "s", "research", captions=("a dog runs", "brown dog")),
    Photo("1", b"", "s", "research", captions=("a cat sleeps",)),
    Photo("2", b"", "s", "open", label="ladybug", names=("ladybird",), kind="insect"),
    Photo("3", b"", "s", "web", label="violin", kind="musical instrument"),
)
MEANING = {"a dog runs": 0, "brown dog": 0, "a cat sleeps": 1, "dog": 0, "insect": 2}
MEANING |= {TEMPLATE.format(name): 2 for name in ("ladybug", "ladybird")}
MEANING |= {TEMPLATE.format("violin"): 3}


def encode(texts: Sequence[str]) -> np.ndarray:
    return np.eye(4, dtype=np.float32)[[MEANING[text] for text in texts]]


def test_a_model_that_knows_everything_reaches_one() -> None:
    figures = measure(PHOTOS, np.eye(4, dtype=np.float32), encode, ["dog", "insect"])
    assert figures.recall == {1: 1.0, 5: 1.0, 10: 1.0}
    assert [reached.accuracy[1] for reached in figures.accuracy.values()] == [1.0, 1.0]
    assert [reached.num_photos for reached in figures.accuracy.values()] == [1, 1]
    assert (figures.num_captioned, figures.num_captions, figures.num_labels) == (2, 3, 2)
    assert figures.precision == {"dog": 0.25, "insect": 0.25}


def test_a_model_that_mixes_everything_up_reaches_less() -> None:
    wrong = np.eye(4, dtype=np.float32)[[1, 0, 3, 2]]
    figures = measure(PHOTOS, wrong, encode, ["dog"])
    assert figures.recall[1] == 0.0
    assert all(reached.accuracy[1] == 0.0 for reached in figures.accuracy.values())


def test_words_are_found_in_everything_written_about_a_photo() -> None:
    photo = replace(PHOTOS[2], objects=("leaf",))
    assert photo.words() == ("ladybug", "insect", "ladybird", "leaf")


def write_validation_shard(folder: Path) -> None:
    with tarfile.open(folder / "val-000.tar.gz", "w:gz") as shard:
        for photo in PHOTOS:
            facts = {"source": photo.source, "tier": photo.tier, "names": photo.names}
            if photo.label:
                facts |= {"label": photo.label, "kind": photo.kind}
            stream = io.BytesIO()
            Image.new("RGB", (50, 40), (int(photo.key) * 60, 90, 20)).save(stream, "JPEG")
            text = "\n".join(photo.captions or ("a photo",))
            parts = {"jpg": stream.getvalue(), "txt": text.encode()}
            for ending, data in {**parts, "json": json.dumps(facts).encode()}.items():
                member = tarfile.TarInfo(f"{photo.key}.{ending}")
                member.size = len(data)
                shard.addfile(member, io.BytesIO(data))


def test_shards_give_back_what_is_written_about_their_photos(tmp_path: Path) -> None:
    write_validation_shard(tmp_path)
    photos = read_validation_photos(tmp_path)
    assert [replace(photo, data=b"") for photo in photos] == list(PHOTOS)


def test_one_command_measures_a_model_folder(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_validation_shard(tmp_path)
    assert main(["--data", str(tmp_path), "--model", str(tiny_model), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["num_photos"] == 4
    assert len(told["precision"]) == 20
    assert main(["--data", str(tmp_path), "--model", str(tiny_model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Captions: text to photo, 3 captions, 2 photos"
    assert lines[-1].split()[0] == "mean"


def test_a_folder_without_validation_shards_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClipfindError, match="no shards"):
        read_validation_photos(tmp_path)
