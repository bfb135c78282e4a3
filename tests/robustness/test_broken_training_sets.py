"""Sets from which nothing can be learnt, or not all: each ends as it is stated, before decoding."""

from __future__ import annotations

import gzip
import os
import re
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from drawn_pairs import describe, draw_picture, write_shard
from labelled_sets import write_files

from rclip_like.data.options import PairOptions
from rclip_like.errors import ClipfindError, DataError, TrainingError, UsageError
from rclip_like.train.run import train
from rclip_like.train.settings import LoopOptions, TrainSettings
from rclip_like.train.values import TrainProgress, TrainReport

Make = Callable[[Path], Path]
"""Writes a set into a folder, and returns what is to be named as DATA."""


def run(
    data: Path, model: Path, **more: object
) -> tuple[TrainReport | ClipfindError, list[TrainProgress]]:
    """Return what came of a short run, and its progress."""
    seen: list[TrainProgress] = []
    settings = TrainSettings(
        data,
        data.parent / "out",
        str(model),
        loop=LoopOptions(epochs=1, batch_size=8),
        folds=0,
        alpha=1.0,
        **more,  # type: ignore[arg-type]
    )
    try:
        return train(settings, on_progress=seen.append), seen
    except ClipfindError as error:
        return error, seen


def pairs(folder: Path, number: int = 20, encoding: str = "utf-8") -> Path:
    """Write so many pairs, whose captions have a letter that only Unicode spells alike."""
    files: dict[str, bytes | str] = {}
    for index in range(number):
        files[f"{index:03}.png"] = draw_picture(index)
        files[f"{index:03}.txt"] = f"{describe(index)}, café".encode(encoding)
    return write_files(folder, files)


def rewritten(text: str | Callable[[int], str]) -> Make:
    def make(folder: Path) -> Path:
        pairs(folder)
        for index in range(20):
            written = text if isinstance(text, str) else text(index)
            (folder / f"{index:03}.txt").write_text(written)
        return folder

    return make


def one_picture(folder: Path) -> Path:
    pairs(folder)
    for index in range(20):
        (folder / f"{index:03}.png").write_bytes(draw_picture(0))
    return folder


def one_picture_in_a_shard(folder: Path) -> Path:
    folder.mkdir()
    members = {f"{index}.png": draw_picture(0) for index in range(5)}
    members |= {f"{index}.txt": b"number %d" % index for index in range(5)}
    return write_shard(folder / "a.tar", members)


def one_label(folder: Path) -> Path:
    return write_files(folder, {f"cats/{index}.png": draw_picture(index) for index in range(5)})


def table_of(cell: str, name: str = "t.csv") -> Make:
    def make(folder: Path) -> Path:
        pairs(folder)
        lines = [f"{index:03}.png,{cell}" for index in range(20)]
        return write_files(folder, {name: "\n".join(["image,caption", *lines])}) / name

    return make


def table_of_pictures_elsewhere(folder: Path) -> Path:
    lines = [f"photos/{index}.jpg,a photo" for index in range(5)]
    return write_files(folder, {"t.csv": "\n".join(["image,caption", *lines])}) / "t.csv"


def special(plant: Callable[[Path], object], name: str = "") -> Make:
    def make(folder: Path) -> Path:
        pairs(folder, 3)
        plant(folder / name if name else folder / "data")
        return folder if name else folder / "data"

    return make


def bomb(folder: Path) -> Path:
    """Write a packed shard whose second file unpacks to far more than it takes."""
    folder.mkdir()
    member = tarfile.TarInfo("1.png")
    member.size = 80 << 20
    with gzip.open(folder / "a.tar.gz", "wb") as packed:
        packed.write(member.tobuf(tarfile.GNU_FORMAT))
        for _ in range(80):
            packed.write(bytes(1 << 20))
    return folder


def claiming_pictures(folder: Path) -> Path:
    """Write a shard of pictures of some hundred bytes that claim 3.6 billion pixels each."""
    folder.mkdir()
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b"")):
        png += struct.pack(">I", len(data)) + kind + data
        png += struct.pack(">I", zlib.crc32(kind + data))
    members = {f"{index}.png": png for index in range(3)}
    members |= {f"{index}.txt": b"number %d" % index for index in range(3)}
    return write_shard(folder / "a.tar", members)


