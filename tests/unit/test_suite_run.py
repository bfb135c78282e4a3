"""The suite as a whole: the same bits twice, and from the parts of a run that was ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import suite_subject
from PIL import Image
from suite_subject import LABELS, drawn_set, drawn_squares, tiny

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from rclip_like.cli.suite import _Telling
from rclip_like.data.sets import open_set
from rclip_like.errors import MeasureError
from rclip_like.images.products import Square
from rclip_like.measure.suite import robustness, watermark
from rclip_like.measure.suite.run import SuiteSettings, measure_squares, paper_suite
from rclip_like.measure.suite.squares import read_squares
from rclip_like.measure.suite.subject import SuiteProgress
from rclip_like.output.report import report_object
from rclip_like.output.stream import Talk
from rclip_like.settings import ReadSettings

KEYS = ["corruptions", "prompts", "shots", "typography", "watermark", "counting", "added", "digits"]
SHORT = {robustness.TITLE: robustness.measure, watermark.TITLE: watermark.measure}


def measured(model: Path, settings: SuiteSettings = SuiteSettings(), on_progress=None) -> str:  # noqa: B008
    squares = drawn_squares()
    report = measure_squares(squares, drawn_set(), tiny(model), settings, on_progress, SHORT)
    return report_object(report._replace(when=""))


@pytest.fixture(scope="module")
def plain(tiny_model: Path) -> str:
    return measured(tiny_model)


def test_two_whole_runs_give_the_same_bits_but_for_the_time(tiny_model: Path) -> None:
    seen: list[SuiteProgress] = []
    first, second = (
        measure_squares(
            drawn_squares(), drawn_set(), tiny(tiny_model), SuiteSettings(), seen.append
        )
        for _ in range(2)
    )
    assert first.when
    assert report_object(first._replace(when="")) == report_object(second._replace(when=""))
    assert seen[-1].done == seen[-1].total
    assert [section.key for section in first.sections] == KEYS
    assert all(section.paper and section.sentences for section in first.sections)
    titles = {section.title for section in first.sections}
    assert {each.section for each in seen} <= {"", *titles}
    assert len({each.section for each in seen}) > 5


def test_each_section_is_named_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    telling = _Telling(None, Talk())
    for section, done in (("Prompts", 5), ("Prompts", 9), ("Watermarks", 12)):
        telling(SuiteProgress(section, "part", done, 20, 600.0))
    assert capsys.readouterr().err.splitlines() == [
        "clipfind: at least 10 minutes to go",
        "clipfind: Prompts: 5 of 20 pictures encoded",
        "clipfind: Watermarks: 12 of 20 pictures encoded",
    ]


def test_a_model_at_chance_is_said_to_be(tiny_model: Path) -> None:
    squares = drawn_squares()
    shuffled = squares._replace(labels=(squares.labels + np.arange(12) // 3) % 3)
    report = measure_squares(
        shuffled,
        drawn_set(),
        tiny(tiny_model),
        measures={robustness.TITLE: robustness.measure},
        settings=SuiteSettings(),
    )
    assert "not clearly above chance (33.3 %)" in report.sections[0].sentences[0]


def test_another_seed_gives_other_figures(tiny_model: Path, plain: str) -> None:
    assert measured(tiny_model, SuiteSettings(seed=1)) != plain


def test_a_run_that_was_ended_goes_on_to_the_same_bits(
    tiny_model: Path, plain: str, tmp_path: Path
) -> None:
    settings = SuiteSettings(parts=tmp_path / "parts")
    for most in (5, 12, 22):
        with pytest.raises(KeyboardInterrupt):
            measured(tiny_model, settings, ending_after(most))
    seen: list[SuiteProgress] = []
    assert measured(tiny_model, settings, seen.append) == plain
    assert seen[0].done > 30 * 12, "what the ended runs finished is not made again"


KILLED = """
import sys
from pathlib import Path
from suite_subject import drawn_set, drawn_squares, tiny
from rclip_like.measure.suite import robustness, watermark
from rclip_like.measure.suite.run import SuiteSettings, measure_squares
model, parts = map(Path, sys.argv[1:])
short = {each.TITLE: each.measure for each in (robustness, watermark)}
measure_squares(
    drawn_squares(), drawn_set(), tiny(model), SuiteSettings(parts=parts), None, short
)
"""


def test_a_run_that_was_killed_goes_on_to_the_same_bits(
    tiny_model: Path, plain: str, tmp_path: Path
) -> None:
    parts = tmp_path / "parts"
    own = {**os.environ, "PYTHONPATH": str(Path(suite_subject.__file__).parent)}
    for number in (3, 20):
        with subprocess.Popen([sys.executable, "-c", KILLED, tiny_model, parts], env=own) as run:
            while run.poll() is None and len([*parts.glob("*.npz")]) < number:
                time.sleep(0.001)
            run.kill()
        assert run.returncode == -signal.SIGKILL
        assert len([*parts.glob("*.npz")]) >= number
    assert measured(tiny_model, SuiteSettings(parts=parts)) == plain


def test_a_finished_run_encodes_nothing_again(tiny_model: Path, plain: str, tmp_path: Path) -> None:
    settings = SuiteSettings(parts=tmp_path / "parts")
    assert measured(tiny_model, settings) == plain
    seen: list[SuiteProgress] = []
    assert measured(tiny_model, settings, seen.append) == plain
    assert not seen


def test_parts_of_another_seed_are_made_anew(tiny_model: Path, plain: str, tmp_path: Path) -> None:
    measured(tiny_model, SuiteSettings(seed=5, parts=tmp_path))
    assert measured(tiny_model, SuiteSettings(parts=tmp_path)) == plain


def test_damaged_parts_are_made_anew(tiny_model: Path, plain: str, tmp_path: Path) -> None:
    settings = SuiteSettings(parts=tmp_path)
    measured(tiny_model, settings)
    parts = sorted(tmp_path.iterdir())
    assert len(parts) > 40
    for number, part in enumerate(parts):
        content = bytearray(part.read_bytes())
        content[len(content) // 2] ^= 255
        part.write_bytes((bytes(content), content[:50], b"", b"PK")[number % 4])
    assert measured(tiny_model, settings) == plain


def test_the_time_that_is_left_is_told_from_the_second_batch_on(tiny_model: Path) -> None:
    seen: list[SuiteProgress] = []
    measured(tiny_model, on_progress=seen.append)
    assert seen[0].seconds_left is None
    assert all(each.seconds_left is not None for each in seen[1:])


def labelled_folder(folder: Path, number: int = 12) -> Path:
    for each in range(number):
        path = folder / LABELS[each % 3] / f"{each:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn_squares(number).pixels[each]).save(path)
    return folder


def test_the_suite_reads_a_labelled_folder(tiny_model: Path, tmp_path: Path) -> None:
    pictures = open_set(labelled_folder(tmp_path / "set"))
    (tmp_path / "set" / LABELS[0] / "zz.png").write_bytes(b"no picture")
    (tmp_path / "set" / LABELS[0] / "copy.png").write_bytes(
        (tmp_path / "set" / LABELS[0] / "000.png").read_bytes()
    )
    square = Square.of(tiny(tiny_model).specification.preprocessing)
    squares = read_squares(pictures, square, ReadSettings(workers=1), 0, seed=0)
    report = measure_squares(
        squares,
        pictures,
        tiny(tiny_model),
        SuiteSettings(),
        None,
        {watermark.TITLE: watermark.measure},
    )
    assert report.made["num_pictures"] == 12
    assert report.made["num_labels"] == 3
    assert any("zz.png" in note for note in report.notes)
    assert "left out as copies of other pictures: 1" in report.notes
    assert report.title.endswith("on set")


def test_a_sample_is_drawn_by_the_seed(tiny_model: Path, tmp_path: Path) -> None:
    pictures = open_set(labelled_folder(tmp_path / "set"))
    square = Square.of(tiny(tiny_model).specification.preprocessing)
    first, again, other = (
        read_squares(pictures, square, ReadSettings(workers=1), 5, seed).names for seed in (0, 0, 1)
    )
    assert len(first) == 5
    assert first == again != other


def test_one_label_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    pictures = open_set(labelled_folder(tmp_path / "set"))._replace(labels=LABELS[:1])
    with pytest.raises(MeasureError, match="two labels"):
        paper_suite(pictures, tiny(tiny_model), ReadSettings(workers=1))


def ending_after(most: int):
    """Return what ends a run after so many batches, as Ctrl-C does."""
    batches = 0

    def on_progress(progress: SuiteProgress) -> None:
        nonlocal batches
        batches += 1
        if batches > most:
            raise KeyboardInterrupt

    return on_progress
