"""Who is answered: tokens and cookies, hosts, origins, methods, sizes, and what all answers say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from rclip_like.page import safety
from rclip_like.page.safety import HEADERS, Access, Safety, own_names
from rclip_like.page.sessions import SessionFile

PORT = 8417
BASE = f"http://127.0.0.1:{PORT}"
OWN = {"Origin": BASE, "Content-Type": "application/json"}
PICTURE = {"Origin": BASE, "Content-Type": "application/octet-stream"}


async def _length(request: Request) -> Response:
    return JSONResponse(len(await request.body()))


def _fail(request: Request) -> Response:
    raise ZeroDivisionError


@pytest.fixture
def access() -> Access:
    return Access(PORT, own_names("127.0.0.1"), user=1000)


@pytest.fixture
def faults() -> list[Exception]:
    return []


@pytest.fixture
def stranger(access: Access, faults: list[Exception]) -> Iterator[TestClient]:
    """Give a client that has no cookie."""
    app = Starlette(
        routes=[
            Route("/", lambda _: PlainTextResponse("the window")),
            Route("/kept", lambda _: Response(headers={"Cache-Control": "private"})),
            Route("/api/length", _length, methods=["POST"]),
            Route("/api/pasted", _length, methods=["POST"]),
            Route("/api/fault", _fail),
        ]
    )
    with TestClient(
        Safety(app, access, faults.append),
        base_url=BASE,
        follow_redirects=False,
        raise_server_exceptions=False,
    ) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient, access: Access) -> TestClient:
    """Return a client that has opened the address with the token."""
    assert stranger.get(f"/?token={access.token}").status_code == 303
    return stranger


def _refused(response: Response, status: int = 403) -> bool:
    error = response.json()["error"]
    return response.status_code == status and error.endswith(".") and len(error) < 200


def test_the_token_becomes_a_cookie_and_leaves_the_address(
    stranger: TestClient, access: Access
) -> None:
    answer = stranger.get(f"/?q=red+car&token={access.token}&subtract=2%3Asnow")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/?q=red+car&subtract=2%3Asnow",
    )
    attributes = answer.headers["set-cookie"].split("; ")
    assert attributes[0].startswith(f"clipfind_{PORT}=")
    assert access.token not in attributes[0]
    assert set(attributes[1:]) == {"Path=/", "HttpOnly", "SameSite=Strict"}
    assert stranger.get("/").text == "the window"


def test_a_state_keeps_the_bytes_of_a_folder(stranger: TestClient, access: Access) -> None:
    answer = stranger.get(f"/?folder=%2Fa%FFb&token={access.token}")
    assert answer.headers["location"] == "/?folder=%2Fa%FFb"


@pytest.mark.parametrize("token", ["", "x", "%FF%00", "%F0%9F%90%88"])
def test_a_wrong_token_opens_nothing(stranger: TestClient, token: str) -> None:
    answer = stranger.get(f"/?token={token}")
    assert _refused(answer)
    assert "set-cookie" not in answer.headers


def test_nothing_is_answered_without_the_cookie(stranger: TestClient) -> None:
    for path in ("/", "/kept", "/api/fault", "/static/window.js", "/original/00"):
        assert _refused(stranger.get(path))
    assert _refused(stranger.post("/api/length", headers=OWN))


def test_somebody_who_opens_an_address_gets_a_page_that_says_how(stranger: TestClient) -> None:
    answer = stranger.get("/", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "the address that clipfind serve printed last" in answer.text


def test_the_token_in_another_path_opens_nothing(stranger: TestClient, access: Access) -> None:
    assert _refused(stranger.get(f"/kept?token={access.token}"))


def test_an_old_address_with_a_token_opens_the_page_for_who_has_the_cookie(
    client: TestClient,
) -> None:
    answer = client.get("/?q=a&token=old")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=a")
    assert "set-cookie" not in answer.headers


def test_the_first_token_opens_once(stranger: TestClient, access: Access) -> None:
    first = access.first_token()
    assert stranger.get(f"/?token={first}").status_code == 303
    stranger.cookies.clear()
    assert _refused(stranger.get(f"/?token={first}"))


def test_the_first_token_opens_nothing_for_another_user(access: Access) -> None:
    first = access.first_token()
    assert access.admit(first, lambda: 1001) is None
    assert access.admit(first, lambda: 1000) is not None


def test_a_cookie_is_worth_nothing_to_another_user(access: Access) -> None:
    session = access.admit(access.token, lambda: 1000)
    assert access.knows(f"other=1; clipfind_{PORT}={session}", lambda: 1000)
    assert not access.knows(f"clipfind_{PORT}={session}", lambda: 1001)
    assert not access.knows(f"clipfind_{PORT + 1}={session}", lambda: 1000)


def test_a_cookie_stays_good_beside_a_planted_one(access: Access) -> None:
    session = access.admit(access.token, lambda: None)
    assert access.knows(f"clipfind_{PORT}=planted; clipfind_{PORT}={session}", lambda: None)


def _kept_access(folder: Path, port: int = PORT, index: str = "index.db") -> Access:
    kept = SessionFile(folder / "browsers.json", index, port)
    return Access(port, own_names("127.0.0.1"), user=1000, kept=kept)


def _opens(access: Access, session: str | None, user: int | None = 1000) -> bool:
    return access.knows(f"{access.cookie}={session}", lambda: user)


def test_a_cookie_of_the_user_lasts_over_a_restart_for_the_same_index_and_port(
    tmp_path: Path,
) -> None:
    access = _kept_access(tmp_path)
    session = access.admit(access.first_token(), lambda: 1000)
    assert session is not None
    assert "Max-Age=2592000" in access.attributes(session)
    assert session not in (tmp_path / "browsers.json").read_text()
    assert _opens(_kept_access(tmp_path), session)
    assert not _opens(_kept_access(tmp_path), session, user=1001)
    assert not _opens(_kept_access(tmp_path), session, user=None)
    assert not _opens(_kept_access(tmp_path, PORT + 1), session)
    assert not _opens(_kept_access(tmp_path, index="other.db"), session)
    assert _kept_access(tmp_path).token != access.token


@pytest.mark.parametrize("user", [None, 1001])
def test_a_cookie_of_anybody_else_ends_with_the_server(tmp_path: Path, user: int | None) -> None:
    access = _kept_access(tmp_path)
    session = access.admit(access.token, lambda: user)
    assert session is not None
    assert "Max-Age" not in access.attributes(session)
    assert not _opens(_kept_access(tmp_path), session, user)


def test_a_cookie_for_the_printed_token_ends_with_the_server(tmp_path: Path) -> None:
    access = _kept_access(tmp_path)
    session = access.admit(access.token, lambda: 1000)  # as through a tunnel of ssh
    assert session is not None
    assert _opens(access, session)
    assert "Max-Age" not in access.attributes(session)
    assert not _opens(_kept_access(tmp_path), session)


def test_only_so_many_cookies_are_remembered(access: Access) -> None:
    first = access.admit(access.token, lambda: None)
    for _ in range(safety._MOST_SESSIONS):
        last = access.admit(access.token, lambda: None)
    assert not access.knows(f"clipfind_{PORT}={first}", lambda: None)
    assert access.knows(f"clipfind_{PORT}={last}", lambda: None)


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"LOCALHOST:{PORT}", f"[::1]:{PORT}"])
def test_the_server_answers_under_its_names(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


HOSTS = ("", "127.0.0.1", "127.0.0.1:80", "evil.example", f"evil.example:{PORT}", "[::1", "a:b:1")
MORE_HOSTS = (f"localhost.evil.example:{PORT}", f"127.0.0.1:{PORT}.evil.example", "localhost:²")


@pytest.mark.parametrize("host", [*HOSTS, *MORE_HOSTS, f"127.0.0.1:{PORT}, evil.example"])
def test_the_server_answers_under_no_other_name(client: TestClient, host: str) -> None:
    assert _refused(client.get("/", headers={"Host": host.encode("latin-1")}))


def test_the_address_that_a_connection_came_to_is_a_name(access: Access) -> None:
    assert access.is_own_host(f"192.168.1.5:{PORT}", "192.168.1.5")
    assert access.is_own_host(f"[2001:db8::5]:{PORT}", "2001:db8::5")
    assert not access.is_own_host(f"192.168.1.6:{PORT}", "192.168.1.5")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://127.0.0.1:{PORT}"},
        {"Origin": f"http://localhost:{PORT}"},
        {"Origin": f"{BASE}.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "odd"},
    ],
)
def test_other_pages_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    assert _refused(client.get("/", headers=headers))
    assert _refused(client.post("/api/length", headers={**OWN, **headers}))


def test_who_types_the_address_is_answered(client: TestClient) -> None:
    assert client.get("/", headers={"Sec-Fetch-Site": "none"}).status_code == 200


@pytest.mark.parametrize("headers", [{}, {**OWN, "Sec-Fetch-Site": "none"}])
def test_a_post_says_that_it_comes_from_the_page(
    client: TestClient, headers: dict[str, str]
) -> None:
    assert _refused(client.post("/api/length", content=b"{}", headers=headers))
    own = {**OWN, "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/length", content=b"{}", headers=own).json() == 2


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "GRAB"]
)
def test_other_methods_are_refused(client: TestClient, method: str) -> None:
    answer = client.request(method, "/")
    assert _refused(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("path", "kind", "is_taken"),
    [
        ("/api/length", "application/json; charset=utf-8", True),
        ("/api/length", "text/plain", False),
        ("/api/length", "application/x-www-form-urlencoded", False),
        ("/api/length", "", False),
        ("/api/length", "image/png", False),
        ("/api/pasted", "image/png", True),
        ("/api/pasted", "application/json", False),
        ("/api/pasted", "multipart/form-data; boundary=image/png", False),
    ],
)
def test_a_post_says_what_it_brings(
    client: TestClient, path: str, kind: str, is_taken: bool
) -> None:
    answer = client.post(path, content=b"{}", headers={"Origin": BASE, "Content-Type": kind})
    assert answer.json() == 2 if is_taken else _refused(answer, 415)


def test_a_request_with_two_lengths_is_refused(client: TestClient) -> None:
    headers = {**OWN, "Content-Length": "2", "Transfer-Encoding": "chunked"}
    assert _refused(client.post("/api/length", content=b"{}", headers=headers), 400)


def _in_pieces(length: int) -> Iterator[bytes]:
    for start in range(0, length, 100_000):
        yield b"x" * min(100_000, length - start)


@pytest.mark.parametrize("body", [lambda length: b"x" * length, _in_pieces])
def test_a_body_is_bounded_whether_its_length_is_said_or_not(
    client: TestClient,
    body: Callable[[int], bytes | Iterator[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(safety, "MOST_BYTES_PASTED", 2_000_000)
    most = safety.MOST_BYTES
    assert client.post("/api/length", content=body(most), headers=OWN).json() == most
    assert client.post("/api/length", content=body(most + 1), headers=OWN).status_code == 413
    assert client.post("/api/pasted", content=body(most + 1), headers=PICTURE).json() == most + 1
    assert client.post("/api/pasted", content=body(2_000_001), headers=PICTURE).status_code == 413


def test_every_answer_says_what_a_browser_may_do_with_it(
    client: TestClient, access: Access
) -> None:
    answers = [
        client.get("/"),
        client.get(f"/?token={access.token}"),
        client.get("/missing"),
        client.get("/api/fault"),
        client.get("/", headers={"Host": "evil.example"}),
        client.request("PUT", "/"),
        client.post("/api/length", content=b"x" * 1_000_001, headers=OWN),
    ]
    for answer in answers:
        assert [answer.headers[name.decode()] for name, _ in HEADERS] == [
            value.decode() for _, value in HEADERS
        ]
        assert answer.headers["cache-control"] == "no-store"
    assert client.get("/kept").headers["cache-control"] == "private"


def test_a_fault_is_told_and_costs_one_answer(client: TestClient, faults: list[Exception]) -> None:
    assert client.get("/api/fault").status_code == 500
    assert [type(fault) for fault in faults] == [ZeroDivisionError]
    assert client.get("/").status_code == 200
