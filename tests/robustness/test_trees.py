"""Trees no one would plant: odd names, long names, deep folders, things that move."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import walk

from rclip_like.settings import WalkSettings
from rclip_like.values import FileFacts, Trouble
from rclip_like.walk import resolve_roots
from rclip_like.walk.patterns import is_wanted

ODD = (
    b"caf\xe9.jpg",
    b"\xff\xfe.png",
    b"new\nline.jpg",
    b"tab\tand\rreturn.jpg",
    b"\x1b[31mred\x1b[0m.jpg",
    b"[red]100%.jpg",
    b"-rf.jpg",
    b"'quotes\".jpg",
    b"back\\slash.jpg",
    b"*?.jpg",
    b" .jpg",
    "e\u0301.jpg".encode(),
    "\u00e9.jpg".encode(),
    b"x" * 251 + b".jpg",
)


def everything(root: Path, **options: object) -> list[FileFacts | Trouble]:
    return list(walk(resolve_roots([os.fsencode(root)]), WalkSettings(**options)))


def names(root: Path, **options: object) -> list[bytes]:
    return [os.path.basename(found.path) for found in everything(root, **options)]


def test_names_of_any_bytes_are_walked(tmp_path: Path) -> None:
    for name in ODD:
        open(os.path.join(os.fsencode(tmp_path), name), "xb").close()
    assert names(tmp_path) == sorted(ODD)


@pytest.mark.parametrize("name", ODD)
def test_names_of_any_bytes_are_roots(name: bytes, tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path.resolve()), name)
    open(path, "xb").close()
    [root] = resolve_roots([path])
    assert (root.path, root.is_file) == (path, True)


def test_patterns_meet_names_of_any_bytes(tmp_path: Path) -> None:
    for name in ODD:
        open(os.path.join(os.fsencode(tmp_path), name), "xb").close()
    assert names(tmp_path, exclude=("*.jpg",)) == [b"\xff\xfe.png"]
    (tmp_path / ".ignore").write_bytes(b"caf\xe9.jpg\n\xff*\n")
    assert len(names(tmp_path)) == len(ODD) - 2


def test_a_tree_deeper_than_any_recursion_is_walked() -> None:
    with TemporaryDirectory() as folder:
        deep = [folder + "/d" * depth for depth in range(1, 1500)]
        for path in deep:
            os.mkdir(path)
        Path(deep[-1], "a.jpg").touch()
        try:
            assert names(Path(folder)) == [b"a.jpg"]
        finally:
            Path(deep[-1], "a.jpg").unlink()
            for path in reversed(deep):  # shutil.rmtree recurses
                os.rmdir(path)


def test_a_path_too_long_for_the_system_is_reported(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(20):
            os.mkdir("d" * 250, dir_fd=here)
            inner = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
    finally:
        os.close(here)
    (tmp_path / "z.jpg").touch()
    trouble, facts = everything(tmp_path)
    assert isinstance(trouble, Trouble)
    assert "too long" in trouble.reason
    assert facts.path.endswith(b"z.jpg")


def test_a_folder_that_vanishes_during_the_walk_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rclip_like.walk.tree._PAGE", 1)
    for name in ("a/1.jpg", "b/2.jpg", "b/3.jpg", "c/4.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = walk(resolve_roots([os.fsencode(tmp_path)]), WalkSettings())
    assert next(found).path.endswith(b"1.jpg")
    shutil.rmtree(tmp_path / "b")
    assert [facts.path[-5:] for facts in found] == [b"4.jpg"]


def test_a_file_that_vanishes_during_the_walk_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rclip_like.walk.tree._PAGE", 1)
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        (tmp_path / name).touch()
    found = walk(resolve_roots([os.fsencode(tmp_path)]), WalkSettings())
    assert next(found).path.endswith(b"1.jpg")
    (tmp_path / "2.jpg").unlink()
    assert [facts.path[-5:] for facts in found] == [b"3.jpg"]


def test_links_that_lead_round_end(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.jpg").touch()
    (tmp_path / "a/to-b").symlink_to("../b")
    (tmp_path / "b/to-a").symlink_to("../a")
    found = [
        os.path.relpath(f.path, os.fsencode(tmp_path)) for f in everything(tmp_path, follow=True)
    ]
    assert found == [b"a/a.jpg", b"a/to-b/b.jpg", b"b/b.jpg", b"b/to-a/a.jpg"]


def test_a_link_that_leads_nowhere_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("missing.jpg")
    (tmp_path / "b.jpg").symlink_to("b.jpg")
    (tmp_path / "c.jpg").symlink_to("x" * 300)
    assert [trouble.path[-5:] for trouble in everything(tmp_path, follow=True)] in (
        [],
        [b"b.jpg", b"c.jpg"],
    )


def test_an_ignore_file_that_is_a_folder_is_a_trouble_and_no_end(tmp_path: Path) -> None:
    (tmp_path / ".ignore").mkdir()
    (tmp_path / "a.jpg").touch()
    trouble, facts = everything(tmp_path)
    assert isinstance(trouble, Trouble)
    assert facts.path.endswith(b"a.jpg")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=6))
def test_no_ignore_file_stops_a_walk(lines: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, ".clipfindignore").write_bytes(b"\n".join(lines))
        Path(folder, "sub").mkdir()
        Path(folder, "sub/a.jpg").touch()
        troubles = [found for found in everything(Path(folder)) if isinstance(found, Trouble)]
        assert len(troubles) <= 1  # of an ignore file that is not text
        assert len(everything(Path(folder))) - len(troubles) <= 1
        assert len(everything(Path(folder), ignore_files=False)) == 1


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=4), st.booleans())
def test_is_wanted_takes_any_bytes(parts: list[bytes], hidden: bool) -> None:
    [root] = resolve_roots([b"/"])
    path = b"/" + b"/".join(parts)
    options = WalkSettings(hidden=hidden, exclude=("*.tmp",), glob=("*",))
    assert is_wanted(root, path, options) in (True, False)
