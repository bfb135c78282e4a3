"""What the page's routes answer, from a real index, without a server."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from PIL import Image
from small_index import make_picture, make_pictures, settle, shared_model
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rclip_like.cli.command_line import command_line, quoted
from rclip_like.cli.remedies import said_on_page
from rclip_like.errors import Note, Remedy, UsageError
from rclip_like.library import Library
from rclip_like.page.app import make_app
from rclip_like.page.routes import routes
from rclip_like.page.safety import Access
from rclip_like.page.service import NotHere, Service, ServiceSettings
from rclip_like.query import Query
from rclip_like.settings import (
    EncoderSettings,
    IndexSettings,
    LibraryChoice,
    ReadSettings,
    SearchSettings,
    WalkSettings,
)
from rclip_like.store.lock import IndexLock
from rclip_like.walk import resolve_roots

ORIGIN = "http://127.0.0.1:8000"
NUM_CONTENTS = 15
NOWHERE = "0" * 64


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Return a folder with an album of 15 pictures, one of them four times, and its index."""
    folder = tmp_path_factory.mktemp("indexed").resolve()
    make_pictures(folder / "album" / "a", 12)
    (folder / "album" / "b").mkdir()
    for number in range(3):
        path = make_picture(folder / "album" / "b" / f"{number}.png", 100 + number)
        settle(path, 1_400_000_000 + number)
    for name in (b"copy.jpg", b"caf\xe9 <b>.jpg", b"tab\t'x'.jpg"):
        path = Path(os.fsdecode(os.fsencode(folder / "album" / "b") + b"/" + name))
        shutil.copyfile(folder / "album" / "a" / "0003.jpg", path)
        settle(path)
    with library_of(folder, tiny_model) as library:
        library.index([folder / "album"])
    return folder


def library_of(folder: Path, tiny_model: Path) -> Library:
    model = shared_model(tiny_model, EncoderSettings(precision="fp32"))
    return Library(folder / "index.db", model=model, read=ReadSettings(workers=1))


@pytest.fixture
def album(indexed: Path) -> Path:
    return indexed / "album"


@pytest.fixture
def library(indexed: Path, tiny_model: Path, tmp_path: Path) -> Iterator[Library]:
    for path in indexed.glob("index.db*"):  # with its log, if a connection is still open
        shutil.copy(path, tmp_path)
    with library_of(tmp_path, tiny_model) as library:
        yield library


Serving = Callable[..., Service]


@pytest.fixture
def serving(library: Library, album: Path) -> Iterator[Serving]:
    """Return a maker of services, of the album or of other folders."""
    services = []

    def make(*folders: Path, **settings: Any) -> Service:
        roots = resolve_roots([os.fsencode(folder) for folder in folders or (album,)])
        services.append(Service(library, roots, ServiceSettings(**settings)))
        return services[-1]

    yield make
    for service in services:
        service.stop()


@pytest.fixture
def service(serving: Serving) -> Service:
    return serving()


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with client_of(service) as client:
        yield client


@contextmanager
def client_of(service: Service) -> Iterator[TestClient]:
    """Give a client that has the cookie."""
    access = Access(8000, ("127.0.0.1",))
    with TestClient(make_app(service, access), ORIGIN, headers={"Origin": ORIGIN}) as client:
        assert client.get(f"/?token={access.token}").status_code == 200
        yield client


def found(service: Service, query: str = "") -> Any:
    return service.search(query.encode())


def ids(service: Service, query: str = "") -> list[str]:
    return [item["id"] for item in found(service, query)["items"]]


def copied(service: Service) -> str:
    """Return the picture that is there four times."""
    (name,) = [item["id"] for item in found(service)["items"] if item["copies"]]
    return str(name)


