"""A page of somebody else, in the browser that has the cookie, reads and changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from attacked_page import attacked_album, tables
from browsing import needs_browser
from served import Album, Served

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = needs_browser

_ATTACK = """
async ({own, id}) => {
  const found = {};
  const load = (tag, path, name) => new Promise(done => {
    const element = Object.assign(document.createElement(tag), {[name]: own + path});
    element.onload = () => done('loaded');
    element.onerror = () => done('refused');
    document.body.append(element);
  });
  const read = async (path, options) => {
    try {
      const answer = await fetch(own + path, {credentials: 'include', ...options});
      return answer.type === 'opaque' ? 'sent' : `read ${answer.status}`;
    } catch (error) { return 'refused'; }
  };
  found.search = await read('/api/search');
  found.opaque = await read('/api/search', {mode: 'no-cors'});
  found.picture = await load('img', `/original/${id}`, 'src');
  found.thumbnail = await load('img', `/thumbnail/${id}?size=256`, 'src');
  found.script = await load('script', '/static/window.js', 'src');
  const body = JSON.stringify({ids: [id]});
  found.hide = await read('/api/hide', {method: 'POST', body,
    headers: {'Content-Type': 'application/json'}});
  found.simple = await read('/api/hide', {method: 'POST', body, mode: 'no-cors',
    headers: {'Content-Type': 'text/plain'}});
  const frame = Object.assign(document.createElement('iframe'), {src: own + '/'});
  const framed = new Promise(done => { frame.onload = done; });
  document.body.append(frame);
  await framed;
  try { found.frame = frame.contentDocument ? 'read' : 'closed'; }
  catch (error) { found.frame = 'closed'; }
  return found;
}
"""


class _Page(BaseHTTPRequestHandler):
    cookies: list[str]

    def do_GET(self) -> None:
        self.cookies.append(self.headers.get("Cookie", ""))
        body = b"<!doctype html><title>Somebody else</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def other() -> Iterator[tuple[str, list[str]]]:
    """Serve a page of somebody else on this machine; give its port and the cookies it was sent."""
    cookies: list[str] = []
    handler = type("Page", (_Page,), {"cookies": cookies})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield str(server.server_address[1]), cookies
        server.shutdown()


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    return attacked_album(tmp_path_factory.mktemp("attacked"))


def test_a_page_of_somebody_else_gets_nothing(
    context: BrowserContext, served: Served, album: Album, other: tuple[str, list[str]]
) -> None:
    own = context.new_page()
    own.goto(served.address)
    shown = own.request.get(f"{served.origin}/api/search").json()
    (name,) = [item["id"] for item in shown["items"] if item["name"] == "one.png"]
    before = tables(album)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{other[0]}/")
    found = page.evaluate(_ATTACK, {"own": served.origin, "id": name})
    # What comes back unread is the refusal.
    assert found.pop("opaque") in ("refused", "sent")
    assert found.pop("simple") in ("refused", "sent")
    assert found.pop("frame") == "closed"
    assert set(found.values()) == {"refused"}
    assert tables(album) == before


def test_a_form_and_a_link_of_somebody_else_open_a_refusal(
    context: BrowserContext, served: Served, album: Album, other: tuple[str, list[str]]
) -> None:
    context.new_page().goto(served.address)
    before = tables(album)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{other[0]}/")
    page.evaluate(
        """own => {
          const form = Object.assign(document.createElement('form'),
            {method: 'post', enctype: 'text/plain', action: own + '/api/hide'});
          document.body.append(form);
          form.submit();
        }""",
        served.origin,
    )
    page.wait_for_url(f"{served.origin}/**")
    assert "Another page asked for this" in page.content()
    page.goto(f"http://127.0.0.1:{other[0]}/")
    page.evaluate("own => { window.location = own + '/?q=red'; }", served.origin)
    page.wait_for_url(f"{served.origin}/**")
    assert "Another page asked for this" in page.content()
    assert tables(album) == before


def test_the_cookie_that_another_port_is_sent_opens_nothing_for_other_users(
    context: BrowserContext, served: Served, other: tuple[str, list[str]]
) -> None:
    # Browsers send a cookie to all ports of a host; why a cookie is worth something to one user.
    context.new_page().goto(served.address)
    context.new_page().goto(f"http://127.0.0.1:{other[0]}/")
    assert other[1][0].startswith("clipfind_")
