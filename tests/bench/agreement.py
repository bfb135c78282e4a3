"""Whether the two tools give the same answer, without which no comparison of times is honest."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.tools import Clipfind, Rclip, Tool

QUERIES = ("red car", "a photo of a cat", "stars at night", "cup of coffee on a table")
MOST = 0.001
TOP = 10
# Its own search, with all the digits that its output leaves out.
_EXACT = """
import json, os, sys
from rclip.main import init_rclip
rclip, model, database = init_rclip(os.getcwd(), 8, no_indexing=True)
for query in sys.argv[1:]:
    found = rclip.search(query, os.getcwd(), None)
    print(json.dumps({os.path.relpath(each.filepath): each.score for each in found}))
"""


class Disagreement(AssertionError):
    """The two tools answer differently; the message says where."""


@dataclass(frozen=True)
class Agreement:
    """How far apart the scores of the same pictures are at most, and how far they spread."""

    num_pictures: int
    difference: float
    spread: float


def check_photos(folder: Path) -> Agreement:
    """Index the folder with both tools, the same weights and float32, and compare the answers.

    Raises Disagreement, and PeerMissing.
    """
    with tempfile.TemporaryDirectory() as name:
        tools: tuple[Clipfind, Rclip] = Clipfind(Path(name, "ours")), Rclip(Path(name, "theirs"))
        for tool in tools:
            outcome = tool.index(folder)
            assert outcome.status == 0, outcome.stderr.decode()
        return check_answers(*tools, folder)


def check_answers(ours: Tool, theirs: Rclip, folder: Path) -> Agreement:
    """Compare the answers of both from what they have indexed; raises Disagreement."""
    worst, spread = 0.0, 0.0
    for query, expected in zip(QUERIES, _exact_scores(theirs, folder), strict=True):
        found = ours.search(folder, query, "--no-cache")
        worst = max(worst, compare(found, expected))
        spread = max(spread, max(expected.values()) - min(expected.values()))
    return Agreement(len(found), worst, spread)


def compare(found: Mapping[str, float], expected: Mapping[str, float]) -> float:
    """Return the largest difference of scores; raises Disagreement.

    The scores of each picture must be within MOST, and so must those at each of the first ranks:
    then only pictures closer than that have changed places.
    """
    if set(found) != set(expected):
        raise Disagreement(f"{set(found) ^ set(expected)} are not in both answers")
    worst = max(abs(found[path] - expected[path]) for path in found)
    if worst > MOST:
        raise Disagreement(f"scores differ by {worst:.5f}")
    for here, there in zip(_best(found), _best(expected), strict=True):
        if abs(expected[here] - expected[there]) > MOST:
            raise Disagreement(f"{here} stands where {there} belongs")
    return worst


def _best(scores: Mapping[str, float]) -> list[str]:
    return sorted(scores, key=lambda path: (-scores[path], path))[:TOP]


def _exact_scores(tool: Rclip, folder: Path) -> list[dict[str, float]]:
    finished = subprocess.run(
        [tool.peer.python, "-c", _EXACT, *QUERIES],
        cwd=folder,
        env=tool.environment,
        check=True,
        stdout=subprocess.PIPE,
    )
    return [json.loads(line) for line in finished.stdout.splitlines()]