def test_a_page_is_what_a_search_finds(service: Service, library: Library, album: Path) -> None:
    settings = SearchSettings(top=5, collapse=True)
    expected = library.search(Query("red", ["blue"]), [album], settings, update=False).matches
    page = found(service, "q=red&add=blue&count=5")
    shown = [(item["path"], item["score"], item["rank"]) for item in page["items"]]
    assert shown == [(each.path, round(each.score, 4), each.rank) for each in expected]
    assert (page["start"], page["next"], page["total"]) == (0, 5, NUM_CONTENTS)
    rest = found(service, "q=red&add=blue&start=5")
    assert len(rest["items"]) == NUM_CONTENTS - 5
    assert rest["next"] is None


def test_without_terms_the_newest_come_first(service: Service) -> None:
    page = found(service)
    dates = [item["taken_at"] for item in page["items"]]
    assert dates == sorted(dates, reverse=True)
    assert (page["total"], page["next"], page["command"]) == (NUM_CONTENTS, None, "")
    assert {item["score"] for item in page["items"]} == {None}


def test_copies_are_one_card_and_odd_names_are_shown_as_text(service: Service) -> None:
    items = found(service, "q=red")["items"]
    assert len({item["id"] for item in items}) == len(items) == NUM_CONTENTS
    (odd,) = [item for item in items if item["copies"]]
    assert odd["copies"] == 3
    facts: Any = service.picture(odd["id"])
    names = [os.path.basename(path) for path in facts["paths"]]
    assert names == ["0003.jpg", "caf\ufffd <b>.jpg", "copy.jpg", "tab\ufffd'x'.jpg"]


REFUSED = {
    "q=0:red": "The weights of the query are all zero; change one.",
    "q=red&subtract=red": "The terms of the query cancel out; change a term or its weight.",
    "q=red&count=-1": "Start and count are whole numbers.",
    "q=" + "x" * 20_000: "The search is too long.",
    f"add=picture:{NOWHERE}": "This picture is not here: its file is gone, has changed, or is not "
    "served.",
    f"add=pasted:{NOWHERE}": "The pasted picture is not kept any more; paste it again.",
    f"add={'9' * 400}:picture:{NOWHERE}": "The weight of a picture is too large.",
    "folder=/etc": "This folder is not among those that are shown here.",
}


