"""Parts of the window alone, in a browser without a server: its address, its rows, its words."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from browsing import needs_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = needs_browser
ORIGIN = "http://127.0.0.1:9"
DIGEST = "5f" * 32


@pytest.fixture(scope="module")
def parts(browser: Browser) -> Iterator[Page]:
    """Return a page on which the modules can be imported."""
    static = files("rclip_like.page").joinpath("static")

    def answer(route: Route) -> None:
        name = route.request.url.split("?")[0].rpartition("/")[2]
        if not name:
            route.fulfill(body="<!doctype html><title>Parts</title>", content_type="text/html")
        else:
            content = static.joinpath(name).read_text("utf-8")
            route.fulfill(body=content, content_type="text/javascript")

    # West of Greenwich, where a date read as UTC is the day before.
    with browser.new_context(timezone_id="America/Los_Angeles") as context:
        context.route(f"{ORIGIN}/**", answer)
        yield context.new_page()


def _read_and_written(page: Page, query: str) -> Any:
    page.goto(f"{ORIGIN}/?{query}")
    return page.evaluate(
        "import('/static/address.js').then(({current, format}) => [current(), format(current())])"
    )


@pytest.mark.parametrize(
    "query",
    [
        "q=cat",
        "q=cup%20of%20%22coffee%22%20%26%20%3Cb%3E",
        f"q=cat&add=2%3Adog&subtract=picture%3A{DIGEST}&add=0.5%3Apasted%3A{DIGEST}",
        "add=1%3A3%3A2%20ratio",
        "add=picture%3Aframes&subtract=2%3Apasted%3A..%2Fstamps",
        "q=boat&folder=/photos/caf%E9%20%26/a%2Bb&hidden=1",
        f"q=boat&open={DIGEST}",
        "q=boat%202018&on=3%20months%20ago&camera=a%26b&orientation=square&place=new%20york",
        "q=boat%202018&after=2018&before=2020-01&dates=off",
    ],
)
def test_an_address_that_is_read_is_written_the_same(parts: Page, query: str) -> None:
    _, written = _read_and_written(parts, query)
    assert written == query


def test_an_address_says_terms_with_sign_weight_and_kind(parts: Page) -> None:
    query = f"q=a+cat&subtract=dog&add=2:picture:{DIGEST}"
    state, _ = _read_and_written(parts, query)
    assert state["q"] == "a cat"
    assert state["terms"] == [
        {"sign": -1, "weight": 1, "kind": "words", "value": "dog"},
        {"sign": 1, "weight": 2, "kind": "picture", "value": DIGEST},
    ]


def test_words_that_begin_like_a_picture_of_the_index_are_words(parts: Page) -> None:
    state, _ = _read_and_written(parts, f"add=picture:frames&add=pasted:{DIGEST}x")
    assert [term["kind"] for term in state["terms"]] == ["words", "words"]


@pytest.mark.parametrize("query", ["", "q=", "add=&subtract=", "q=%E9%", "nonsense=1&=&&", "open="])
def test_an_address_that_says_little_is_read_all_the_same(parts: Page, query: str) -> None:
    state, _ = _read_and_written(parts, query)
    assert state["terms"] == []


@pytest.mark.parametrize("width", [320, 1392])
def test_rows_fill_their_width_and_keep_the_shape_of_pictures(parts: Page, width: int) -> None:
    ratios = [0.66 + (index * 7919 % 1000) / 515 for index in range(10_000)]
    parts.goto(f"{ORIGIN}/")
    boxes = parts.evaluate(
        """([ratios, width]) => import('/static/rows.js').then(
            ({justify}) => justify(ratios, width, 190, 8).map(Object.values))""",
        [ratios, width],
    )
    assert len(boxes) == len(ratios)
    rows: dict[int, list[list[float]]] = {}
    for ratio, box in zip(ratios, boxes, strict=True):
        assert box[2] / box[3] == pytest.approx(ratio)
        rows.setdefault(box[4], []).append(box)
    *full, _ = rows.values()
    for row in full:
        assert row[-1][0] + row[-1][2] == pytest.approx(width)
        assert len({box[1] for box in row}) == len({box[3] for box in row}) == 1
        assert width < 400 or 120 < row[0][3] < 300
    bottoms = [row[0][1] + row[0][3] for row in full]
    tops = [row[0][1] for row in rows.values()][1:]
    assert tops == pytest.approx([bottom + 8 for bottom in bottoms])


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("date('2018-07-04T12:05:06', {withTime: true})", "4 July 2018, 12:05"),
        ("date('2018-07-04T23:59:59+09:00')", "4 July 2018"),
        ("date('2018-07-04', {withTime: true})", "4 July 2018"),
        ("date(null)", ""),
        ("date('no date')", "no date"),
        ("bytes(7_300)", "8\N{NO-BREAK SPACE}kB"),
        ("bytes(3_240_000)", "3.2\N{NO-BREAK SPACE}MB"),
        ("pictures(1)", "1 picture"),
        ("pictures(10_000)", "10,000 pictures"),
    ],
)
def test_numbers_and_dates_are_said_as_people_read_them(
    parts: Page, call: str, expected: str
) -> None:
    parts.goto(f"{ORIGIN}/")
    assert parts.evaluate(f"import('/static/words.js').then(words => words.{call})") == expected


def test_a_path_breaks_after_its_slashes(parts: Page) -> None:
    parts.goto(ORIGIN)
    written = parts.evaluate(
        "import('/static/words.js').then(({breakable}) => {"
        " document.body.append(...breakable('/a<b>/c.jpg')); return document.body.innerHTML; })"
    )
    assert written == "/<wbr>a&lt;b&gt;/<wbr>c.jpg"
