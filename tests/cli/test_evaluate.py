"""`clipfind evaluate`: options, output, exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from described import as_described
from drawn_pairs import describe, draw_picture
from labelled_sets import write_classes, write_files
from processes import run, start
from small_index import settle
from tiny_model import make_tiny_model

from rclip_like.cli.evaluate import EvaluateOptions
from rclip_like.cli.options import open_library
from rclip_like.cli.suite import _parts_folder
from rclip_like.settings import EncoderSettings, LibraryChoice

LABELS = ("red car", "dog", "house", "tree", "cup", "boat")


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    files: dict[str, bytes | str] = {}
    for number in range(12):
        files[f"{number:02}.png"] = draw_picture(number)
        files[f"{number:02}.txt"] = f"{describe(number)}\nno {number} drawn\n"
    folder = write_files(tmp_path / "captioned", files)
    for path in folder.iterdir():
        settle(path)
    return folder


def test_the_report_is_a_text(tiny: Path, captions: Path) -> None:
    finished = run("evaluate", captions)
    assert finished.returncode == 0, finished.stderr.decode()
    text = finished.stdout.decode()
    assert "Search by captions" in text
    assert "recall@10" in text
    assert "24 captions search 12 pictures" in text
    assert "12 pictures encoded, 0 from the index" in finished.stderr.decode()


def test_indexed_pictures_are_not_encoded_unless_fresh(tiny: Path, captions: Path) -> None:
    assert run("index", captions).returncode == 0
    told = run("evaluate", captions).stderr.decode()
    assert "0 pictures encoded, 12 from the index" in told
    told = run("evaluate", captions, "--fresh").stderr.decode()
    assert "12 pictures encoded, 0 from the index" in told


def test_json_has_the_keys_of_clip_benchmark(tiny: Path, tiny_model: Path, captions: Path) -> None:
    finished = run("evaluate", captions, "--json", "--language", "de", "-q")
    assert finished.stderr == b""
    described = as_described(finished.stdout, "evaluate")
    assert described["dataset"] == "captioned"
    assert described["model"] == str(tiny_model)
    assert described["task"] == "zeroshot_retrieval"
    assert described["language"] == "de"
    assert "differences" not in described


def test_labels_give_accuracy_and_words(tiny: Path, tmp_path: Path) -> None:
    data = write_classes(tmp_path / "labelled", LABELS, each=4)
    (line,) = run("evaluate", data, "--json").stdout.splitlines()
    described = as_described(line, "evaluate")
    assert described["task"] == "zeroshot_classification"
    assert described["num_labels"] == 6
    assert {"acc1", "acc5", "mean_per_class_recall", "word_map"} <= set(described["metrics"])
    text = run("evaluate", data).stdout.decode()
    assert "calibration needs at least 200 pictures" in text


def test_a_set_with_captions_and_labels_gives_both(tiny: Path, tmp_path: Path) -> None:
    data = write_classes(tmp_path / "both", LABELS[:2], each=4)
    shard = {}
    import tarfile

    for number, path in enumerate(sorted(data.rglob("*.png"))):
        shard[f"{number}.png"] = path.read_bytes()
        shard[f"{number}.txt"] = describe(number).encode()
        shard[f"{number}.cls"] = str(number // 4).encode()
    folder = write_files(tmp_path / "shards", {"classnames.txt": "red car\ndog\n"})
    with tarfile.open(folder / "0.tar", "w") as tar:
        for name, content in shard.items():
            path = tmp_path / name
            path.write_bytes(content)
            tar.add(path, name)
    finished = run("evaluate", folder, "--json")
    tasks = [as_described(line, "evaluate")["task"] for line in finished.stdout.splitlines()]
    assert tasks == ["zeroshot_retrieval", "zeroshot_classification"], finished.stderr.decode()


def test_several_models_stand_side_by_side(
    tiny: Path, tiny_model: Path, captions: Path, tmp_path: Path
) -> None:
    other = make_tiny_model(tmp_path / "other", seed=1)
    finished = run("evaluate", captions, "--model", tiny_model, "--model", other, "--json")
    first, second = (as_described(line, "evaluate") for line in finished.stdout.splitlines())
    assert (first["model"], second["model"]) == (str(tiny_model), str(other))
    key = "image_retrieval_recall@5"
    difference = second["metrics"][key] - first["metrics"][key]
    assert second["differences"][key]["value"] == pytest.approx(difference)
    text = run("evaluate", captions, "--model", tiny_model, "--model", other).stdout.decode()
    assert f"Difference from {tiny_model}" in text


def test_the_model_before_the_command_counts_too(
    tiny: Path, captions: Path, tmp_path: Path
) -> None:
    other = make_tiny_model(tmp_path / "other", seed=1)
    finished = run("--model", other, "evaluate", captions, "--json")
    assert json.loads(finished.stdout)["model"] == str(other)


def test_a_report_is_written_and_replaced(tiny: Path, captions: Path, tmp_path: Path) -> None:
    data = write_classes(tmp_path / "labelled", LABELS, each=40)
    folder = tmp_path / "report"
    for source in (data, captions):
        finished = run("evaluate", source, "--report", folder)
        assert finished.returncode == 0, finished.stderr.decode()
        assert finished.stdout == b""
        says_so = f"the report is in {folder} instead of an earlier one" in finished.stderr.decode()
        assert says_so == (source == captions)
        described = as_described((folder / "report.json").read_bytes())
        files = {path.name for path in folder.iterdir()}
        assert files == {"report.json", "report.md", "report.html", *described["files"]}
    assert described["sections"][0]["key"] == "captions"


def test_a_folder_with_other_files_of_these_names_is_refused_at_once(
    tiny: Path, captions: Path, tmp_path: Path
) -> None:
    (tmp_path / "report.md").write_text("mine")
    finished = run("evaluate", captions, "--report", tmp_path)
    assert finished.returncode == 2
    assert "is not from an earlier report" in finished.stderr.decode()
    assert "encoded" not in finished.stderr.decode()


def test_a_limit_draws_pictures_and_says_so(tiny: Path, captions: Path) -> None:
    finished = run("evaluate", captions, "--limit", "5", "--json")
    assert json.loads(finished.stdout)["num_pictures"] == 5
    assert "5 pictures drawn of 12, by seed 0" in finished.stderr.decode()
    again = run("evaluate", captions, "--limit", "5", "--json")
    assert again.stdout == finished.stdout


def test_one_bad_file_costs_one_file(tiny: Path, captions: Path) -> None:
    (captions / "03.png").write_bytes(b"no picture")
    finished = run("evaluate", captions, "--json")
    assert finished.returncode == 0
    assert json.loads(finished.stdout)["num_pictures"] == 11
    assert f"{captions}/03.png: " in finished.stderr.decode()


def test_what_is_no_set_is_an_error_in_one_sentence(tiny: Path, tmp_path: Path) -> None:
    for data in (tmp_path / "missing", tmp_path):
        finished = run("evaluate", data)
        assert finished.returncode == 2
        assert finished.stdout == b""
        assert len(finished.stderr.decode().splitlines()) == 1


def test_weights_need_one_model(tiny: Path, captions: Path, tmp_path: Path) -> None:
    finished = run("evaluate", captions, "--weights", tmp_path / "weights.pt")
    assert finished.returncode == 2
    assert "--weights needs exactly one --model" in finished.stderr.decode()


def test_parts_of_a_suite_in_another_precision_are_not_taken_up(
    tiny_model: Path, tmp_path: Path
) -> None:
    folders = set()
    for precision in ("fp32", "bf16"):
        encoder = EncoderSettings(precision=precision)
        options = EvaluateOptions(tmp_path, encoder=encoder)
        with open_library(LibraryChoice(str(tiny_model))) as library:
            folders.add(_parts_folder(library, options))
            assert _parts_folder(library, options) in folders
    assert len(folders) == 2


def test_the_suite_is_one_report_and_leaves_nothing_behind(
    tiny: Path, tmp_path: Path, own_folders: Path
) -> None:
    data = write_classes(tmp_path / "labelled", LABELS[:2], each=6)
    finished = run("evaluate", data, "--suite", "paper", "--json", "-q")
    assert finished.returncode == 0, finished.stderr.decode()
    assert as_described(finished.stdout)["made"]["suite"] == "paper"
    assert not list((own_folders / "cache_dir" / "suite").iterdir())


@pytest.mark.parametrize("more", [("--suite", "paper", "--fresh"), ("--baseline",)])
def test_options_without_effect_are_refused(
    tiny: Path, captions: Path, more: tuple[str, ...]
) -> None:
    finished = run("evaluate", captions, *more)
    assert finished.returncode == 2
    assert f"{more[-1]} has no effect" in finished.stderr.decode()


def test_a_closed_pipe_is_no_error(tiny: Path, captions: Path) -> None:
    reading, writing = os.pipe()
    process = start("evaluate", captions, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    os.close(reading)
    told = process.communicate(timeout=120)[1].decode()
    assert process.returncode in (0, 141, -13), told
    assert "Traceback" not in told


def test_the_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from rclip_like.cli import main; main(['evaluate', '--help']);"
        "assert not {'numpy', 'scipy', 'matplotlib', 'torch'} & set(sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert finished.returncode == 0, finished.stderr.decode()
