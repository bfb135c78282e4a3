"""Insert tags into XMP; every other byte stays as it was.

Only the slash of an empty tag like <rdf:Bag/> is removed if items go into it. The result is parsed
again and compared with the original.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from unicodedata import normalize
from xml.sax.saxutils import escape

from rclip_like.errors import FilingError
from rclip_like.images.xmp import (
    BAG,
    LANG,
    OTHER_PROPERTIES,
    SEQ,
    SUBJECT,
    TAG_LISTS,
    TAGS_LIST,
    Element,
    Name,
    Packet,
    XmpError,
    parse,
)

FIRST_LINE = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode()
LAST_LINE = b'\n<?xpacket end="w"?>\n'
FRESH = (
    FIRST_LINE
    + b"""\
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="clipfind">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""/>
 </rdf:RDF>
</x:xmpmeta>"""
    + LAST_LINE
)
"""XMP without properties, between the first and last line that every new sidecar has."""

_UNFIT = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_PAIR = re.compile("[\U00010000-\U0010ffff]")
_SPACES = " \t\r\n"
_MOST_SPACE = 1000
"""The most characters of white space that are read for a line's indentation."""

_PREFIXES = {SUBJECT: "dc", TAGS_LIST: "digiKam"}


class Tagging(NamedTuple):
    """XMP with tags, and the tags that were added to it."""

    content: bytes
    added: tuple[str, ...]


class _Edit(NamedTuple):
    """Text to insert at an offset in units, where `num_removed` units are removed first."""

    offset: int
    text: str
    num_removed: int = 0


def normal_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags in Unicode's form C, stripped, in order and without duplicates.

    Raises FilingError for an empty tag, and for characters that XML or a line cannot hold.
    """
    normal = tuple(dict.fromkeys(normalize("NFC", tag).strip() for tag in tags))
    for tag in normal:
        if not tag or _UNFIT.search(tag):
            raise FilingError(f"{tag!a} cannot be a tag: it is empty or has control characters")
    return normal


def with_tags(content: bytes, tags: Sequence[str], *, has_tags_list: bool = False) -> Tagging:
    """Return XMP with all the tags in dc:subject and in each other list that has items.

    tags: as `normal_tags` returns them. A tag that a list already has, exactly or as a part of a
    path, is not added to it; if none is added, the content is unchanged. has_tags_list: fill
    digiKam's own list even if it is missing. Raises XmpError.
    """
    packet = parse(content)
    missing: dict[Name, list[str]] = {}
    for name, separator in TAG_LISTS.items():
        present = _components(packet.tags(name), separator)
        is_made = name == SUBJECT or (name == TAGS_LIST and has_tags_list)
        if present or is_made:
            missing[name] = [tag for tag in tags if tag not in present]
    edits = list(_edits(packet, {name: some for name, some in missing.items() if some}))
    if not edits:
        return Tagging(content, ())
    extended = _applied(packet, edits)
    return Tagging(extended, _added(packet, parse(extended), tags))


def _components(paths: Iterable[str], separator: str | None) -> set[str]:
    """Return paths and their parts, in Unicode's form C."""
    whole = {normalize("NFC", path) for path in paths}
    return whole.union(*(path.split(separator) for path in whole)) if separator else whole


def _edits(packet: Packet, missing: dict[Name, list[str]]) -> Iterator[_Edit]:
    """Yield the edits that add the missing tags to each list, or a list that is missing."""
    made = {}
    for name, tags in missing.items():
        properties = packet.properties(name)
        lists = [each for each in properties if _is_list(each)]
        if any(name in one.attributes for one in packet.descriptions):
            _refuse(name, "as an attribute")
        elif lists:
            yield from _into_list(packet, lists[0].children[0], tags)
        elif not properties:
            made[name] = tags
        elif properties[0].children or properties[0].attributes.keys() - {LANG}:
            _refuse(name, "in a form that is not a list")
        else:
            yield from _into_property(packet, properties[0], tags)
    if made:
        yield from _into_description(packet, made)