@pytest.mark.parametrize("query", REFUSED)
def test_what_cannot_be_asked_is_refused_in_a_sentence(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/search?{query}")
    assert 400 <= answer.status_code < 500
    assert answer.json() == {"error": REFUSED[query]}


@pytest.mark.parametrize("words", ["/etc/passwd", "https://example.org/x.jpg", "./x.jpg", "~"])
def test_words_are_never_read_as_a_path(service: Service, words: str) -> None:
    for name in ("q", "add"):
        assert len(found(service, f"{name}={words}")["items"]) == NUM_CONTENTS


def test_a_name_finds_what_it_stands_for_at_the_time(service: Service, library: Library) -> None:
    with pytest.raises(UsageError, match="there is no name @it, as this index has no names yet"):
        found(service, "q=@it")
    for item in found(service)["items"][:2]:
        library.name("it", item["path"], replace=True)
        assert found(service, "q=@it")["items"][0]["id"] == item["id"]


def test_a_picture_that_is_not_served_is_not_answered(serving: Serving, album: Path) -> None:
    everywhere, service = serving(), serving(album / "b")
    outside = sorted({*ids(everywhere)} - {*ids(service)})
    assert len(outside) == 11
    for name in (outside[0], NOWHERE, "..", ids(service)[0].upper(), "x" * 64):
        for answer in (service.picture, service.files, service.pasted_thumbnail):
            with pytest.raises(NotHere):
                answer(name)
        with pytest.raises(NotHere):
            service.thumbnail(name, 256)
        with pytest.raises(NotHere):
            found(service, f"add=picture:{outside[0]}")
    assert service.paths(outside) == []


COMMANDS = (
    "q=red&add=2:blue%20sky&subtract=0.5:it's",
    "q=-red",
    "q=photo.jpg",
    "subtract=red",
    "add=red&hidden=1",
    "add=picture:{0}&subtract=2:picture:{1}&add=0.5:photo.jpg",
    "q=red&add=picture:{copied}&folder={b}",
    "q=@it%20on%20grass&subtract=0.5:@it",
    "q=@it&add=photo.jpg",
)


@pytest.mark.parametrize("query", COMMANDS)
def test_the_command_line_finds_the_same(
    serving: Serving, library: Library, album: Path, query: str, tiny_model: Path, tmp_path: Path
) -> None:
    settings = SearchSettings(walk=WalkSettings(exclude=("*7.jpg",)), template="photo")
    choice = LibraryChoice(str(tiny_model), None, Path(library.database))
    service = serving(
        searching=settings, spell=lambda asked: command_line(asked, choice, settings, updates=False)
    )
    names = ids(service)
    library.name("it", [album / "a" / "0001.jpg", album / "a" / "0002.jpg"])
    if "hidden" in query:
        service.hide(names[:2])
    query = query.format(*names, copied=copied(service), b=album / "b")
    page = found(service, f"{query}&count=9")
    program = f"{sys.executable} -m rclip_like search --files -0"
    words = page["command"].replace("clipfind search", program, 1)
    done = subprocess.run(["bash", "-c", words], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    paths = [path.decode("utf-8", "replace") for path in done.stdout.split(b"\0")[:-1]]
    shown = [item["path"] for item in page["items"]]
    assert [path.replace("\t", "\ufffd") for path in paths] == shown
    assert len(shown) > 2


def test_what_no_command_can_say_has_none(serving: Serving) -> None:
    service = serving(
        spell=lambda asked: command_line(asked, LibraryChoice(), SearchSettings(), updates=True)
    )
    name = ids(service)[0]
    assert found(service, f"q=/etc/passwd&add=picture:{name}")["command"] == ""
    assert found(service, "q=/etc/passwd")["command"].startswith("clipfind search ")
    assert found(service)["command"] == ""


@pytest.mark.parametrize("text", ["plain", "it's", "caf\udce9", "new\nline", "\\x41", "\xe9 $x"])
def test_a_shell_reads_a_word_back(text: str) -> None:
    word = quoted(os.fsencode(text))
    done = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert done.stdout == os.fsencode(text)


def test_a_pasted_picture_is_a_term(client: TestClient, album: Path) -> None:
    kind = {"Content-Type": "application/octet-stream"}
    content = (album / "a" / "0005.jpg").read_bytes()
    name = client.post("/api/pasted", content=content, headers=kind).json()["id"]
    items = client.get(f"/api/search?add=pasted:{name}").json()["items"]
    assert (items[0]["id"], items[0]["name"]) == (name, "0005.jpg")
    with Image.open(BytesIO(client.get(f"/pasted/{name}").content)) as image:
        assert (image.format, image.size) == ("WEBP", (40, 48))
    refused = client.post("/api/pasted", content=b"no picture", headers=kind)
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("This file cannot be searched with: ")
    refused = client.post("/api/pasted", content=content[:-700], headers=kind)
    assert refused.json()["error"] == "This file is cut short, so it cannot be searched with."


def test_the_command_line_has_a_place_for_a_pasted_picture(serving: Serving, album: Path) -> None:
    service = serving(
        spell=lambda asked: command_line(asked, LibraryChoice(), SearchSettings(), updates=True)
    )
    name = service.paste((album / "a" / "0005.jpg").read_bytes())
    page = found(service, f"q=red&subtract=2:pasted:{name}")
    assert "--subtract=2:./PASTED.jpg red" in page["command"]
    assert page["command_note"] == "./PASTED.jpg stands for your picture: put its path there."
    assert page["notes"] == []
    assert found(service, "q=red")["command_note"] == ""


def test_a_missing_thumbnail_has_its_reason_in_the_words_of_the_page(serving: Serving) -> None:
    service = serving(read=ReadSettings(max_megapixels=0.000_1), cache_bytes=0, say=said_on_page)
    with client_of(service) as client:
        answer = client.get(f"/thumbnail/{ids(service)[0]}")
    assert answer.status_code == 404
    assert answer.json()["error"].endswith(
        "a larger limit can be set where clipfind serve is started."
    )


@pytest.mark.parametrize("query", ["q=@nope", "q=@nope+at+sea", "q=red&subtract=@nope"])
def test_an_unknown_name_is_refused_in_the_words_of_the_page(serving: Serving, query: str) -> None:
    with client_of(serving(say=said_on_page)) as client:
        answer = client.get(f"/api/search?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"] == (
        "There is no name @nope, as this index has no names yet; without the @ it is searched as a "
        "word."
    )


@pytest.mark.parametrize("remedy", Remedy)
def test_no_option_is_named_on_the_page(remedy: Remedy) -> None:
    for error in (UsageError("it is so", (remedy, "this")), Note("it is so", (remedy, "this"))):
        assert "--" not in said_on_page(error)
        assert said_on_page(error).startswith("it is so")


def test_thumbnails_and_lists_of_a_selection(client: TestClient, service: Service) -> None:
    names = ids(service)
    thumbnail = client.get(f"/thumbnail/{names[0]}?size=1024")
    assert thumbnail.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert client.get(f"/thumbnail/{names[0]}?size=9").status_code == 400
    for second in ("", "x", "-1", "1e9", "nan", "1234567"):
        answer = client.get(f"/thumbnail/{names[0]}?size=256&second={second}")
        assert (answer.status_code, "seconds" in answer.json()["error"]) == (400, True)
    selected = [names[2], copied(service), names[0]]
    assert names[2] != selected[1] != names[0]
    body: dict[str, object] = {"ids": [*selected, NOWHERE]}
    lines = client.post("/api/list", json=body).content.splitlines()
    assert lines == service.paths(selected)
    assert len(lines) == 3
    text = client.post("/api/paths", json=body).json()["text"]
    assert text == b"\n".join(lines).decode("utf-8", "replace")
    sheet = client.post("/api/sheet", json=body | {"state": "q=red%20car&subtract=2:blue"})
    assert sheet.headers["content-disposition"] == 'attachment; filename="clipfind.html"'
    assert sheet.text.count("<img") == 3
    assert "<h1>3 pictures selected from: red car \N{MINUS SIGN} 2:blue</h1>" in sheet.text
    assert ">nan<" not in sheet.text


def test_a_sheet_of_a_selection_says_what_was_searched(serving: Serving) -> None:
    service = serving(
        spell=lambda asked: command_line(asked, LibraryChoice(), SearchSettings(), updates=True)
    )
    one = ids(service)[:1]
    sheet = "".join(service.sheet(one, b"q=red%20car&subtract=2:blue&folder=/a%ff"))
    assert "<dt>folder</dt><dd>/a\ufffd</dd>" in sheet
    assert "<h1>1 picture selected from: red car" in sheet
    assert "<dt>command</dt>" not in sheet  # it would find other pictures
    gone = "".join(service.sheet(one, f"add=pasted:{NOWHERE}".encode()))
    assert gone.count("<img") == 1
    assert "<dt>command</dt>" not in gone


def test_hidden_pictures_are_gone_until_they_are_asked_for(
    client: TestClient, service: Service
) -> None:
    names = ids(service, "q=red")
    assert client.post("/api/hide", json={"ids": names[:2]}).json() == {"changed": 2}
    assert ids(service, "q=red") == names[2:]
    assert ids(service, "q=red&hidden=1") == names
    assert sorted(ids(service, "hidden=1")) == sorted(names)
    assert client.post("/api/unhide", json={"ids": names[:1]}).json() == {"changed": 1}
    assert ids(service, "q=red") == [names[0], *names[2:]]


@pytest.mark.parametrize("body", ["", "[]", '{"ids": "x"}', '{"ids": [1]}', '{"ids": []'])
def test_what_is_not_a_list_of_pictures_is_refused(client: TestClient, body: str) -> None:
    answer = client.post("/api/hide", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_folders_are_addresses_that_a_search_takes(client: TestClient, album: Path) -> None:
    folders = client.get("/api/folders").json()
    assert [(each["name"], each["count"], each["depth"]) for each in folders] == [
        (str(album), 18, 0),
        ("a", 12, 1),
        ("b", 6, 1),
    ]
    page = client.get(f"/api/search?folder={folders[2]['address']}").json()
    assert page["total"] == 4


def test_a_run_in_the_background_tells_how_far_it_is(
    serving: Serving, library: Library, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "new", 3)
    os.unlink(library.database)
    service = serving(tmp_path / "new", indexing=IndexSettings())
    assert found(service)["notes"] == ["Nothing is indexed for this model yet."]
    service.start()
    assert found(service)["notes"] == [
        "Nothing is indexed yet; pictures appear as they are indexed."
    ]
    sentences = []
    deadline = time.monotonic() + 60
    while (progress := service.progress())["running"]:
        assert time.monotonic() < deadline
        sentences.append(progress["sentence"])
        time.sleep(0.05)
    assert sentences
    assert all(sentences)
    assert progress | {"running": False, "done": 3, "total": 3, "sentence": ""} == progress
    assert len(ids(service, "q=red")) == 3


def test_a_run_in_the_background_ends_with_the_service(serving: Serving, tmp_path: Path) -> None:
    make_pictures(tmp_path / "new", 40)
    service = serving(tmp_path / "new", indexing=IndexSettings())
    service.start()
    time.sleep(0.3)
    began = time.monotonic()
    service.stop()
    assert time.monotonic() - began < 5
    assert not service.progress()["running"]


def test_a_run_that_fails_says_why(serving: Serving, tmp_path: Path) -> None:
    make_pictures(tmp_path / "new", 1)
    service = serving(tmp_path / "new", indexing=IndexSettings(), say=said_on_page)
    shutil.rmtree(tmp_path / "new")
    service.start()
    deadline = time.monotonic() + 60
    while (progress := service.progress())["running"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert progress["sentence"] == (
        f"The index could not be brought up to date: {tmp_path}/new: no such folder or file; is it "
        "spelled right?"
    )


def test_a_run_that_is_killed_says_so(serving: Serving, tmp_path: Path) -> None:
    make_pictures(tmp_path / "new", 1)
    service = serving(tmp_path / "new", indexing=IndexSettings())
    service.start()
    assert service._run._worker is not None
    os.kill(service._run._worker.pid, signal.SIGKILL)
    while service._run.is_running():
        time.sleep(0.01)
    assert service.progress()["sentence"] == (
        "The index could not be brought up to date: the run ended by itself."
    )


def test_a_picture_with_an_endless_longitude_is_shown_without_it(
    service: Service, library: Library, client: TestClient
) -> None:
    with closing(sqlite3.connect(library.database)) as connection, connection:
        connection.execute("UPDATE contents SET latitude = 10, longitude = 9e999")
    answer = client.get(f"/api/picture/{ids(service)[0]}")
    assert answer.status_code == 200
    assert answer.json()["longitude"] is None


def test_another_process_that_indexes_is_seen(service: Service, library: Library) -> None:
    assert not service.progress()["running"]
    with IndexLock(Path(library.database)).held(wait=False):
        progress = service.progress()
    assert (progress["running"], progress["total"]) == (True, None)
    assert progress["sentence"] == "Another run is indexing: 18 pictures so far."


class SlowService(Service):
    """Holds its first search until it is let go, and notes what it was asked for."""

    def hold(self) -> None:
        self.asked: list[bytes] = []
        self.is_begun, self.may_go_on = Event(), Event()

    def search(self, query: bytes) -> dict[str, object]:
        self.asked.append(query)
        self.is_begun.set()
        self.may_go_on.wait(10)
        return super().search(query)


async def ask(app: Any, query: bytes, is_gone: asyncio.Event) -> int:
    """Ask for a search until the client is gone; return the status."""
    statuses = []

    async def receive() -> dict[str, object]:
        await is_gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        statuses.append(message.get("status"))

    scope = {"type": "http", "method": "GET", "path": "/api/search", "query_string": query}
    await app(scope | {"headers": [], "root_path": ""}, receive, send)
    return int(statuses[0])


def test_a_search_that_nobody_waits_for_any_more_is_not_begun(
    library: Library, album: Path
) -> None:
    service = SlowService(library, resolve_roots([os.fsencode(album)]), ServiceSettings())
    service.hold()

    async def type_on() -> list[int]:
        app, here, gone = Starlette(routes=routes(service)), asyncio.Event(), asyncio.Event()
        queries = [(b"q=r", here), (b"q=re", gone), (b"q=red", here)]
        asked = [asyncio.create_task(ask(app, *each)) for each in queries]
        await asyncio.to_thread(service.is_begun.wait, 10)
        gone.set()
        await asked[1]
        service.may_go_on.set()
        return [await each for each in asked]

    assert asyncio.run(type_on()) == [200, 499, 200]
    assert service.asked == [b"q=r", b"q=red"]
    service.stop()


def test_too_many_searches_are_refused(library: Library, album: Path) -> None:
    service = SlowService(library, resolve_roots([os.fsencode(album)]), ServiceSettings())
    service.hold()

    async def ask_often() -> list[int]:
        app, here = Starlette(routes=routes(service)), asyncio.Event()
        asked = [asyncio.create_task(ask(app, b"q=red", here)) for _ in range(40)]
        await asyncio.to_thread(service.is_begun.wait, 10)
        service.may_go_on.set()
        return [await each for each in asked]

    statuses = asyncio.run(ask_often())
    assert (statuses.count(200), statuses.count(503)) == (32, 8)
    service.stop()


STARTS_A_RUN = """
import sys, time
from pathlib import Path
from rclip_like.library import Library
from rclip_like.page.indexing import BackgroundRun
from rclip_like.settings import IndexSettings
from rclip_like.walk import resolve_roots

library = Library(sys.argv[1], model=sys.argv[2])
run = BackgroundRun(library, resolve_roots([sys.argv[3].encode()]), str)
run.start(IndexSettings())
print(run._worker.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_run_in_the_background_ends_when_the_server_is_killed(
    tmp_path: Path, tiny_model: Path
) -> None:
    make_pictures(tmp_path / "new", 400)
    words = [STARTS_A_RUN, tmp_path / "index.db", tiny_model, tmp_path / "new"]
    with subprocess.Popen([sys.executable, "-c", *words], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        run = Path("/proc", server.stdout.readline().decode().strip())
        deadline = time.monotonic() + 30
        while not (tmp_path / "index.db").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        server.kill()
    with suppress(OSError):  # of the file of a process that is gone
        while (run / "stat").read_text().split()[2] != "Z":
            assert time.monotonic() < deadline
            time.sleep(0.01)
    with Library(tmp_path / "index.db", model=str(tiny_model)) as library:
        assert library.num_pictures() < 400


def test_only_where_all_that_is_asked_for_is_away_that_is_said_in_text(
    library: Library, serving: Serving, tmp_path: Path
) -> None:
    there, away = tmp_path / "there", Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    for folder in (there, away):
        make_pictures(folder, 1)
        library.index([folder])
    service = serving(there, away)
    away.rename(tmp_path / "unplugged")
    query = b"q=x&folder=" + quote_from_bytes(os.fsencode(away)).encode()
    said = str(service.search(query)["missing"])
    assert said.endswith("is the disk mounted?")
    assert "/caf\N{REPLACEMENT CHARACTER}: not there now" in said
    assert service.search(b"camera=none")["missing"] == ""
