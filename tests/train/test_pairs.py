"""Reading captioned pictures from folders and shards."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from drawn_pairs import draw_picture, write_shard

from rclip_like.errors import TrainingError
from rclip_like.train.pairs import RawPair, parse_captions, read_pairs
from rclip_like.values import Trouble


def names_and_captions(data: Path) -> list[tuple[str, tuple[str, ...]]]:
    pairs = [pair for pair in read_pairs(data) if isinstance(pair, RawPair)]
    return [(os.path.basename(pair.name), pair.captions) for pair in pairs]


def troubles(data: Path) -> list[tuple[str, str]]:
    found = [pair for pair in read_pairs(data) if isinstance(pair, Trouble)]
    return [(os.path.basename(os.fsdecode(trouble.path)), trouble.reason) for trouble in found]


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
        ("000.png", "has no 000.txt beside it"),
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
    assert troubles(shard) == [(f"{name}:k2.png", "has no .txt beside it")]


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
        reasons |= {reason for _, reason in troubles(shard)}
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
        with pytest.raises(TrainingError, match=str(place)):
            list(read_pairs(place))
