"""Words of pictures while indexing, and of those that were indexed before there were any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base
from small_index import SmallIndex, settle

from rclip_like.store import Store

CAPTIONS = ("a red boat", "two dogs", "", "the sea at night", "a cat")


def write(folder: Path, number: int, caption: str) -> Path:
    exif = Image.Exif()
    if caption:
        exif[Base.ImageDescription] = caption
    pixels = np.random.default_rng(number).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / f"{number}.jpg", exif=exif)
    return settle(folder / f"{number}.jpg")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    (tmp_path / "album").mkdir()
    for number, caption in enumerate(CAPTIONS):
        write(tmp_path / "album", number, caption)
    return tmp_path / "album"


@pytest.fixture
def index(tmp_path: Path, tiny_model: Path) -> SmallIndex:
    return SmallIndex(tmp_path / "index.db", tiny_model)


def forget_words(store: Store) -> None:
    """Make the index look as one that was made before there were words."""
    for statement in (
        "DELETE FROM words",
        "UPDATE contents SET words_version = NULL",
        "DROP TABLE IF EXISTS words_index",
        "DELETE FROM settings WHERE name LIKE 'words up to %'",
    ):
        store.connection.execute(statement)


def captions(store: Store) -> list[str]:
    question = "SELECT text FROM words WHERE source = 'caption' ORDER BY text"
    return [text for (text,) in store.connection.execute(question)]


def num_unread(store: Store) -> int:
    question = "SELECT count(*) FROM contents WHERE words_version IS NULL"
    return int(store.connection.execute(question).fetchone()[0])


def test_captions_are_read_with_the_pictures(album: Path, index: SmallIndex) -> None:
    index.update(album)
    assert captions(index.store) == sorted(filter(None, CAPTIONS))
    assert num_unread(index.store) == 0
    (found,) = index.store.words.matching(["boat"])
    assert (found.where, len(found.file_ids)) == ("caption", 1)


def test_an_older_index_gets_them_without_encoding_anything(album: Path, index: SmallIndex) -> None:
    index.update(album)
    before = index.rows()
    forget_words(index.store)
    report = index.update_without_encoder(album)
    assert (report.encoded, report.unchanged) == (0, len(CAPTIONS))
    assert captions(index.store) == sorted(filter(None, CAPTIONS))
    assert num_unread(index.store) == 0
    assert index.store.words.is_searchable
    assert all(np.array_equal(before[path], row) for path, row in index.rows().items())


def test_reading_goes_on_where_it_stopped(album: Path, index: SmallIndex) -> None:
    index.update(album)
    forget_words(index.store)
    index.update_without_encoder(album, read_words=False)
    assert num_unread(index.store) == len(CAPTIONS)
    index.update_without_encoder(album / "1.jpg")
    assert captions(index.store) == ["two dogs"]
    assert num_unread(index.store) == len(CAPTIONS) - 1
    index.update_without_encoder(album)
    assert num_unread(index.store) == 0


def test_a_picture_that_lost_its_caption_loses_its_words(album: Path, index: SmallIndex) -> None:
    index.update(album)
    write(album, 1, "three dogs")
    index.update(album)
    (found,) = index.store.words.matching(["dog"])
    assert [file.path.endswith(b"1.jpg") for file in index.store.files(found.file_ids)] == [True]
    assert "three dogs" in captions(index.store)


def test_a_file_that_cannot_be_read_any_more_is_tried_once(album: Path, index: SmallIndex) -> None:
    index.update(album)
    forget_words(index.store)
    broken = album / "1.jpg"
    size = broken.stat().st_size
    with open(broken, "r+b") as file:  # in place: what the index has seen stays so
        file.write(b"\0" * size)
    settle(broken)
    facts = broken.stat()
    index.store.connection.execute(
        "UPDATE files SET changed_ns = ?, inode = ? WHERE CAST(path AS TEXT) LIKE '%1.jpg'",
        (facts.st_ctime_ns, facts.st_ino),
    )
    index.update_without_encoder(album)
    assert "two dogs" not in captions(index.store)
    assert num_unread(index.store) == 0


XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Description>
<dc:subject><rdf:Bag><rdf:li>{}</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def with_word(store: Store, word: str) -> list[str]:
    """Return the names of the files beside a sidecar with this word."""
    found = [match for match in store.words.matching([word]) if match.where == "sidecar"]
    files = [file.path for match in found for file in store.files(match.file_ids)]
    return sorted(path.rpartition(b"/")[2].decode() for path in files)


def test_sidecars_of_both_forms_are_read_and_again_when_they_change(
    album: Path, index: SmallIndex
) -> None:
    index.update(album)
    (album / "1.jpg.xmp").write_text(XMP.format("Denmark"))
    (album / "2.xmp").write_text(XMP.format("Denmark"))
    index.update_without_encoder(album)
    assert with_word(index.store, "denmark") == ["1.jpg", "2.jpg"]
    (album / "2.xmp").write_text(XMP.format("Norway"))
    index.update_without_encoder(album)
    assert with_word(index.store, "denmark") == ["1.jpg"]
    assert with_word(index.store, "norway") == ["2.jpg"]
    (file,) = index.store.files(index.store.words.matching(["norway"])[0].file_ids)
    shown = index.store.words.shown(file, index.store.words.matching(["norway"]))
    assert shown == (("sidecar", "Norway"),)


def test_sidecars_that_are_gone_or_broken_have_no_words(album: Path, index: SmallIndex) -> None:
    for number in (0, 1, 2):
        (album / f"{number}.xmp").write_text(XMP.format("Denmark"))
    index.update(album)
    (album / "0.xmp").unlink()
    (album / "1.xmp").write_bytes(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")
    (album / "2.xmp").unlink()
    (album / "2.xmp").mkdir()
    index.update_without_encoder(album)
    assert with_word(index.store, "denmark") == []


def test_an_unchanged_sidecar_is_not_read_again(
    album: Path, index: SmallIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    (album / "1.xmp").write_text(XMP.format("Denmark"))
    index.update(album)

    def refuse(path: bytes) -> None:
        raise AssertionError(path)

    monkeypatch.setattr("rclip_like.index.words._sidecar", refuse)
    index.update_without_encoder(album)
    assert with_word(index.store, "denmark") == ["1.jpg"]


def test_status_counts_captions_and_what_was_not_read(album: Path, index: SmallIndex) -> None:
    index.update(album)
    report = index.store.status()
    assert (report.with_captions, report.captions_unread, report.texts_unread) == (4, 0, 5)
    forget_words(index.store)
    report = index.store.status()
    assert (report.with_captions, report.captions_unread) == (0, 5)
