"""Searches on the page: from typed words to a first page of results, the model loaded before."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median

from bench.measure import figures_of
from bench.report import Result
from bench.rows import clipfind_rows
from bench.scale import Scale

_MOST_ROWS = 100_000
_A_PAGE = 100


def measure_page(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Time new wordings over many rows, one thread, one process that has served others before."""
    count = max(rows for rows in scale.rows if rows <= _MOST_ROWS)
    tool, album = clipfind_rows(count, "builtin")
    figures = figures_of("bench.page", str(tool.database), str(album), str(10 * scale.repeats))
    details = {"rows": count, "a_page": _A_PAGE, "repeats": 10 * scale.repeats, **figures}
    yield Result("page", figures["new_words_cpu_s"], None, details)


def main(database: str, album: str, repeats: str) -> None:
    """Print medians of processor time: of new words, of a further page and of the newest."""
    from rclip_like.library import Library
    from rclip_like.page.service import Service, ServiceSettings
    from rclip_like.walk import resolve_roots

    with Library(database, model="builtin") as library:
        service = Service(library, resolve_roots([os.fsencode(album)]), ServiceSettings())

        def ask(query: str) -> None:
            found = service.search(f"{query}&count={_A_PAGE}".encode())
            items = found["items"]
            assert isinstance(items, list)
            assert len(items) == _A_PAGE

        ask("q=loads what is needed")
        figures = {
            "new_words_cpu_s": _median(lambda n: ask(f"q=thing number {n}"), int(repeats)),
            "further_page_cpu_s": _median(
                lambda n: ask(f"q=goes on&start={n * _A_PAGE}"), min(int(repeats), 10)
            ),
            "newest_cpu_s": _median(lambda n: ask(""), int(repeats)),
        }
        service.stop()
    print(json.dumps(figures))


def _median(call: Callable[[int], None], repeats: int) -> float:
    taken = []
    for number in range(repeats):
        start = time.process_time()
        call(number)
        taken.append(time.process_time() - start)
    return round(median(taken), 5)


if __name__ == "__main__":
    main(*sys.argv[1:])
