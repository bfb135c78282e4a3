"""Do the peer's faults on both tools: python -m bench.faults [--json] [NUMBER]..."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.faults import names, pictures, queries, running
from bench.faults.table import FAULTS, Fault, Observation, Row, as_json, as_markdown
from bench.peer import FOLDER, is_here
from bench.tools import Clipfind, Rclip, Tool

CASES = (running, names, pictures, queries)
"""Imported for the faults that they enter."""
RESULTS = FOLDER / "faults.jsonl"


def main(arguments: Sequence[str]) -> int:
    """Print the table, write it as JSON lines too; return 1 if clipfind has one of the faults."""
    options = _parse(arguments)
    kinds = (Rclip, Clipfind) if is_here() else (Clipfind,)
    wanted = [each for each in FAULTS if not options.numbers or each.number in options.numbers]
    rows = []
    for each in sorted(wanted, key=lambda each: each.number):
        rows.append(_do(each, kinds))
        print(
            as_json(rows[-1]) if options.json else f"{each.number}/15", file=_stream(options.json)
        )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text("".join(as_json(row) + "\n" for row in rows))
    if not options.json:
        print(as_markdown(rows))
    return int(not all(row.is_right(Clipfind.name) for row in rows))


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


def _stream(is_data: bool) -> object:
    return sys.stdout if is_data else sys.stderr


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
