"""The window for people of all kinds: by the Tab key, a screen reader, on a phone, in the dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from browsing import DESK, PHONE, accessibility_faults, focused, needs_browser
from served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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
    "keys": ("/", "#hidden", "?"),
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
