"""Parse XMP: a picture's tags, captions, rating and date, and the offset of each in the bytes.

expat parses the XML and gives the offset of each element. Limits on size, depth and number of
elements bound time and memory. Entities cannot occur, because a DOCTYPE is refused.
"""

from __future__ import annotations

import re
import sys
from array import array
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat

MOST_BYTES = 16 << 20
"""The largest XMP that is read; sidecars with many masks have some millions of bytes."""
_MOST_DEPTH = 100
_MOST_ELEMENTS = 1_000_000
_MOST_KEPT = 100_000


class Name(NamedTuple):
    """The name of an element or an attribute: its namespace, "" for none, and the local part."""

    namespace: str
    local: str


_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC = "http://purl.org/dc/elements/1.1/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_METAS = (Name("adobe:ns:meta/", "xmpmeta"), Name("adobe:ns:meta/", "xapmeta"))
_XML = "http://www.w3.org/XML/1998/namespace"

# XML cannot hold a form feed, so no namespace contains this separator.
_SEPARATOR = "\f"

SUBJECT = Name(_DC, "subject")
TAGS_LIST = Name("http://www.digikam.org/ns/1.0/", "TagsList")

# digiKam 7 and 8 show the tags of the first list that is not empty: digiKam:TagsList,
# MicrosoftPhoto:LastKeywordXMP, lr:hierarchicalSubject, mediapro:CatalogSets, acdsee:categories,
# dc:subject (defaultTagValues in digiKam's dmetadatasettingscontainer.cpp). darktable reads
# lr:hierarchicalSubject, else dc:subject (exif.cc). Lightroom, exiftool and exiv2 always show
# dc:subject. So every tag goes into dc:subject, and into each other list that has items: such a
# list would hide dc:subject, a missing or empty one does not. acdsee:categories holds XML as text
# and stays as it is.
TAG_LISTS = {
    SUBJECT: None,
    TAGS_LIST: "/",
    Name("http://ns.microsoft.com/photo/1.0/", "LastKeywordXMP"): "/",
    Name("http://ns.microsoft.com/photo/1.0", "LastKeywordXMP"): "/",
    Name("http://ns.adobe.com/lightroom/1.0/", "hierarchicalSubject"): "|",
    Name("http://ns.adobe.com/lightroom/1.0/", "HierarchicalSubject"): "|",
    Name("http://ns.iview-multimedia.com/mediapro/1.0/", "CatalogSets"): "|",
}
"""The lists of tags, each with the separator of the levels of its paths; None: it has no paths."""

_TITLE = Name(_DC, "title")
_CAPTION = Name(_DC, "description")
_RATING = Name(_XMP, "Rating")
_DATES = (
    Name("http://ns.adobe.com/exif/1.0/", "DateTimeOriginal"),
    Name("http://ns.adobe.com/photoshop/1.0/", "DateCreated"),
    Name(_XMP, "CreateDate"),
)
OTHER_PROPERTIES = (_TITLE, _CAPTION, _RATING, *_DATES)
"""The properties that are read in addition to tags."""
_WANTED = frozenset((*TAG_LISTS, *OTHER_PROPERTIES))

_DESCRIPTION = Name(_RDF, "Description")
_ROOT = Name(_RDF, "RDF")
_ITEM = Name(_RDF, "li")
_VALUE = Name(_RDF, "value")
BAG, SEQ, _ALT = (Name(_RDF, local) for local in ("Bag", "Seq", "Alt"))
LANG = Name(_XML, "lang")

_TAG = re.compile(r"""<[^"'>]*(?:(?:"[^"]*"|'[^']*')[^"'>]*)*>""")
_ENCODINGS = re.compile(r"utf-8|utf-16|us-ascii|iso-8859-\d{1,2}|windows-125\d", re.IGNORECASE)


class XmpError(ValueError):
    """Content is not XMP, or XMP that cannot be read or extended; the message says why."""


