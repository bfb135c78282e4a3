"""Reading captioned pictures from folders and shards."""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from drawn_pairs import draw_picture, write_shard

from rclip_like.data import shards
from rclip_like.data.captions import parse_captions
from rclip_like.data.examples import Example
from rclip_like.data.options import PairOptions
from rclip_like.data.pairs import open_pairs
from rclip_like.data.reading import read_examples
from rclip_like.errors import DataError, TrainingError
from rclip_like.images.products import Square
from rclip_like.settings import ReadSettings
from rclip_like.values import Trouble

SQUARE = Square(32, "bicubic", "shortest", 0)


def pairs_of(data: Path) -> list[Example | Trouble]:
    return list(open_pairs(data, PairOptions()).pairs())


def names_and_captions(data: Path) -> list[tuple[str, tuple[str, ...]]]:
    pairs = [pair for pair in pairs_of(data) if isinstance(pair, Example)]
    return [(os.path.basename(pair.name), pair.captions) for pair in pairs]


def troubles(data: Path) -> list[tuple[str, str]]:
    return named([pair for pair in pairs_of(data) if isinstance(pair, Trouble)])


def named(found: list[Trouble]) -> list[tuple[str, str]]:
    return [(os.path.basename(os.fsdecode(trouble.path)), trouble.reason) for trouble in found]


