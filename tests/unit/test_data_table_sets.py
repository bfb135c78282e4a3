"""Labelled and captioned pictures in tables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from drawn_pairs import draw_picture
from labelled_sets import captioned_names, examples_of, labelled, troubles_of, write_files

from rclip_like.data.options import PairOptions
from rclip_like.data.sets import open_set
from rclip_like.errors import DataError


def write_table(folder: Path, content: bytes | str, name: str = "table.csv") -> Path:
    """Write a table beside three pictures, and return its path."""
    pictures = {f"{letter}.png": draw_picture(number) for number, letter in enumerate("abc")}
    return write_files(folder, {**pictures, name: content}) / name


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "file,label\na.png,dog\nb.png,red car\n"),
        ("t.csv", "Label;Path\r\ndog;a.png\r\n red car;b.png\r\n"),
        ("t.tsv", "filename\tclass\tnote\na.png\tdog\t\nb.png\tred car\tx, y\n"),
        ("t.csv", '"image","category"\n"a.png","dog"\n"b.png", "red car"\n\n'),
        ("t.csv", ",file_name,labels\n0,a.png,dog\n1,b.png,red car\n"),
        ("t.jsonl", '{"file_name": "a.png", "label": "dog"}\n{"label":"red car","file":"b.png"}'),
        ("t.txt", "file|label\na.png|dog\n./b.png|red car"),
    ],
)
def test_columns_are_found_by_their_names(tmp_path: Path, name: str, content: str) -> None:
    pictures = open_set(write_table(tmp_path, content, name))
    assert (pictures.name, pictures.labels, pictures.total) == (name, ("dog", "red car"), 2)
    assert labelled(pictures) == [("a.png", "dog"), ("b.png", "red car")]
    assert all(os.path.isfile(example.name) for example in examples_of(pictures))
    assert not troubles_of(pictures)


def test_captions_of_one_picture_on_several_lines_are_joined(tmp_path: Path) -> None:
    content = 'image,caption\na.png,A dog .\nb.png,one\na.png,"Two, with a comma"\na.png,a, b\n'
    pictures = open_set(write_table(tmp_path, content, "captions.txt"))
    assert pictures.labels == ()
    assert captioned_names(pictures) == [
        ("a.png", ("A dog .", "Two, with a comma", "a, b")),
        ("b.png", ("one",)),
    ]


def test_json_lines_may_hold_several_captions(tmp_path: Path) -> None:
    content = '{"image": "a.png", "captions": ["one", " two\\n more ", ""]}\n'
    pictures = open_set(write_table(tmp_path, content, "t.jsonl"))
    assert captioned_names(pictures) == [("a.png", ("one", "two more"))]


def test_pictures_may_lie_in_a_folder_images(tmp_path: Path) -> None:
    write_files(tmp_path, {"Images/x.png": draw_picture(0), "t.csv": "image,text\nx.png,one\n"})
    (example,) = examples_of(open_set(tmp_path / "t.csv"))
    assert example.name == str(tmp_path / "Images" / "x.png")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_may_be_written_on_windows(tmp_path: Path, encoding: str) -> None:
    content = "file,label,text\r\na.png,café,猫\r\n".encode(encoding)
    (example,) = examples_of(open_set(write_table(tmp_path, content)))
    assert (example.label, example.captions) == ("café", ("猫",))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32"])
def test_tables_in_another_encoding_are_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(DataError, match=r"is neither UTF-8 nor UTF-16|there is no column"):
        open_set(write_table(tmp_path, "file,label\na.png,x\n".encode(encoding)))


def test_a_word_in_another_encoding_costs_its_line(tmp_path: Path) -> None:
    content = b"file,label,text\na.png,caf\xe9,\nb.png,,caf\xe9\nc.png,dog,\n"
    pictures = open_set(write_table(tmp_path, content))
    assert labelled(pictures) == [("c.png", "dog")]
    assert troubles_of(pictures) == [
        ("table.csv:2", "its label is not text in UTF-8"),
        ("table.csv:3", "its caption is not UTF-8"),
    ]


@pytest.mark.skipif(os.name == "nt", reason="names of Unix")
def test_names_of_files_may_be_any_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / name).write_bytes(draw_picture(0))
    pictures = open_set(write_table(tmp_path, b"file,label\ncaf\xe9.png,dog\n"))
    assert [example.name for example in examples_of(pictures)] == [str(tmp_path / name)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a.png", "has 1 fields, but the first line has 2"),
        ("a.png,x,y", "has 3 fields, but the first line has 2"),
        (",x", "does not name a picture"),
        ("a.png, ", "has neither a label nor a caption"),
        ("https://example.org/a.png,x", "names a web address, but only files are read"),
        ("a\0.png,x", "names a path with a NUL, which no file can have"),
        (f"a.png,{'x' * 1001}", "its label is not text in UTF-8"),
        ('a.png,"two\nlines"', "its label is not text in UTF-8"),
    ],
)
def test_a_bad_line_costs_itself(tmp_path: Path, line: str, reason: str) -> None:
    pictures = open_set(write_table(tmp_path, f"file,label\n{line}\nb.png,dog\n"))
    assert labelled(pictures) == [("b.png", "dog")]
    assert [told for _, told in troubles_of(pictures)] == [reason]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "is not JSON that can be read"),
        ("[" * 100_000, "is not JSON that can be read"),
        ("7", "holds no JSON object"),
        ('{"file": ["a.png"], "label": "x"}', "does not name a picture"),
        ('{"file": "\\ud800.png", "label": "x"}', "names a path that is not Unicode"),
        ('{"file": "a.png", "label": true}', "its label is not text in UTF-8"),
        ('{"file": "a.png", "label": null}', "has neither a label nor a caption"),
        ('{"file": "a.png", "text": {"a": 1}}', "its caption is not text"),
        ('{"file": "a.png", "text": "\\ud800"}', "its caption is not UTF-8"),
    ],
)
def test_a_bad_line_of_json_costs_itself(tmp_path: Path, line: str, reason: str) -> None:
    content = f'{{"file": "b.png", "label": 7}}\n{line}\n'
    pictures = open_set(write_table(tmp_path, content, "t.jsonl"))
    assert labelled(pictures) == [("b.png", "7")]
    assert [told for _, told in troubles_of(pictures)] == [reason]


@pytest.mark.parametrize("last", ['c.png,"a ""big"" dog"', "c.png,one"])
def test_a_quotation_mark_that_is_not_closed_takes_no_line_in_silence(
    tmp_path: Path, last: str
) -> None:
    content = f'image,text\na.png,one\nx.png,"Big Bird\nb.png,two\n{last}\n'
    pictures = open_set(write_table(tmp_path, content))
    assert captioned_names(pictures) == [("a.png", ("one",))]
    reason = "is the last of 3 lines after a quotation mark that is not closed"
    assert troubles_of(pictures) == [("table.csv:5", reason)]


def test_quoted_captions_may_have_line_ends_and_words_behind_the_quotation(tmp_path: Path) -> None:
    content = 'image,text\na.png,"two\nlines"\nb.png,"Hello" he said\nc.png,5" wide\n'
    assert captioned_names(open_set(write_table(tmp_path, content))) == [
        ("a.png", ("two lines",)),
        ("b.png", ("Hello he said",)),
        ("c.png", ('5" wide',)),
    ]


def test_a_table_is_read_as_far_as_that_goes(tmp_path: Path) -> None:
    content = 'file,label\na.png,dog\nb.png,"' + "x\n" * 100_000
    pictures = open_set(write_table(tmp_path, content))
    assert labelled(pictures) == [("a.png", "dog")]
    [(name, reason)] = troubles_of(pictures)
    assert name == "table.csv"
    assert reason.startswith("cannot be read beyond line 2: field larger than")
    pictures = open_set(write_table(tmp_path, "file,label\na.png,dog\nb.png," + "x" * (2 << 20)))
    assert [told for _, told in troubles_of(pictures)] == [
        "cannot be read beyond line 2: the line is too long"
    ]


def test_two_labels_of_one_picture_cost_it(tmp_path: Path) -> None:
    content = "file,label\na.png,dog\nb.png,cat\n./a.png,cat\nb.png,cat\n"
    pictures = open_set(write_table(tmp_path, content))
    assert labelled(pictures) == [("b.png", "cat")]
    assert troubles_of(pictures) == [("a.png", "has two labels, 'dog' and 'cat'")]


def test_a_column_of_splits_chooses_the_lines(tmp_path: Path) -> None:
    content = "file,label,split\na.png,dog,Train\nb.png,cat,validation\nc.png,dog,train\n"
    table = write_table(tmp_path, content)
    pictures = open_set(table, split="train")
    assert (pictures.splits, pictures.labels) == (("train", "val"), ("dog",))
    assert labelled(open_set(table, split="val")) == [("b.png", "cat")]
    with pytest.raises(DataError, match="has no split 'test'; its splits are train and val"):
        open_set(table)


def test_numbers_stand_for_the_names_of_classes(tmp_path: Path) -> None:
    write_files(tmp_path, {"classnames.txt": "tench\ngoldfish\nshark\n"})
    pictures = open_set(write_table(tmp_path, "file,label\na.png,2\nb.png,0\n"))
    assert pictures.labels == ("tench", "goldfish", "shark")
    assert labelled(pictures) == [("a.png", "shark"), ("b.png", "tench")]


def test_a_folder_may_hold_its_table(tmp_path: Path) -> None:
    write_table(tmp_path, '{"file_name": "a.png", "text": "one"}', "metadata.jsonl")
    assert captioned_names(open_set(tmp_path)) == [("a.png", ("one",))]


def test_a_folder_with_another_table_says_to_name_it(tmp_path: Path) -> None:
    write_table(tmp_path, "file,label\na.png,dog\n", "truth.csv")
    with pytest.raises(DataError, match=r"if it is a table of pictures, name 'truth\.csv' instead"):
        open_set(tmp_path)


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        ("a.png,dog\n", "for the picture .* nor for the label or the caption .*'a.png', 'dog'"),
        ("file,kind\na.png,dog\n", "for the label or the caption .* has 'file', 'kind'"),
        ("label\ndog\n", r"for the picture \(file, path, image, .* has 'label'"),
        ("", "no columns"),
        ("\n\n", "no columns"),
    ],
)
def test_missing_columns_are_named_with_those_there(
    tmp_path: Path, content: str, missing: str
) -> None:
    with pytest.raises(DataError, match=missing):
        open_set(write_table(tmp_path, content))


@pytest.mark.skipif(os.name == "nt", reason="pipes of Unix")
@pytest.mark.timeout(20)
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "metadata.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path, tmp_path / "pipe.csv"):
        with pytest.raises(DataError):
            open_set(path)


@pytest.mark.parametrize("cell", ["nan", "NaN", "", "  ", "NAN"])
def test_cells_without_a_caption_are_not_captions(tmp_path: Path, cell: str) -> None:
    pictures = open_set(write_table(tmp_path, f"file,caption\na.png,{cell}\nb.png,a naan\n"))
    assert captioned_names(pictures) == [("b.png", ("a naan",))]
    assert troubles_of(pictures) == [("table.csv:2", "has neither a label nor a caption")]


@pytest.mark.parametrize("value", ["NaN", "null", '"nan"', '["nan", " "]'])
def test_values_without_a_caption_are_not_captions(tmp_path: Path, value: str) -> None:
    lines = f'{{"file": "b.png", "text": "b"}}\n{{"file": "a.png", "text": {value}}}\n'
    pictures = open_set(write_table(tmp_path, lines, "t.jsonl"))
    assert captioned_names(pictures) == [("b.png", ("b",))]


def test_the_columns_that_are_named_count(tmp_path: Path) -> None:
    table = write_table(tmp_path, "file;text;Bild;Titel\na.png;no;b.png;two words\n")
    assert captioned_names(open_set(table)) == [("a.png", ("no",))]
    pictures = open_set(table, options=PairOptions("bild", "TITEL"))
    assert captioned_names(pictures) == [("b.png", ("two words",))]
    with pytest.raises(DataError, match=r"no column for the picture \(foto\); .*PairOptions"):
        open_set(table, options=PairOptions("Foto"))


def test_a_folder_with_a_table_of_captions_is_that_table(tmp_path: Path) -> None:
    write_files(
        tmp_path, {"Images/a.jpg": draw_picture(0), "captions.txt": "image,caption\na.jpg,A, b.\n"}
    )
    pictures = open_set(tmp_path)
    assert captioned_names(pictures) == [("a.jpg", ("A, b.",))]
    write_files(tmp_path, {"captions.txt": "notes on captions"})
    assert not open_set(tmp_path).is_table
