"""When a search says that there are larger models."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from processes import run, run_on_terminal, write_pictures

from rclip_like.cli.larger_models import FEWEST_PICTURES, WEAK_SCORE, _lasting
from rclip_like.models.names import BUILTIN_FOLDER, CONFIGURATION_FILE

pytestmark = pytest.mark.skipif(
    not (BUILTIN_FOLDER / CONFIGURATION_FILE).is_file(), reason="comes without the built-in model"
)
WEAK = "is weak for the small built-in model"
NOTHING = "a passport of Anna Schmidt"


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an indexed folder of enough pictures, all of one content, so that one is encoded."""
    monkeypatch.setenv("CLIPFIND_DB", str(tmp_path / "index.db"))
    folder = write_pictures(tmp_path / "album", (b"one.png",))
    for number in range(FEWEST_PICTURES - 1):
        shutil.copy2(folder / "one.png", folder / f"{number}.png")
    assert run("index", "-q", folder).returncode == 0
    return folder


def test_a_weak_score_names_a_larger_model_its_size_and_its_time_once(album: Path) -> None:
    score = float(run(NOTHING, album, "-n", "-t1").stdout.split(b"\t")[0])
    assert score < WEAK_SCORE
    assert WEAK not in run_on_terminal(NOTHING, album, "-n", "-q").text
    assert WEAK.encode() not in run(NOTHING, album, "-n").stderr
    told = run_on_terminal(NOTHING, album, "-n", "-t1").text
    assert f"the best score, {score:.2f}, {WEAK}" in told
    assert "'clipfind models use ViT-B-32-256/datacomp_s34b_b86k'" in told
    assert "(605 MB), which takes about a minute here to index 300 pictures" in told
    again = run_on_terminal(NOTHING, album, "-n", "-t1").text
    assert "larger one" not in again


@pytest.mark.parametrize(
    "arguments",
    [
        ["./album/one.png"],
        [NOTHING, "-s", "paper"],
        [NOTHING, "--model", "tiny"],
        [NOTHING, "--min-score", "-1", "downloaded"],
        [NOTHING, "fewer"],
    ],
    ids=["picture", "sum", "model", "downloaded", "fewer"],
)
def test_other_scores_are_not_called_weak(
    arguments: list[str], album: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album.parent)
    words = [str(tiny_model) if word == "tiny" else word for word in arguments]
    if words[-1] == "downloaded":
        place = Path(os.environ["CLIPFIND_DATA_DIR"]) / "models" / "other" / CONFIGURATION_FILE
        place.parent.mkdir(parents=True)
        place.write_text("{}")
    if words[-1] == "fewer":
        for number in range(10):
            (album / f"{number}.png").unlink()
        assert run("index", "-q", album).returncode == 0
    if words[-1] in ("downloaded", "fewer"):
        words.pop()
    assert WEAK not in run_on_terminal(*words, "album", "-n", "-t1").text


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (3, "a minute"),
        (89, "a minute"),
        (150, "2 minutes"),
        (3600, "60 minutes"),
        (9000, "2 hours"),
    ],
)
def test_times_are_rough(seconds: float, told: str) -> None:
    assert _lasting(seconds) == told
