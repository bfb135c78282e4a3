"""Files: text of others decoded, UTF-8 or UTF-16 with its mark; our own for their owner alone."""

from __future__ import annotations

import os
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Iterator
from pathlib import Path

import pytest
from fresh_user import modes_below
from planted import plant, walk, walked

from rclip_like.files import (
    close_folders,
    close_tree,
    decoded,
    lies_in,
    make_folder,
    write_whole,
)
from rclip_like.settings import WalkSettings, default_folders
from rclip_like.values import Trouble
from rclip_like.walk import resolve_roots

TEXT = "Müller/猫.jpg\r\n"


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Return a folder that is not there yet, under umasks from the widest to the narrowest."""
    before = os.umask(request.param)
    yield tmp_path / "place"
    os.umask(before)


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        (b"/a/b", b"/a/b", True),
        (b"/a/b/c.jpg", b"/a/b", True),
        (b"/a/bc.jpg", b"/a/b", False),
        (b"/a", b"/a/b", False),
        (b"/a", b"/", True),
    ],
)
def test_a_folder_holds_itself_and_what_is_below(
    path: bytes, folder: bytes, expected: bool
) -> None:
    assert lies_in(path, folder) is expected


def test_folders_are_made_for_their_owner_alone(place: Path) -> None:
    assert make_folder(place / "a" / "b") == [place, place / "a", place / "a" / "b"]
    assert make_folder(place / "a" / "b") == []
    assert modes_below(place) == dict.fromkeys((".", "a", "a/b"), 0o700)


def test_files_are_written_for_their_owner_alone(place: Path) -> None:
    for content in (b"first", b"second"):
        with write_whole(place / "a" / "file") as draft:
            draft.write_bytes(content)
    assert (place / "a" / "file").read_bytes() == b"second"
    assert modes_below(place) == {".": 0o700, "a": 0o700, "a/file": 0o600}


def test_what_another_library_wrote_is_closed_but_not_what_its_links_lead_to(place: Path) -> None:
    (place / "model" / "text").mkdir(parents=True)
    (place / "model" / "text" / "config.json").touch(0o666)
    (place / "elsewhere").touch(0o666)
    (place / "elsewhere").chmod(0o644)
    (place / "model" / "link").symlink_to(place / "elsewhere")
    os.link(place / "elsewhere", place / "model" / "hard link")
    close_tree(place / "model")
    modes = modes_below(place / "model")
    assert (modes.pop("link"), modes.pop("hard link")) == (0o777, 0o644)
    assert modes == {".": 0o700, "text": 0o700, "text/config.json": 0o600}
    assert modes_below(place)["elsewhere"] == 0o644


def test_a_file_may_have_a_name_of_any_length(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode("ü".encode() * 127 + b"\xff")
    with write_whole(path) as draft:
        draft.write_bytes(b"content")
    assert path.read_bytes() == b"content"
    assert os.listdir(tmp_path) == [path.name]


def test_a_draft_that_a_killed_process_of_that_number_left_is_replaced(tmp_path: Path) -> None:
    draft = tmp_path / f".file.{os.getpid()}"
    draft.symlink_to(tmp_path / "elsewhere")
    with write_whole(tmp_path / "file") as written:
        assert written == draft
        assert not written.is_symlink()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_was_there_stays_where_its_successor_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"before")
    with pytest.raises(FileNotFoundError), write_whole(tmp_path / "file"):
        (tmp_path / "no such file").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"before"


def test_a_file_that_a_library_makes_anew_keeps_the_mode_asked_for(place: Path) -> None:
    place.mkdir()
    with write_whole(place / "file", 0o666, draft="file.part") as draft:
        assert draft == place / "file.part"
        draft.unlink()
        draft.touch(0o600)
    (place / "plain").touch()
    assert modes_below(place)["file"] == modes_below(place)["plain"]


def _open_to_all(folder: Path) -> Path:
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    return folder


def test_default_folders_that_were_open_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("DATA", "CACHE"):
        monkeypatch.delenv(f"CLIPFIND_{kind}_DIR")
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind))
        _open_to_all(tmp_path / kind / "clipfind")
    close_folders(default_folders())
    modes = modes_below(tmp_path)
    assert modes["DATA/clipfind"] == modes["CACHE/clipfind"] == 0o700


def test_folders_that_are_named_or_linked_to_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, linked = _open_to_all(tmp_path / "shared"), _open_to_all(tmp_path / "linked")
    monkeypatch.setenv("CLIPFIND_DATA_DIR", str(shared))
    monkeypatch.delenv("CLIPFIND_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "clipfind").symlink_to(linked)
    close_folders(default_folders())
    modes = modes_below(tmp_path)
    assert modes["shared"] == modes["linked"] == 0o755


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        BOM_UTF8 + TEXT.encode(),
        BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    ],
)
def test_text_is_read_with_or_without_its_mark(content: bytes) -> None:
    assert decoded(content) == decoded(content, keep_bytes=True) == TEXT


@pytest.mark.parametrize(
    "content",
    [
        BOM_UTF16_LE + b"a",
        BOM_UTF16_LE + b"a\0\0\xd8",
        BOM_UTF32_LE + "a".encode("utf-32-le"),
        BOM_UTF32_BE + "a".encode("utf-32-be"),
    ],
)
def test_what_its_mark_does_not_keep_is_refused(content: bytes) -> None:
    with pytest.raises(UnicodeError):
        decoded(content)


def test_other_bytes_are_refused_or_kept() -> None:
    with pytest.raises(UnicodeError):
        decoded("Müller".encode("cp1252"))
    kept = decoded(b"M\xfcller", keep_bytes=True)
    assert os.fsencode(kept) == b"M\xfcller"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_ignore_files_may_be_written_on_windows(encoding: str, tmp_path: Path) -> None:
    plant(tmp_path, "Müller/a.jpg", "b.jpg")
    (tmp_path / ".ignore").write_bytes("\r\nMüller/\r\n".encode(encoding))
    assert walked(tmp_path) == ["b.jpg"]


@pytest.mark.parametrize(
    "content", [BOM_UTF16_LE + b"a", "b.jpg".encode("utf-16-le"), "b.jpg".encode("utf-32")]
)
def test_an_ignore_file_that_is_no_text_is_told(content: bytes, tmp_path: Path) -> None:
    plant(tmp_path, "b.jpg")
    (tmp_path / ".ignore").write_bytes(content)
    assert walked(tmp_path) == ["b.jpg"]
    [trouble] = [
        found
        for found in walk(resolve_roots([os.fsencode(tmp_path)]), WalkSettings())
        if isinstance(found, Trouble)
    ]
    assert os.path.basename(trouble.path) == b".ignore"
    assert "UTF-8" in trouble.reason
