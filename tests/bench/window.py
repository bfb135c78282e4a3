"""Measure the window before many pictures: python -m bench.window [--rows N], one JSON line.

The browser is headless and draws with the processor. Times are milliseconds from the last key of a
query, as the page's clock has them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from browsing import DESK, chromium

from bench.memory import memory_of
from bench.photo_rows import many_photos

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from served import Served

QUERIES = (
    *(
        "coffee",
        "a red motorcycle",
        "stars at night",
        "cat",
        "children on a beach",
        "a dog in snow",
    ),
    *("brick wall", "two people talking", "flowers", "a boat on a lake", "football", "old city"),
)
_SCROLLED = 10_000

# From the last key to the results' first frame, and to that with all pictures on the screen.
_LISTEN = "addEventListener('keydown', event => { window.lastKey = event.timeStamp; }, true);"
_WATCH = """
async (query) => {
  const frame = () => new Promise(requestAnimationFrame);
  const isAsked = () => new URLSearchParams(location.search).get('q') === query;
  while (!isAsked() || document.body.classList.contains('busy')) await frame();
  const results = performance.now() - lastKey;
  const isShown = image => {
    const {top, bottom} = image.getBoundingClientRect();
    return bottom <= 0 || top >= innerHeight || image.complete && image.naturalWidth > 0;
  };
  const images = () => [...document.querySelectorAll('#grid img')];
  while (!images().slice(0, 4).every(isShown)) await frame();
  const first = performance.now() - lastKey;
  while (!images().every(isShown)) await frame();
  const screen = performance.now() - lastKey;
  const loads = performance.getEntriesByType('resource').filter(e => e.name.includes('start=0'));
  return {results, first_four: first, screen, search: loads.at(-1).duration};
}
"""
_SCROLL = """
async (most) => {
  const frames = [];
  let before = await new Promise(requestAnimationFrame);
  const number = () => Number(document.querySelector('#grid li:last-child')?.ariaPosInSet);
  const begun = performance.now();
  while (number() < most && performance.now() - begun < 100_000) {
    scrollBy(0, 400);
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
  }
  return {frames, came_to: number(), cards: document.querySelectorAll('#grid > li').length};
}
"""


def main(arguments: Sequence[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.window", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, metavar="N")
    options = parser.parse_args(arguments)
    album = many_photos(options.rows)
    shutil.rmtree(album.home / "cache" / "thumbnails", ignore_errors=True)
    with album.serving("--no-index") as served, chromium() as browser:
        figures = {
            "rows": options.rows,
            "nothing_prepared": _queries(browser, served),
            "thumbnails_prepared": _queries(browser, served),
            "scrolled": _scroll(browser, served),
            "server": memory_of(served.process.pid).__dict__,
        }
    print(json.dumps(figures))
    return 0


def _queries(browser: Browser, served: Served) -> dict[str, Any]:
    """Return medians and maxima over the queries, each typed into a window that shows another."""
    with browser.new_context(viewport=DESK) as context:
        page = context.new_page()
        page.add_init_script(_LISTEN)
        begun = time.perf_counter()
        page.goto(served.address)
        page.wait_for_selector("#grid img")
        opened_s = time.perf_counter() - begun
        taken = []
        for query in QUERIES:
            page.keyboard.press("/")
            page.keyboard.press("Control+A")
            page.keyboard.type(query)
            taken.append(page.evaluate(_WATCH, query))
    figures = {"opened": round(1000 * opened_s)}
    for name in taken[0]:
        values = [each[name] for each in taken]
        figures[name] = [round(median(values)), round(max(values))]
    return figures


def _scroll(browser: Browser, served: Served) -> dict[str, Any]:
    with browser.new_context(viewport=DESK) as context:
        page = context.new_page()
        page.goto(served.address)
        page.wait_for_selector("#grid img")
        scrolled = page.evaluate(_SCROLL, _SCROLLED)
        frames = sorted(scrolled.pop("frames"))
        return scrolled | {
            "frames": len(frames),
            "frame_median": round(median(frames), 1),
            "frame_95": round(frames[len(frames) * 95 // 100], 1),
            "frame_max": round(frames[-1], 1),
            **_heap(page),
        }


def _heap(page: Page) -> dict[str, int]:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    metrics = {
        each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]
    }
    return {"heap_bytes": round(metrics["JSHeapUsedSize"]), "nodes": round(metrics["Nodes"])}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
