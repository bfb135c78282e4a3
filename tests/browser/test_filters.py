"""The filters of the window by keyboard alone: dates, camera, shape, place, and dates in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from browsing import DESK, PHONE, accessibility_faults, focused, needs_browser, press_until
from served import Album, Served
from taken_pictures import TAKEN, write_taken_pictures

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser

_TYPE_AND_CHOOSE = """
() => {
  const words = document.querySelector('#words');
  words.value = 'july';
  words.dispatchEvent(new Event('input'));
  const where = document.querySelector('#filters [name=words]');
  where.value = 'only';
  where.dispatchEvent(new Event('change', {bubbles: true}));
}
"""


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    """Return the pictures, indexed by the built-in model."""
    folder = tmp_path_factory.mktemp("filters")
    album = Album(write_taken_pictures(folder / "album"), folder / "home")
    album.run("index", album.folder)
    return album


def _wait_for(window: Page, query: str, *names: str) -> None:
    """Wait for an address that ends so, and for these pictures alone."""
    window.wait_for_url(re.compile(re.escape(query) + "$"))
    window.wait_for_function(
        "names => [...document.querySelectorAll('#grid bdi')].map(e => e.textContent).sort().join()"
        " === names",
        arg=",".join(sorted(names)),
    )


def test_each_filter_is_set_by_the_keyboard_and_taken_back(window: Page) -> None:
    _wait_for(window, "/", *TAKEN)
    window.keyboard.press("Escape")  # out of the search box
    window.keyboard.press("f")
    assert 'textbox "Taken in or on"' in focused(window)
    window.keyboard.type("july 2018")
    window.keyboard.press("Enter")
    _wait_for(window, "?on=july%202018", "july.jpg")
    press_until(window, "Tab", 'textbox "From"')
    window.keyboard.type("2018-08")
    window.keyboard.press("Tab")
    _wait_for(window, "?after=2018-08", "august.jpg", "cape.jpg")
    press_until(window, "Tab", 'combobox "Camera"')
    window.keyboard.type("iPh")
    _wait_for(window, "&camera=iPhone%2012", "august.jpg", "cape.jpg")
    press_until(window, "Tab", 'combobox "Shape"')
    window.keyboard.type("Por")
    _wait_for(window, "&orientation=portrait", "august.jpg")
    assert window.locator("#filters summary").inner_text() == (
        "Filters: from 2018-08, iPhone 12, portrait"
    )
    press_until(window, "Tab", 'button "Clear filters"')
    window.keyboard.press("Enter")
    _wait_for(window, "/", *TAKEN)
    window.keyboard.press("Escape")
    assert "Filters" in focused(window)
    assert not window.locator("#filters form").is_visible()
    window.go_back()
    _wait_for(window, "&orientation=portrait", "august.jpg")


def test_type_size_and_surroundings_are_set_by_the_keyboard(window: Page) -> None:
    window.keyboard.press("Escape")  # out of the search box
    window.keyboard.press("f")
    press_until(window, "Tab", 'combobox "Type"')
    window.keyboard.type("JP")
    _wait_for(window, "?type=jpeg", *TAKEN)
    press_until(window, "Tab", 'textbox "Size at least"')
    window.keyboard.type("90")
    window.keyboard.press("Enter")
    _wait_for(window, "&min-size=90", *(set(TAKEN) - {"square.jpg"}))
    press_until(window, "Tab", 'textbox "Around"')
    window.keyboard.type("-34,18")
    window.keyboard.press("Tab")
    window.get_by_text("Try fewer filters").wait_for()
    window.keyboard.type("100")
    window.keyboard.press("Enter")
    _wait_for(window, "&near=-34%2C18&within-km=100", "cape.jpg")
    assert window.locator("#filters summary").inner_text() == (
        "Filters: jpeg, 90 or larger, around -34,18"
    )


def test_pictures_are_sorted_by_the_keyboard_and_back_undoes_it(window: Page) -> None:
    window.goto(urljoin(window.url, "/?after=2018"))
    _wait_for(window, "?after=2018", "july.jpg", "august.jpg", "cape.jpg")
    press_until(window, "Tab", 'combobox "Sort"')
    assert "Newest first" in window.locator("#found").inner_text().replace("newest", "Newest")
    window.keyboard.type("Old")
    _wait_for(window, "?after=2018&sort=-date", "july.jpg", "august.jpg", "cape.jpg")
    names = window.locator("#grid bdi")
    window.get_by_text("3 pictures, oldest first").wait_for()
    assert names.all_text_contents() == ["july.jpg", "august.jpg", "cape.jpg"]
    window.go_back()
    window.get_by_text("3 pictures, newest first").wait_for()
    assert names.all_text_contents() == ["cape.jpg", "august.jpg", "july.jpg"]


def test_words_in_a_name_are_said_and_looked_for_elsewhere_on_request(window: Page) -> None:
    window.keyboard.press("/")
    window.keyboard.type("july")
    window.get_by_role("link", name="name: july.jpg").wait_for()
    window.keyboard.press("Escape")
    window.keyboard.press("Escape")  # out of the search box
    window.keyboard.press("f")
    press_until(window, "Tab", 'combobox "Look for words in"')
    window.keyboard.type("Tex")
    _wait_for(window, "?words=only", *TAKEN)
    window.keyboard.press("Escape")
    window.keyboard.press("/")
    window.keyboard.type("july")
    _wait_for(window, "?q=july&words=only", "july.jpg")
    assert "texts and names alone" in window.locator("#filters summary").inner_text()


def test_words_that_were_just_typed_stay_when_a_filter_is_set(window: Page) -> None:
    _wait_for(window, "/", *TAKEN)
    window.evaluate(_TYPE_AND_CHOOSE)
    _wait_for(window, "?q=july&words=only", "july.jpg")
    window.go_back()
    _wait_for(window, "?words=only", *TAKEN)
    assert window.locator("#words").input_value() == ""


def test_only_likely_pictures_and_those_with_the_words_are_shown_on_request(
    window: Page,
) -> None:
    window.keyboard.press("/")
    window.keyboard.type("walrus")
    _wait_for(window, "?q=walrus", *TAKEN)
    press_until(window, "Tab", "Filters")
    window.keyboard.press("Enter")
    press_until(window, "Tab", 'checkbox "Only likely ones"')
    window.keyboard.press("Space")
    window.get_by_text("Nothing here seems to show “walrus” (best").wait_for()
    window.keyboard.press("Escape")
    press_until(window, "Tab", 'button "Show unlikely ones"')
    window.keyboard.press("Enter")
    _wait_for(window, "?q=walrus", *TAKEN)
    window.go_back()
    window.get_by_text("Nothing here seems to show").wait_for()
    window.keyboard.press("/")
    window.keyboard.press("Control+A")
    window.keyboard.type("cape")
    _wait_for(window, "?q=cape&likely=1", "cape.jpg")
    assert window.locator("#filters summary").inner_text() == "Filters: only likely ones"
    assert window.locator("#grid .mark").is_visible()


def test_a_place_is_typed_and_shown_with_the_picture(window: Page) -> None:
    window.keyboard.press("Escape")  # out of the search box
    window.keyboard.press("f")
    press_until(window, "Tab", 'combobox "Country or state"')
    window.keyboard.type("south africa")
    window.keyboard.press("Enter")
    _wait_for(window, "?place=south%20africa", "cape.jpg")
    window.keyboard.press("Escape")
    window.keyboard.press("/")
    window.keyboard.press("Enter")
    window.keyboard.press("Enter")
    window.get_by_text("Western Cape, South Africa").wait_for()


def test_a_date_among_the_words_is_said_and_its_words_are_one_press_away(window: Page) -> None:
    window.keyboard.press("/")
    window.keyboard.type("noise 2018")
    _wait_for(window, "?q=noise%202018", "july.jpg", "august.jpg")
    window.get_by_text("Only pictures of 2018 are searched for").wait_for()
    press_until(window, "Tab", "as words")
    window.keyboard.press("Enter")
    _wait_for(window, "?q=noise%202018&dates=off", *TAKEN)
    assert 'searchbox "' in focused(window)
    window.keyboard.press("End")
    window.keyboard.type(" x")
    _wait_for(window, "?q=noise%202018%20x", "july.jpg", "august.jpg")


def test_a_filter_that_leaves_nothing_says_so_and_is_cleared(window: Page) -> None:
    window.goto(urljoin(window.url, "/?camera=kodak"))
    window.get_by_text("Try fewer filters").wait_for()
    assert window.locator("#filters select").first.input_value() == "kodak"
    window.keyboard.press("Escape")  # out of the search box
    window.keyboard.press("f")
    window.keyboard.press("Escape")
    press_until(window, "Tab", 'button "Start afresh"')
    window.keyboard.press("Enter")
    _wait_for(window, "/", *TAKEN)


def test_a_date_that_is_none_is_refused_with_examples(window: Page, witness: Any) -> None:
    window.keyboard.press("Escape")  # out of the search box
    window.keyboard.press("f")
    window.keyboard.type("christmas")
    window.keyboard.press("Enter")
    said = window.locator("#filters .problem")
    said.get_by_text("write 2018, 2018-07").wait_for()
    _assert_uncovered(window, "#filters .problem")
    assert all("400" in fault for fault in witness.faults)
    witness.faults.clear()
    window.keyboard.press("Control+A")
    window.keyboard.type("2018")
    window.keyboard.press("Enter")
    _wait_for(window, "?on=2018", "july.jpg", "august.jpg")
    said.wait_for(state="hidden")


def test_a_place_that_finds_nothing_is_told_on_the_sheet(window: Page) -> None:
    window.keyboard.press("Escape")  # out of the search box
    window.keyboard.press("f")
    press_until(window, "Tab", 'combobox "Country or state"')
    window.keyboard.type("atlantis")
    window.keyboard.press("Enter")
    window.locator("#filters .problem").get_by_text("county called 'atlantis'").wait_for()
    _assert_uncovered(window, "#filters .problem")
    assert not accessibility_faults(window)


def _assert_uncovered(window: Page, selector: str) -> None:
    """Assert that what stands in the middle of an element, as seen, is the element itself."""
    assert window.locator(selector).evaluate("""each => {
      const {left, top, width, height} = each.getBoundingClientRect();
      return document.elementFromPoint(left + width / 2, top + height / 2) === each;
    }""")


@pytest.mark.parametrize(
    "way",
    [
        {"viewport": DESK, "color_scheme": "light"},
        {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "is_mobile": True},
    ],
    ids=["light", "dark phone"],
)
@pytest.mark.parametrize(
    "query",
    [
        "/?q=noise%202018",
        "/?on=2018&camera=iPhone%2012&place=denmark",
        "/?q=cape&likely=1&sort=path&type=jpeg&near=-34,18&within-km=100",
    ],
)
def test_axe_finds_no_serious_fault(
    way: dict[str, Any], query: str, browser: Browser, served: Served
) -> None:
    with browser.new_context(**way) as context:
        page = context.new_page()
        page.goto(served.address)
        page.goto(urljoin(page.url, query))
        page.locator("body:not(.busy) #grid img").first.wait_for()
        page.keyboard.press("Escape")  # out of the search box
        page.keyboard.press("f")
        page.locator("#filters form").wait_for()
        assert not accessibility_faults(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