def read(data: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the names of the pairs whose pictures were read, and what is wrong with the others."""
    found = list(read_examples(pairs_of(data), (SQUARE,), ReadSettings(workers=2)))
    good = [os.path.basename(pair[0].name) for pair in found if not isinstance(pair, Trouble)]
    return good, named([pair for pair in found if isinstance(pair, Trouble)])


def test_a_folder_gives_its_pictures_with_the_texts_of_the_same_name(
    captioned: Callable[..., Path],
) -> None:
    found = names_and_captions(captioned(3))
    assert found[1] == ("001.png", ("green on the left, number 1", "no 1 drawn"))
    assert [name for name, _ in found] == ["000.png", "001.png", "002.png"]


def test_what_has_no_caption_is_named(captioned: Callable[..., Path]) -> None:
    folder = captioned(3)
    (folder / "000.txt").unlink()
    (folder / "001.txt").write_text(" \n\n")
    assert troubles(folder) == [
        ("000.png", "has no text beside it, such as 000.txt"),
        ("001.png", "its caption is empty"),
    ]
    assert [name for name, _ in names_and_captions(folder)] == ["002.png"]


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_shards_give_the_same_as_folders(tmp_path: Path, name: str) -> None:
    members = {"k0.png": draw_picture(0), "k0.txt": b"one\ntwo\n", "k0.json": b"{}"}
    members |= {"k1.txt": b"three", "k1.png": draw_picture(1), "k2.png": draw_picture(2)}
    shard = write_shard(tmp_path / name, members)
    expected = [(f"{name}:k0.png", ("one", "two")), (f"{name}:k1.png", ("three",))]
    assert names_and_captions(shard) == names_and_captions(tmp_path) == expected
    assert troubles(shard) == [(f"{name}:k2.png", "has no text beside it, such as k2.txt")]


def test_a_shard_cut_off_keeps_its_beginning(tmp_path: Path) -> None:
    whole = write_shard(
        tmp_path / "a.tar",
        {
            name: data
            for i in range(9)
            for name, data in ((f"{i}.png", draw_picture(i)), (f"{i}.txt", b"x"))
        },
    )
    whole.write_bytes(whole.read_bytes()[:-30_000])
    assert 1 < len(names_and_captions(whole)) < 9
    assert "cannot be read to its end" in troubles(whole)[-1][1]


def test_a_damaged_shard_is_a_trouble_wherever_the_damage_lies(tmp_path: Path) -> None:
    members = {f"{i}.{ending}": b"abc%d" % i * 900 for i in range(9) for ending in ("png", "txt")}
    shard = write_shard(tmp_path / "a.tar.gz", members)
    whole = shard.read_bytes()
    reasons = set()
    for place in range(100, len(whole), 5):
        shard.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            reasons |= {reason for _, reason in troubles(shard)}
        except DataError as error:  # nothing is left
            reasons.add(str(error))
    assert any("cannot be read to its end: Error" in reason for reason in reasons), reasons


def test_a_link_to_nowhere_costs_one_pair_of_a_shard(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "a.tar", {"a.png": draw_picture(0), "a.txt": b"x"})
    with tarfile.open(shard, "a") as members:
        link = tarfile.TarInfo("b.png")
        link.type, link.linkname = tarfile.SYMTYPE, "nowhere.png"
        members.addfile(link)
        for name in ("c.png", "c.txt"):
            member = tarfile.TarInfo(name)
            member.size = 1
            members.addfile(member, io.BytesIO(b"x"))
    assert [name for name, _ in names_and_captions(shard)] == ["a.tar:a.png", "a.tar:c.png"]
    assert troubles(shard) == [("a.tar:b.png", "is a link to nothing in the shard")]


def test_captions_are_lines_without_a_byte_order_mark_and_blank_ones() -> None:
    assert parse_captions(b"\xef\xbb\xbf one \r\n\n\ttwo") == ("one", "two")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_captions_may_be_written_on_windows(encoding: str) -> None:
    assert parse_captions("a café\r\n猫\r\n".encode(encoding)) == ("a café", "猫")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "utf-32"])
def test_captions_in_another_encoding_are_named_and_not_guessed(
    encoding: str, captioned: Callable[..., Path], tmp_path: Path
) -> None:
    folder = captioned(3)
    text = "a café".encode(encoding)
    (folder / "001.txt").write_bytes(text)
    reason = "is neither UTF-8 nor UTF-16 with its mark; save it as UTF-8"
    assert troubles(folder) == [("001.txt", reason)]
    assert [name for name, _ in names_and_captions(folder)] == ["000.png", "002.png"]
    shard = write_shard(tmp_path / "a.tar", {"k.txt": text, "k.png": draw_picture(0)})
    assert troubles(shard) == [("a.tar:k.txt", reason)]


def test_places_without_pairs_are_errors(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    for place in (tmp_path, tmp_path / "notes.txt", tmp_path / "nowhere"):
        with pytest.raises((TrainingError, DataError), match=str(place)):
            pairs_of(place)


def test_a_table_gives_the_captions_to_train_on(captioned: Callable[..., Path]) -> None:
    table = captioned(4) / "t.csv"
    lines = ["file,text,split", "002.png,two,train", "000.png,zero,test", "003.png,,train"]
    table.write_text("\n".join([*lines, "002.png,2,train"]))
    assert names_and_captions(table) == [("002.png", ("two", "2"))]
    assert troubles(table) == [("t.csv:4", "has neither a label nor a caption")]
    table.write_text("file,label,text\n001.png,one,\n002.png,two,number two")
    assert troubles(table) == [("001.png", "has no caption")]


Plant = Callable[[Path], None]


def plant_pipe(place: Path) -> None:
    os.mkfifo(place)


def plant_device(place: Path) -> None:
    place.symlink_to("/dev/zero")


def plant_folder(place: Path) -> None:
    place.mkdir()


unix = pytest.mark.skipif(os.name == "nt", reason="pipes and devices of Unix")


@unix
@pytest.mark.timeout(20)
@pytest.mark.parametrize("plant", [plant_pipe, plant_device, plant_folder])
@pytest.mark.parametrize("name", ["001.png", "001.txt", "a.tar"])
def test_what_is_no_regular_file_costs_one_pair(
    captioned: Callable[..., Path], name: str, plant: Plant
) -> None:
    folder = captioned(3)
    (folder / name).unlink(missing_ok=True)
    plant(folder / name)
    good, [(bad, reason)] = read(folder)
    assert bad == name
    assert re.search("not a regular file|Is a directory|is not read", reason)
    left = ["000.png", "001.png", "002.png"] if name == "a.tar" else ["000.png", "002.png"]
    assert good == left


def test_a_link_to_nothing_is_told_as_that(captioned: Callable[..., Path]) -> None:
    folder = captioned(2)
    (folder / "001.png").unlink()
    (folder / "001.png").symlink_to("nowhere")
    assert read(folder) == (["000.png"], [("001.png", "No such file or directory")])


def test_captions_and_pictures_have_a_largest_size(
    captioned: Callable[..., Path], tmp_path: Path
) -> None:
    folder = captioned(3)
    (folder / "000.txt").write_bytes(b"x" * ((1 << 20) + 1))
    (folder / "001.txt").write_bytes(b"x" * (1 << 20))
    with (folder / "002.png").open("wb") as hole:
        hole.truncate(1 << 40)
    good, bad = read(folder)
    reasons = dict(bad)
    assert good == ["001.png"]
    assert reasons.pop("002.png").startswith("larger than ")
    assert reasons == {"000.txt": "is not a regular file of 1 MiB at most"}
    members = {"a.png": draw_picture(0), "a.txt": b"x" * ((1 << 20) + 1), "b.png": draw_picture(1)}
    shard = write_shard(tmp_path / "a.tar", members | {"b.txt": b"x"})
    assert troubles(shard) == [("a.tar:a.txt", "is larger than 1 MiB")]
    assert [name for name, _ in names_and_captions(shard)] == ["a.tar:b.png"]


def claiming(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a tar header that claims a size, with nothing after it."""
    header = tarfile.TarInfo(name)
    header.size, header.type = size, kind
    return header.tobuf(tarfile.GNU_FORMAT)


def sparse(name: str, size: int) -> bytes:
    """Return a GNU tar header of a sparse file of that size, of which nothing is stored."""
    header = bytearray(claiming(name, 0, tarfile.GNUTYPE_SPARSE))
    header[483:495] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def whole_tar(tmp_path: Path) -> bytes:
    members = {"k0.png": draw_picture(0), "k0.txt": b"one"}
    return write_shard(tmp_path / "whole.tar", members).read_bytes()


def test_a_sparse_file_in_a_shard_costs_one_pair(tmp_path: Path) -> None:
    tar = tmp_path / "a.tar"
    tar.write_bytes(sparse("z.png", 10**12) + whole_tar(tmp_path))
    reason = "is stored as a sparse file, which is not read"
    assert troubles(tar) == [("a.tar:z.png", reason)]
    assert [name for name, _ in names_and_captions(tar)] == ["a.tar:k0.png"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "header",
    [
        claiming("z.png", 10**12),
        claiming("z.png", -1024),
        claiming("z.bin", -1024),
        claiming("z", 10**12, tarfile.GNUTYPE_LONGNAME),
        claiming("z", 10**12, tarfile.XHDTYPE),
        claiming("z", -512, tarfile.XHDTYPE),
        claiming("z", -512, tarfile.GNUTYPE_LONGLINK),
        claiming("z.png", 1 << 66),
    ],
)
def test_a_header_that_claims_what_is_not_there_is_not_believed(
    tmp_path: Path, header: bytes
) -> None:
    tar = tmp_path / "a.tar"
    tar.write_bytes(whole_tar(tmp_path)[:4096] + header + bytes(1024))
    told = troubles(tar)
    assert len(told) == 1
    assert "is larger than" in told[0][1] or "cannot be read to its end" in told[0][1]
    assert [name for name, _ in names_and_captions(tar)] == ["a.tar:k0.png"]


def test_links_that_lead_to_each_other_cost_one_pair_each(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "a.tar", {"a.png": draw_picture(0), "a.txt": b"x"})
    with tarfile.open(shard, "a") as members:
        for name, other in (("b.png", "c.png"), ("c.png", "b.png")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, other
            members.addfile(link)
    assert [name for name, _ in troubles(shard)] == ["a.tar:b.png", "a.tar:c.png"]
    assert [name for name, _ in names_and_captions(shard)] == ["a.tar:a.png"]


@pytest.mark.parametrize("is_picture", [True, False])
def test_a_shard_that_unpacks_to_far_more_than_it_holds_is_left_off(
    tmp_path: Path, is_picture: bool
) -> None:
    zeros = 80 << 20
    tar = tmp_path / "a.tar.gz"
    header = claiming("z.png" if is_picture else "z.bin", zeros)
    with gzip.open(tar, "wb") as packed:
        packed.write(whole_tar(tmp_path)[:4096] + header)
        for _ in range(zeros >> 20):
            packed.write(bytes(1 << 20))
        packed.write(whole_tar(tmp_path))
    assert tar.stat().st_size < 100_000
    [(name, reason)] = troubles(tar)
    assert name == "a.tar.gz"
    assert "bytes would have to be unpacked" in reason
    assert [name for name, _ in names_and_captions(tar)] == ["a.tar.gz:k0.png"]


def test_each_link_counts_as_unpacking_its_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "_ALWAYS", 0)
    monkeypatch.setattr(shards, "_RATIO", 3)
    shard = write_shard(tmp_path / "whole.tar", {"a.png": draw_picture(0, 80), "a.txt": b"x"})
    with tarfile.open(shard, "a") as members:
        for number in range(9):
            link = tarfile.TarInfo(f"{number}.png")
            link.type, link.linkname = tarfile.LNKTYPE, "a.png"
            members.addfile(link)
            text = tarfile.TarInfo(f"{number}.txt")
            text.size = 2000
            members.addfile(text, io.BytesIO(os.urandom(1000).hex().encode()))
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(shard.read_bytes()))
    assert "bytes would have to be unpacked" in troubles(packed)[-1][1]
    assert not troubles(shard)


@pytest.mark.parametrize("limit", ["_MOST_MEMBERS", "_MOST_TEXT_BYTES", "_MOST_NAME_BYTES"])
def test_a_shard_beyond_a_limit_keeps_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(shards, limit, 10)
    members = {}
    for number in range(9):
        members |= {f"{number}.png": draw_picture(number), f"{number}.txt": b"four"}
    shard = write_shard(tmp_path / "a.tar", members)
    assert 0 < len(names_and_captions(shard)) < 9
    name, reason = troubles(shard)[-1]
    assert name == "a.tar"
    assert reason.startswith("cannot be read to its end: it")


def test_a_shard_that_changes_after_it_was_opened_is_named(tmp_path: Path) -> None:
    members = {"a.png": draw_picture(0), "a.txt": b"x", "b.png": draw_picture(1), "b.txt": b"y"}
    source = open_pairs(write_shard(tmp_path / "a.tar", members), PairOptions())
    write_shard(tmp_path / "a.tar", members | {"c.png": draw_picture(2), "c.txt": b"z"})
    [trouble] = source.pairs()
    assert isinstance(trouble, Trouble)
    assert trouble.reason == "cannot be read to its end: it changed while it was in use"
