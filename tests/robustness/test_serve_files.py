"""What `clipfind serve` reads and writes: indexed files below the PATHs, and hidden pictures."""

from __future__ import annotations

import html.parser
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from attacked_page import BIG, BIG_BYTES, NAMES, attacked_album, beside, items, tables
from lockless import needs_filter, without_locks
from processes import COMMAND
from raw_http import RawClient, answers, read_to_end
from served import Album, Served

IMPATIENT = """
import sys
from rclip_like.page import server
server.STALLED_SECONDS = 3.0
from rclip_like.cli import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    return attacked_album(tmp_path_factory.mktemp("serve"))


@pytest.fixture(scope="module")
def served(album: Album) -> Iterator[Served]:
    """Serve the album with no indexer running; a client that takes nothing has three seconds."""
    command = (sys.executable, "-c", IMPATIENT)
    with album.serving("--no-index", command=command) as served:
        yield served


@pytest.fixture
def client(served: Served) -> RawClient:
    return RawClient(served.address).sign_in()


def id_of(client: RawClient, name: str) -> str:
    (found,) = [str(item["id"]) for item in items(client) if item["name"] == name]
    return found


def test_every_picture_is_served_as_it_is_on_the_disk(client: RawClient, album: Album) -> None:
    shown = items(client)
    assert len(shown) == len(NAMES) + 1
    contents = {path.read_bytes() for path in album.folder.rglob("*") if path.is_file()}
    assert {client.get(f"/original/{item['id']}").body for item in shown} == contents


class _Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attributes)


def test_names_with_script_run_nowhere(client: RawClient) -> None:
    found = client.get("/api/search?q=" + quote("<script>alert(1)</script>"))
    assert found.headers["content-type"] == "application/json"
    assert "<img src=x onerror=alert(3)>.png" in {item["name"] for item in found.json()["items"]}
    ids = [item["id"] for item in items(client)]
    sheet = client.post("/api/sheet", {"ids": ids, "state": "q=<script>alert(1)</script>"})
    assert sheet.headers["content-disposition"].startswith("attachment")
    reader = _Reader()
    reader.feed(sheet.body.decode())
    assert "img" in reader.tags
    assert not reader.tags & {"script", "iframe", "object", "base", "form"}
    listed = client.post("/api/list", {"ids": ids})
    assert listed.headers["content-disposition"].startswith("attachment")
    assert listed.headers["content-type"] == "application/octet-stream"


def test_a_picture_elsewhere_is_not_served_though_it_is_indexed(
    client: RawClient, album: Album
) -> None:
    elsewhere = beside(album, "elsewhere")
    with elsewhere.serving("--no-index") as served:
        other = RawClient(served.address).sign_in()
        name = id_of(other, "one.png")
        assert other.get(f"/original/{name}").body == (elsewhere.folder / "one.png").read_bytes()
    for path in (f"/original/{name}", f"/thumbnail/{name}?size=256", f"/api/picture/{name}"):
        assert client.get(path).status == 404
    assert client.get(f"/api/search?add=picture:{name}").status == 404
    assert client.get(f"/api/search?folder={quote(str(elsewhere.folder))}").status == 404
    assert client.get(f"/api/copies?folder={quote(str(elsewhere.folder))}").status == 404
    state = {"state": f"folder={quote(str(elsewhere.folder))}"}
    assert client.post("/api/copies/find", state).status == 404
    assert client.post("/api/paths", {"ids": [name]}).json() == {"text": ""}
    before = tables(album)
    client.post("/api/hide", {"ids": [name]})
    assert tables(album) == before


def test_a_link_that_leaves_is_not_followed(album: Album, tmp_path: Path) -> None:
    links = beside(album, "links")
    with links.serving("--no-index") as served:
        client = RawClient(served.address).sign_in()
        deep, one = id_of(client, "three.jpg"), id_of(client, "one.png")
        shutil.move(links.folder / "deep", tmp_path / "moved")
        (links.folder / "deep").symlink_to(tmp_path / "moved")
        shutil.move(links.folder / "one.png", tmp_path / "moved" / "one.png")
        (links.folder / "one.png").symlink_to(tmp_path / "moved" / "one.png")
        assert [client.get(f"/original/{name}").status for name in (deep, one)] == [404, 404]
        # The content is the same: what is refused is the way that leads to it.
        os.unlink(links.folder / "deep")
        shutil.move(tmp_path / "moved", links.folder / "deep")
        assert client.get(f"/original/{deep}").status == 200


def test_a_file_replaced_by_a_link_while_it_is_asked_for_gives_the_picture_or_nothing(
    album: Album, tmp_path: Path
) -> None:
    swapped = beside(album, "swapped")
    picture, spare = swapped.folder / "one.png", swapped.folder / "spare"
    content, secret = picture.read_bytes(), tmp_path / "secret"
    secret.write_bytes(b"s" * len(content))
    spare.symlink_to(secret)
    is_over = threading.Event()

    def swap() -> None:
        third = swapped.folder / "third"
        while not is_over.is_set():
            picture.rename(third)
            spare.rename(picture)
            third.rename(spare)

    with swapped.serving("--no-index") as served:
        client = RawClient(served.address).sign_in()
        name = id_of(client, "one.png")
        swapping = threading.Thread(target=swap)
        swapping.start()
        try:
            found = [client.get(f"/original/{name}") for _ in range(150)]
        finally:
            is_over.set()
            swapping.join()
    assert {answer.status for answer in found} == {200, 404}
    assert all(answer.body == content for answer in found if answer.status == 200)


def test_a_file_that_was_changed_or_is_a_pipe_is_not_served(album: Album) -> None:
    changed = beside(album, "changed")
    with changed.serving("--no-index") as served:
        client = RawClient(served.address).sign_in()
        one, two = id_of(client, "one.png"), id_of(client, "two.png")
        with (changed.folder / "one.png").open("ab") as file:
            file.write(b"more")
        os.unlink(changed.folder / "two.png")
        os.mkfifo(changed.folder / "two.png")
        assert [client.get(f"/original/{name}").status for name in (one, two)] == [404, 404]
        assert client.get("/api/progress").status == 200


def test_a_reader_that_does_not_read_is_cut_off(client: RawClient, album: Album) -> None:
    name, size = id_of(client, BIG), (album.folder / BIG).stat().st_size
    with client.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.sendall(client.head("GET", f"/original/{name}"))
        time.sleep(6)
        assert len(read_to_end(connection)) < size
    part = client.get(f"/original/{name}", Range=f"bytes={size - 5}-")
    assert (part.status, part.body) == (206, b"\0" * 5)


def test_a_slow_reader_that_reads_gets_all_of_it(client: RawClient, album: Album) -> None:
    name = id_of(client, BIG)
    with client.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.sendall(client.head("GET", f"/original/{name}"))
        received, began = bytearray(), time.monotonic()
        while time.monotonic() - began < 4:
            received += connection.recv(1 << 17)
            time.sleep(0.1)
        received += read_to_end(connection)
    (answer,) = answers(bytes(received))
    assert answer.body == (album.folder / BIG).read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_while_a_download_runs(album: Album, number: signal.Signals) -> None:
    with album.serving("--no-index") as served:
        client = RawClient(served.address).sign_in()
        name = id_of(client, BIG)
        with client.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            connection.sendall(client.head("GET", f"/original/{name}"))
            assert connection.recv(1000)
            began = time.monotonic()
            served.process.send_signal(number)
            assert served.process.wait(timeout=30) == 128 + number
            assert time.monotonic() - began < 5
            assert len(read_to_end(connection)) < BIG_BYTES


def _gets(name: str) -> list[str]:
    return [
        "/",
        "/?q=red+car&hidden=1",
        "/static/window.js",
        "/api/search",
        "/api/search?q=something+never+asked+before",
        f"/api/search?q=red&add=2:picture:{name}&subtract=blue&hidden=1",
        f"/api/search?add=picture:{name}&start=2&count=3",
        f"/api/picture/{name}",
        "/api/folders",
        "/api/progress",
        "/api/copies",
        f"/thumbnail/{name}?size=256",
        f"/thumbnail/{name}?size=1024",
        f"/original/{name}",
        f"/original/{name}?download=1",
    ]


def test_looking_changes_nothing_in_the_index(client: RawClient, album: Album) -> None:
    before = tables(album)
    assert {"files", "contents", "embeddings", "hidden", "texts"} <= before.keys()
    for path in _gets(id_of(client, "one.png")):
        assert client.get(path).status == 200, path
    after = tables(album)
    assert after.pop("texts")
    assert before.pop("texts")
    assert after == before


def test_a_post_changes_the_hidden_pictures_and_saved_searches_alone(
    client: RawClient, album: Album
) -> None:
    name, before = id_of(client, "one.png"), tables(album)
    picture = {"Content_Type": "image/png"}
    pasted = client.post("/api/pasted", (album.folder / "two.png").read_bytes(), **picture)
    assert client.get(f"/pasted/{pasted.json()['id']}").status == 200
    assert client.get(f"/api/search?add=pasted:{pasted.json()['id']}").status == 200
    for path in ("/api/paths", "/api/list"):
        assert client.post(path, {"ids": [name]}).status == 200
    assert client.post("/api/sheet", {"ids": [name], "state": "q=red"}).status == 200
    assert client.post("/api/copies/find", {"state": ""}).status == 200
    while client.get("/api/copies").json()["running"]:
        time.sleep(0.1)
    assert client.get("/api/copies").json()["found"]["total"] >= 0
    assert client.post("/api/copies/stop", {}).status == 200
    assert tables(album) == before
    assert client.post("/api/hide", {"ids": [name]}).status == 200
    changed = {table for table, digest in tables(album).items() if digest != before[table]}
    assert changed == {"hidden"}
    assert client.post("/api/unhide", {"ids": [name]}).status == 200
    assert client.post("/api/saved", {"name": "mine", "state": "q=red"}).status == 200
    changed = {table for table, digest in tables(album).items() if digest != before[table]}
    assert changed == {"saved"}
    assert client.get("/api/saved").json()["searches"][0]["address"] == "q=red"
    assert client.post("/api/saved/remove", {"name": "mine"}).json() == {"removed": True}
    assert tables(album) == before


ODD_BODIES: tuple[Any, ...] = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"ids": null}',
    b'{"ids": "a"}',
    b'{"ids": [1]}',
    b'{"ids": ["..", "/etc/passwd", "\\u0000", ""]}',
    json.dumps({"ids": ["0" * 64] * 10_001}).encode(),
    b"[" * 500_000,
    b'{"ids": [], "ids": [[]]}',
    b"\xff\xfe",
    b"NaN",
    b'{"state": 5, "ids": []}',
    b'{"state": "q=\\ud800&folder=%00", "ids": []}',
    b'{"state": "q=red", "name": "\\ud800"}',
    b'{"state": "q=red", "name": ["a"]}',
    b'{"state": "on=2018", "name": "mine"}',
    b'{"state": "add=picture:' + b"0" * 64 + b'", "name": "mine"}',
)


@pytest.mark.parametrize(
    "path",
    [
        *("/api/paths", "/api/list", "/api/sheet", "/api/hide"),
        *("/api/saved", "/api/saved/remove", "/api/copies/find", "/api/copies/stop"),
    ],
)
def test_odd_bodies_are_answered_or_refused_in_a_sentence(
    client: RawClient, album: Album, path: str
) -> None:
    before = tables(album)
    for body in ODD_BODIES:
        answer = client.post(path, body)
        assert answer.status < 500, body[:50]
        assert answer.status == 200 or answer.json()["error"]
    assert tables(album) == before


ODD_QUERIES = (
    "q=",
    "q=%FF%FE",
    "q=%00",
    "q=" + "a" * 15_000,
    "q=-",
    "q=../../etc/passwd",
    "q=/etc/passwd",
    "q=http://127.0.0.1:1/a.jpg",
    "q=file:///etc/passwd",
    "add=picture:../../etc/passwd",
    "add=picture:",
    "add=nan:cat",
    "add=inf:cat",
    "add=1e400:cat",
    "add=-5:cat",
    "subtract=cat",
    "q=cat&subtract=cat",
    "folder=%2F",
    "folder=..",
    "folder=%00",
    "folder=relative",
    "start=-1",
    "start=x",
    "start=99999999999999999999999",
    "count=0",
    "count=-5",
    "count=999999999",
    "count=%D9%A1",
    "hidden=2",
    "&&&===",
    "add=cat&" * 200,
    "q=cat&q=dog",
    "%",
)


@pytest.mark.parametrize("query", ODD_QUERIES)
def test_odd_addresses_are_answered_or_refused_in_a_sentence(client: RawClient, query: str) -> None:
    for path in ("/api/search", "/api/copies"):
        answer = client.get(f"{path}?{query}")
        assert answer.status in (200, 400, 404)
        assert answer.status == 200 or answer.json()["error"]
        assert b"root:" not in answer.body


def test_many_answers_at_once_hold_nobody_up(client: RawClient) -> None:
    name = id_of(client, "one.png")
    head = client.head("GET", f"/original/{name}", {"Connection": "keep-alive"})
    last = client.head("GET", f"/original/{name}")
    connections = [client.connect() for _ in range(20)]
    for connection in connections:
        connection.sendall(head * 20 + last)
    began = time.monotonic()
    assert client.get("/api/progress").status == 200
    assert time.monotonic() - began < 5
    for connection in connections:
        with connection:
            assert [each.status for each in answers(read_to_end(connection))] == [200] * 21


@needs_filter
def test_a_run_that_finds_no_locks_says_why_on_the_page(album: Album) -> None:
    with album.serving(command=(*without_locks("ENOLCK", "flock", "record"), *COMMAND)) as served:
        client = RawClient(served.address).sign_in()
        deadline = time.monotonic() + 30
        while (progress := client.get("/api/progress").json())["running"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert "the file system has no locks" in progress["sentence"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_many_large_pictures_pasted_at_once_are_read_one_after_the_other(album: Album) -> None:
    number, size_bytes = 10, 40 << 20
    with album.serving("--no-index") as served:
        client = RawClient(served.address).sign_in()
        kind: dict[str, str | None] = {"Content-Type": "image/png"}
        before = _peak_bytes(served)
        with ThreadPoolExecutor(number) as threads:
            body = bytes(size_bytes)
            pasted = [
                threads.submit(client.request, "POST", "/api/pasted", kind, body)
                for _ in range(number)
            ]
            assert {each.result().status for each in pasted} == {400}
        assert _peak_bytes(served) - before < 6 * size_bytes


def _peak_bytes(served: Served) -> int:
    status = Path(f"/proc/{served.process.pid}/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) << 10