def _is_list(found: Element) -> bool:
    is_plain = not found.attributes.keys() - {LANG}
    return is_plain and found.container is not None and found.container.name in (BAG, SEQ)


def _refuse(name: Name, how: str) -> None:
    # All programs read dc:subject in any form, and the other lists only in their usual form.
    if name == SUBJECT:
        raise XmpError(f"it has dc:subject {how}, which cannot be extended")


def _into_list(packet: Packet, container: Element, tags: Sequence[str]) -> Iterator[_Edit]:
    """Yield the edits that add tags after the last item of a list."""
    if container.children:
        last = container.children[-1]
        gap = _line_before(packet, last)
        yield _Edit(last.end, _items(container.prefix, tags, gap))
        return
    outer = _line_before(packet, container)
    yield from _filled(packet, container, _items(container.prefix, tags, _deeper(packet, outer)))


def _into_property(packet: Packet, found: Element, tags: Sequence[str]) -> Iterator[_Edit]:
    """Yield the edits that turn a property that is empty, or one tag as text, into a list."""
    parent = next(one for one in packet.descriptions if found in one.children)
    if "".join(found.text).strip():
        bag, item = _colon(parent.prefix, "Bag"), _colon(parent.prefix, "li")
        yield _Edit(found.inside, f"<{bag}><{item}>")
        yield _Edit(found.close, f"</{item}>{_items(parent.prefix, tags, '')}</{bag}>")
        return
    outer = _line_before(packet, found)
    yield from _filled(packet, found, _list(packet, parent.prefix, found.name, tags, outer))


def _into_description(packet: Packet, made: dict[Name, list[str]]) -> Iterator[_Edit]:
    """Yield the edits that put new lists into an rdf:Description, preferably with an end tag."""
    if not packet.descriptions:
        yield from _into_rdf(packet, made)
        return
    ended = [one for one in packet.descriptions if not one.is_empty_tag]
    parent = (ended or packet.descriptions)[0]
    gap = _line_after(packet, parent) if ended else _deeper(packet, _line_before(packet, parent))
    text = _lists(packet, parent, made, gap)
    if ended:
        yield _Edit(parent.inside, text)
    else:
        yield from _filled(packet, parent, text)


def _into_rdf(packet: Packet, made: dict[Name, list[str]]) -> Iterator[_Edit]:
    """Yield the edits that put an rdf:Description with new lists into an rdf:RDF without one."""
    rdf = packet.rdf
    outer = _line_before(packet, rdf)
    gap = _deeper(packet, outer)
    tag = _colon(rdf.prefix, "Description")
    # An attribute without a prefix is not one of RDF's; without rdf:about, XMP takes it as empty.
    about = f' {rdf.prefix}:about=""' if rdf.prefix else ""
    lists = _lists(packet, rdf, made, _deeper(packet, gap))
    yield from _filled(packet, rdf, f"{gap}<{tag}{about}>{lists}{gap}</{tag}>")


def _lists(packet: Packet, parent: Element, made: dict[Name, list[str]], gap: str) -> str:
    """Return new lists on lines of their own, which declare a namespace that has no prefix yet."""
    text = ""
    for name, tags in made.items():
        prefix = parent.prefixes.get(name.namespace)
        tag = _colon(prefix or _PREFIXES[name], name.local)
        declaration = "" if prefix else f' xmlns:{_PREFIXES[name]}="{name.namespace}"'
        inner = _list(packet, parent.prefix, name, tags, gap)
        text += f"{gap}<{tag}{declaration}>{inner}{gap}</{tag}>"
    return text


def _filled(packet: Packet, element: Element, text: str) -> Iterator[_Edit]:
    """Yield the edits that put text into an element without children, its end tag on a new line."""
    if not element.is_empty_tag:
        outer = "" if element.text else _line_before(packet, element)
        yield _Edit(element.inside, text + outer)
        return
    outer = _line_before(packet, element)
    yield _Edit(element.inside - 2, "", num_removed=1)
    yield _Edit(element.inside, f"{text}{outer}</{_colon(element.prefix, element.name.local)}>")


