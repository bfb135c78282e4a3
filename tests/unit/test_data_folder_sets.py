"""Labelled and captioned pictures in folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from drawn_pairs import draw_picture, write_shard
from labelled_sets import (
    captioned_names,
    examples_of,
    labelled,
    troubles_of,
    write_classes,
    write_files,
)

from rclip_like.data.sets import open_set
from rclip_like.errors import DataError

PICTURE = draw_picture(0)


def test_folders_are_labels_in_the_order_in_which_people_number_them(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data", ["class10", "class2", "Cat"])
    pictures = open_set(data)
    assert pictures.name == "data"
    assert pictures.labels == ("Cat", "class2", "class10")
    assert pictures.templates == pictures.splits == ()
    assert pictures.total == 6
    assert set(labelled(pictures)) == {
        (f"{number}.png", label) for number in (0, 1) for label in pictures.labels
    }
    assert not troubles_of(pictures)


def test_pictures_may_lie_deeper_than_the_folder_of_their_label(tmp_path: Path) -> None:
    files = {"dog/2019/may/a.JPG": PICTURE, "dog/b.png": PICTURE, "cat/c.webp": PICTURE}
    pictures = open_set(write_files(tmp_path, files))
    assert labelled(pictures) == [("c.webp", "cat"), ("a.JPG", "dog"), ("b.png", "dog")]


def test_hidden_files_and_files_that_are_no_pictures_are_left_out(tmp_path: Path) -> None:
    files = {"dog/a.png": PICTURE, "dog/._a.png": b"", ".git/a.png": PICTURE, "dog/notes.md": "x"}
    pictures = open_set(write_files(tmp_path, files | {"dog/.thumbs/b.png": PICTURE}))
    assert (pictures.labels, labelled(pictures)) == (("dog",), [("a.png", "dog")])
    assert not troubles_of(pictures)


def test_an_empty_folder_gives_no_label_and_is_named(tmp_path: Path) -> None:
    data = write_files(tmp_path, {"dog/a.png": PICTURE, "cat/notes.txt": "none yet"})
    write_files(data, {"stray.png": PICTURE})
    pictures = open_set(data)
    assert pictures.labels == ("dog",)
    assert troubles_of(pictures) == [
        ("stray.png", "is not in a folder named by a label"),
        ("cat", "holds no pictures, and gives no label"),
    ]


@pytest.mark.skipif(os.name == "nt", reason="names of Unix")
def test_labels_may_have_any_name_that_a_folder_can_have(tmp_path: Path) -> None:
    names = [b"caf\xe9", b"a\nb", b'say "x"', b"-n", b"[red]", "猫".encode()]
    for name in names:
        folder = os.path.join(os.fsencode(tmp_path), name)
        os.mkdir(folder)
        Path(os.fsdecode(folder), "a.png").write_bytes(PICTURE)
    pictures = open_set(tmp_path)
    assert {os.fsencode(label) for label in pictures.labels} == set(names)
    assert {example.label for example in examples_of(pictures)} == set(pictures.labels)


@pytest.mark.skipif(os.name == "nt", reason="links of Unix")
def test_a_label_may_be_a_link_to_a_folder_and_loops_end(tmp_path: Path) -> None:
    write_files(tmp_path, {"elsewhere/a.png": PICTURE, "data/cat/b.png": PICTURE})
    (tmp_path / "data" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "data")
    assert labelled(open_set(tmp_path / "data")) == [("b.png", "cat"), ("a.png", "dog")]


@pytest.mark.parametrize("split", ["train", "validation", "val", "test"])
def test_a_split_is_chosen_by_its_name(tmp_path: Path, split: str) -> None:
    for folder in ("train", "val", "test"):
        write_files(tmp_path, {f"{folder}/dog/{folder}.png": PICTURE, f"{folder}/cat/x.png": b""})
    own = "val" if split == "validation" else split
    pictures = open_set(tmp_path, split=split)
    assert pictures.name == f"{tmp_path.name}/{own}"
    assert pictures.splits == ("train", "val", "test")
    assert labelled(pictures) == [("x.png", "cat"), (f"{own}.png", "dog")]


def test_a_split_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    for folder in ("train", "valid"):
        write_classes(tmp_path / folder, ["dog", "cat"])
    with pytest.raises(DataError, match="has no split 'test'; its splits are train and val"):
        open_set(tmp_path)
    assert open_set(tmp_path, split="val").total == 4


def test_photos_of_trains_are_a_label(tmp_path: Path) -> None:
    data = write_classes(tmp_path, ["train", "bus"])
    assert open_set(data).labels == ("bus", "train")


def test_class_names_give_the_order_or_stand_for_the_folders(tmp_path: Path) -> None:
    data = write_classes(tmp_path, ["dog", "cat"])
    write_files(data, {"classnames.txt": "dog\nbird\ncat\n"})
    assert open_set(data).labels == ("dog", "bird", "cat")
    other = write_classes(tmp_path / "other", ["n02", "n10", "n01"], 1)
    write_files(other, {"classnames.txt": "tench\r\ngoldfish\r\nshark\r\n"})
    pictures = open_set(other)
    assert pictures.labels == ("tench", "goldfish", "shark")
    assert [label for _, label in labelled(pictures)] == ["tench", "goldfish", "shark"]


def test_class_names_that_do_not_fit_are_an_error(tmp_path: Path) -> None:
    data = write_classes(tmp_path, ["dog", "cat", "owl", "hare"])
    write_files(data, {"classnames.txt": "dog\nbird\nfish\n"})
    with pytest.raises(DataError, match="'cat' is neither among the 3 names of"):
        open_set(data)


def test_a_folder_without_a_class_name_is_named(tmp_path: Path) -> None:
    data = write_classes(tmp_path, ["dog", "cat", "misc"], 1)
    write_files(data, {"classnames.txt": "dog\nbird\ncat\nfish\n"})
    pictures = open_set(data)
    assert (pictures.labels, pictures.total) == (("dog", "bird", "cat", "fish"), 2)
    assert troubles_of(pictures) == [("misc", "is not named in classnames.txt, and gives no label")]


def test_texts_of_the_same_name_are_captions(captioned: Callable[..., Path]) -> None:
    folder = captioned(3)
    (folder / "001.txt").unlink()
    pictures = open_set(folder)
    assert (pictures.labels, pictures.total) == ((), 3)
    assert captioned_names(pictures)[1] == ("002.png", ("blue on the left, number 2", "no 2 drawn"))
    assert troubles_of(pictures) == [("001.png", "has no text beside it, such as 001.txt")]


def test_a_few_texts_among_labelled_pictures_are_not_looked_at(tmp_path: Path) -> None:
    data = write_classes(tmp_path, ["dog", "cat", "owl"])
    write_files(data, {"cat/0.txt": "a note", "cat/1.txt": "", "cat/1.json": "{"})
    pictures = open_set(data)
    assert (pictures.labels, pictures.total) == (("cat", "dog", "owl"), 6)
    assert pictures.format.endswith("(the texts beside 2 of 6 pictures are not read)")
    assert not troubles_of(pictures)


def test_a_json_file_beside_a_picture_gives_its_label(captioned: Callable[..., Path]) -> None:
    facts = {"000.json": '{"label": "red"}', "001.json": '{"label": 7}', "002.json": '{"a": 1}'}
    facts |= {"003.json": "[" * 100_000, "004.json": '{"label": ["a"]}'}
    pictures = open_set(write_files(captioned(5), facts))
    assert pictures.labels == ("7", "red")
    assert labelled(pictures) == [("000.png", "red"), ("001.png", "7"), ("002.png", None)]
    assert [reason for _, reason in troubles_of(pictures)] == [
        "is not JSON that can be read",
        "its label is not text",
    ]


def test_what_holds_no_set_says_what_would_be_one(tmp_path: Path) -> None:
    write_files(tmp_path, {"notes.md": "x", "cat/notes.md": "x"})
    with pytest.raises(DataError, match="neither a folder of pictures for each label, nor"):
        open_set(tmp_path)
    for path in (tmp_path / "nowhere", tmp_path / "notes.md"):
        with pytest.raises(DataError, match=str(path)):
            open_set(path)


def test_a_few_captions_and_no_labels_are_captions(captioned: Callable[..., Path]) -> None:
    folder = captioned(6)
    for number in range(1, 6):
        (folder / f"00{number}.txt").unlink()
    pictures = open_set(folder)
    assert len(captioned_names(pictures)) == 1
    assert len(troubles_of(pictures)) == 5


def test_the_text_that_names_a_picture_most_closely_counts(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"a.jpg": PICTURE, "a.png": PICTURE, "b.PNG": PICTURE}
    files |= {"a.txt": "either", "a.jpg.txt": "the JPEG", "a.json": '{"caption": "JSON"}'}
    files |= {"b.png.TXT": " ", "b.caption": "of a .caption", "b.json": '{"label": "x"}'}
    pictures = open_set(write_files(tmp_path, files))
    assert captioned_names(pictures) == [
        ("a.jpg", ("the JPEG",)),
        ("a.png", ("either",)),
        ("b.PNG", ("of a .caption",)),
    ]
    assert labelled(pictures)[2][1] == "x"


@pytest.mark.parametrize(
    ("facts", "captions"),
    [
        ('{"caption": " a  red\\n dog "}', ("a red dog",)),
        ('{"captions": ["one", "", null, "two"]}', ("one", "two")),
        ('{"caption": "one", "captions": ["two"]}', ("one", "two")),
        ('{"caption": null}', ()),
    ],
)
def test_captions_in_json_are_a_text_or_a_list(
    tmp_path: Path, facts: str, captions: tuple[str, ...]
) -> None:
    pictures = open_set(write_files(tmp_path, {"a.jpg": PICTURE, "a.json": facts}))
    assert captioned_names(pictures) == [("a.jpg", captions)]
    assert pictures.has_captions == bool(captions)


@pytest.mark.parametrize("caption", ["7", '["a", 7]', '{"a": 1}', '"\\ud800"'])
def test_a_caption_in_json_that_is_no_text_is_named(tmp_path: Path, caption: str) -> None:
    pictures = open_set(
        write_files(tmp_path, {"a.jpg": PICTURE, "a.json": f'{{"caption": {caption}}}'})
    )
    [(name, reason)] = troubles_of(pictures)
    assert name == "a.json"
    assert reason in ("its caption is not text", "its caption is not UTF-8")


def test_a_shard_beside_captioned_pictures_is_named_and_left_out(
    captioned: Callable[..., Path],
) -> None:
    folder = captioned(3)
    write_shard(folder / "copy.tar", {"a.png": PICTURE, "a.txt": b"x"})
    pictures = open_set(folder)
    assert len(examples_of(pictures)) == 3
    assert troubles_of(pictures) == [
        ("copy.tar", "is not read, as pictures with texts lie beside it")
    ]
