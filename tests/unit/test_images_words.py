"""Captions and keywords in pictures: EXIF, IPTC, XMP and PNG, odd, broken and huge ones."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

from rclip_like.images.decoding import decode, read_words
from rclip_like.images.words import MOST_CHARACTERS, Words, words_of_xmp
from rclip_like.images.xmp import XmpError
from rclip_like.settings import ReadSettings

pytestmark = pytest.mark.light

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
 xmlns:digiKam="http://www.digikam.org/ns/1.0/"><rdf:Description>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Sommer</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">A red boat</rdf:li>
<rdf:li xml:lang="da">En r\u00f8d b\u00e5d</rdf:li></rdf:Alt></dc:description>
<dc:subject><rdf:Bag><rdf:li>boat</rdf:li></rdf:Bag></dc:subject>
<lr:hierarchicalSubject><rdf:Bag><rdf:li>Places|Denmark|Aarhus</rdf:li></rdf:Bag>
</lr:hierarchicalSubject>
<digiKam:TagsList><rdf:Seq><rdf:li>People/Anna</rdf:li></rdf:Seq></digiKam:TagsList>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
OF_XMP = Words(
    "Sommer\nA red boat\nEn r\u00f8d b\u00e5d", "boat\nPeople\nAnna\nPlaces\nDenmark\nAarhus"
)


def iptc(records: Sequence[tuple[int, bytes]]) -> bytes:
    """Return an APP13 segment with these datasets of record 2."""
    data = b"".join(struct.pack(">BBBH", 0x1C, 2, tag, len(text)) + text for tag, text in records)
    data += b"\0" * (len(data) % 2)
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(data)) + data
    return b"\xff\xed" + struct.pack(">H", len(block) + 2) + block


def jpeg(
    tags: Mapping[int, object] = {},
    *,
    comment: bytes | None = None,
    xmp: bytes | None = None,
    segment: bytes = b"",
) -> bytes:
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    if comment is not None:
        exif.get_ifd(IFD.Exif)[Base.UserComment] = comment
    file, options = BytesIO(), {"xmp": xmp} if xmp is not None else {}
    Image.new("RGB", (16, 16)).save(file, "JPEG", exif=exif, **options)
    return file.getvalue()[:2] + segment + file.getvalue()[2:]


def words(data: bytes, ending: bytes = b".jpg") -> Words:
    """Return the words, the same with the pixels and without."""
    of_all = decode(data, ending, (), ReadSettings()).words
    assert read_words(BytesIO(data), ending, ReadSettings()) == of_all
    return of_all


def test_a_picture_without_words_has_none() -> None:
    assert words(jpeg()) == Words("", "")


def test_exif_gives_description_comment_and_what_windows_writes() -> None:
    tags = {
        Base.ImageDescription: "A red boat",
        0x9C9B: "Sommer \u00e6".encode("utf-16-le") + b"\0\0",
        0x9C9E: "boat; Denmark;;".encode("utf-16-le") + b"\0\0",
    }
    found = words(jpeg(tags, comment=b"ASCII\0\0\0by Anna\0\0"))
    assert found == Words("A red boat\nSommer \u00e6\nby Anna", "boat\nDenmark")


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        (b"UNICODE\0" + "b\u00e5d".encode("utf-16"), "b\u00e5d"),
        (b"\0" * 8 + "b\u00e5d".encode(), "b\u00e5d"),
        (b"ASCII\0\0\0b\xe5d", "b\u00e5d"),
        (b"JIS\0\0\0\0\0\x1b$B", ""),
        (b"ASCII\0\0\0" + b"\0" * 100, ""),
        (b"short", ""),
    ],
)
def test_a_comment_is_read_as_it_says(comment: bytes, expected: str) -> None:
    assert words(jpeg(comment=comment)).caption == expected


@pytest.mark.parametrize("text", ["OLYMPUS DIGITAL CAMERA         ", "SONY DSC", " ", "..."])
def test_what_cameras_write_is_no_caption(text: str) -> None:
    assert words(jpeg({Base.ImageDescription: text})) == Words("", "")


def test_iptc_gives_captions_and_keywords_in_either_encoding() -> None:
    segment = iptc([(120, b"A red boat"), (25, "b\u00e5d".encode()), (25, b"s\xf8"), (5, b"Title")])
    assert words(jpeg(segment=segment)) == Words("Title\nA red boat", "b\u00e5d\ns\u00f8")


@pytest.mark.parametrize("cut", [10, 20, 30, 40])
def test_broken_iptc_costs_no_picture(cut: int) -> None:
    segment = iptc([(120, b"A red boat"), (25, b"boat")])
    broken = bytearray(segment)
    broken[cut:] = b"\xfe" * (len(segment) - cut)
    words(jpeg(segment=bytes(broken)))


def test_xmp_gives_titles_descriptions_and_each_level_of_tags() -> None:
    assert words(jpeg(xmp=XMP.encode())) == OF_XMP
    assert words_of_xmp(XMP.encode()) == OF_XMP


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_other_formats_have_xmp_too(kind: str) -> None:
    file = BytesIO()
    options: dict[str, object] = {"xmp": XMP.encode()}
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP)
        options = {"pnginfo": info}
    if kind == "TIFF":
        options = {"tiffinfo": {700: XMP.encode()}}
    Image.new("RGB", (16, 16)).save(file, kind, **options)
    assert words(file.getvalue(), f".{kind.lower()}".encode()) == OF_XMP


def test_png_has_titles_of_its_own() -> None:
    info, file = PngInfo(), BytesIO()
    info.add_text("Title", "A red boat")
    info.add_text("parameters", "steps: 20")
    Image.new("RGB", (16, 16)).save(file, "PNG", pnginfo=info)
    assert words(file.getvalue(), b".png") == Words("A red boat", "")


def test_the_same_caption_in_several_places_counts_once() -> None:
    tags = {Base.ImageDescription: "a RED boat"}
    found = words(jpeg(tags, segment=iptc([(120, b"A red boat")]), xmp=XMP.encode()))
    assert found.caption.casefold().count("a red boat") == 1


def test_a_bomb_in_xmp_is_left_alone() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 1000 + b'">]><a>' + b"&b;" * 9000 + b"</a>"
    assert words(jpeg(xmp=bomb)) == Words("", "")
    with pytest.raises(XmpError):
        words_of_xmp(bomb)
    assert words(jpeg(xmp=b"\0\0 \xff not xml")) == Words("", "")


def test_captions_of_megabytes_are_cut() -> None:
    caption = ("boat " * 2_000_000)[: 10 << 20]
    long = words_of_xmp(XMP.replace("A red boat", caption).encode())
    assert len(long.caption) == MOST_CHARACTERS
    many = "".join(f"<rdf:li>tag{number}</rdf:li>" for number in range(20_000))
    found = words_of_xmp(XMP.replace("<rdf:li>boat</rdf:li>", many).encode())
    assert len(found.keywords) == MOST_CHARACTERS


def test_what_is_read_without_pixels_is_little(tmp_path: Path) -> None:
    data = jpeg({Base.ImageDescription: "A red boat"})
    path = tmp_path / "long.jpg"
    path.write_bytes(data + b"\0" * (1 << 20))
    with open(path, "rb", buffering=0) as file:
        assert read_words(file, b".jpg", ReadSettings()).caption == "A red boat"
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) < 1 << 17
