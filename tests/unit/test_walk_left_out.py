"""What a walk passes over, and that it tells: other formats, links, .nomedia, other programs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from planted import plant, walked

from rclip_like.settings import WalkSettings
from rclip_like.values import Root
from rclip_like.walk import resolve_roots, walk_pages
from rclip_like.walk.left_out import LeftOut
from rclip_like.walk.patterns import is_wanted


def left_out(*roots: Path, **options: object) -> set[tuple[str, str]]:
    """Return why a walk passed over what, relative to the first root."""
    told: list[tuple[str, str]] = []

    def note(why: str, path: bytes) -> None:
        told.append((why, os.path.relpath(os.fsdecode(path), roots[0].resolve())))

    settings = WalkSettings(**options)
    for _ in walk_pages(resolve_roots([os.fsencode(root) for root in roots]), settings, note):
        pass
    assert len(told) == len(set(told))
    return set(told)


def test_pictures_in_formats_that_are_not_read_are_told(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", "b.jxl", "c.PSD", "d/e.pef", "f.txt", "g.mp4", "jxl", "h.pdf")
    expected = {("format", "b.jxl"), ("format", "c.PSD"), ("format", "d/e.pef")}
    assert left_out(tmp_path) == expected


def test_what_nobody_wants_is_not_told_as_unread(tmp_path: Path) -> None:
    plant(tmp_path, ".a.jxl", "b/c.jxl", "d.psd", "e.svg", "f.jpg")
    (tmp_path / ".ignore").write_text("*.psd\n")
    options = {"exclude": ("b",), "glob": ("*.jpg", "*.psd")}
    assert left_out(tmp_path, **options) == set()
    assert left_out(tmp_path, hidden=True, ignore_files=False, exclude=("b",)) == {
        ("format", ".a.jxl"),
        ("format", "d.psd"),
        ("format", "e.svg"),
    }


def test_a_raw_file_that_is_not_read_is_not_missed_beside_its_picture(tmp_path: Path) -> None:
    plant(tmp_path, "a.pef", "A.jpg", "b.pef", "c.psd", "c.jpg")
    assert left_out(tmp_path) == {("format", "b.pef"), ("format", "c.psd")}


def test_links_that_are_not_followed_are_told(tmp_path: Path) -> None:
    plant(tmp_path, "annex/k.jpg", "p/b.jpg", "p/text.txt")
    (tmp_path / "p" / "a.jpg").symlink_to("../annex/k.jpg")
    (tmp_path / "p" / "album").symlink_to("../annex")
    (tmp_path / "p" / "notes").symlink_to("text.txt")
    assert left_out(tmp_path / "p") == {("link", "a.jpg"), ("link", "album")}
    assert walked(tmp_path / "p") == ["b.jpg"]
    assert left_out(tmp_path / "p", follow=True) == set()
    assert left_out(tmp_path / "p", exclude=("a*",)) == set()


def test_links_that_lead_nowhere_are_told_when_links_are_followed(tmp_path: Path) -> None:
    plant(tmp_path, "b.jpg")
    (tmp_path / "a.jpg").symlink_to("nothing")
    assert left_out(tmp_path) == {("link", "a.jpg")}
    assert left_out(tmp_path, follow=True) == {("dead link", "a.jpg")}


def test_a_folder_with_a_nomedia_file_is_left_out_unless_hidden_ones_are_asked_for(
    tmp_path: Path,
) -> None:
    plant(tmp_path, "a.jpg", "private/.nomedia", "private/b.jpg", "private/deep/c.jpg")
    assert walked(tmp_path) == ["a.jpg"]
    assert left_out(tmp_path) == {("nomedia", "private")}
    assert len(walked(tmp_path, hidden=True)) == 3
    assert left_out(tmp_path, hidden=True) == set()
    assert left_out(tmp_path, exclude=("private",)) == set()


def test_a_folder_that_is_named_is_walked_whatever_android_hides(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", "private/.nomedia", "private/b.jpg", "private/deep/c.jpg")
    assert walked(tmp_path / "private") == ["b.jpg", "deep/c.jpg"]
    assert walked(tmp_path / "private" / "deep") == ["c.jpg"]
    assert walked(tmp_path, tmp_path / "private" / "deep") == ["a.jpg", "private/deep/c.jpg"]
    assert walked(tmp_path, tmp_path / "private" / "b.jpg") == ["a.jpg", "private/b.jpg"]
    both = walked(tmp_path, tmp_path / "private", hidden=True)
    assert both == ["a.jpg", "private/b.jpg", "private/deep/c.jpg"]


LIBRARY = "My.photoslibrary"
INSIDE = (
    f"{LIBRARY}/originals/0/A.jpeg",
    f"{LIBRARY}/Masters/2011/B.jpg",
    f"{LIBRARY}/resources/derivatives/A_1.jpeg",
    f"{LIBRARY}/database/faces/C.jpg",
    f"{LIBRARY}/cover.jpg",
)


def test_of_a_photo_library_only_the_originals_are_walked(tmp_path: Path) -> None:
    plant(tmp_path, *INSIDE, "a.jpg")
    assert walked(tmp_path) == [INSIDE[1], INSIDE[0], "a.jpg"]
    assert walked(tmp_path, hidden=True) == [INSIDE[1], INSIDE[0], "a.jpg"]
    assert walked(tmp_path / LIBRARY) == ["Masters/2011/B.jpg", "originals/0/A.jpeg"]


def test_a_place_within_a_photo_library_is_walked_as_named(tmp_path: Path) -> None:
    plant(tmp_path, *INSIDE)
    assert walked(tmp_path / LIBRARY / "resources") == ["derivatives/A_1.jpeg"]
    assert walked(tmp_path / LIBRARY / "originals") == ["0/A.jpeg"]
    assert walked(tmp_path, tmp_path / LIBRARY / "resources") == [INSIDE[1], INSIDE[0], INSIDE[2]]
    assert walked(tmp_path, tmp_path / INSIDE[4]) == [INSIDE[1], INSIDE[0], INSIDE[4]]


@pytest.mark.parametrize("start", ["", LIBRARY, f"{LIBRARY}/resources", f"{LIBRARY}/originals"])
def test_names_in_a_photo_library_tell_what_a_walk_yields(start: str, tmp_path: Path) -> None:
    plant(tmp_path, *INSIDE, "a.jpg")
    [root] = resolve_roots([os.fsencode(tmp_path / start)])
    paths = [os.fsencode((tmp_path / name).resolve()) for name in (*INSIDE, "a.jpg")]
    wanted = [path for path in paths if is_wanted(root, path, WalkSettings())]
    found = [facts[0] for page in walk_pages([root], WalkSettings()) for facts in page]
    assert sorted(wanted) == found


def test_unentered_tells_of_links_and_nomedia_on_the_way(tmp_path: Path) -> None:
    plant(tmp_path, "p/a.jpg", "p/private/.nomedia", "p/private/deep/b.jpg", "annex/k.jpg")
    (tmp_path / "p" / "album").symlink_to("../annex")
    [root] = resolve_roots([os.fsencode(tmp_path / "p")])

    def unentered(root: Root, **options: bool) -> list[str]:
        there = LeftOut(root, WalkSettings(**options))
        names = ("a.jpg", "private/deep/b.jpg", "album/k.jpg")
        return [name for name in names if os.path.join(root.path, os.fsencode(name)) in there]

    assert unentered(root) == ["private/deep/b.jpg", "album/k.jpg"]
    assert unentered(root, follow=True) == ["private/deep/b.jpg"]
    assert unentered(root, hidden=True) == ["album/k.jpg"]
    [named] = resolve_roots([os.fsencode(tmp_path / "p" / "private")])
    assert os.path.join(named.path, b"deep/b.jpg") not in LeftOut(named, WalkSettings())
