"""What a run passes over though nobody asked for that: told on stderr, and out of the results."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from processes import run, write_pictures


def _told(*arguments: str | Path) -> str:
    return run(*arguments).stderr.decode()


def _shown(*arguments: str | Path) -> list[str]:
    """Return the names of the files that a search shows, in order of their paths."""
    finished = run("search", *arguments, "-f", "--sort", "path", "--no-collapse")
    return [Path(line).name for line in finished.stdout.decode().splitlines()]


def test_pictures_in_formats_that_are_not_read_are_counted_by_ending(
    tiny: Path, tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "album")
    for name in ("a.jxl", "b.JXL", "c.psd", "notes.txt"):
        (folder / name).write_bytes(b"\xff\x0a\0\0")
    line = "clipfind: 3 pictures in formats that are not read: 2 .jxl, 1 .psd\n"
    assert line in _told("index", folder)
    assert line == _told("search", "blue", folder)
    assert _told("index", "-q", folder) == _told("search", "blue", folder, "-q") == ""
    assert "1 picture in a format that is not read: 1 .psd\n" in _told(
        *("index", folder, "--exclude", "*.[jJ]*")
    )


def test_many_endings_are_not_all_named(tiny: Path, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "album")
    for ending in ["jxl", "psd", "svg", "eps", "pef", "nrw", "xcf", "kra", "qoi"]:
        (folder / f"a.{ending}").touch()
    told = _told("index", folder)
    assert "9 pictures in formats that are not read: 1 ." in told
    assert "and 1 more ending\n" in told


def test_links_are_told_where_there_is_nothing_else(tiny: Path, tmp_path: Path) -> None:
    write_pictures(tmp_path / "annex", (b"K1.png",))
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.png").symlink_to("../annex/K1.png")
    line = "clipfind: 1 link passed over; -L follows them\n"
    assert line in _told("index", tmp_path / "p")
    assert line in _told("search", "blue", tmp_path / "p")
    assert "link" not in _told("search", "blue", tmp_path)
    (tmp_path / "annex" / "K1.png").unlink()
    told = _told("search", "blue", tmp_path / "p", "-L")
    assert "clipfind: 1 link to missing files passed over\n" in told


@pytest.mark.parametrize("link", ["album", "a.png"])
def test_what_was_found_through_a_link_is_shown_where_links_are_followed_only(
    link: str, tiny: Path, tmp_path: Path
) -> None:
    write_pictures(tmp_path / "annex", (b"K1.png",))
    folder = write_pictures(tmp_path / "p", (b"b.png",), seed=1)
    (folder / link).symlink_to("../annex/K1.png" if link == "a.png" else "../annex")
    found = "a.png" if link == "a.png" else "K1.png"
    before = _shown("blue", folder)
    assert before == ["b.png"]
    assert set(_shown("blue", folder, "-L")) == {found, "b.png"}
    assert _shown("blue", folder) == _shown("blue", folder, "-n") == before
    assert set(_shown("blue", folder, "-n", "-L")) == {found, "b.png"}
    assert "2 files" in run("status", folder).stdout.decode()
    assert "2 pictures, 0 encoded, 2 unchanged" in _told("index", "-L", folder)


def test_what_lies_beside_a_nomedia_file_is_left_out_whenever_it_was_indexed(
    tiny: Path, tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "p", (b"a.png", b"private/deep/b.png"))
    assert _shown("blue", folder) == ["a.png", "b.png"]
    (folder / "private" / ".nomedia").touch()
    line = "clipfind: 1 folder with a .nomedia file left out; --hidden includes their pictures"
    assert line in _told("search", "blue", folder)
    assert _shown("blue", folder) == _shown("blue", folder, "-n") == ["a.png"]
    assert _shown("blue", folder, "--hidden") == ["a.png", "b.png"]
    assert _shown("blue", folder / "private") == ["b.png"]
    assert _shown("blue", "--all") == ["a.png", "b.png"]
    assert line in _told("index", folder)


def test_thumbnails_of_a_photo_library_are_left_out_whenever_they_were_indexed(
    tiny: Path, tmp_path: Path
) -> None:
    library = tmp_path / "p" / "My.photoslibrary"
    write_pictures(library, (b"originals/0/A.png",))
    thumbnails = write_pictures(library / "resources" / "derivatives", (b"A_1.png",), seed=1)
    assert _shown("blue", library / "resources") == ["A_1.png"]
    assert _shown("blue", tmp_path / "p") == _shown("blue", library) == ["A.png"]
    assert _shown("blue", tmp_path / "p", "-n") == ["A.png"]
    shutil.rmtree(thumbnails)
    assert "1 gone" in _told("index", library / "resources")
