"""A person's way through the window by keys alone: an event of a pointer fails the test."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from browsing import focused, needs_browser, press_until
from demo.album import NAMES
from served import Album

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = needs_browser

COFFEE = os.path.basename(NAMES["coffee.png"])
_ID = "[0-9a-f]{64}"
_TIMES = "\N{MULTIPLICATION SIGN}"


def _search(window: Page, words: str) -> None:
    """Type words and wait until the pictures are theirs."""
    window.keyboard.press("/")
    window.keyboard.press("Control+A")
    with window.expect_response(re.compile(rf"/api/search\?q={quote(words)}&")):
        window.keyboard.type(words)
    _wait_for_address(window, rf"\?q={quote(words)}$")


def _wait_for_address(window: Page, pattern: str) -> None:
    window.wait_for_url(re.compile(pattern))
    window.locator("body:not(.busy) #grid img").first.wait_for()


def _cards(window: Page) -> Locator:
    return window.get_by_role("list", name="Pictures").get_by_role("listitem")


def _names(window: Page) -> list[str]:
    """Return the names of the pictures near the window, in order; further ones wait."""
    return [name.strip() for name in _cards(window).locator("bdi").all_text_contents()]


def _focused_name(window: Page) -> str:
    return window.locator("#grid li:has(:focus) bdi").inner_text()


def _chips(window: Page) -> list[str]:
    terms = window.get_by_role("list", name="More and less of")
    chips = [group.get_attribute("aria-label") for group in terms.get_by_role("group").all()]
    return [name for name in chips if name]


def _selected(window: Page) -> str:
    return window.locator("#selection b").inner_text()


def _wait_for_message(window: Page, words: str) -> None:
    window.get_by_role("status").filter(has_text=words).wait_for()


def test_typing_searches_and_enter_shows_the_first_picture_large(window: Page) -> None:
    _search(window, "coffee")
    window.keyboard.press("Enter")
    assert COFFEE in focused(window)
    window.keyboard.press("Enter")
    window.get_by_role("dialog", name=COFFEE).wait_for()
    assert window.locator("dialog :focus").count() == 1
    window.keyboard.press("ArrowRight")
    second = _names(window)[1]
    window.get_by_role("dialog", name=second).wait_for()
    window.keyboard.press("Escape")
    window.get_by_role("dialog").wait_for(state="hidden")
    assert second in focused(window)


def test_the_large_view_has_the_focus_at_the_first_and_last_picture(window: Page) -> None:
    for key, way in (("Home", "ArrowLeft"), ("End", "ArrowRight")):
        window.keyboard.press("/")
        window.keyboard.press("ArrowDown")
        window.keyboard.press(key)
        window.keyboard.press("Enter")
        window.get_by_role("dialog").wait_for()
        window.keyboard.press(way)
        assert window.locator("dialog :focus").count() == 1
        window.keyboard.press("Escape")
        window.get_by_role("dialog").wait_for(state="hidden")


def test_more_like_one_and_less_like_another_with_a_weight(window: Page) -> None:
    _search(window, "moon")
    first = _names(window)[0]
    window.keyboard.press("Enter")
    window.keyboard.press("m")
    _wait_for_address(window, rf"\?q=moon&add=picture%3A{_ID}$")
    window.keyboard.press("End")
    last = _focused_name(window)
    window.keyboard.press("l")
    _wait_for_address(window, rf"&subtract=0\.25%3Apicture%3A{_ID}$")
    assert _chips(window) == [f"more like {first}", f"less like {last} (0.25{_TIMES})"]
    press_until(window, "Shift+Tab", f'button "Heavier: less like {last}')
    window.keyboard.press("Enter")
    _wait_for_address(window, rf"&subtract=0\.5%3Apicture%3A{_ID}$")
    assert f'button "Heavier: less like {last} (0.5{_TIMES})"' in focused(window)
    window.keyboard.press("Delete")
    _wait_for_address(window, rf"\?q=moon&add=picture%3A{_ID}$")
    press_until(window, "Tab", 'button "Less of')
    window.keyboard.press("Enter")
    window.keyboard.type("a coin")
    window.keyboard.press("Enter")
    _wait_for_address(window, "&subtract=0\\.5%3Aa%20coin$")
    assert _chips(window) == [f"more like {first}", f"less of a coin (0.5{_TIMES})"]


def test_less_of_something_searches_as_one_types_and_back_takes_all_of_it(window: Page) -> None:
    _search(window, "moon")
    press_until(window, "Tab", 'button "Less of')
    window.keyboard.press("Enter")
    window.keyboard.type("coi", delay=150)
    _wait_for_address(window, r"\?q=moon&subtract=0\.5%3Acoi$")
    window.keyboard.type("n")
    _wait_for_address(window, r"\?q=moon&subtract=0\.5%3Acoin$")
    assert _chips(window) == [f"less of coin (0.5{_TIMES})"]
    window.keyboard.press("Enter")
    window.go_back()
    _wait_for_address(window, r"\?q=moon$")
    press_until(window, "Shift+Tab", 'button "More of')
    window.keyboard.press("Enter")
    window.keyboard.type("sky")
    _wait_for_address(window, r"\?q=moon&add=sky$")
    window.keyboard.press("Escape")
    _wait_for_address(window, r"\?q=moon$")


def test_a_folder_is_chosen_by_the_beginning_of_its_name(window: Page, album: Album) -> None:
    press_until(window, "Tab", 'combobox "Folder"')
    window.keyboard.type("2018")
    window.keyboard.press("ArrowDown")
    window.keyboard.press("ArrowUp")
    window.keyboard.press("Enter")
    _wait_for_address(window, r"\?folder=\S+2018$")
    assert sorted(_names(window)) == sorted(path.name for path in (album.folder / "2018").iterdir())
    press_until(window, "Shift+Tab", 'searchbox "')
    window.keyboard.type("coffee")
    _wait_for_address(window, r"\?q=coffee&folder=\S+2018$")
    assert _names(window)[0] == COFFEE


def test_the_paths_of_three_selected_pictures_are_copied(window: Page, album: Album) -> None:
    _search(window, "wall")
    window.keyboard.press("Enter")
    for key in ("x", "ArrowRight", " ", "ArrowRight", "ArrowRight", "x", "ArrowLeft"):
        window.keyboard.press(key)
    names = [name for number, name in enumerate(_names(window)[:4]) if number != 2]
    assert window.get_by_role("region", name="Selected pictures").inner_text().startswith("3 ")
    window.keyboard.press("c")
    _wait_for_message(window, "3 paths copied.")
    copied = window.evaluate("navigator.clipboard.readText()")
    found = {os.path.basename(path): path for path in copied.splitlines()}
    assert list(found) == names
    assert all(os.path.samefile(path, album.folder / path) for path in found.values())


def test_a_picture_is_hidden_and_shown_again(window: Page) -> None:
    _search(window, "moon")
    first, second = _names(window)[:2]
    window.keyboard.press("Enter")
    window.keyboard.press("h")
    _wait_for_message(window, "1 picture hidden")
    assert first not in _names(window)
    assert _focused_name(window) == second
    window.keyboard.press("Control+z")
    _wait_for_message(window, "1 picture shown again")
    assert _names(window)[:2] == [first, second]


def test_hides_are_taken_back_one_by_one_and_the_words_stay(window: Page) -> None:
    _search(window, "moon")
    names = _names(window)[:3]
    window.keyboard.press("Enter")
    for key in ("x", "h", "x", "h"):
        window.keyboard.press(key)
        if key == "h":
            window.locator("#message").wait_for()
            window.locator("#selection").wait_for(state="hidden")
    assert _names(window)[0] == names[2]
    for count in (1, 0):
        window.keyboard.press("Control+z")
        window.locator(f"#grid li:nth-child({2 - count}).selected").wait_for()
        assert _names(window)[: 3 - count] == names[count:]
    assert _selected(window) == "2 selected"
    window.keyboard.press("Control+z")
    assert window.get_by_role("searchbox").input_value() == "moon"
    window.reload()
    window.locator("#grid .selected").first.wait_for()
    assert _selected(window) == "2 selected"


def test_letters_that_nothing_has_the_focus_for_begin_a_search(window: Page) -> None:
    assert 'searchbox "' in focused(window)
    window.evaluate("document.activeElement.blur()")
    window.keyboard.type("coffee")
    _wait_for_address(window, r"\?q=coffee$")
    assert _names(window)[0] == COFFEE


def test_the_end_is_the_last_picture_found_and_each_says_its_rank(window: Page) -> None:
    _search(window, "moon")
    total = int(window.locator("#found span").first.inner_text().split()[0])
    window.keyboard.press("Enter")
    window.keyboard.press("End")
    window.locator("#grid :focus").wait_for()
    caption = window.locator("#grid li:has(:focus) .caption span")
    assert caption.inner_text().startswith(f"{total} of {total} ")


def test_a_folder_that_is_not_there_is_said_to_be_none(window: Page) -> None:
    press_until(window, "Tab", 'combobox "Folder"')
    window.keyboard.type("nowhere")
    window.get_by_role("option", name="No folder with pictures is called").wait_for()
    window.keyboard.press("Enter")
    _wait_for_message(window, "No folder with pictures is called “nowhere”.")
    assert window.locator("#folder").input_value() == ""


def test_back_forward_reload_and_a_bookmark_show_the_same(window: Page) -> None:
    _search(window, "coffee")
    by_coffee = _names(window)
    window.keyboard.press("Enter")
    window.keyboard.press("m")
    _wait_for_address(window, "&add=picture")
    by_both, address = _names(window), window.url
    window.go_back()
    _wait_for_address(window, r"\?q=coffee$")
    assert (_names(window), _chips(window)) == (by_coffee, [])
    window.go_forward()
    _wait_for_address(window, "&add=picture")
    assert (_names(window), _chips(window)) == (by_both, [f"more like {COFFEE}"])
    window.reload()
    _wait_for_address(window, "&add=picture")
    assert (_names(window), _chips(window)) == (by_both, [f"more like {COFFEE}"])
    bookmarked = window.context.new_page()
    bookmarked.goto(f"{address}&open={re.findall(_ID, address)[0]}")
    bookmarked.get_by_role("dialog", name=COFFEE).wait_for()
    bookmarked.keyboard.press("Escape")
    bookmarked.get_by_role("dialog").wait_for(state="hidden")
    assert _names(bookmarked) == by_both


def test_back_and_undo_return_to_the_picture_that_had_the_focus(window: Page) -> None:
    _search(window, "coffee")
    for key in ("Enter", "ArrowRight", "ArrowRight", "ArrowRight"):
        window.keyboard.press(key)
    fourth = _focused_name(window)
    window.keyboard.press("m")
    _wait_for_address(window, "&add=picture")
    window.go_back()
    _wait_for_address(window, r"\?q=coffee$")
    assert _focused_name(window) == fourth
    window.keyboard.press("h")
    _wait_for_message(window, "1 picture hidden")
    window.keyboard.press("Control+z")
    _wait_for_message(window, "1 picture shown again")
    assert _focused_name(window) == fourth
