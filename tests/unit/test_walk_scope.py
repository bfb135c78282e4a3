"""What a walk would still come to, by one question, and what SQLite can tell of it beforehand."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rclip_like.settings import WalkSettings
from rclip_like.values import Root
from rclip_like.walk import Scope, resolve_roots
from rclip_like.walk.patterns import Globs

ROOT = Root(b"pictures", b"/home/Bj\xc3\xb6rn [1]/pictures")
PART = st.sampled_from(
    ["*", "**", "?", "[ab]", "[!a]", "a", "b", "ab", "2010", ".jpg", "/", "\\*", "é", "e\u0301"]
)
PATTERN = st.lists(PART, min_size=1, max_size=5).map("".join)
NAME = st.sampled_from(["a", "b", "ab", "2010", "a.jpg", "b.jpg", "*", "é", "e\u0301", "a\nb"])


def may_pass(globs: tuple, path: bytes) -> bool:
    """Ask SQLite itself, as a selection does."""
    with sqlite3.connect(":memory:") as connection:

        def matches(glob: bytes) -> bool:
            question = "SELECT CAST(? AS TEXT) GLOB CAST(? AS TEXT)"
            return bool(connection.execute(question, (path, glob)).fetchone()[0])

        any_of, none_of = globs
        return (not any_of or any(map(matches, any_of))) and not any(map(matches, none_of))


@settings(max_examples=400, deadline=None)
@example(exclude=[], glob=["*[ab]"], names=["a"], everywhere=False)
@given(
    exclude=st.lists(PATTERN | PATTERN.map("!{}".format), max_size=2),
    glob=st.lists(PATTERN | PATTERN.map("!{}".format), max_size=2),
    names=st.lists(NAME, min_size=1, max_size=3),
    everywhere=st.booleans(),
)
def test_sqlite_leaves_out_nothing_that_the_patterns_want(
    exclude: list[str], glob: list[str], names: list[str], everywhere: bool
) -> None:
    scope = Scope(
        None if everywhere else [ROOT], WalkSettings(exclude=tuple(exclude), glob=tuple(glob))
    )
    path = os.path.join(ROOT.path, *map(os.fsencode, names))
    try:
        wanted = scope.wants(path)
    except ValueError:  # not a pattern
        return
    assert may_pass(scope.globs, path) or not wanted


def test_plain_patterns_are_told_to_sqlite() -> None:
    scope = Scope([ROOT], WalkSettings(glob=("*.png",), exclude=("*.jpg", "2010/")))
    assert scope.globs == ((b"*.png*",), (b"*.jpg",))
    assert not may_pass(scope.globs, b"/a.jpg")


def test_a_file_that_is_named_is_wanted_whatever_the_patterns(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    roots = resolve_roots([os.fsencode(tmp_path / "a.jpg")])
    scope = Scope(roots, WalkSettings(glob=("*.png",), exclude=("*",)))
    assert scope.globs == ((), ())
    assert roots[0].path in scope


def test_of_overlapping_roots_the_innermost_decides_and_is_named() -> None:
    inner = Root(b"hidden", b"/p/.hidden")
    scope = Scope([Root(b"/p", b"/p"), inner], WalkSettings())
    assert scope.root_of(b"/p/.hidden/a.jpg") == inner
    assert scope.wants(b"/p/.hidden/a.jpg")
    assert not scope.wants(b"/p/.other/a.jpg")
    assert scope.as_typed(b"/p/.hidden/a.jpg") == b"hidden/a.jpg"


@pytest.mark.parametrize("glob", ["*/", "**/"])
def test_a_pattern_of_every_folder_chooses_what_lies_in_one(tmp_path: Path, glob: str) -> None:
    root = Root(b"p", os.fsencode(tmp_path))
    globs = Globs.of(root, WalkSettings(glob=(glob,)))
    assert globs.is_chosen(b"sub/a.png")
    assert not globs.is_chosen(b"a.png")
