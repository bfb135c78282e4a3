"""The working files of a run: what may lie in the output folder, and who may read it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from rclip_like.errors import TrainingError
from rclip_like.train.checkpoint import load_checkpoint, prepared_output, save_checkpoint
from rclip_like.train.folder import save_model_folder
from rclip_like.train.spool import RowFile
from rclip_like.values import Preprocessing

RUN = {"model": "m", "data": "d"}
OWN = ["pixels.bin", "checkpoint.pt", "checkpoint.pt.part"]
PREPROCESSING = Preprocessing(2, (0.5,) * 3, (0.5,) * 3)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and rights of Unix")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def link(place: Path, victim: Path) -> None:
    place.symlink_to(victim)


def second_name(place: Path, victim: Path) -> None:
    os.link(victim, place)


def pipe(place: Path, victim: Path) -> None:
    os.mkfifo(place)


def folder(place: Path, victim: Path) -> None:
    place.mkdir()


def loose_link(place: Path, victim: Path) -> None:
    place.symlink_to(place.with_name("nowhere"))


Plant = Callable[[Path, Path], None]
PLANTS = [link, second_name, pipe, folder, loose_link]


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_bytes(b"precious")
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


@pytest.mark.timeout(20)
@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("name", OWN)
def test_what_is_planted_under_a_runs_names_is_refused_and_left(
    output: Path, victim: Path, name: str, plant: Plant
) -> None:
    plant(output / name, victim)
    with (
        pytest.raises(
            TrainingError, match=rf"{output / name} is not a regular file of yours with one"
        ),
        prepared_output(output),
    ):
        pass
    assert os.path.lexists(output / name)
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "tokenizer.json"])
def test_what_is_planted_under_a_models_names_is_refused(
    output: Path, victim: Path, name: str
) -> None:
    save_checkpoint(output, {"run": RUN})
    link(output / name, victim)
    with (
        pytest.raises(TrainingError, match=rf"{name} is not a regular file of yours with one"),
        prepared_output(output),
    ):
        pass


def test_an_output_that_is_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    with (
        pytest.raises(TrainingError, match="out exists and is not a folder"),
        prepared_output(tmp_path / "out"),
    ):
        pass


@pytest.mark.timeout(20)
@pytest.mark.parametrize("plant", [link, second_name, pipe, loose_link])
def test_what_is_planted_during_a_run_is_never_written_through(
    output: Path, victim: Path, plant: Plant
) -> None:
    for name in ("pixels.bin", "checkpoint.pt.part", "open_clip_model.safetensors.part"):
        plant(output / name, victim)
    plant(output / "open_clip_config.json.part", victim)
    with RowFile(output / "pixels.bin") as file:
        file.append(np.zeros((1, 2, 2, 3), np.uint8))
    save_checkpoint(output, {"run": RUN})
    save_model_folder(output, torch.nn.Linear(1, 1), {}, PREPROCESSING)
    assert victim.read_bytes() == b"precious"
    assert not (output / "nowhere").exists()
    assert all(path.is_file() and not path.is_symlink() for path in output.iterdir())
    assert load_checkpoint(output, RUN) == {"run": RUN}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("plant", [link, pipe, loose_link])
def test_a_checkpoint_planted_during_a_run_is_not_opened(
    output: Path, victim: Path, plant: Plant
) -> None:
    plant(output / "checkpoint.pt", victim)
    with pytest.raises(TrainingError, match="is not a regular file of yours with one name"):
        load_checkpoint(output, RUN)


def test_working_files_are_their_owners_alone_and_the_model_follows_the_umask(
    output: Path,
) -> None:
    with umask(0):
        with RowFile(output / "pixels.bin") as file:
            file.append(np.zeros((1, 2, 2, 3), np.uint8))
        save_checkpoint(output, {"run": RUN})
        save_model_folder(output, torch.nn.Linear(1, 1), {}, PREPROCESSING)
    found = {path.name: rights(path) for path in output.iterdir()}
    assert found == {
        "pixels.bin": 0o600,
        "checkpoint.pt": 0o600,
        "open_clip_model.safetensors": 0o666,
        "open_clip_config.json": 0o666,
    }


def test_a_checkpoint_that_is_being_written_is_its_owners_alone(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def killed(*rest: object) -> None:
        seen.append(rights(output / "checkpoint.pt.part"))
        raise KeyboardInterrupt

    monkeypatch.setattr("torch.save", killed)
    with umask(0), pytest.raises(KeyboardInterrupt):
        save_checkpoint(output, {"run": RUN})
    assert seen == [0o600]


@pytest.mark.parametrize("state", [{"run": 5}, {"run": [1]}, {"run": None}, {}, [], 5, None])
def test_a_checkpoint_of_another_shape_is_named(output: Path, state: object) -> None:
    torch.save(state, output / "checkpoint.pt")
    with pytest.raises(TrainingError, match=r"checkpoint\.pt cannot be read; delete it"):
        load_checkpoint(output, RUN)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x80\x02.", b"\x80\x02e.", b"\x80\x02X\xff\xff\xff\xff."]
)
def test_a_checkpoint_that_is_no_pickle_is_named(output: Path, content: bytes) -> None:
    (output / "checkpoint.pt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"checkpoint\.pt cannot be read; delete it"):
        load_checkpoint(output, RUN)


def test_a_second_run_in_the_same_folder_is_refused_and_leaves_the_first_ones_files(
    tmp_path: Path,
) -> None:
    output = tmp_path / "out"
    with prepared_output(output):
        (output / "pixels.bin").touch()
        with pytest.raises(TrainingError, match="another run"), prepared_output(output):
            pass
        assert [path.name for path in output.iterdir()] == ["pixels.bin"]
    with prepared_output(output):
        pass