STOPPED = r"stopped: \d+ of \d+ pairs cannot be used, and at most one in ten may be; .*"
REFUSED: dict[str, tuple[Make, str]] = {
    "Latin-1": (
        lambda folder: pairs(folder, encoding="latin-1"),
        STOPPED + r"000\.txt: is neither UTF-8 nor UTF-16 with its mark; save it as UTF-8; .*",
    ),
    "UTF-16 without its mark": (
        lambda folder: pairs(folder, encoding="utf-16-le"),
        STOPPED + r"000\.txt: is neither UTF-8 nor UTF-16",
    ),
    "nan": (table_of("nan"), r"t\.csv names no picture .* has neither a label nor a caption"),
    "blank cells": (table_of(" "), r"names no picture .* has neither a label nor a caption"),
    "blank captions": (rewritten(" \n\t\n"), STOPPED + "its caption is empty"),
    "one caption": (
        rewritten("A  red thing"),
        "all 20 pictures have the caption 'A red thing', so that there is nothing to tell apart",
    ),
    "one caption to the model": (
        rewritten(lambda index: ("a RED  thing", "A red thing")[index % 2]),
        "all 20 pictures have the caption",
    ),
    "one beginning longer than the context": (
        rewritten(lambda index: "red " * 100 + str(index)),
        "all 20 pictures have the caption 'red red ",
    ),
    "one picture": (one_picture, "all 20 pictures are the same picture"),
    "one picture in a shard": (one_picture_in_a_shard, "all 5 pictures are the same picture"),
    "one label": (one_label, "all 5 pictures have the label 'cats'.* at least two labels"),
    "one pair": (lambda folder: pairs(folder, 1), "at least two pairs, and there is only one"),
    "pictures that are not there": (
        table_of_pictures_elsewhere,
        STOPPED + "photos/0.jpg: No such file or directory",
    ),
    "a bomb in a shard": (bomb, "neither captions nor labels; .*bytes would have to be unpacked"),
    "pictures that claim too much": (claiming_pictures, STOPPED + "has more than .* megapixels"),
    "no text": (
        lambda folder: write_files(folder, {"a.png": draw_picture(0), "notes.txt": "x"}),
        "holds 1 picture and 1 text file, but neither a folder of pictures for each label, nor",
    ),
    "no picture": (
        lambda folder: write_files(folder, {"a.txt": "x"}),
        "holds 1 text file, but neither a folder of pictures",
    ),
    "an unknown file": (
        lambda folder: write_files(folder, {"a.zip": b"PK"}) / "a.zip",
        r"a\.zip is neither a folder, a tar shard nor a table",
    ),
    "an empty shard": (
        lambda folder: write_shard(write_files(folder, {"x": ""}) / "a.tar", {}),
        "is a tar shard of pictures and their texts, but it has neither captions nor labels",
    ),
}
if os.name != "nt":
    REFUSED |= {
        "a pipe": (special(os.mkfifo), "data is a pipe, which is not read"),
        "a device": (
            special(lambda path: path.symlink_to("/dev/zero")),
            "data is a device, which is not read",
        ),
        "a pipe among pictures": (
            special(os.mkfifo, "a.png"),
            STOPPED + r"a\.png: has no text beside it",
        ),
        "a pipe as a caption": (
            special(lambda path: (path.unlink(), os.mkfifo(path)), "001.txt"),
            STOPPED + r"001\.txt: is not a regular file",
        ),
        "a pipe as a picture": (
            special(lambda path: (path.unlink(), os.mkfifo(path)), "001.png"),
            STOPPED + r"001\.png: not a regular file",
        ),
    }


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", REFUSED)
def test_what_teaches_nothing_is_refused_before_any_picture_is_decoded(
    kind: str, tmp_path: Path, tiny_model: Path
) -> None:
    make, sentence = REFUSED[kind]
    error, seen = run(make(tmp_path / "data"), tiny_model)
    assert isinstance(error, TrainingError | DataError)
    assert re.search(sentence, str(error)), error
    assert "\n" not in str(error)
    assert not seen
    assert not (tmp_path / "out").exists()


def utf16(folder: Path) -> Path:
    return pairs(folder, encoding="utf-16")