@dataclass(slots=True, eq=False)
class Element:
    """An element whose start tag is at [start, inside) and whose end tag is at [close, end).

    close and end equal inside for a tag like <a/>. Offsets count units of the encoding: bytes, or
    pairs of bytes in UTF-16. `prefixes`: the prefix bound here to each namespace of `TAG_LISTS`.
    """

    name: Name
    prefix: str
    attributes: dict[Name, str]
    start: int
    inside: int = 0
    close: int = 0
    end: int = 0
    text: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)
    prefixes: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty_tag(self) -> bool:
        """Whether the element is written as one tag, like <a/>."""
        return self.inside == self.end

    @property
    def value(self) -> str:
        """The text of the element, or of its rdf:value if it has qualifiers."""
        if _VALUE in self.attributes:
            return self.attributes[_VALUE]
        for child in self.children:
            if child.name == _VALUE or child.name == _DESCRIPTION:
                return child.value
        return "".join(self.text)

    @property
    def container(self) -> Element | None:
        """The element's rdf:Bag, rdf:Seq or rdf:Alt; None if it does not hold a list."""
        is_list = len(self.children) == 1 and self.children[0].name in (BAG, SEQ, _ALT)
        return self.children[0] if is_list else None

    @property
    def items(self) -> list[Element]:
        """The items of the element's list; [] if it does not hold one."""
        container = self.container
        return [child for child in container.children if child.name == _ITEM] if container else []


class Packet(NamedTuple):
    """Parsed XMP: its bytes, the same as units of the encoding, and the elements of interest."""

    content: bytes
    units: str
    codec: str
    rdf: Element

    @property
    def descriptions(self) -> list[Element]:
        """The rdf:Description elements; their children are the properties."""
        return self.rdf.children

    def properties(self, name: Name) -> list[Element]:
        """Return the elements with this name, in the order of the file."""
        return [each for one in self.descriptions for each in one.children if each.name == name]

    def tags(self, name: Name) -> list[str]:
        """Return the items of a list of tags, in order, from attributes and elements alike."""
        found = [one.attributes[name] for one in self.descriptions if name in one.attributes]
        for each in self.properties(name):
            values = [item.value for item in each.items] if each.container else [each.value]
            found += values
        return [text for text in found if text.strip()]

    def text(self, name: Name) -> str | None:
        """Return a simple value, or that in the default language of several; None if missing."""
        for one in self.descriptions:
            if name in one.attributes:
                return one.attributes[name].strip() or None
        for each in self.properties(name):
            items = {item.attributes.get(LANG, ""): item.value for item in reversed(each.items)}
            first = each.items[0].value if each.items else "" if each.container else each.value
            return items.get("x-default", first).strip() or None
        return None


class Contents(NamedTuple):
    """The metadata of a picture; None stands for a missing value."""

    keywords: tuple[str, ...]
    title: str | None
    caption: str | None
    rating: int | None
    taken_at: str | None


def read(content: bytes) -> Contents:
    """Return the metadata in XMP. Raises XmpError.

    The tags are those of dc:subject, then the last parts of the paths in other lists, without
    duplicates.
    """
    packet = parse(content)
    keywords = [
        tag if separator is None else tag.rpartition(separator)[2]
        for name, separator in TAG_LISTS.items()
        for tag in packet.tags(name)
    ]
    dates = filter(None, map(packet.text, _DATES))
    return Contents(
        tuple(dict.fromkeys(keywords)),
        packet.text(_TITLE),
        packet.text(_CAPTION),
        _as_rating(packet.text(_RATING)),
        next(dates, None),
    )


def text_properties(packet: Packet) -> list[str]:
    """Return title and caption in every language, in order."""
    found = []
    for name in (_TITLE, _CAPTION):
        found += [one.attributes[name] for one in packet.descriptions if name in one.attributes]
        for each in packet.properties(name):
            found += [item.value for item in each.items] or [each.value]
    return found


def parse(content: bytes) -> Packet:
    """Return XMP as a packet. Raises XmpError."""
    if len(content) > MOST_BYTES:
        raise XmpError(f"it has more than {MOST_BYTES:,} bytes")
    return _Reader(content).packet()