def _list(packet: Packet, rdf: str, name: Name, tags: Sequence[str], outer: str) -> str:
    """Return a list as digiKam and Adobe write it: TagsList in order, all others as a bag."""
    gap = _deeper(packet, outer)
    kind = _colon(rdf, "Seq" if name == TAGS_LIST else "Bag")
    return f"{gap}<{kind}>{_items(rdf, tags, _deeper(packet, gap))}{gap}</{kind}>"


def _items(rdf: str, tags: Iterable[str], gap: str) -> str:
    item = _colon(rdf, "li")
    return "".join(f"{gap}<{item}>{escape(tag)}</{item}>" for tag in tags)


def _colon(prefix: str, local: str) -> str:
    return f"{prefix}:{local}" if prefix else local


def _line_before(packet: Packet, element: Element) -> str:
    """Return the line end and indentation before an element, "" if it does not begin a line."""
    before = packet.units[max(0, element.start - _MOST_SPACE) : element.start]
    return _line(before[len(before.rstrip(_SPACES)) :])


def _line_after(packet: Packet, element: Element) -> str:
    """Return the line end and indentation after the start tag of an element."""
    after = packet.units[element.inside : element.inside + _MOST_SPACE]
    return _line(after[: len(after) - len(after.lstrip(_SPACES))])


def _line(space: str) -> str:
    """Return white space from its last line end on; "" if it has no line end."""
    end = max(space.rfind("\n"), space.rfind("\r"))
    return space[end - (space[max(0, end - 1) : end + 1] == "\r\n") :] if end >= 0 else ""


def _deeper(packet: Packet, line: str) -> str:
    """Return the line end and indentation one level deeper than `line`; "" if that is ""."""
    if not line:
        return ""
    outer = _line_before(packet, packet.rdf)
    inner = _line_before(packet, packet.descriptions[0]) if packet.descriptions else ""
    is_deeper = outer and inner.startswith(outer) and len(inner) > len(outer)
    return line + (inner[len(outer) :] if is_deeper else " ")


def _applied(packet: Packet, edits: Iterable[_Edit]) -> bytes:
    """Return the packet's bytes with edits.

    Character references replace characters that some programs misread: surrogate pairs in UTF-16
    (exiftool 12), and any but ASCII in encodings other than UTF (exiv2 takes Latin 1 for UTF-8).
    """
    is_wide = packet.codec.startswith("utf-16")
    width = 2 if is_wide else 1
    codec = packet.codec if packet.codec.lower().startswith("utf-") else "ascii"
    content, pieces, end = packet.content, [], 0
    for offset, text, num_removed in sorted(edits, key=lambda edit: edit.offset):
        plain = _PAIR.sub(lambda found: f"&#{ord(found[0])};", text) if is_wide else text
        inserted = plain.encode(codec, "xmlcharrefreplace")
        pieces += [content[end : offset * width], inserted]
        end = (offset + num_removed) * width
    return b"".join((*pieces, content[end:]))


def _added(before: Packet, after: Packet, tags: Sequence[str]) -> tuple[str, ...]:
    """Return the tags that were added to any list.

    Raises XmpError if other properties or existing tags differ, or if a tag is missing.
    """
    added: set[str] = set()
    is_same = all(before.text(name) == after.text(name) for name in OTHER_PROPERTIES)
    for name in TAG_LISTS:
        old, new = Counter(before.tags(name)), Counter(after.tags(name))
        is_same = is_same and not old - new
        added.update(new - old)
    has_all = _components(after.tags(SUBJECT), None).issuperset(tags)
    if not is_same or not has_all or not added.issubset(tags):
        raise XmpError("tags cannot be added without changing its other contents")
    return tuple(tag for tag in tags if tag in added)
