"""The walk of a folder: which files, in which order, and what it leaves out."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec
from planted import plant, walk, walked

from rclip_like.errors import RootError, UsageError
from rclip_like.settings import WalkSettings
from rclip_like.values import FileFacts, Root, Trouble
from rclip_like.walk import LeftOut, gitignore, resolve_roots, walk_pages
from rclip_like.walk.patterns import is_wanted

pytestmark = pytest.mark.light

NAMES = st.binary(min_size=1, max_size=8).filter(
    lambda name: not set(name) & set(b"/\0") and name not in (b".", b"..")
)


def troubles(root: Path, **options: object) -> list[Trouble]:
    found = walk(resolve_roots([os.fsencode(root)]), WalkSettings(**options))
    return [trouble for trouble in found if isinstance(trouble, Trouble)]


@contextmanager
def without_privileges() -> Iterator[Path]:
    """Give a folder, and be a user to whom permissions apply, which root is not."""
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(user)


def test_walk_yields_what_stat_says(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"12345")
    os.utime(tmp_path / "a.jpg", ns=(1, 1_234_567_890_123_456_789))
    [facts] = walk(resolve_roots([os.fsencode(tmp_path)]), WalkSettings())
    status = (tmp_path / "a.jpg").stat()
    expected = (5, 1_234_567_890_123_456_789, status.st_dev, status.st_ino)
    assert isinstance(facts, FileFacts)
    assert (facts.size_bytes, facts.mtime_ns, facts.device, facts.inode) == expected
    assert facts.path == os.fsencode((tmp_path / "a.jpg").resolve())


def test_walk_yields_only_picture_extensions_in_any_case(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", "b.JPEG", "c.txt", "jpg", "d.HeIc", "e.jpg.part", "f.tar.gz")
    assert walked(tmp_path) == ["a.jpg", "b.JPEG", "d.HeIc"]


def test_order_is_that_of_full_paths_where_files_and_folders_share_a_beginning(
    tmp_path: Path,
) -> None:
    plant(tmp_path, "a.jpg", "a/z.jpg", "a!.jpg", "a0.jpg", "a/b/c.jpg", "a/b.jpg")
    expected = ["a!.jpg", "a.jpg", "a/b.jpg", "a/b/c.jpg", "a/z.jpg", "a0.jpg"]
    assert walked(tmp_path) == expected == sorted(expected)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.lists(NAMES, min_size=1, max_size=4).map(tuple), max_size=20))
def test_any_tree_is_walked_whole_and_in_order_of_path_bytes(paths: set[tuple[bytes, ...]]) -> None:
    with TemporaryDirectory() as name:
        root = os.fsencode(os.path.realpath(name))
        made = set()
        for parts in paths:
            path = os.path.join(root, *parts) + b".png"
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                open(path, "xb").close()
            except OSError:  # a name is taken by a folder
                continue
            made.add(path)
        found = [
            facts.path
            for facts in walk(resolve_roots([root]), WalkSettings(hidden=True))
            if isinstance(facts, FileFacts)
        ]
    assert found == sorted(made)


def test_hidden_and_system_folders_are_skipped_unless_asked_for(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", ".b.jpg", ".git/c.jpg", "$RECYCLE.BIN/d.jpg", "@eaDir/e.jpg")
    plant(tmp_path, "lost+found/f.jpg", "System Volume Information/g.jpg", "._a.jpg")
    assert walked(tmp_path) == ["a.jpg"]
    assert len(walked(tmp_path, hidden=True)) == 8


def test_a_hidden_folder_that_is_named_is_walked(tmp_path: Path) -> None:
    plant(tmp_path, ".photos/a.jpg")
    assert walked(tmp_path / ".photos") == ["a.jpg"]
    assert walked(tmp_path, tmp_path / ".photos") == [".photos/a.jpg"]
    assert walked(tmp_path, tmp_path / ".photos", hidden=True) == [".photos/a.jpg"]


def test_a_file_that_is_named_is_yielded_whatever_its_extension(tmp_path: Path) -> None:
    plant(tmp_path, "scan", "a.jpg")
    assert walked(tmp_path / "scan") == ["."]
    assert walked(tmp_path, tmp_path / "scan") == ["a.jpg", "scan"]


def test_overlapping_roots_yield_each_file_once(tmp_path: Path) -> None:
    plant(tmp_path, "a/b.jpg", "c.jpg")
    assert walked(tmp_path, tmp_path / "a", tmp_path / "a", tmp_path / "c.jpg") == [
        "a/b.jpg",
        "c.jpg",
    ]


def test_a_walk_without_open_folders_finds_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, *(f"{number % 7}/{number:04}.jpg" for number in range(1100)), "3/a/b.png")
    (tmp_path / "3" / "link.jpg").symlink_to(tmp_path / "0" / "0000.jpg")
    roots = resolve_roots([os.fsencode(tmp_path)])
    each = [list(walk(roots, WalkSettings(follow=follow))) for follow in (False, True)]
    assert list(map(len, each)) == [1101, 1102]
    monkeypatch.setattr(os, "supports_dir_fd", set())
    assert each == [list(walk(roots, WalkSettings(follow=follow))) for follow in (False, True)]


def test_a_walk_keeps_one_folder_open_and_closes_it_when_left(tmp_path: Path) -> None:
    plant(tmp_path, *(f"a/b/c/{number:04}.jpg" for number in range(600)))
    before = os.listdir("/dev/fd")
    pages = walk_pages(resolve_roots([os.fsencode(tmp_path)]), WalkSettings())
    assert len(next(pages)) == 256
    assert len(os.listdir("/dev/fd")) == len(before)


def test_pictures_far_apart_do_not_wait_for_the_end_of_the_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "a/1.jpg", "b/2.jpg", "c/3.jpg")
    monkeypatch.setattr("rclip_like.walk.tree._PAGE_SECONDS", 0)
    pages = list(walk_pages(resolve_roots([os.fsencode(tmp_path)]), WalkSettings()))
    assert len([page for page in pages if page]) == 3


def test_many_files_are_walked_in_time_that_grows_with_their_number() -> None:
    class Counted(bytes):
        hashed = 0

        def __hash__(self) -> int:
            Counted.hashed += 1
            return super().__hash__()

    roots = [Root(b"x", Counted(b"/no/such/%d" % number), is_file=True) for number in range(200)]
    assert len(list(walk(roots, WalkSettings()))) == 200
    assert 0 < Counted.hashed <= 400


def test_roots_keep_what_was_typed_and_follow_the_links_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "real/a.jpg")
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    [root] = resolve_roots([b"link"])
    assert (root.typed, root.path) == (b"link", os.fsencode(tmp_path.resolve() / "real"))
    [facts] = walk([root], WalkSettings())
    assert facts.path == os.fsencode(tmp_path.resolve() / "real/a.jpg")


@pytest.mark.parametrize("typed", [b"missing", b"pipe", b"a\0b"])
def test_what_cannot_be_a_root_is_refused_by_name(
    typed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(RootError, match=typed.decode().partition("\0")[0]):
        resolve_roots([typed])


def test_a_current_folder_that_was_deleted_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for typed in (b".", b"sub"):
        with pytest.raises(RootError, match="no such folder"):
            resolve_roots([typed])


def test_links_are_followed_only_when_asked(tmp_path: Path) -> None:
    plant(tmp_path, "out/a.jpg", "in/b.jpg")
    (tmp_path / "in/folder").symlink_to(tmp_path / "out")
    (tmp_path / "in/file.jpg").symlink_to(tmp_path / "out/a.jpg")
    assert walked(tmp_path / "in") == ["b.jpg"]
    assert walked(tmp_path / "in", follow=True) == ["b.jpg", "file.jpg", "folder/a.jpg"]


@pytest.mark.parametrize("follow", [False, True])
def test_a_link_to_the_parent_folder_multiplies_nothing(tmp_path: Path, follow: bool) -> None:
    plant(tmp_path, *(f"a/{number}.jpg" for number in range(46)))
    (tmp_path / "a/up").symlink_to("..")
    (tmp_path / "a/self").symlink_to("self")
    (tmp_path / "a/self.jpg").symlink_to("self.jpg")
    assert len(walked(tmp_path, follow=follow)) == 46


def test_pipes_sockets_and_devices_are_skipped(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket.jpg"))
        assert walked(tmp_path) == ["a.jpg"]
    assert walked(tmp_path, follow=True) == ["a.jpg"]


def test_a_folder_that_cannot_be_read_is_reported_and_the_walk_goes_on() -> None:
    with without_privileges() as folder:
        plant(folder, "a/1.jpg", "b/2.jpg", "c/3.jpg")
        (folder / "b").chmod(0)
        assert walked(folder) == ["a/1.jpg", "c/3.jpg"]
        [trouble] = troubles(folder)
        (folder / "b").chmod(0o700)
    assert trouble.path.endswith(b"/b")
    assert "ermission" in trouble.reason
    assert not trouble.lasting


def test_a_root_that_vanishes_is_no_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    roots = resolve_roots([os.fsencode(tmp_path / "gone")])
    (tmp_path / "gone").rmdir()
    assert [trouble.path for trouble in walk(roots, WalkSettings())] == [roots[0].path]


@pytest.mark.parametrize(
    "pattern", ["sub", "sub/", "/sub", "**/sub/", "{root}/sub", "{root}/sub/", "s*b", "./sub"]
)
def test_a_folder_is_excluded_in_every_spelling(
    pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "a.jpg", "sub/b.jpg", "sub/deep/c.jpg", ".git/d.jpg")
    monkeypatch.chdir(tmp_path)
    exclude = (pattern.format(root=tmp_path),)
    assert walked(tmp_path, exclude=exclude) == ["a.jpg"]
    assert troubles(tmp_path, exclude=exclude) == []


def test_exclude_takes_the_path_that_tab_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "photos/a.jpg", "photos/b [1]/c.jpg")
    monkeypatch.chdir(tmp_path)
    assert walked(Path("photos"), exclude=("photos/b [1]/",)) == ["a.jpg"]


def test_a_pattern_of_many_stars_costs_no_more_than_another(tmp_path: Path) -> None:
    for name in ("a" * 200, "a" * 200 + "b"):
        (tmp_path / f"{name}.jpg").touch()
    (tmp_path / ".ignore").write_text("*a" * 20 + "b.jpg\n")
    assert walked(tmp_path) == ["a" * 200 + ".jpg"]


@pytest.mark.parametrize("line", ["[z-a].jpg", "[[a].jpg", "!", "***/", "[", "a[", "\\"])
def test_a_line_that_is_no_pattern_is_passed_over(tmp_path: Path, line: str) -> None:
    plant(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / ".ignore").write_text(f"{line}\nb.jpg\n")
    assert "b.jpg" not in walked(tmp_path)
    assert troubles(tmp_path) == []


def test_a_pattern_of_the_command_line_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'\[z-a\]' is no glob pattern"):
        walked(tmp_path, exclude=("[z-a]",))


def make_pipe(place: Path) -> None:
    os.mkfifo(place)


def make_endless(place: Path) -> None:
    place.symlink_to("/dev/zero")


def make_folder(place: Path) -> None:
    place.mkdir()


def make_large(place: Path) -> None:
    place.write_text("a.jpg\n" + "# why\n" * 20_000)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_pipe, "is not a regular file"),
        (make_endless, "is not a regular file"),
        (make_folder, "Is a directory"),
        (make_large, "is too large for an ignore file"),
    ],
)
@pytest.mark.parametrize("name", [".ignore", ".clipfindignore"])
def test_an_ignore_file_of_another_kind_leaves_nothing_out_and_is_named(
    tmp_path: Path, make: Callable[[Path], None], reason: str, name: str
) -> None:
    plant(tmp_path, "a.jpg")
    make(tmp_path / name)
    assert walked(tmp_path) == ["a.jpg"]
    (trouble,) = troubles(tmp_path)
    assert trouble.path == os.fsencode(tmp_path / name)
    assert trouble.reason.startswith(reason)


NAME = st.text("ab.[]*", min_size=1, max_size=6)


def opinion(pattern: str, path: str) -> bool | None:
    """Return what a pattern says of a path."""
    specification = GitIgnoreSpec([gitignore.Pattern(pattern)], backend="simple")
    return specification.check_file(gitignore.matchable(path)).include


@settings(deadline=None, max_examples=500)
@given(
    st.tuples(st.text("ab*?/", max_size=12), st.lists(NAME, min_size=1, max_size=3), st.booleans())
    # Of pathspec's brackets some stand for a slash, of git's and ours none.
    | st.tuples(st.text("ab*?[]!^-\\.", max_size=12), st.lists(NAME, min_size=1, max_size=1))
)
def test_patterns_match_what_pathspec_matches(drawn: tuple) -> None:
    pattern, names, *is_folder = drawn
    path = "/".join(names) + "/" * sum(is_folder)
    try:
        expected = GitIgnoreSpec.from_lines([pattern]).check_file(path)
    except (ValueError, re.error, FutureWarning):
        assume(False)
    assert opinion(pattern, path) == expected.include


@settings(deadline=None, max_examples=500)
@given(
    st.text("ab*?/!", max_size=12),
    st.lists(st.text("abx", min_size=1, max_size=6), min_size=1, max_size=3),
    st.booleans(),
)
def test_a_newline_in_a_name_is_a_letter_like_any_other(
    pattern: str, names: list[str], is_folder: bool
) -> None:
    path = "/".join(names) + "/" * is_folder
    try:
        seen = opinion(pattern, path)
    except ValueError:
        assume(False)
    assert opinion(pattern, path.replace("x", "\n")) == seen


def test_patterns_hold_below_a_folder_with_a_newline_in_its_name(tmp_path: Path) -> None:
    plant(tmp_path, "a\nb/private/1.jpg", "a\nb/2.jpg", "a\nb/c\n/3.png", "private\n/4.jpg")
    found = ["a\nb/2.jpg", "a\nb/c\n/3.png", "private\n/4.jpg"]
    assert walked(tmp_path, exclude=("private",)) == found
    assert walked(tmp_path, glob=("**/*.png",)) == ["a\nb/c\n/3.png"]
    (tmp_path / ".ignore").write_text("private/\n")
    assert walked(tmp_path) == found


def test_only_a_newline_ends_a_line_of_an_ignore_file(tmp_path: Path) -> None:
    plant(tmp_path, "a\x0bb.jpg", "b.jpg", "c.jpg")
    (tmp_path / ".ignore").write_bytes(b"a\x0bb.jpg\nc.jpg")
    assert walked(tmp_path) == ["b.jpg"]


@pytest.mark.parametrize("pattern", ["/*[!a]*c", "/[!a]c", "b[.-0]c"])
def test_no_bracket_stands_for_a_slash(pattern: str) -> None:
    assert opinion(pattern, "b/c") is None
    assert opinion(pattern, "bxc") in (None, True)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 30 + "b.jpg", "a" * 250),
        ("*[ab]" * 30 + "c", "a" * 250),
        ("*" + "?" * 100 + "/*b*", "a" * 250 + "/a"),
        ("*" + "[!b]" * 100 + "/*b*", "a" * 250 + "/a"),
        ("a/**/a/**/b", "a/" * 500),
    ],
)
def test_no_pattern_takes_long(pattern: str, path: str) -> None:
    assert opinion(pattern, path) is None


def test_a_pattern_of_too_many_deep_stars_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no glob pattern"):
        walked(tmp_path, exclude=("a/**/b/**/c/**/d",))


def test_a_later_exclude_takes_back_an_earlier_one(tmp_path: Path) -> None:
    plant(tmp_path, "a.png", "b.png")
    assert walked(tmp_path, exclude=("*.png", "!b.png")) == ["b.png"]


def test_glob_keeps_what_it_matches_and_drops_what_it_negates(tmp_path: Path) -> None:
    plant(tmp_path, "a.png", "b.jpg", "trip/c.png", "trip/d.jpg")
    assert walked(tmp_path, glob=("*.png",)) == ["a.png", "trip/c.png"]
    assert walked(tmp_path, glob=("trip/",)) == ["trip/c.png", "trip/d.jpg"]
    assert walked(tmp_path, glob=("!*.png",)) == ["b.jpg", "trip/d.jpg"]


def test_a_pattern_that_matched_nothing_is_reported_once(tmp_path: Path) -> None:
    plant(tmp_path, "one/a.jpg", "two/b.jpg", ".git/c.jpg")
    roots = resolve_roots([os.fsencode(tmp_path / name) for name in ("one", "two")])
    found = list(walk(roots, WalkSettings(exclude=("b.jpg", "nothing/"))))
    assert found[1:] == [Trouble(b"", "the pattern 'nothing/' matched nothing", lasting=False)]
    assert troubles(tmp_path, exclude=(".git",)) == []


def test_a_pattern_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'!'"):
        walked(tmp_path, exclude=("!",))


@pytest.mark.parametrize("name", [".ignore", ".clipfindignore"])
def test_ignore_files_hold_below_their_folder(name: str, tmp_path: Path) -> None:
    plant(tmp_path, "a/raw/1.jpg", "a/2.jpg", "raw/3.jpg", "a/b/raw/4.jpg")
    (tmp_path / "a" / name).write_text("# not these\nraw/\n!\n")
    assert walked(tmp_path) == ["a/2.jpg", "raw/3.jpg"]
    assert len(walked(tmp_path, ignore_files=False)) == 4


def test_an_ignore_file_from_windows_holds_from_its_first_line(tmp_path: Path) -> None:
    plant(tmp_path, "raw/1.jpg", "2.jpg", "3.png")
    (tmp_path / ".ignore").write_bytes(b"\xef\xbb\xbfraw/\r\n*.png\r\n")
    assert walked(tmp_path) == ["2.jpg"]


def test_the_nearest_ignore_file_wins(tmp_path: Path) -> None:
    plant(tmp_path, "a.png", "keep/b.png", "keep/not/c.png")
    (tmp_path / ".ignore").write_text("*.png\n")
    (tmp_path / "keep/.ignore").write_text("!*.png\n/not/*\n")
    assert walked(tmp_path) == ["keep/b.png"]


def test_own_ignore_file_wins_over_the_general_one(tmp_path: Path) -> None:
    plant(tmp_path, "a.png", "b.png")
    (tmp_path / ".ignore").write_text("*.png\n")
    (tmp_path / ".clipfindignore").write_text("!b.png\n")
    assert walked(tmp_path) == ["b.png"]


def test_an_ignore_file_above_the_root_holds_unless_it_ignores_the_root(tmp_path: Path) -> None:
    plant(tmp_path, "photos/a.jpg", "photos/raw/b.jpg")
    (tmp_path / ".ignore").write_text("raw\n")
    assert walked(tmp_path / "photos") == ["a.jpg"]
    assert walked(tmp_path / "photos/raw") == ["b.jpg"]


def test_other_file_systems_are_left_out_when_asked() -> None:
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat("/tmp").st_dev:
        pytest.skip("needs a second file system at /dev/shm")
    with TemporaryDirectory(dir="/dev/shm") as other, TemporaryDirectory(dir="/tmp") as own:
        plant(Path(other), "a.jpg")
        plant(Path(own), "b.jpg", "sub/c.jpg")
        (Path(own) / "link").symlink_to(other)
        assert walked(Path(own), follow=True) == ["b.jpg", "link/a.jpg", "sub/c.jpg"]
        assert walked(Path(own), follow=True, one_file_system=True) == ["b.jpg", "sub/c.jpg"]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, ["a.jpg", "sub/b.jpg"]),
        ({"hidden": True}, [".h/c.jpg", "a.jpg", "sub/b.jpg"]),
        ({"exclude": ("sub/",)}, ["a.jpg"]),
        ({"glob": ("sub",)}, ["sub/b.jpg"]),
    ],
)
def test_is_wanted_agrees_with_the_walk(
    options: dict[str, object], wanted: list[str], tmp_path: Path
) -> None:
    plant(tmp_path, "a.jpg", "sub/b.jpg", ".h/c.jpg")
    [root] = resolve_roots([os.fsencode(tmp_path)])
    paths = [os.path.join(root.path, name) for name in (b".h/c.jpg", b"a.jpg", b"sub/b.jpg")]
    kept = [path for path in paths if is_wanted(root, path, WalkSettings(**options))]
    assert [os.fsdecode(os.path.relpath(path, root.path)) for path in kept] == wanted
    assert walked(tmp_path, **options) == wanted


def test_is_wanted_refuses_what_lies_elsewhere(tmp_path: Path) -> None:
    plant(tmp_path, "in/a.jpg")
    [root] = resolve_roots([os.fsencode(tmp_path / "in")])
    assert not is_wanted(root, root.path + b"side/a.jpg", WalkSettings())
    assert is_wanted(root, root.path + b"/a.jpg", WalkSettings())


@settings(max_examples=60, deadline=None)
@given(
    ignored=st.dictionaries(
        st.sampled_from(["", "a/", "a/b/"]),
        st.lists(
            st.sampled_from(["a", "b/", "*.png", "!*.png", "/a/b", "!b/", "b/c.png", "**/b/*"]),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
    )
)
def test_ignored_agrees_with_the_walk(ignored: dict[str, list[str]]) -> None:
    names = ["a.png", "b.jpg", "a/b.png", "a/c.jpg", "a/b/c.png", "a/b/d.jpg", "b/c.png"]
    with TemporaryDirectory() as folder:
        plant(Path(folder), *names)
        for place, patterns in ignored.items():
            (Path(folder) / place / ".ignore").write_text("\n".join(patterns))
        [root] = resolve_roots([os.fsencode(folder)])
        left_out = LeftOut(root, WalkSettings())
        kept = [name for name in names if os.path.join(root.path, name.encode()) not in left_out]
        assert sorted(kept) == sorted(walked(Path(folder)))


PAIRS = ("a.jpg", "a.nef", "b.dng", "c.CR2", "C.heic", "d.raf", "d.tif", "sub/a.arw", "sub/b.jpe")


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        ({}, {"a.nef", "c.CR2"}),
        ({"raw_pairs": True}, set()),
        ({"exclude": ("*.jpg",)}, {"a.jpg", "c.CR2"}),
        ({"glob": ("*.nef", "*.heic")}, set(PAIRS) - {"a.nef", "C.heic"}),
    ],
)
def test_a_raw_file_leaves_its_place_to_the_picture_beside_it(
    options: dict[str, object], left_out: set[str], tmp_path: Path
) -> None:
    plant(tmp_path, *PAIRS)
    assert walked(tmp_path, **options) == sorted(set(PAIRS) - left_out)
    [root] = resolve_roots([os.fsencode(tmp_path)])
    pairs = LeftOut(root, WalkSettings(**options))
    for name in PAIRS:
        path = os.path.join(root.path, name.encode())
        kept = is_wanted(root, path, WalkSettings(**options)) and path not in pairs
        assert kept is (name not in left_out)


def test_a_raw_file_is_walked_if_its_picture_is_ignored_or_none(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", "a.nef", "b.nef", "b.jpg/inside.png", "c.nef")
    (tmp_path / "c.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / ".ignore").write_text("a.jpg")
    assert walked(tmp_path) == ["a.nef", "b.jpg/inside.png", "b.nef", "c.nef"]
    [root] = resolve_roots([os.fsencode(tmp_path)])
    pairs = LeftOut(root, WalkSettings())
    assert not any(root.path + b"/" + name in pairs for name in (b"a.nef", b"b.nef", b"c.nef"))


def test_a_raw_file_that_is_named_is_walked(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", "a.nef")
    assert walked(tmp_path / "a.nef") == ["."]
