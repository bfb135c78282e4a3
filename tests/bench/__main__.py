"""Measure clipfind beside rclip 4.0.8 and its budgets: python -m bench [--only NAME] [--quick]."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from bench.data import NoSpace
from bench.filters import measure_filters
from bench.indexing import measure_growth, measure_indexing, measure_pipeline, measure_unchanged
from bench.labels import measure_labels
from bench.page import measure_page
from bench.peer import FOLDER, is_here
from bench.pieces import measure_pieces
from bench.program import measure_program
from bench.queries import measure_help, measure_queries, measure_rows
from bench.report import Result, as_json, as_markdown
from bench.scale import QUICK, Scale
from bench.training import measure_training

RESULTS = FOLDER / "results.jsonl"

Measure = Callable[[Scale, bool], Iterator[Result]]
PARTS: dict[str, Measure] = {
    "help": measure_help,
    "query": measure_queries,
    "rows": measure_rows,
    "filters": measure_filters,
    "page": measure_page,
    "index": measure_indexing,
    "pipeline": measure_pipeline,
    "unchanged": measure_unchanged,
    "growth": measure_growth,
    "classify": measure_labels,
    "train": measure_training,
    "program": measure_program,
    "pieces": measure_pieces,
}


def main(arguments: Sequence[str]) -> int:
    """Print the table and write its rows to RESULTS; return 1 when a budget is not met."""
    options = _parse(arguments)
    scale = QUICK if options.quick else Scale()
    given = {name: value for name, value in vars(options).items() if hasattr(scale, name)}
    scale = replace(scale, **{name: value for name, value in given.items() if value is not None})
    has_peer = is_here()
    results = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(RESULTS, "w", encoding="utf-8") as lines:
        for result in _measure(options.only or PARTS, scale, has_peer):
            results.append(result)
            print(as_json(result), file=lines, flush=True)
            if options.json:
                print(as_json(result), flush=True)
    if not options.json:
        print(as_markdown(results))
    return int(any(result.is_met is False for result in results) and not options.quick)


def _measure(names: Iterable[str], scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Yield the results of the parts named; one without room on the disk is left out."""
    for name in names:
        print(f"measuring: {name}", file=sys.stderr)
        try:
            yield from PARTS[name](scale, has_peer)
        except NoSpace as error:
            print(f"{name} is left out: {error}", file=sys.stderr)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; repeatable")
    parser.add_argument("--quick", action="store_true", help="small and once: does it all run?")
    parser.add_argument("--json", action="store_true", help="print JSON lines, not a table")
    parser.add_argument("--repeats", type=int, metavar="N", help=f"runs of each; {Scale.repeats}")
    parser.add_argument(
        "--photos", dest="num_photos", type=int, metavar="N", help=f"large ones; {Scale.num_photos}"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
