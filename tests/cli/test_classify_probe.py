"""`clipfind classify --probe`: labels that were learnt, from the index or from the tower."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from labelled_folder import write_labelled
from processes import run
from tiny_model import make_tiny_model

from rclip_like.cli import main
from rclip_like.evaluate.probe_file import read_probe, write_probe
from rclip_like.library import Library

QUICK = ("--shots", "0", "--repeats", "2")
WITHOUT_RESEARCH = """
import sys
class Blocked:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("sklearn", "scipy", "matplotlib", "threadpoolctl"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
from rclip_like.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def labelled(tiny: Path, tmp_path: Path) -> Path:
    return write_labelled(tmp_path / "set", {"red": 8, "blue": 8})


@pytest.fixture
def probe(labelled: Path, tmp_path: Path) -> Path:
    output = tmp_path / "p.safetensors"
    assert run("probe", labelled, "-o", output, *QUICK).returncode == 0
    return output


def _rows(*arguments: str | Path) -> list[dict[str, object]]:
    finished = run("classify", *arguments, "--json")
    assert finished.returncode == 0, finished.stderr.decode()
    return [json.loads(line) for line in finished.stdout.splitlines()]


def test_probabilities_are_the_softmax_of_the_probe_on_the_indexs_rows(
    labelled: Path, probe: Path
) -> None:
    rows = _rows("--probe", probe, labelled, "--top", "0")
    assert len(rows) == 16
    with Library() as library:
        paths = [str(row["path"]) for row in rows]
        embeddings, is_indexed = library.embeddings(paths)
    assert is_indexed.all()
    learnt = read_probe(probe)
    expected = learnt.probabilities(embeddings)
    for row, probabilities in zip(rows, expected, strict=True):
        given = {each["label"]: each["probability"] for each in row["labels"]}  # type: ignore[attr-defined]
        assert given == pytest.approx(
            dict(zip(learnt.labels, probabilities.tolist(), strict=True)), abs=1e-6
        )
        assert Path(str(row["path"])).parent.name == row["label"]


def test_it_works_without_scikit_learn_scipy_and_matplotlib(labelled: Path, probe: Path) -> None:
    words = ("classify", "--probe", probe, labelled, "--only", "red", "-f")
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT_RESEARCH, *words], capture_output=True, check=False
    )
    assert finished.returncode == 0, finished.stderr.decode()
    paths = os.fsdecode(finished.stdout).splitlines()
    assert [Path(path).parent.name for path in paths] == ["red"] * 8


def test_a_probe_of_the_towers_features_encodes_the_pictures_and_says_so(
    labelled: Path, tmp_path: Path
) -> None:
    output = tmp_path / "t.safetensors"
    assert run("probe", labelled, "-o", output, "--features", "tower", *QUICK).returncode == 0
    finished = run("classify", "--probe", output, labelled)
    assert finished.returncode == 0, finished.stderr.decode()
    lines = [line.split("\t") for line in finished.stdout.decode().splitlines()]
    assert [label for label, *_ in lines] == ["blue"] * 8 + ["red"] * 8
    assert b"so the pictures are encoded now" in finished.stderr
    assert run("classify", "--probe", output, "--all").returncode == 2


def test_a_probe_of_another_model_is_refused_and_its_model_named(
    labelled: Path, probe: Path, tmp_path: Path
) -> None:
    other = make_tiny_model(tmp_path / "other", seed=1)
    finished = run("classify", "--probe", probe, labelled, "--model", other)
    assert finished.returncode == 2
    assert finished.stdout == b""
    said = finished.stderr.decode()
    assert "the probe was fitted with the model ./tiny (fingerprint " in said
    assert "name that model: --model ./tiny" in said


def test_a_forged_length_of_features_is_refused(
    labelled: Path, probe: Path, tmp_path: Path
) -> None:
    learnt = read_probe(probe)
    forged = learnt._replace(weights=np.ones((2, 7), np.float32))
    write_probe(tmp_path / "forged.safetensors", forged)
    finished = run("classify", "--probe", tmp_path / "forged.safetensors", labelled)
    assert finished.returncode == 2
    assert b"takes 7 numbers per picture" in finished.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--labels", "cat,dog"], "--labels has no effect together with --probe"),
        (["--compare-labels", "cat"], "--compare-labels has no effect together with --probe"),
        (["--templates", "none"], "--templates has no effect together with --probe"),
        (["--multi"], "--multi has no effect together with --probe"),
        (["--only", "cat"], "--only 'cat': this label is not in the list"),
    ],
)
def test_options_that_a_probe_has_no_use_for_are_refused(
    probe: Path, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classify", "--probe", str(probe), *words]) == 2
    assert reason in capsys.readouterr().err


def test_what_is_not_a_probe_is_refused_with_status_2(
    labelled: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = str(tiny_model / "open_clip_model.safetensors")
    assert main(["classify", "--probe", weights, str(labelled)]) == 2
    assert "is not a probe; make one with `clipfind probe`" in capsys.readouterr().err


def test_figures_of_a_probe_begin_with_the_pictures_it_may_have_been_fitted_on(
    labelled: Path, probe: Path
) -> None:
    text = run("classify", "--probe", probe, labelled, "--truth", "folders").stdout.decode()
    first = text.split("-----\n", 1)[1]
    assert first.startswith("This probe may have been fitted on some of these pictures")
