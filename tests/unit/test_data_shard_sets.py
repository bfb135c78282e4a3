"""Labelled and captioned pictures in tar shards, also as CLIP_benchmark lays them out."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from drawn_pairs import draw_picture, write_shard
from labelled_sets import (
    captioned_names,
    examples_of,
    labelled,
    troubles_of,
    write_files,
)

from rclip_like.data.sets import open_set
from rclip_like.errors import DataError
from rclip_like.models.towers.torchvision_cure import has_torch, import_open_clip

PICTURE = draw_picture(0)


def write_benchmark(root: Path, split: str = "test", num_shards: int = 2) -> Path:
    """Write what clip_benchmark_export_wds writes: shards by split, and texts beside them."""
    write_files(
        root,
        {
            "classnames.txt": "tench\ngoldfish\ngreat white shark\n",
            "zeroshot_classification_templates.txt": "a photo of a {c}.\nart of the {c}.\n",
            f"{split}/nshards.txt": f"{num_shards}\n",
        },
    )
    for shard in range(num_shards):
        members = {}
        for number in range(3):
            key = f"s{3 * shard + number:07}"
            members |= {f"{key}.cls": b"%d" % number, f"{key}.png": draw_picture(number)}
        write_shard(root / split / f"{shard}.tar", members)
    return root


def test_numbers_of_classes_stand_for_the_names_of_a_benchmark(tmp_path: Path) -> None:
    pictures = open_set(write_benchmark(tmp_path / "wds"))
    assert pictures.name == "wds/test"
    assert pictures.labels == ("tench", "goldfish", "great white shark")
    assert pictures.templates == ("a photo of a {}.", "art of the {}.")
    assert (pictures.splits, pictures.total) == (("test",), 6)
    assert labelled(pictures)[3:5] == [("1.tar:s0000003.png", "tench")] + [
        ("1.tar:s0000004.png", "goldfish")
    ]
    assert all(example.content for example in pictures.examples())


def test_the_folder_of_a_split_or_one_of_its_shards_may_be_named(tmp_path: Path) -> None:
    root = write_benchmark(tmp_path)
    for path, total in ((root / "test", 6), (root / "test" / "1.tar", 3)):
        pictures = open_set(path, split="train")
        assert (pictures.name, pictures.total, pictures.splits) == (path.name, total, ())
        assert pictures.labels[2] == "great white shark"
        assert pictures.templates == ("a photo of a {}.", "art of the {}.")


def test_a_split_of_shards_is_chosen(tmp_path: Path) -> None:
    write_benchmark(write_benchmark(tmp_path, "train", 11), "test", 1)
    assert open_set(tmp_path).total == 3
    pictures = open_set(tmp_path, split="train")
    assert [name for name, _ in labelled(pictures)][-1] == "10.tar:s0000032.png"
    with pytest.raises(DataError, match="no split 'val'; its splits are train and test"):
        open_set(tmp_path, split="val")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_the_benchmarks_own_reader_gives_the_same(tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    if has_torch():
        import_open_clip()
    builder = pytest.importorskip("clip_benchmark.datasets.builder")
    root = write_benchmark(tmp_path)
    theirs = builder.build_wds_dataset("x", transform=None, data_dir=str(root))
    names = [theirs.classes[number] for _, number in theirs]
    pictures = open_set(root)
    assert [label for _, label in labelled(pictures)] == names
    assert [each.replace("{c}", "{}") for each in theirs.templates] == list(pictures.templates)


def test_retrieval_sets_of_a_benchmark_have_a_caption_a_line(tmp_path: Path) -> None:
    write_files(tmp_path, {"dataset_type.txt": "retrieval\n", "test/nshards.txt": "1\n"})
    members = {"s0.txt": b"one\ntwo\n", "s0.png": PICTURE, "s1.txt": b"three", "s1.png": PICTURE}
    write_shard(tmp_path / "test" / "0.tar", members)
    pictures = open_set(tmp_path)
    assert pictures.labels == ()
    assert captioned_names(pictures) == [
        ("0.tar:s0.png", ("one", "two")),
        ("0.tar:s1.png", ("three",)),
    ]


def test_sets_with_several_labels_a_picture_are_refused(tmp_path: Path) -> None:
    write_files(write_benchmark(tmp_path), {"dataset_type.txt": "multilabel\n"})
    with pytest.raises(DataError, match="several labels per picture, which is not supported"):
        open_set(tmp_path)


def test_shards_that_are_counted_and_missing_are_named(tmp_path: Path) -> None:
    root = write_benchmark(tmp_path, num_shards=3)
    (root / "test" / "1.tar").unlink()
    assert troubles_of(open_set(root)) == [("nshards.txt", "counts 3 shards, but 2 are there")]
    write_files(root, {"test/nshards.txt": "many"})
    assert troubles_of(open_set(root)) == [("nshards.txt", "does not hold the number of shards")]
    write_files(root, {"test/nshards.txt": "1", "test/\N{SUPERSCRIPT TWO}.tar": ""})
    assert (open_set(root).total, troubles_of(open_set(root))) == (3, [])


def test_labels_and_captions_may_stand_beside_each_other(tmp_path: Path) -> None:
    members = {"a.jpg": PICTURE, "a.txt": b"a red dog", "a.json": b'{"label": "dog", "tier": "x"}'}
    members |= {"b.png": PICTURE, "b.txt": b"one\ntwo"}
    members |= {"c.png": PICTURE, "c.json": '{"label": "chair / \\"sofa\\" 猫"}'.encode()}
    members |= {"d.png": PICTURE, "d.json": b'{"source": "x"}', "e.png": PICTURE}
    shard = write_shard(tmp_path / "a.tar.gz", members)
    for data in (shard, tmp_path):
        pictures = open_set(data)
        assert pictures.labels == ('chair / "sofa" 猫', "dog")
        assert [(each.label, each.captions) for each in examples_of(pictures)] == [
            ("dog", ("a red dog",)),
            (None, ("one", "two")),
            ('chair / "sofa" 猫', ()),
            (None, ()),
        ]
        assert troubles_of(pictures) == [("a.tar.gz:e.png", "has no text beside it, such as e.txt")]


def test_classes_without_names_are_numbers_in_their_order(tmp_path: Path) -> None:
    members: dict[str, bytes] = {}
    for number in (10, 9, 2):
        members |= {f"{number}.cls": b"%d\n" % number, f"{number}.png": PICTURE}
    assert open_set(write_shard(tmp_path / "a.tar", members)).labels == ("2", "9", "10")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("b.cls", b"\xff\xfe", "does not hold a class as UTF-8 text"),
        ("b.cls", b"", "does not hold a class as UTF-8 text"),
        ("b.cls", b"9" * 5000, "does not hold a class as UTF-8 text"),
        ("b.cls", b"9" * 500, f"its label '{'9' * 59}... is not one of the set's labels"),
        ("b.json", b'{"label": "\\ud800"}', "its label is not text"),
        ("b.json", b'{"label": "two\\nlines"}', "its label is not text"),
        ("b.json", b"[]", "holds no JSON object"),
        ("b.json", b"{" * 100_000, "is not JSON that can be read"),
        ("b.json", b'{"label": ' + b"9" * 5000 + b"}", "is not JSON that can be read"),
        ("b.json", b" " * ((1 << 20) + 1), "is larger than 1 MiB"),
        ("b.txt", b"a caf\xe9", "is neither UTF-8 nor UTF-16"),
    ],
)
def test_a_bad_text_costs_one_example(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    write_files(tmp_path, {"classnames.txt": "tench\ngoldfish\n"})
    members = {"a.png": PICTURE, "a.cls": b"1", "b.png": PICTURE, name: content}
    members |= {"c.png": PICTURE, "c.cls": b"0"}
    pictures = open_set(write_shard(tmp_path / "a.tar", members))
    assert [label for _, label in labelled(pictures)] == ["goldfish", "tench"]
    [(_, told)] = troubles_of(pictures)
    assert told.startswith(reason)


def test_a_shard_cut_off_keeps_its_labels_so_far(tmp_path: Path) -> None:
    members: dict[str, bytes] = {}
    for number in range(9):
        members |= {f"{number}.cls": b"%d" % number, f"{number}.png": draw_picture(number)}
    whole = write_shard(tmp_path / "a.tar", members)
    whole.write_bytes(whole.read_bytes()[:-30_000])
    pictures = open_set(whole)
    assert 1 < len(examples_of(pictures)) < 9
    assert {label for _, label in labelled(pictures)} <= set(pictures.labels)
    assert "cannot be read to its end" in troubles_of(pictures)[-1][1]


@pytest.mark.skipif(os.name == "nt", reason="pipes and devices of Unix")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["classnames.txt", "test/nshards.txt", "test/0.tar"])
def test_pipes_are_not_waited_for(tmp_path: Path, name: str) -> None:
    root = write_benchmark(tmp_path)
    (root / name).unlink()
    os.mkfifo(root / name)
    if name == "classnames.txt":
        with pytest.raises(DataError, match="is not a regular file"):
            open_set(root)
    else:
        [(told, reason)] = troubles_of(open_set(root))
        assert (told, reason[:21]) == (os.path.basename(name), "is not a regular file")


@pytest.mark.parametrize(
    "template",
    [
        "a photo",
        "a {c.__class__}",
        "{c:>999999999}",
        "{0}",
        "{c} {d}",
        "{{c}}",
        "{",
        "}{c}",
        "{c} {c}",
    ],
)
def test_a_template_holds_the_name_and_nothing_that_format_would_follow(
    tmp_path: Path, template: str
) -> None:
    root = write_benchmark(tmp_path)
    write_files(root, {"zeroshot_classification_templates.txt": f"a {{c}}\n{template}\n"})
    with pytest.raises(DataError, match="line 2 is not a template"):
        open_set(root)


def test_devices_and_links_in_a_shard_are_not_followed(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "a.tar", {"a.png": PICTURE, "a.cls": b"0"})
    with tarfile.open(shard, "a") as members:
        for number, kind in enumerate((tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.SYMTYPE)):
            member = tarfile.TarInfo(f"b{number}.png")
            member.type, member.linkname = kind, "/etc/passwd"
            members.addfile(member)
    pictures = open_set(shard)
    assert labelled(pictures) == [("a.tar:a.png", "0")]
    assert troubles_of(pictures) == [("a.tar:b2.png", "is a link to nothing in the shard")]
