"""Labels as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rclip_like.errors import UsageError
from rclip_like.evaluate.labels import parse_label_lines, parse_labels, read_labels


def test_a_list_has_commas_and_quotes() -> None:
    labels = parse_labels('cat, dog,"red, fast car", "so-called ""art""" ')
    assert tuple(labels) == ("cat", "dog", "red, fast car", 'so-called "art"')
    assert labels["cat"] == ("cat",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has an empty entry"),
        (" ", "has an empty entry"),
        ("cat,,dog", "has an empty entry"),
        ("cat,", "has an empty entry"),
        ("cat, CAT", "the label 'CAT' is repeated"),
        ('cat,"dog', "has an opening double quote but no closing one"),
        ("cat\ndog,bird", "cannot be read"),
        ("c" * 200_000, "cannot be read"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_labels(text)


def test_lines_have_a_label_and_its_wordings() -> None:
    text = '# mine\n\ncat\nn0144: tench, "pike, big", Tench\nC#\n"a: b": c\n"#1"\n'
    assert parse_label_lines(text, "l.txt") == {
        "cat": ("cat",),
        "n0144": ("tench", "pike, big"),
        "C#": ("C#",),
        "a: b": ("c",),
        "#1": ("#1",),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing\n", "l.txt: has no labels"),
        ("cat\ndog\nCat\n", "l.txt: line 3: the label 'Cat' is repeated"),
        ("cat\ndog, bird\n", "l.txt: line 2: 'dog, bird' has a comma"),
        ("cat:\n", "line 1: the phrases of 'cat': '' has an empty entry"),
        ("cat: a,,b\n", "line 1: the phrases of 'cat'"),
        (": a\n", "line 1: ': a' is not a label"),
        ('"cat: a\n', "line 1: .* is not a label"),
        ("cat: pet\ndog: dog, Pet\n", "line 2: 'Pet' is already a wording of 'cat'"),
    ],
)
def test_lines_that_make_no_sense_are_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_label_lines(text, "l.txt")


def test_a_file_may_be_in_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("Bär: Bär, Teddy\r\nKuh\r\n".encode("utf-16"))
    assert read_labels(path) == {"Bär": ("Bär", "Teddy"), "Kuh": ("Kuh",)}


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(UsageError, match="has more than 1,048,576 bytes"):
        read_labels(Path("/dev/zero"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"labels.txt: cannot be read"):
        read_labels(tmp_path / "labels.txt")
