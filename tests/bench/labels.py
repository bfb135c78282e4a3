"""Zero-shot labels of many indexed pictures: what they take beside the texts of the labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.measure import Program, details, in_turn, program
from bench.report import Result
from bench.rows import clipfind_rows
from bench.scale import Scale
from bench.tools import Clipfind

_NUM_LABELS = 100


def measure_labels(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Time labels for all pictures of an index, and for one, which takes what the texts take."""
    few, many = scale.labelled
    ours, album = clipfind_rows(many, "builtin")
    fewer, smaller = clipfind_rows(few, "builtin")
    one = next(iter(sorted(album.glob("2*/*/*.jpg"))))
    all_of_it, alone, less = in_turn(
        [_labels(ours, album), _labels(ours, album, one), _labels(fewer, smaller)], scale.repeats
    )
    conditions = {"rows": many, "labels": _NUM_LABELS, "texts_cpu_s": round(alone.cpu_s, 4)}
    more = details([all_of_it], scale.repeats, **conditions)
    yield Result("classify", all_of_it.cpu_s - alone.cpu_s, None, more)
    memory = details([all_of_it, less], scale.repeats, rows=many, reference_rows=few)
    yield Result("classify-memory", all_of_it.private_mb, less.private_mb, memory)


def _labels(tool: Clipfind, album: Path, path: Path | None = None) -> Program:
    labels = ",".join(f"thing number {number}" for number in range(_NUM_LABELS))
    words = ("classify", "--labels", labels, "-n", path or album)
    return program(tool, album, lambda _: words)
