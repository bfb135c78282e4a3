"""Charts as PNG files."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rclip_like.evaluate.report import Chart, Line, LineChart, MatrixChart, PictureChart
from rclip_like.output.charts import chart_png

RNG = np.random.default_rng(0)
LINES = (
    Line("probe", (1, 2, 4, 8), (0.1, 0.2, 0.3, 0.4), (0.0, 0.1, 0.2, 0.3), (0.2, 0.3, 0.4, 0.5)),
    Line("_hidden $x_{", (1, 2, 4, 8), (0.3, 0.2, float("nan"), 0.4)),
)
CHARTS: dict[str, Chart] = {
    "lines": LineChart("k", "K", "k", "accuracy", LINES, {"zero-shot": 0.3}, is_log_x=True),
    "reliability": LineChart("k", "K", "x", "y", LINES[:1], x_unit="share", diagonal=True),
    "no points": LineChart("k", "K", "x", "y", (Line("none", (), ()),)),
    "matrix": MatrixChart("k", "K", ("$a$", "红", "c\x1b"), RNG.integers(0, 9, (3, 3))),
    "no counts": MatrixChart("k", "K", ("a", "b"), np.zeros((2, 2), dtype=np.int64)),
    "pictures": PictureChart(
        "k",
        "$K",
        (("row", ((RNG.integers(0, 9, (8, 8, 3), dtype=np.uint8), "$\\frac"),)), ("", ())),
    ),
}


def _drawn(chart: Chart) -> Image.Image:
    return Image.open(io.BytesIO(chart_png(chart)))


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_a_png_of_the_same_bytes_each_time(name: str) -> None:
    content = chart_png(CHARTS[name])
    assert content == chart_png(CHARTS[name])
    image = Image.open(io.BytesIO(content))
    assert image.format == "PNG"
    assert np.asarray(image.convert("L")).min() < 100  # something is drawn


@pytest.mark.parametrize("number", [2, 100, 445])
def test_a_confusion_of_many_labels_stays_within_a_page(number: int) -> None:
    labels = tuple(f"a label of some length {each}" for each in range(number))
    image = _drawn(MatrixChart("k", "K", labels, np.eye(number, dtype=np.int64)))
    assert 500 <= image.width <= 3200
    assert 500 <= image.height <= 3200


def test_drawing_keeps_its_font_list_in_the_private_cache_folder(tmp_path: Path) -> None:
    code = (
        "from rclip_like.evaluate.report import *\n"
        "from rclip_like.output.charts import chart_png\n"
        "chart_png(LineChart('k', 'K', 'x', 'y', (Line('a', (0, 1), (0, 1)),)))\n"
        "import sys; assert 'matplotlib.pyplot' not in sys.modules"
    )
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    (work / "matplotlibrc").write_text("text.usetex: True\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CACHE_HOME": str(home)}
    environment |= {"CLIPFIND_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=work, timeout=120)
    assert not list(home.iterdir())
    assert list((tmp_path / "cache" / "matplotlib").glob("fontlist*"))
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0
