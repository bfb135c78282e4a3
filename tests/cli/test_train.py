"""`clipfind train`: from captions to a model folder that searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from described import as_described
from drawn_pairs import draw_picture
from processes import run, write_pictures
from settled import settled

from rclip_like.cli import main
from rclip_like.train.retention import OwnPictures
from rclip_like.train.settings import LoopOptions, TrainSettings
from rclip_like.train.values import TrainReport

NAMES = tuple(f"{number}.png".encode() for number in range(12))


def _write_captions(folder: Path) -> Path:
    write_pictures(folder, NAMES)
    for number in range(len(NAMES)):
        (folder / f"{number}.txt").write_text(f"picture number {number}\n")
    return folder


def test_a_caption_that_is_not_utf8_is_named_and_left_out(tiny: Path, tmp_path: Path) -> None:
    captions = _write_captions(tmp_path / "captions")
    (captions / "3.txt").write_bytes("café".encode("cp1252"))
    arguments = (
        "train",
        captions,
        "--epochs",
        "1",
        "--folds",
        "0",
        "--batch-size",
        "4",
        "--output",
    )
    told = run(*arguments, tmp_path / "model").stderr.decode()
    reason = f"{captions}/3.txt: is neither UTF-8 nor UTF-16 with its mark; save it as UTF-8"
    # Where the machine is busy, lines on progress come before.
    assert told.endswith(f"clipfind: 1 pair could not be used:\nclipfind:   {reason}\n")
    for name in ("4.txt", "5.txt", "6.txt", "7.txt"):
        (captions / name).write_bytes("café".encode("cp1252"))
    refused = run(*arguments, tmp_path / "other")
    assert refused.returncode == 2
    told = refused.stderr.decode()
    stopped = f"stopped: 5 of {len(NAMES)} pairs cannot be used, and at most one in ten may be; "
    assert told.startswith(f"clipfind: {stopped}{reason}; ")
    assert told.count("save it as UTF-8") == 3
    advice = "mend or remove these, or go on without them with --tolerance 1"
    assert told.endswith(f"; and 2 more; {advice}\n")
    assert not (tmp_path / "other").exists()


def test_a_trained_folder_is_searched_with(tiny: Path, tmp_path: Path) -> None:
    captions = _write_captions(tmp_path / "captions")
    output = tmp_path / "our\tmodel"
    few_steps = ("--epochs", "2", "--folds", "0", "--batch-size", "4", "--alpha", "1")
    trained = run("train", captions, "--output", output, *few_steps)
    assert trained.returncode == 0, trained.stderr.decode()
    assert "our\\tmodel" in trained.stdout.decode()
    assert f"clipfind --model '{tmp_path}/our\\tmodel' \"WORDS\"" in trained.stdout.decode()
    written = {path.name for path in output.iterdir()}
    texts = {"report.md", "report.html", "report.json", "MODEL_CARD.md", "log.jsonl"}
    assert written == texts | {"open_clip_model.safetensors", "open_clip_config.json"}
    found = run("--model", output, "picture number 3", captions, "-f", "-t", "0")
    assert len(found.stdout.splitlines()) == len(NAMES), found.stderr.decode()


def test_training_begins_with_the_model_that_the_index_uses(
    tiny: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captions = _write_captions(tmp_path / "captions")
    monkeypatch.delenv("CLIPFIND_MODEL")
    monkeypatch.delenv("CLIPFIND_DB")
    index = ("--db", tmp_path / "other.db")
    assert run("models", "use", tiny_model, *index).returncode == 0
    for number, options in enumerate((index, ("--model", tiny_model))):
        output = tmp_path / str(number)
        few_steps = ("--epochs", "1", "--folds", "0")
        trained = run("train", captions, "--output", output, *few_steps, *options)
        assert trained.returncode == 0, trained.stderr.decode()
    first, second = (tmp_path / name / "open_clip_model.safetensors" for name in "01")
    assert first.read_bytes() == second.read_bytes()


def test_locking_and_unlocking_at_once_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    locks = ("--lock-image-tower", "--unlock-image-tower")
    assert main(["train", "captions", "--output", "model", *locks]) == 2
    told = capsys.readouterr().err
    assert "--unlock-image-tower has no effect together with --lock-image-tower" in told


def test_json_is_one_object_and_quiet_is_quiet(tiny: Path, tmp_path: Path) -> None:
    captions = _write_captions(tmp_path / "captions")
    options = ("--epochs", "1", "--alpha", "1", "--folds", "0", "--json", "-q")
    trained = run("train", captions, "--output", tmp_path / "model", *options)
    assert trained.returncode == 0
    assert trained.stderr == b""
    told = as_described(trained.stdout, "train")
    assert (told["alpha"], told["is_alpha_asked"], told["is_start"]) == (1, True, False)
    again = run("train", captions, "--output", tmp_path / "model", *options)
    assert again.returncode == 2
    told_again = again.stderr.decode()
    assert (
        f"{tmp_path}/model holds a finished model; search with it: clipfind --model" in told_again
    )


def test_a_precision_that_training_does_not_have_is_refused(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captions = _write_captions(tmp_path / "captions")
    output = tmp_path / "model"
    arguments = ["train", str(captions), "--output", str(output), "--precision", "fp16"]
    assert main(arguments) == 2
    assert "train computes in fp32 and bf16, not in fp16" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("option", [["--epochs", "0"], ["--batch-size", "1"], ["--lr", "-1"]])
def test_numbers_that_make_no_sense_are_refused(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "captions", "--output", "model", *option]) == 2
    assert f"{option[0]} must be at least" in capsys.readouterr().err


def test_what_is_not_typed_is_as_the_settings_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLIPFIND_PRECISION")
    typed = ("captions", "--output", "~/model", "--epochs", "3", "--device", "cpu")
    values = settled("train", *typed).settings
    loop = LoopOptions(epochs=3)
    output = Path.home() / "model"
    assert values == TrainSettings(Path("captions"), output, loop=loop, device="cpu")


def test_training_is_given_the_indexed_pictures_outside_its_data(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rclip_like.train import run as running

    captions = _write_captions(tmp_path / "captions")
    for number in range(6):
        (tmp_path / f"own{number}.png").write_bytes(draw_picture(number))
    assert run("index", tmp_path).returncode == 0
    drawn: list[str] = []

    def train(settings: TrainSettings, *, own_pictures: OwnPictures, **options: Any) -> TrainReport:
        drawn.extend(own_pictures(100, 0, captions))
        return trained(settings, own_pictures=own_pictures, **options)

    trained = running.train
    monkeypatch.setattr(running, "train", train)
    assert main(["train", str(captions), "--output", str(tmp_path / "m"), "--epochs", "1"]) == 0
    assert sorted(Path(path).name for path in drawn) == [f"own{number}.png" for number in range(6)]


def test_a_dry_run_says_what_would_be_done(tiny: Path, tmp_path: Path) -> None:
    captions = _write_captions(tmp_path / "captions")
    told = run("train", captions, "--dry-run")
    assert told.returncode == 0, told.stderr.decode()
    lines = told.stdout.decode().splitlines()
    assert f"{len(NAMES)} pairs" in lines[0]
    for name in ("Model", "Trained", "Steps", "Gain", "Forgetting", "Needs", "Time"):
        assert [line for line in lines if line.startswith(f"{name}:")], name
    assert max(map(len, lines)) <= 100 or str(tmp_path) in max(lines, key=len)
    found = as_described(run("train", captions, "--dry-run", "--json").stdout, "train_dry_run")
    assert (found["num_pairs"], found["preset"], found["retention"]) == (len(NAMES), "head", None)
    assert found["seconds"] > 0
    assert found["peak_bytes"] > 1e8


def test_only_a_dry_run_needs_no_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "captions"]) == 2
    assert "train needs --output, see clipfind train --help" in capsys.readouterr().err


def test_the_help_shows_no_default_for_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    assert "[default: .]" not in capsys.readouterr().out


def test_a_verbose_dry_run_names_all_that_cannot_be_used(tiny: Path, tmp_path: Path) -> None:
    captions = _write_captions(tmp_path / "captions")
    for number in range(4):
        (captions / f"{number}.txt").write_text("")
    (captions / "5.txt").write_text("word " * 90)
    short, long = (
        run("train", captions, "--dry-run", "--tolerance", "1", *more).stdout.decode()
        for more in ((), ("-v",))
    )
    assert "and 1 more; -v names all" in short
    assert long.count("its caption is empty") == 4
    assert long.count(f"{captions}/5.png: word word") == short.count("/5.png: word") + 1
    assert max(len(line) for line in short.splitlines() if str(tmp_path) not in line) <= 100


def test_a_run_stopped_before_it_learns_says_that_nothing_is_kept(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rclip_like.train import run as running

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    captions = _write_captions(tmp_path / "captions")
    monkeypatch.setattr(running, "prepare", interrupted)
    assert main(["train", str(captions), "--output", str(tmp_path / "m")]) == 130
    told = "clipfind: interrupted; nothing was kept, because training had not begun\n"
    assert capsys.readouterr().err.endswith(told)