class _Reader:
    """One run of expat: `packet` returns its result, or raises XmpError."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.codec = _utf_16(content) or "utf-8"
        self.width = 1 if self.codec == "utf-8" else 2
        self.units = content.decode("latin-1") if self.width == 1 else _pairs(content, self.codec)
        self.open: list[Element | None] = []
        self.rdf: list[Element] = []
        self.num_elements = self.num_kept = self.rdf_depth = 0
        self.bound: dict[str, list[str]] = {}
        self.latest: dict[str, str] = {}

    def packet(self) -> Packet:
        self.parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self.parser.namespace_prefixes = True
        self.parser.buffer_text = True
        self.parser.XmlDeclHandler = self._declared
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartNamespaceDeclHandler = self._bind
        self.parser.EndNamespaceDeclHandler = self._unbind
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        try:
            self.parser.Parse(self.content, True)
        except expat.ExpatError as error:
            message = expat.ErrorString(error.code)
            raise XmpError(
                f"it is not well-formed XML: {message} in line {error.lineno:,}"
            ) from error
        except (UnicodeError, LookupError) as error:
            raise XmpError("it is not text in the encoding that it declares") from error
        finally:
            del self.parser  # it holds this object, and through it the content
        if len(self.rdf) != 1:
            raise XmpError("it is not XMP: it has no rdf:RDF, or more than one")
        return Packet(self.content, self.units, self.codec, self.rdf[0])

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding and not _ENCODINGS.fullmatch(encoding):
            raise XmpError("its encoding is not supported")
        if encoding and self.width == 1:
            self.codec = encoding

    def _doctype(self, *_: object) -> None:
        raise XmpError("it has a DOCTYPE, which XMP does not have")

    def _bind(self, prefix: str | None, uri: str | None) -> None:
        self.bound.setdefault(prefix or "", []).append(uri or "")
        if prefix and uri:
            self.latest[uri] = prefix

    def _unbind(self, prefix: str | None) -> None:
        self.bound[prefix or ""].pop()

    def _start(self, raw_name: str, attributes: dict[str, str]) -> None:
        self.num_elements += 1
        if len(self.open) >= _MOST_DEPTH or self.num_elements > _MOST_ELEMENTS:
            raise XmpError("it has too many elements, or they are nested too deeply")
        name, prefix = _parts(raw_name)
        if not self._is_wanted(name):
            self.open.append(None)
            return
        start = self.parser.CurrentByteIndex // self.width
        named = {_parts(key)[0]: value for key, value in attributes.items()}
        element = Element(name, prefix, named, start)
        tag = _TAG.match(self.units, start)
        element.inside = tag.end() if tag else start
        element.prefixes = self._prefixes()
        if name == _ROOT:
            self.rdf.append(element)
            self.rdf_depth = len(self.open)
        if self.open and self.open[-1]:
            self.open[-1].children.append(element)
        self.open.append(element)

    def _is_wanted(self, name: Name) -> bool:
        """Return whether the element that starts is or contains a wanted property, or is in one."""
        depth = len(self.open)
        if depth == 0:
            return name == _ROOT or name in _METAS
        if self.open[-1] is None:
            return False
        below_rdf = depth - self.rdf_depth if self.rdf else 0
        if below_rdf <= 0:
            return name == _ROOT
        if (below_rdf == 1 and name != _DESCRIPTION) or (below_rdf == 2 and name not in _WANTED):
            return False
        self.num_kept += 1
        if self.num_kept > _MOST_KEPT:
            raise XmpError(f"it has more than {_MOST_KEPT:,} tags and other values")
        return True

    def _prefixes(self) -> dict[str, str]:
        wanted = {name.namespace for name in TAG_LISTS} if len(self.open) <= 3 else ()
        latest = ((uri, self.latest.get(uri)) for uri in wanted)
        return {
            uri: prefix
            for uri, prefix in latest
            if prefix and self.bound[prefix] and self.bound[prefix][-1] == uri
        }

    def _end(self, _: str) -> None:
        element = self.open.pop()
        if element is None:
            return
        if self.units[element.inside - 2] == "/":
            element.close = element.end = element.inside
            return
        element.close = self.parser.CurrentByteIndex // self.width
        element.end = self.units.index(">", element.close) + 1

    def _characters(self, text: str) -> None:
        if self.open and self.open[-1]:
            self.open[-1].text.append(text)


def _parts(raw_name: str) -> tuple[Name, str]:
    """Return the name in expat's form, and its prefix, "" for none."""
    parts = raw_name.split(_SEPARATOR)
    if len(parts) == 1:
        return Name("", parts[0]), ""
    return Name(parts[0], parts[1]), parts[2] if len(parts) > 2 else ""


def _utf_16(content: bytes) -> str | None:
    if content.startswith((BOM_UTF16_LE, b"<\0")):
        return "utf-16-le"
    return "utf-16-be" if content.startswith((BOM_UTF16_BE, b"\0<")) else None


def _pairs(content: bytes, codec: str) -> str:
    """Return UTF-16 with one character per pair of bytes; surrogates stay apart."""
    pairs = array("H", content[: len(content) // 2 * 2])
    if (sys.byteorder == "little") != (codec == "utf-16-le"):
        pairs.byteswap()
    return "".join(map(chr, pairs))


def _as_rating(text: str | None) -> int | None:
    try:
        rating = float(text or "")
    except ValueError:
        return None
    return round(rating) if -1 <= rating <= 5 else None
