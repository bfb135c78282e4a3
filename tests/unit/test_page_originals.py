"""Originals: the indexed file and no other, whole or in part, under a type that runs nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from blake3 import blake3
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rclip_like.filing.locations import Refused, digest
from rclip_like.page import originals
from rclip_like.page.originals import (
    disposition,
    media_type,
    open_original,
    original_route,
    requested_range,
)
from rclip_like.store import StoredFile
from rclip_like.values import PictureFacts

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 2000


def stored_as(path: Path) -> StoredFile:
    """Return the row of a file as it is now."""
    status = path.stat()
    return StoredFile(
        rowid=1,
        path=os.fsencode(path),
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        device=status.st_dev,
        inode=status.st_ino,
        changed_ns=status.st_ctime_ns,
        content_id=1,
        digest=blake3(path.read_bytes()).digest(),
        is_hidden=False,
        facts=PictureFacts(4, 3),
    )


@dataclass
class Shown:
    """What is shown: rows, and the folders that were named."""

    folder: Path
    rows: list[StoredFile] = field(default_factory=list)

    def files(self, digest: str) -> list[StoredFile]:
        return [row for row in self.rows if row.digest.hex() == digest]

    def folders(self) -> list[bytes]:
        return [os.fsencode(self.folder)]

    def add(self, name: str, content: bytes = JPEG) -> StoredFile:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.rows.append(stored_as(path))
        return self.rows[-1]


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    return Shown(Path(os.path.realpath(tmp_path)) / "album")


@pytest.fixture
def client(shown: Shown) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=[original_route(shown.files, shown.folders)])) as client:
        yield client


def content_of(row: StoredFile, *folders: bytes) -> bytes:
    descriptor = open_original(row, folders)
    with open(descriptor, "rb") as file:
        file.seek(0)
        return file.read()


def address_of(row: StoredFile) -> str:
    return f"/original/{row.digest.hex()}"


def test_an_original_comes_whole_with_its_name(client: TestClient, shown: Shown) -> None:
    row = shown.add("deep/er/holiday.jpg")
    answer = client.get(address_of(row))
    assert (answer.status_code, answer.content) == (200, JPEG)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"].startswith('inline; filename="holiday.jpg"')
    assert answer.headers["content-length"] == str(len(JPEG))
    head = client.head(address_of(row))
    assert (head.content, head.headers) == (b"", answer.headers)
    saved = client.get(address_of(row) + "?download=1")
    assert saved.headers["content-disposition"].startswith("attachment;")


SIZE = len(JPEG)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=10-19", range(10, 20)),
        ("bytes=300000-", range(300_000, SIZE)),
        ("bytes=-5", range(SIZE - 5, SIZE)),
        (f"bytes=-{SIZE + 5}", range(SIZE)),
        (f"bytes=5-{'9' * 18}", range(5, SIZE)),
    ],
)
def test_a_part_is_sent_alone(client: TestClient, shown: Shown, asked: str, wanted: range) -> None:
    row = shown.add("a.jpg")
    answer = client.get(address_of(row), headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, JPEG[wanted.start : wanted.stop])
    assert answer.headers["content-range"] == f"bytes {wanted.start}-{wanted.stop - 1}/{SIZE}"


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
def test_a_part_behind_the_end_is_refused(client: TestClient, shown: Shown, asked: str) -> None:
    answer = client.get(address_of(shown.add("a.jpg")), headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


ODD = (
    "bytes=-",
    "bytes=5-4",
    "bytes=0-1,3-4",
    "bytes=a-b",
    "bytes=+1-2",
    "bytes=\u0661-",
    "lines=1-2",
)


@pytest.mark.parametrize("asked", [*ODD, f"bytes={'9' * 5000}-"])
def test_another_range_is_answered_as_none(client: TestClient, shown: Shown, asked: str) -> None:
    answer = client.get(address_of(shown.add("a.jpg")), headers={"Range": asked.encode()})
    assert (answer.status_code, answer.content) == (200, JPEG)


def test_a_download_goes_on_only_with_the_same_content(client: TestClient, shown: Shown) -> None:
    row = shown.add("a.jpg")
    tag = client.head(address_of(row)).headers["etag"]
    for given, status in ((tag, 206), ('"other"', 200)):
        headers = {"Range": "bytes=5-", "If-Range": given}
        assert client.get(address_of(row), headers=headers).status_code == status


def test_an_empty_range_is_of_no_file() -> None:
    assert requested_range("bytes=0-", 0) == range(0)
    assert requested_range("", 5) is None


@pytest.mark.parametrize(
    "name", ["0" * 64, "..%2f..%2fetc%2fpasswd", "%2e%2e", "A" * 64, "0" * 63, "0" * 63 + "\u0660"]
)
def test_what_is_not_shown_is_not_there(client: TestClient, shown: Shown, name: str) -> None:
    shown.add("a.jpg")
    answer = client.get(f"/original/{name}")
    assert answer.status_code == 404


def test_the_same_content_with_other_times_is_the_picture(shown: Shown) -> None:
    row = shown.add("a.jpg")
    os.utime(row.path, (5, 5))
    assert content_of(row, *shown.folders()) == JPEG


def test_a_file_on_which_the_index_is_uncertain_is_read_once(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = shown.add("film.mp4")
    os.utime(row.path, (5, 5))
    digested: list[int] = []
    monkeypatch.setattr(originals, "digest", lambda file: digested.append(file) or digest(file))
    monkeypatch.setattr(originals, "_SETTLED_NS", 0)
    verified = originals.Verified()
    for _ in range(3):
        os.close(open_original(row, shown.folders(), verified))
    assert len(digested) == 1
    Path(os.fsdecode(row.path)).write_bytes(JPEG[:-1] + b"x")
    with pytest.raises(Refused, match="has changed"):
        open_original(row, shown.folders(), verified)


def test_a_file_of_the_last_seconds_is_read_each_time(shown: Shown) -> None:
    row = shown.add("film.mp4")
    os.utime(row.path, (5, 5))
    verified = originals.Verified()
    os.close(open_original(row, shown.folders(), verified))
    assert not verified._files


def test_a_changed_file_is_refused(shown: Shown) -> None:
    row = shown.add("a.jpg")
    Path(os.fsdecode(row.path)).write_bytes(JPEG[:-1] + b"x")
    with pytest.raises(Refused, match="has changed"):
        open_original(row, shown.folders())


def test_a_copy_is_served_where_the_first_file_is_gone(client: TestClient, shown: Shown) -> None:
    gone, copy = shown.add("a.jpg"), shown.add("b.jpg")
    os.unlink(gone.path)
    assert client.get(address_of(copy)).content == JPEG


@pytest.mark.parametrize("part", ["b/a.jpg", "b"])
def test_no_link_that_leaves_is_followed(shown: Shown, tmp_path: Path, part: str) -> None:
    row = shown.add("b/a.jpg")
    moved = tmp_path / "elsewhere"
    shutil.move(shown.folder / part, moved)
    (shown.folder / part).symlink_to(moved)
    with pytest.raises(Refused, match="leads out of the folders shown"):
        open_original(row, shown.folders())


def test_a_link_that_stays_is_followed(shown: Shown) -> None:
    row = shown.add("b/a.jpg")
    shutil.move(shown.folder / "b", shown.folder / "c")
    (shown.folder / "b").symlink_to("c")
    assert content_of(row, *shown.folders()) == JPEG


@pytest.mark.parametrize("part", ["b/a.jpg", "b"])
def test_a_link_put_there_after_the_check_is_not_followed(
    shown: Shown, tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, moved = shown.add("b/a.jpg"), tmp_path / "elsewhere"
    resolve = os.path.realpath

    def resolve_and_swap(path: bytes) -> bytes:
        resolved = resolve(path)
        shutil.move(shown.folder / part, moved)
        (shown.folder / part).symlink_to(moved)
        return resolved

    with monkeypatch.context() as patch:
        patch.setattr(os.path, "realpath", resolve_and_swap)
        with pytest.raises(Refused, match="cannot be opened"):
            open_original(row, shown.folders())
    assert (
        content_of(row, os.fsencode(os.path.realpath(tmp_path))) == JPEG
    )  # the link leads to the picture


def test_a_pipe_in_its_place_is_refused_at_once(shown: Shown) -> None:
    row = shown.add("a.jpg")
    os.unlink(row.path)
    os.mkfifo(row.path)
    with pytest.raises(Refused, match="not a regular file"):
        open_original(row, shown.folders())


def test_no_descriptor_stays_open(client: TestClient, shown: Shown) -> None:
    row = shown.add("deep/a.jpg")
    changed = shown.add("deep/b.jpg", b"other")
    Path(os.fsdecode(changed.path)).write_bytes(b"OTHER")
    client.get(address_of(row))
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        assert client.get(address_of(row)).status_code == 200
        assert client.get(address_of(row), headers={"Range": "bytes=-0"}).status_code == 416
        assert client.get(address_of(changed)).status_code == 404
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"<script>alert(1)</script>", "image/png"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b"\0\0\0\x1cftypavif", "image/avif"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"\0\0\0\x20ftypmp42", "video/mp4"),
        (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska", "video/x-matroska"),
        (b"\x1a\x45\xdf\xa3<script>webm</script>", "application/octet-stream"),
        (b"\0\0\0\x20ftypM4A ", "application/octet-stream"),
        (b"GIF89a", "image/gif"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "application/octet-stream"),
        (b"<!doctype html><script>alert(1)</script>", "application/octet-stream"),
        (b"\0\0\0\x1cftypheic", "application/octet-stream"),
        (b"II*\0", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_the_content_gives_the_type_and_only_what_browsers_show_has_one(
    client: TestClient, shown: Shown, content: bytes, kind: str
) -> None:
    assert media_type(content) == kind
    answer = client.get(address_of(shown.add("a.html", content)))
    assert (answer.content, answer.headers["content-type"]) == (content, kind)
    is_saved = answer.headers["content-disposition"].startswith("attachment;")
    assert is_saved == (kind == "application/octet-stream")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b'a"b\\.jpg', "filename=\"a_b_.jpg\"; filename*=UTF-8''a%22b%5C.jpg"),
        (
            b"a\r\nX: y.jpg",
            "filename=\"a__X_ y.jpg\"; filename*=UTF-8''a%EF%BF%BD%EF%BF%BDX%3A%20y.jpg",
        ),
        ("Å½.jpg".encode(), "filename=\"__.jpg\"; filename*=UTF-8''%C3%85%C2%BD.jpg"),
        (b"\xff.jpg", "filename=\"_.jpg\"; filename*=UTF-8''%EF%BF%BD.jpg"),
    ],
)
def test_names_of_all_kinds_are_safe_in_the_header(name: bytes, expected: str) -> None:
    assert disposition(b"/album/" + name, is_attachment=False) == f"inline; {expected}"
