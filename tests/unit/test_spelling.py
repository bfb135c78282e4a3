"""Names that a disk writes with other bytes for the same letters: composed or decomposed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from planted import plant, walked

from rclip_like.errors import UsageError
from rclip_like.library import Library
from rclip_like.query import Query, parse
from rclip_like.settings import WalkSettings
from rclip_like.spelling import Spelling
from rclip_like.walk import LeftOut, resolve_roots

COMPOSED = "M\u00fcller"
DECOMPOSED = "Mu\u0308ller"
FORMS = pytest.mark.parametrize(
    ("typed", "there"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)], ids=["to_d", "to_c"]
)


@FORMS
@pytest.mark.parametrize("pattern", ["{}/", "/{}/*.jpg", "M[{}]ller/", "**/{}/a.jpg"])
def test_ignore_files_match_either_form(
    typed: str, there: str, pattern: str, tmp_path: Path
) -> None:
    plant(tmp_path, f"{there}/a.jpg", "b.jpg")
    letter = typed[1:-4]
    (tmp_path / ".ignore").write_text(pattern.format(letter if "[" in pattern else typed))
    assert walked(tmp_path) == ["b.jpg"]
    [root] = resolve_roots([os.fsencode(tmp_path)])
    assert os.path.join(root.path, os.fsencode(f"{there}/a.jpg")) in LeftOut(root, WalkSettings())


@FORMS
def test_exclude_and_glob_match_either_form(typed: str, there: str, tmp_path: Path) -> None:
    plant(tmp_path, f"{there}/a.jpg", f"{there}.jpg", "b.jpg")
    assert set(walked(tmp_path, exclude=(f"{typed}*",))) == {"b.jpg"}
    assert set(walked(tmp_path, glob=(f"{typed}*",))) == {f"{there}/a.jpg", f"{there}.jpg"}
    assert set(walked(tmp_path, glob=("M?ller.jpg",))) == {f"{there}.jpg"}


@FORMS
def test_a_pattern_that_is_a_path_matches_either_form(
    typed: str, there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, f"{there}/album [1]/a.jpg", f"{there}/b.jpg")
    monkeypatch.chdir(tmp_path)
    for pattern in (f"{typed}/album [1]", f"{tmp_path}/{typed}/album [1]/"):
        assert walked(tmp_path / there, exclude=(pattern,)) == ["b.jpg"]


@pytest.mark.parametrize("name", [b"M\xfcller", b"a\xff\xfe", b"M\xc3\xbcller\xff"])
def test_bytes_that_are_not_utf8_match_themselves(name: bytes, tmp_path: Path) -> None:
    plant(tmp_path, os.fsdecode(name) + "/a.jpg", "b.jpg")
    (tmp_path / ".ignore").write_bytes(name + b"/\n")
    assert walked(tmp_path) == ["b.jpg"]


@FORMS
def test_a_name_is_found_in_the_form_the_disk_has(typed: str, there: str, tmp_path: Path) -> None:
    plant(tmp_path, f"{there}/{there}.jpg", "b/c.jpg")
    path = os.fsencode(tmp_path / there / f"{there}.jpg")
    spelling = Spelling()
    assert spelling.on_disk(os.fsencode(tmp_path / typed / f"{typed}.jpg")) == path
    assert spelling.on_disk(os.fsencode(tmp_path / there / f"{typed}.jpg")) == path
    assert spelling.on_disk(path) is None
    assert spelling.on_disk(os.fsencode(tmp_path / typed) + b"/") == os.path.dirname(path) + b"/"
    assert spelling.on_disk(os.fsencode(tmp_path / typed / "b.jpg")) is None
    assert spelling.on_disk(os.fsencode(tmp_path / typed / f"{typed}.png")) is None


def test_a_name_in_neither_pure_form_is_found_and_relative_paths_stay_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = f"{COMPOSED} {DECOMPOSED}"
    plant(tmp_path, f"{mixed}/a.jpg")
    monkeypatch.chdir(tmp_path)
    spelling = Spelling()
    for typed in (f"{COMPOSED} {COMPOSED}", f"./{DECOMPOSED} {DECOMPOSED}/../{mixed}/a.jpg"):
        there = os.fsencode(typed.replace(f"{COMPOSED} {COMPOSED}", mixed))
        there = there.replace(os.fsencode(f"{DECOMPOSED} {DECOMPOSED}"), os.fsencode(mixed))
        assert spelling.on_disk(os.fsencode(typed)) == there
    assert spelling.on_disk(b"a\0\xc3\xbc") is None


def test_many_names_of_one_folder_list_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, *(f"{DECOMPOSED}{number}.jpg" for number in range(50)))
    listed: list[bytes] = []
    really = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(path) or really(path))
    spelling = Spelling()
    for number in range(100):
        found = spelling.on_disk(os.fsencode(tmp_path / f"{COMPOSED}{number}.jpg"))
        assert (found is not None) == (number < 50)
    assert len(listed) == 1


@FORMS
def test_a_picture_query_is_taken_in_the_form_the_disk_has_and_that_is_said(
    typed: str, there: str, tmp_path: Path
) -> None:
    plant(tmp_path, f"{there}.jpg")
    (term,) = parse(Query(str(tmp_path / f"{typed}.jpg")))
    assert term.value == str(tmp_path / f"{there}.jpg")
    assert "written in another form" in term.note
    assert f"{typed}.jpg" in term.note
    (plain,) = parse(Query(term.value))
    assert plain.note == ""
    with pytest.raises(UsageError, match="no such picture"):
        parse(Query(str(tmp_path / f"{typed}.png")))


@FORMS
def test_paths_are_taken_in_the_form_the_disk_has(typed: str, there: str, tmp_path: Path) -> None:
    plant(tmp_path, f"{there}/a.jpg")
    with Library(tmp_path / "index.db") as library:
        assert library.index([tmp_path / typed]).failed == 1  # an empty file
        assert library.status([tmp_path / typed]).unknown == ()
        assert library.forget([tmp_path / typed]).failures == 1
