"""Do the peer's faults on both tools: python -m bench.faults [--json] [NUMBER]..."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.faults import names, pictures, queries, running
from bench.faults.table import FAULTS, Fault, Observation, Row, as_json, as_markdown, header
from bench.peer import FOLDER, is_here
from bench.tools import Clipfind, Rclip, Tool

CASES = (running, names, pictures, queries)
"""Imported for the faults that they enter."""
RESULTS = FOLDER / "faults.jsonl"


def main(arguments: Sequence[str]) -> int:
    """Print the table, write it as JSON lines too; return 1 if clipfind has one of the faults."""
    options = _parse(arguments)
    # A shell starts what runs beside it with Ctrl-C ignored, and programs started here inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kinds = (Rclip, Clipfind) if is_here() else (Clipfind,)
    wanted = [each for each in FAULTS if not options.numbers or each.number in options.numbers]
    if not options.json:
        print(header((Rclip.name, Clipfind.name)), flush=True)
    rights = []
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with open(RESULTS, "w", encoding="utf-8") as lines:
        for each in sorted(wanted, key=lambda each: each.number):
            row = _do(each, kinds)
            print(as_json(row), file=lines, flush=True)
            print(as_json(row) if options.json else as_markdown(row), flush=True)
            rights.append(row.is_right(Clipfind.name))
    return int(not all(rights))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, metavar="NUMBER", help="only these faults")
    parser.add_argument("--json", action="store_true", help="print JSON lines, not a table")
    return parser.parse_args(arguments)


def _do(each: Fault, kinds: Sequence[type[Tool]]) -> Row:
    """Do one fault with each tool, in folders that are alike and its own."""
    observed: dict[str, list[Observation] | None] = {Rclip.name: None, Clipfind.name: None}
    for kind in kinds:
        with tempfile.TemporaryDirectory() as name:
            # The resolved place: a tool tells the real paths.
            place = Path(name).resolve()
            (place / "pictures").mkdir()
            observed[kind.name] = list(each.case(kind(place / "home"), place / "pictures"))
    return Row(each.number, each.title, observed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
