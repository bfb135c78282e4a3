"""Headless Chromium for tests: found on the machine, watched, and without a way to other hosts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Error, Page, Request

CHROMIUM = os.environ.get("CLIPFIND_BROWSER") or shutil.which("chromium-headless-shell")
needs_browser = pytest.mark.skipif(
    not CHROMIUM,
    reason="there is no browser to open pages in: install chromium-headless-shell, "
    "or name a Chromium in CLIPFIND_BROWSER",
)
SHARED_MEMORY = "--disable-dev-shm-usage"  # containers have little of it
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", SHARED_MEMORY, ALONE)
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}

# Not moves: scrolling makes some under a pointer that rests. Enter on a button makes a click, but
# one with no count.
_TELL_POINTERS = """
for (const type of ['mousedown', 'mouseup', 'click', 'dblclick', 'contextmenu', 'wheel',
    'pointerdown', 'pointerup', 'touchstart', 'dragstart'])
  addEventListener(type, event => {
    if (type !== 'click' || event.detail > 0) console.error(`not a key: ${type}`);
  }, {capture: true, passive: true});
"""
_AXE = """
async () => {
  const found = await axe.run(document, {resultTypes: ['violations']});
  return found.violations.map(({id, impact, help, nodes}) => ({
    id, impact, help, nodes: nodes.map(node => `${node.html} ${node.failureSummary}`)}));
}
"""


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Start Chromium, which asks no name server and reaches this machine alone."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = [*ARGUMENTS, *arguments]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@dataclass
class Witness:
    """What a page did beside what it shows.

    requests: addresses asked for, in order. faults: errors and warnings of the console, exceptions,
    dialogs, sockets, and events of a pointer where those were to be told.
    """

    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, page: Page) -> Witness:
        """Begin to note what the page does."""
        witness = cls()
        page.on("request", witness._note_request)
        page.on("console", witness._note_console)
        page.on("pageerror", witness._note_error)
        page.on("dialog", witness._note_dialog)
        page.on("websocket", lambda socket: witness.faults.append(f"a socket to {socket.url}"))
        return witness

    def outside(self, origin: str) -> list[str]:
        """Return the requests that went elsewhere than to the origin."""
        inside = (f"{origin}/", f"blob:{origin}/", "data:")
        return [address for address in self.requests if not address.startswith(inside)]

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.faults.append(f"{message.type}: {message.text}")

    def _note_error(self, error: Error) -> None:
        self.faults.append(f"exception: {error}")

    def _note_dialog(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def tell_pointers(page: Page) -> None:
    """Have every event of a mouse, pen or finger from the next load on reported as an error."""
    page.add_init_script(_TELL_POINTERS)


def accessibility_faults(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical on the page as it is, one line each."""
    # Evaluated by the debugger, which the page's content security policy leaves alone.
    page.evaluate(files("axe_core_python").joinpath("axe.min.js").read_text("utf-8"))
    found: list[dict[str, Any]] = page.evaluate(_AXE)
    return [
        f"{fault['impact']}: {fault['id']}, {fault['help']}: {node}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def press_until(page: Page, key: str, name: str, most: int = 80) -> None:
    """Press a key, such as Tab, until what has the focus has the name, as `focused` gives it.

    Fails after so many times, and says what had it.
    """
    passed: list[str] = []
    while not passed or name not in passed[-1]:
        assert len(passed) < most, f"{key} did not come to {name}, but to {passed}"
        page.keyboard.press(key)
        passed.append(focused(page))


def focused(page: Page) -> str:
    """Return what a screen reader says of the element that has the focus: `button "Copy paths"`.

    Empty if nothing has it, or loses it meanwhile, as a result does when others replace it.
    """
    from playwright.sync_api import TimeoutError as Vanished

    element = page.locator(":focus")
    try:
        snapshot = element.aria_snapshot(timeout=1000) if element.count() else ""
    except Vanished:
        snapshot = ""
    return snapshot.partition("\n")[0].removeprefix("- ").removesuffix(":")
