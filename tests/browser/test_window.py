"""The window for people of all kinds: by the Tab key, a screen reader, on a phone, in the dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from browsing import (
    DESK,
    PHONE,
    Witness,
    accessibility_faults,
    focused,
    needs_browser,
    press_until,
)
from served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = needs_browser

# Arrows go among the pictures, of which Tab meets one.
_INTERACTIVE = """
(root) => [...document.querySelectorAll(root)]
  .flatMap(each => [...each.querySelectorAll('a[href], button, input, summary, [tabindex]')])
  .filter(each => each.checkVisibility({visibilityProperty: true}) && !each.disabled)
  .filter(each => each.tabIndex >= 0)
"""
_HAS_RING = """
() => {
  (window.passed ??= []).push(document.activeElement);
  if (document.activeElement === document.body) return true;
  const around = [document.activeElement, document.activeElement.closest('li, form')];
  return around.some(each => each && getComputedStyle(each).outlineStyle !== 'none');
}
"""


def _look(window: Page, address: str) -> None:
    """Go to a state of the window and wait for its pictures."""
    window.goto(urljoin(window.url, address))
    window.locator("body:not(.busy) #grid img").first.wait_for()


def _tab_through(window: Page, root: str) -> None:
    """Press Tab until it comes round: it must meet all that can be used, and show where it is."""
    wanted = window.evaluate_handle(_INTERACTIVE, root)
    for _ in range(wanted.evaluate("all => all.length") + 2):
        window.keyboard.press("Tab")
        assert window.evaluate(_HAS_RING), f"{focused(window)} does not show that it has the focus"
    missed = wanted.evaluate("all => all.filter(e => !passed.includes(e)).map(e => e.outerHTML)")
    assert not missed


def test_tab_comes_to_everything_and_its_focus_is_seen(window: Page) -> None:
    _look(window, "/?q=coffee&subtract=2:tea")
    window.keyboard.press("/")
    window.keyboard.press("Enter")
    window.keyboard.press("x")
    _tab_through(window, "body")
    window.keyboard.press("/")
    window.keyboard.press("Enter")
    window.keyboard.press("Enter")
    window.get_by_role("dialog").wait_for()
    _tab_through(window, "#large")


LOOKS = {
    "first look": ("/", "#words", ""),
    "results": ("/?q=coffee&subtract=2:tea", "#words", ""),
    "selection": ("/?q=coffee", "#words", "Enter x"),
    "large view": ("/?q=coffee", "#words", "Enter Enter"),
    "folders": ("/?q=coffee", "#folder", "ArrowDown"),
    "keys": ("/", "#sort", "?"),
}
"""By name: the address, what has the focus, and the keys that are pressed then."""


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize(
    "way",
    [
        {"viewport": DESK, "color_scheme": "light"},
        {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "is_mobile": True},
    ],
    ids=["light", "dark phone"],
)
def test_axe_finds_no_serious_fault(
    name: str, way: dict[str, Any], browser: Browser, served: Served
) -> None:
    address, focus, keys = LOOKS[name]
    with browser.new_context(**way) as context:
        page = context.new_page()
        page.goto(served.address)
        _look(page, address)
        page.locator(focus).focus()
        for key in keys.split():
            page.keyboard.press(key)
        page.locator("body:not(.busy)").wait_for()
        assert not accessibility_faults(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_search_that_fails_says_why_and_is_tried_again(window: Page, witness: Witness) -> None:
    _look(window, "/?q=coffee")
    window.route("**/api/search?*", lambda route: route.abort())
    window.keyboard.press("/")
    window.keyboard.type("a cup of tea")
    window.get_by_text("That did not work.").wait_for()
    assert not accessibility_faults(window)
    window.unroute("**/api/search?*")
    press_until(window, "Tab", 'button "Try again"')
    window.keyboard.press("Enter")
    window.locator("body:not(.busy) #grid img").first.wait_for()
    # More than one where letters come so slowly that the window searches between them.
    assert set(witness.faults) == {"error: Failed to load resource: net::ERR_FAILED"}
    witness.faults.clear()


def test_a_term_whose_picture_is_gone_can_be_removed(window: Page, witness: Witness) -> None:
    window.goto(urljoin(window.url, f"/?q=coffee&add=picture:{'0' * 64}"))
    window.get_by_text("That did not work.").wait_for()
    window.locator("#terms img").wait_for(state="hidden")
    press_until(window, "Tab", 'button "Remove: more like this picture')
    window.keyboard.press("Enter")
    window.locator("body:not(.busy) #grid img").first.wait_for()
    assert all("404" in fault for fault in witness.faults)
    witness.faults.clear()


@pytest.mark.parametrize(
    "way",
    [{"forced_colors": "active"}, {"reduced_motion": "reduce"}],
    ids=["forced colours", "reduced motion"],
)
def test_focus_and_selection_are_seen_in(
    way: dict[str, Any], browser: Browser, served: Served
) -> None:
    with browser.new_context(viewport=DESK, **way) as context:
        page = context.new_page()
        page.goto(served.address)
        _look(page, "/?q=coffee&subtract=tea")
        page.locator("#words").focus()
        for key in ("Enter", "x", "ArrowRight"):
            page.keyboard.press(key)
        page.get_by_role("region", name="Selected pictures").wait_for()
        selected, focused_one, plain = (_seen(page.locator("#grid li").nth(n)) for n in range(3))
        assert len({selected, focused_one, plain}) == 3
        _tab_through(page, "body")


def _seen(card: Locator) -> str:
    """Return what forced colours leave of a card's marks, without shadows and backgrounds."""
    return card.evaluate(
        "card => [card, card.querySelector('.tick .icon')].map(getComputedStyle)"
        ".map(style => [style.outlineStyle, style.outlineOffset, style.opacity]).join()"
    )


def test_on_a_phone_the_bar_is_one_line_until_it_is_unfolded_by_a_key(
    browser: Browser, served: Served
) -> None:
    with browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        page.goto(served.address)
        _look(page, "/?q=coffee")
        height = page.locator(".bar").evaluate("bar => bar.offsetHeight")
        assert height < 3 * page.locator("#folder").evaluate("box => box.offsetHeight")
        press_until(page, "Tab", 'button "Options"')
        page.keyboard.press("Enter")
        for name in ('combobox "Sort"', 'button "More of', 'button "Copies"'):
            press_until(page, "Tab", name)
        assert not accessibility_faults(page)
        press_until(page, "Shift+Tab", 'button "Options"')
        page.keyboard.press("Enter")
        assert page.locator(".bar").evaluate("bar => bar.offsetHeight") == height


def test_fingers_open_a_picture_and_go_on_to_the_next(browser: Browser, served: Served) -> None:
    with browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        page.goto(served.address)
        _look(page, "/?q=coffee")
        page.locator("#grid li a").nth(1).tap()
        page.get_by_role("dialog").wait_for()
        next_name = page.locator("#grid li bdi").nth(2).text_content() or ""
        page.get_by_role("button", name="Next picture").tap()
        page.get_by_role("dialog", name=next_name).wait_for()
        page.get_by_role("button", name="Select", exact=True).tap()
        page.get_by_role("button", name="Close").tap()
        page.get_by_role("region", name="Selected pictures").wait_for()
        page.get_by_role("button", name="Clear").tap()
        page.get_by_role("region", name="Selected pictures").wait_for(state="hidden")
