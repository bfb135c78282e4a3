"""`clipfind probe`: the report in its three forms, the file, and the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from described import as_described
from labelled_folder import write_labelled
from processes import run

from rclip_like.cli import main
from rclip_like.cli.probe import _shots_of
from rclip_like.errors import UsageError
from rclip_like.evaluate.probe_file import read_probe

QUICK = ("--shots", "1,2", "--repeats", "2")


@pytest.fixture
def labelled(tiny: Path, tmp_path: Path) -> Path:
    return write_labelled(tmp_path / "set", {"red": 8, "blue": 8})


def test_the_report_stands_on_stdout_and_the_probe_in_its_file(
    labelled: Path, tmp_path: Path
) -> None:
    output = tmp_path / "p.safetensors"
    finished = run("probe", labelled, "--output", output, *QUICK)
    assert finished.returncode == 0, finished.stderr.decode()
    text = finished.stdout.decode()
    assert text.startswith("Linear probe of set with ")
    assert "train 8, validation 4, test 4" in text
    assert "Zero-shot reaches" in text
    assert "The paper: Zero-shot CLIP matched the average of 4-shot" in text
    said = finished.stderr.decode().splitlines()
    assert said == [f"clipfind: {output} has 2 labels; use it with classify --probe"]
    assert read_probe(output).labels == ("blue", "red")


def test_json_is_one_described_object_and_the_folder_holds_the_same(
    labelled: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "report"
    words = ("probe", labelled, "-o", tmp_path / "p.safetensors", *QUICK)
    finished = run(*words, "--json", "--report", folder)
    assert finished.returncode == 0, finished.stderr.decode()
    (line,) = finished.stdout.splitlines()
    printed = as_described(line)
    written = as_described((folder / "report.json").read_bytes())
    charts = written.pop("files")
    assert written == printed
    assert charts == ["shots-curve.png", "labels-confusion.png"]
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in charts)
    pictures = next(
        table
        for section in printed["sections"]
        for table in section["tables"]
        if table["key"] == "pictures"
    )
    assert len(pictures["rows"]) == 16
    assert "red/000.png" not in (folder / "report.md").read_text()


def test_a_picture_that_cannot_be_read_costs_one_picture(labelled: Path, tmp_path: Path) -> None:
    (labelled / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    finished = run("probe", labelled, "-o", tmp_path / "p.safetensors", *QUICK)
    assert finished.returncode == 0
    said = finished.stderr.decode()
    assert "1 file could not be used:" in said
    assert f"{labelled}/red/broken.png" in said


def test_nothing_is_written_to_the_index(labelled: Path, tmp_path: Path) -> None:
    database = tmp_path / "other.db"
    words = ("probe", labelled, "-o", tmp_path / "p.safetensors", "--db", database, *QUICK)
    assert run(*words).returncode == 0
    assert not database.exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["set", "-o", "p.bin"], "a probe's name ends in .safetensors"),
        (
            ["set", "-o", "there.safetensors"],
            "exists and is not overwritten; name another --output",
        ),
        (["set", "-o", "p.safetensors", "--shots", "a"], "write whole numbers with commas"),
        (["set", "-o", "p.safetensors", "--shots", "0,4"], "0 means no curve"),
        (["set", "-o", "p.safetensors", "--repeats", "1"], "--repeats must be at least 2"),
        (["set", "-o", "p.safetensors", "--templates", "x"], "neither a set of templates"),
        (
            ["missing", "-o", "p.safetensors"],
            "missing: No such file or directory",
        ),
        (["one", "-o", "p.safetensors"], "a probe needs training pictures of two labels"),
        (["set", "-o", "p.safetensors", "--report", "there.safetensors"], "is not a folder"),
    ],
)
def test_what_cannot_be_done_is_said_with_status_2(
    labelled: Path,
    words: list[str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(labelled.parent)
    write_labelled(Path("one"), {"red": 3})
    Path("there.safetensors").write_bytes(b"a model")
    assert main(["probe", *words]) == 2
    captured = capsys.readouterr()
    assert reason in captured.err
    assert captured.out == ""
    assert not Path("p.safetensors").exists()
    assert Path("there.safetensors").read_bytes() == b"a model"


def test_help_loads_neither_numpy_nor_scikit_learn() -> None:
    words = [sys.executable, "-X", "importtime", "-m", "rclip_like", "probe", "--help"]
    finished = subprocess.run(words, capture_output=True, check=True)
    loaded = {line.rpartition(b"|")[2].strip() for line in finished.stderr.splitlines()}
    assert b"rclip_like.probe.settings" in loaded
    assert not {b"numpy", b"sklearn", b"scipy", b"matplotlib"} & loaded


def test_shots_are_numbers_between_commas() -> None:
    assert _shots_of("4, 1,2,2") == (1, 2, 4)
    assert _shots_of("0") == ()
    for typed in ("", "1,", "1.5", "-1", "²"):
        with pytest.raises(UsageError):
            _shots_of(typed)


def test_without_shots_there_is_no_curve(labelled: Path, tmp_path: Path) -> None:
    finished = run("probe", labelled, "-o", tmp_path / "p.safetensors", "--shots", "0", "--json")
    assert finished.returncode == 0, finished.stderr.decode()
    keys = [section["key"] for section in json.loads(finished.stdout)["sections"]]
    assert keys == ["probe", "labels", "choice"]