def long_captions(folder: Path) -> Path:
    return rewritten(lambda index: f"{describe(index)} " + "and so on " * 100)(folder)


def one_odd_caption(folder: Path) -> Path:
    pairs(folder)
    (folder / "007.txt").write_bytes("café".encode("latin-1"))
    return folder


def one_odd_cell(folder: Path) -> Path:
    pairs(folder)
    cells = [describe(index) if index != 7 else "NaN" for index in range(20)]
    lines = [f'{index:03}.png,"{cell}"' for index, cell in enumerate(cells)]
    return write_files(folder, {"t.csv": "\n".join(["image,caption", *lines])}) / "t.csv"


def bomb_among_pairs(folder: Path) -> Path:
    """Write twenty pairs into a packed shard, and behind them zeros without end."""
    pairs(folder)
    members = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    shard = write_shard(folder.parent / "whole.tar", members)
    member = tarfile.TarInfo("z.png")
    member.size = 80 << 20
    packed = folder.parent / "a.tar.gz"
    whole = shard.read_bytes().rstrip(b"\0")
    whole += bytes(-len(whole) % 512)
    with gzip.open(packed, "wb") as stream:
        stream.write(whole + member.tobuf(tarfile.GNU_FORMAT))
        for _ in range(80):
            stream.write(bytes(1 << 20))
    return packed


TRAINED: dict[str, tuple[Make, int, str]] = {
    "UTF-16 with its mark": (utf16, 20, ""),
    "300 words": (long_captions, 20, ""),
    "one caption in Latin-1": (one_odd_caption, 19, "007.txt: is neither UTF-8 nor UTF-16"),
    "one cell of NaN": (one_odd_cell, 19, "t.csv:9: has neither a label nor a caption"),
    "a bomb behind pairs": (bomb_among_pairs, 20, "a.tar.gz: cannot be read to its end: more than"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", TRAINED)
def test_what_is_odd_is_named_and_the_others_are_trained_on(
    kind: str, tmp_path: Path, tiny_model: Path
) -> None:
    make, number, reason = TRAINED[kind]
    report, _ = run(make(tmp_path / "data"), tiny_model)
    assert isinstance(report, TrainReport), report
    assert report.num_pairs + report.num_held_out == number
    assert report.first_loss is not None
    assert report.first_loss > 0.1
    named = [
        f"{os.path.basename(os.fsdecode(each.path))}: {each.reason}" for each in report.skipped
    ]
    assert [each[: len(reason)] for each in named] == [reason] * bool(reason)
    cut = "20 of 20 captions are longer than the "
    assert any(note.startswith(cut) for note in report.notes) == (kind == "300 words")


def test_the_mark_of_utf_16_changes_nothing(tmp_path: Path, tiny_model: Path) -> None:
    plain, _ = run(pairs(tmp_path / "a" / "data"), tiny_model)
    marked, _ = run(utf16(tmp_path / "b" / "data"), tiny_model)
    assert isinstance(plain, TrainReport)
    assert isinstance(marked, TrainReport)
    assert plain.last_loss == marked.last_loss


def test_options_without_effect_are_refused(tmp_path: Path, tiny_model: Path) -> None:
    data = pairs(tmp_path / "data")
    error, _ = run(data, tiny_model, templates="a {}")
    assert isinstance(error, UsageError)
    assert "has captions of its own" in str(error)
    error, _ = run(data, tiny_model, pairs=PairOptions(image_column="image"))
    assert isinstance(error, UsageError)
    assert "which has no columns to name" in str(error)


def test_columns_may_be_named(tmp_path: Path, tiny_model: Path) -> None:
    data = pairs(tmp_path / "data")
    lines = [f"{index:03}.png;{describe(index)}" for index in range(20)]
    table = write_files(data, {"t.csv": "\n".join(["Bild;Beschreibung", *lines])}) / "t.csv"
    error, _ = run(table, tiny_model)
    assert "there is no column for the picture" in str(error)
    error, _ = run(table, tiny_model, pairs=PairOptions("Bild", "Titel"))
    assert "no column for the caption (titel); the first line has 'bild'" in str(error)
    report, _ = run(table, tiny_model, pairs=PairOptions("Bild", "beschreibung"))
    assert isinstance(report, TrainReport)
    assert report.num_pairs + report.num_held_out == 20
