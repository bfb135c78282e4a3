"""The words that people and programs wrote into a picture: its captions and keywords."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from PIL import Image, ImageFile
from PIL.ExifTags import IFD, Base

from rclip_like.images.xmp import TAG_LISTS, Packet, XmpError, parse, text_properties

MOST_CHARACTERS = 8192
"""So much of a picture's captions is taken, and as much of its keywords."""

_XP_TITLE, _XP_COMMENT, _XP_KEYWORDS, _XP_SUBJECT = 0x9C9B, 0x9C9C, 0x9C9E, 0x9C9F
_IPTC_CAPTIONS = ((2, 5), (2, 105), (2, 120))
_IPTC_KEYWORDS = (2, 25)
_PNG_CAPTIONS = ("Title", "Description")
_CODED = {b"ASCII\0\0\0": "utf-8", b"UNICODE\0": "utf-16", b"\0" * 8: "utf-8"}
"""How the text of a UserComment is coded, by its first eight bytes."""
_BY_CAMERAS = re.compile(
    r".*digital camera|sony dsc|dcim\\.*|exif[_ ]jpeg.*|<.*>|samsung|untitled|default|none|\W*",
    re.IGNORECASE,
)
"""Captions that nobody wrote."""
_AN_ITEM = re.compile(r"[;\0\n\r]+")


class Words(NamedTuple):
    """Captions, and keywords, each in a line of its own; empty where there are none."""

    caption: str = ""
    keywords: str = ""


def words_in(image: Image.Image, exif: Image.Exif) -> Words:
    """Return the captions and keywords in EXIF, IPTC, XMP and PNG, each once, within bounds.

    What is broken is left out. Of a path of tags, as Places|Denmark, each level is a keyword.
    """
    captions: list[str] = []
    keywords: list[str] = []
    for read in (_of_exif, _of_iptc, _of_xmp, _of_png):
        try:
            some, tags = read(image, exif)
        except Exception:  # noqa: BLE001 - parsers of metadata may raise anything; the picture is good
            continue
        captions += some
        keywords += tags
    return words_of_texts(captions, keywords)


def words_of_texts(captions: Iterable[str], keywords: Iterable[str]) -> Words:
    """Return captions and keywords, each once, no longer than MOST_CHARACTERS together."""
    written = (text for text in _each_once(captions) if not _BY_CAMERAS.fullmatch(text))
    tags = (" ".join(tag.split()) for tag in keywords)
    return Words(
        "\n".join(written)[:MOST_CHARACTERS], "\n".join(_each_once(tags))[:MOST_CHARACTERS]
    )


def words_of_xmp(content: bytes) -> Words:
    """Return the words in XMP, as of a sidecar. Raises XmpError."""
    return words_of_texts(*_of_packet(parse(content)))


_Found = tuple[list[str], list[str]]


def _of_exif(image: Image.Image, exif: Image.Exif) -> _Found:
    captions = [_decoded(exif.get(Base.ImageDescription))]
    captions += [_decoded(exif.get(tag), "utf-16-le") for tag in (_XP_TITLE, _XP_SUBJECT)]
    captions.append(_decoded(exif.get(_XP_COMMENT), "utf-16-le"))
    comment = exif.get_ifd(IFD.Exif).get(Base.UserComment)
    if isinstance(comment, bytes) and comment[:8] in _CODED:
        captions.append(_decoded(comment[8:], _CODED[comment[:8]]))
    elif isinstance(comment, str):
        captions.append(comment)
    keywords = _AN_ITEM.split(_decoded(exif.get(_XP_KEYWORDS), "utf-16-le"))
    return captions, keywords


def _of_iptc(image: Image.Image, _: Image.Exif) -> _Found:
    is_likely = "photoshop" in image.info or image.format == "TIFF"
    if not is_likely or not isinstance(image, ImageFile.ImageFile):
        return [], []
    from PIL.IptcImagePlugin import getiptcinfo

    found = getiptcinfo(image) or {}

    def texts(tag: tuple[int, int]) -> list[str]:
        values = found.get(tag, [])
        return [_decoded(each) for each in (values if isinstance(values, list) else [values])]

    return [each for tag in _IPTC_CAPTIONS for each in texts(tag)], texts(_IPTC_KEYWORDS)


def _of_xmp(image: Image.Image, _: Image.Exif) -> _Found:
    content = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if isinstance(content, str):
        content = content.encode()
    if not isinstance(content, bytes) or not content.strip(b"\0 \r\n\t"):
        return [], []
    try:
        return _of_packet(parse(content.strip(b"\0 \r\n\t")))
    except XmpError:
        return [], []


def _of_png(image: Image.Image, _: Image.Exif) -> _Found:
    if image.format != "PNG":
        return [], []
    return [str(image.info[key]) for key in _PNG_CAPTIONS if key in image.info], []


def _of_packet(packet: Packet) -> _Found:
    keywords = [
        level
        for name, separator in TAG_LISTS.items()
        for tag in packet.tags(name)
        for level in (tag.split(separator) if separator else [tag])
    ]
    return text_properties(packet), keywords


def _decoded(value: object, encoding: str = "utf-8") -> str:
    """Return a text as it was meant, '' for anything else; bytes that are not UTF-8 as Latin 1."""
    if isinstance(value, tuple) and all(isinstance(each, int) for each in value):
        value = bytes(each & 255 for each in value)
    if isinstance(value, bytes):
        value = value[: 4 * MOST_CHARACTERS]
        try:
            return value.decode(encoding).rstrip("\0")
        except UnicodeDecodeError:
            return value.decode("latin-1" if encoding == "utf-8" else encoding, "replace")
    return value if isinstance(value, str) else ""


def _each_once(texts: Iterable[str]) -> list[str]:
    """Return the texts without white space around them, equal ones and empty ones once."""
    stripped = (text[:MOST_CHARACTERS].replace("\0", " ").strip() for text in texts)
    return list({text.casefold(): text for text in stripped if text}.values())
