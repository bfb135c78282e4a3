"""`clipfind search --html`: the results as one file to look at."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from processes import run, run_on_terminal

from rclip_like.classify.values import LabelledPicture, LabelScore
from rclip_like.cli.sheet import groups_of_labels

MARK = b'content="clipfind contact sheet"'


def test_nothing_is_waited_for_in_a_pipe(indexed: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.html"
    os.mkfifo(pipe)
    finished = run("blue", "pictures", "-n", "--html", pipe, timeout=30)
    assert finished.returncode == 2
    assert b"exists and is not a contact sheet; name another file" in finished.stderr


def test_a_sheet_is_written_instead_of_lines(indexed: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "found.html"
    finished = run("something blue", "pictures", "-n", "--html", sheet, "-t", "2", "--add", "sky")
    assert (finished.returncode, finished.stdout) == (0, b"")
    assert finished.stderr.decode() == f"clipfind: the contact sheet is in {sheet}\n"
    content = sheet.read_text()
    assert content.count("<img ") == 2
    assert "<h1>something blue + sky</h1>" in content
    assert "<dd>--no-index --top 2</dd>" in content
    assert sheet.stat().st_mode & 0o044


def test_copies_are_shown_once_as_in_a_table(indexed: Path, tmp_path: Path) -> None:
    (indexed / "copy.png").write_bytes((indexed / "one.png").read_bytes())
    run("index", indexed)
    once, all_of_them = tmp_path / "once.html", tmp_path / "all.html"
    run("blue", indexed, "-n", "--html", once)
    run("blue", indexed, "-n", "--html", all_of_them, "--no-collapse")
    assert once.read_text().count("<img ") + 1 == all_of_them.read_text().count("<img ")


def test_a_sheet_goes_to_stdout_but_not_to_a_terminal(indexed: Path) -> None:
    finished = run("blue", "pictures", "-n", "--html", "-")
    assert finished.returncode == 0
    assert finished.stdout.startswith(b"<!doctype html>")
    assert finished.stdout.endswith(b"</html>")
    shown = run_on_terminal("blue", "pictures", "-n", "--html", "-")
    assert "send it into a file or a program" in str(shown)


@pytest.mark.parametrize("is_link", [False, True])
def test_only_an_earlier_sheet_is_replaced(is_link: bool, indexed: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "found.html"
    for _ in range(2):
        assert run("blue", "pictures", "-n", "--html", sheet).returncode == 0
    other = tmp_path / "letter.html"
    other.write_text("dear")
    named = tmp_path / "link.html" if is_link else other
    if is_link:
        named.symlink_to(other)
    finished = run("blue", "pictures", "-n", "--html", named)
    assert finished.returncode == 2
    assert b"exists and is not a contact sheet; name another file" in finished.stderr
    assert other.read_text() == "dear"
    folder = run("blue", "pictures", "-n", "--html", tmp_path)
    assert b"is a folder; name a file for the contact sheet" in folder.stderr


def test_a_sheet_that_cannot_be_written_is_an_error(indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finished = run("blue", "pictures", "-n", "--html", tmp_path / "file" / "found.html")
    assert finished.returncode == 2
    assert b"found.html cannot be written" in finished.stderr


def test_nothing_found_leaves_an_empty_sheet_and_exits_with_one(
    indexed: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "found.html"
    finished = run("blue", "pictures", "-n", "--html", sheet, "--min-score", "1")
    assert finished.returncode == 1
    assert MARK in sheet.read_bytes()
    assert b"<img" not in sheet.read_bytes()


def num_pictures(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def test_the_groups_of_classify_are_one_sheet(indexed: Path, tmp_path: Path) -> None:
    sheet, number = tmp_path / "groups.html", num_pictures(indexed)
    finished = run("classify", "--labels", "cat,dog", "pictures", "-n", "--html", sheet)
    assert (finished.returncode, finished.stdout) == (0, b"")
    assert b"the contact sheet is in" in finished.stderr
    content = sheet.read_text()
    assert content.count("<img ") == number
    assert "<h1>cat, dog</h1>" in content
    counts = re.findall(r'<h2 [^>]*>(\w+) <span class="count">(\d) ', content)
    assert counts
    assert {label for label, _ in counts} <= {"cat", "dog"}
    assert sum(int(count) for _, count in counts) == number
    assert re.search(r">\d\d\.\d %<", content)


def test_pictures_without_a_label_come_last_and_only_leaves_other_groups_out(
    indexed: Path, tmp_path: Path
) -> None:
    sheet, labels = tmp_path / "groups.html", ("classify", "--labels", "cat,dog", "pictures", "-n")
    none = run(*labels, "--html", sheet, "--threshold", "1")
    assert none.returncode == 1
    assert (
        '>none of these <span class="count">' + f"{num_pictures(indexed)} pictures<"
        in sheet.read_text()
    )
    run(*labels, "--multi", "--threshold", "0", "--html", sheet)
    both = sheet.read_text()
    assert both.count("<img ") == 2 * num_pictures(indexed)
    assert "none of these" not in both
    run(*labels, "--multi", "--threshold", "0", "--only", "dog", "--html", sheet)
    assert re.findall(r"<h2 [^>]*>(\w+) ", sheet.read_text()) == ["dog"]


def test_a_label_of_very_many_pictures_shows_the_likeliest() -> None:
    score = LabelScore("cat", 0.0, 0.0)
    pictures = (
        LabelledPicture(
            path := b"/%d" % each, path, (now := score._replace(probability=each),), now, ""
        )
        for each in range(1000)
    )
    (group,) = groups_of_labels(pictures, ["cat", "dog", None])
    assert (group.title, group.number, group.note) == ("cat", 1000, "The 200 likeliest are shown.")
    assert [entry.path for entry in group.entries] == [
        b"/%d" % each for each in range(999, 799, -1)
    ]


@pytest.mark.parametrize("others", [("--json",), ("--files",), ("--copy-to", "folder")])
def test_a_sheet_of_labels_replaces_what_is_printed_or_filed(
    others: tuple[str, ...], tmp_path: Path
) -> None:
    finished = run("classify", "--labels", "cat", "--html", tmp_path / "a.html", *others)
    assert finished.returncode == 2
    assert b"has no effect together with" in finished.stderr
