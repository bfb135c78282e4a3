"""Queries and runs over unchanged files where each picture has words: with words on and off.

python -m bench.words [--quick] prints JSON lines; a query's `off_s` is its time with words off. The
budgets are those of `python -m bench`, which has no words.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from bench.indexing import time_unchanged
from bench.measure import details, in_turn, program
from bench.peer import is_here, model
from bench.planted_text import WORDS
from bench.report import Result, as_json
from bench.rows import clipfind_rows, rclip_rows
from bench.scale import QUICK, Scale
from bench.tools import Clipfind, Word
from rclip_like.store import Store
from rclip_like.store.words import WordsRow
from rclip_like.store.writing import Writer

_NUM_FEW = 1_000
_WORDS_A_CAPTION = 6
_A_TRANSACTION = 10_000


def measure_words(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Time new queries over few and many rows, and a run over unchanged files."""
    for count in dict.fromkeys((_NUM_FEW, max(scale.rows))):
        ours, album = clipfind_rows(count, model())
        write_captions(ours.database, ours.home / "words")
        programs = [program(ours, album, _asking(ours, words)) for words in ("on", "off")]
        if has_peer:
            programs.append(program(rclip_rows(ours, count), album, _asking_peer(ours, count)))
        summaries = in_turn(programs, scale.repeats)
        on, off, *theirs = [each.wall_s for each in summaries]
        more = details(summaries, scale.repeats, rows=count, words="on", off_s=off)
        yield Result(f"rows-{count}", on, theirs[0] if theirs else None, more)
    yield time_unchanged(scale, "unchanged", write_captions)


def write_captions(database: Path, done: Path | None = None) -> None:
    """Give each picture of an index six words as its caption, unless `done` exists; then make it.

    The same words for the same index: drawn from those that are planted in photos.
    """
    if done is not None and done.exists():
        return
    chance = random.Random(0)
    with closing(Store.open(database, create=False)) as store:
        writer = Writer(store).words
        rows = store.connection.execute("SELECT digest FROM contents ORDER BY content_id")
        digests = [digest for (digest,) in rows.fetchall()]
        for first in range(0, len(digests), _A_TRANSACTION):
            some = digests[first : first + _A_TRANSACTION]
            captions = (" ".join(chance.choices(WORDS, k=_WORDS_A_CAPTION)) for _ in some)
            writer.put(
                WordsRow(digest, "caption", caption, "captions 1")
                for digest, caption in zip(some, captions, strict=True)
            )
        store.connection.execute("UPDATE contents SET words_version = 1")
        while writer.index_some():
            pass
        assert store.words.matching(["harbour"])
    if done is not None:
        done.touch()


def _asking(tool: Clipfind, words: str) -> Callable[[int], Sequence[Word]]:
    return lambda n: (*tool.showing(f"a red harbour number {n}"), "--words", words)


def _asking_peer(tool: Clipfind, count: int) -> Callable[[int], Sequence[Word]]:
    peer = rclip_rows(tool, count)
    return lambda n: peer.showing(f"a red harbour number {n}")


if __name__ == "__main__":
    for result in measure_words(QUICK if "--quick" in sys.argv else Scale(), is_here()):
        print(as_json(result), flush=True)
