"""Damaged and hostile sidecars: each is extended with every byte kept, or refused as it is."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat

import pytest
from odd_sidecars import SIDECARS

from rclip_like.filing.sidecars import Tagged, add_tags
from rclip_like.filing.tagging import with_tags
from rclip_like.images.xmp import SUBJECT, XmpError, parse, read

TAGS = ["red car", "Q&A <1>", "été 雪 \U0001f6b2"]
NUM_MUTATIONS = 300
"""How many damaged forms of each sidecar are tried."""

_RDF = b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
_DC = b'xmlns:dc="http://purl.org/dc/elements/1.1/"'

PIECES = [
    *(b"<", b">", b"/", b"/>", b'"', b"'", b"&", b";", b"\0", b"\xff", b"\xef\xbb\xbf", b"\r\n"),
    *(b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?x ", b"?>", b"&#0;", b"&#x1F6B2;", b"&lt;"),
    *(b"<rdf:li>", b"</rdf:li>", b"<rdf:li/>", b"<rdf:Bag/>", b"</rdf:Bag>", b"<dc:subject/>"),
    *(b"<rdf:Alt><rdf:li>x</rdf:li></rdf:Alt>", b' rdf:parseType="Resource"', b' rdf:value="x"'),
    *(b' xml:lang="x"', b' dc:subject="x"', b' xmlns:dc="urn:x"', b' xmlns:rdf="urn:x"', _DC),
    *(b' xmlns="http://purl.org/dc/elements/1.1/"', b"xmpmeta", b"rdf:RDF", b"<rdf:RDF/>", _RDF),
]


def _mutated(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 4))):
        first, second = sorted(chance.randrange(len(content) + 1) for _ in range(2))
        short = min(second, first + chance.choice((1, 2, 8, 64)))
        content = chance.choice(
            (
                content[:first] + content[short:],
                content[:first] + content[first:short] * 2 + content[short:],
                content[:first] + chance.choice(PIECES) + content[first:],
                content[:first] + chance.choice(PIECES) + content[short:],
                content[:first] + chance.randbytes(short - first) + content[short:],
                content[:second] + content[first:short] + content[second:],
            )
        )
        content = content or b"<"
    return content


def _is_insertion(before: bytes, after: bytes) -> bool:
    rest = iter(after)
    return all(byte in rest for byte in before.replace(b"/>", b">").replace(b"/\0>", b"\0>"))


@pytest.mark.parametrize("name", SIDECARS)
def test_damaged_sidecars_are_extended_or_refused(name: str) -> None:
    chance = random.Random(name)
    num_extended = 0
    for _ in range(NUM_MUTATIONS):
        content = _mutated(SIDECARS[name], chance)
        try:
            before = read(content)
            tagging = with_tags(content, TAGS, has_tags_list=chance.random() < 0.3)
        except XmpError:
            continue
        num_extended += 1
        assert _is_insertion(content, tagging.content)
        expat.ParserCreate(namespace_separator="\f").Parse(tagging.content, True)
        after = read(tagging.content)
        assert set(after.keywords) == {*before.keywords, *TAGS}
        assert after._replace(keywords=()) == before._replace(keywords=())
        assert with_tags(tagging.content, TAGS).added == ()
    assert 0 < num_extended < NUM_MUTATIONS


_LISTS = ("dc:subject", "digiKam:TagsList", "lr:hierarchicalSubject", "mediapro:CatalogSets")
_NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "mediapro": "http://ns.iview-multimedia.com/mediapro/1.0/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
}


def _drawn(chance: random.Random) -> bytes:
    """Return well-formed XMP of a form that is drawn: lists here and there, spaced in any way."""
    space = chance.choice(("", "\n", "\n ", "\r\n\t", " ", "\n<!-- > -->"))
    late = chance.random() < 0.3
    names = [name for name in _LISTS if chance.random() < 0.5]
    chance.shuffle(names)
    described = [_property(name, chance, space, late) for name in names]
    described += ["<crs:Version>15</crs:Version>", "<crs:Look crs:Name='/>'/>"]
    chance.shuffle(described)
    inner = ""
    while described:
        some = [described.pop() for _ in range(min(len(described), chance.choice((0, 1, 2, 6))))]
        text = space.join(some)
        about = chance.choice(("rdf:about=''", 'rdf:about=""', "rdf:about='' crs:Tint='>'"))
        end = f">{text}{space}</rdf:Description>" if some or chance.random() < 0.5 else "/>"
        inner += f"{space}<rdf:Description {about}{end}"
    spaces = "".join(
        f" xmlns:{prefix}='{uri}'"
        for prefix, uri in _NAMESPACES.items()
        if not late or prefix == "crs"
    )
    rdf = f"<rdf:RDF {_RDF.decode()}{spaces}>{inner}{space}</rdf:RDF>"
    return f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{rdf}{space}</x:xmpmeta>".encode()


def _property(name: str, chance: random.Random, space: str, late: bool) -> str:
    prefix = name.partition(":")[0]
    tag = f"{name} xmlns:{prefix}='{_NAMESPACES[prefix]}'" if late else name
    kind = chance.choice(("Bag", "Seq"))
    items = [
        f"<rdf:li>{each}</rdf:li>"
        for each in ("a", "red car", "b|c", "b/c")
        if chance.random() < 0.4
    ]
    text = f"{space}".join(items)
    inner = chance.choice(
        (
            f"{space}<rdf:{kind}>{space}{text}{space}</rdf:{kind}>{space}",
            f"<rdf:{kind}>{text}</rdf:{kind}>",
            f"{space}<rdf:{kind}/>{space}",
            "one&amp;two",
            "",
        )
    )
    return f"<{tag}>{inner}</{name}>" if inner or chance.random() < 0.5 else f"<{tag}/>"


def test_well_formed_sidecars_of_any_form_are_extended() -> None:
    for seed in range(3000):
        content = _drawn(random.Random(seed))
        before = read(content)
        tagging = with_tags(content, TAGS)
        assert _is_insertion(content, tagging.content)
        after = read(tagging.content)
        assert set(after.keywords) == {*before.keywords, *TAGS}
        assert parse(tagging.content).tags(SUBJECT)[-3:] == TAGS or "red car" in before.keywords
        assert with_tags(tagging.content, TAGS).added == ()


def test_refused_sidecars_stay_as_they_are(tmp_path: Path) -> None:
    chance = random.Random(0)
    picture, sidecar = tmp_path / "x.jpg", tmp_path / "x.jpg.xmp"
    picture.write_bytes(b"")
    for number in range(300):
        content = _mutated(chance.choice(list(SIDECARS.values())), chance)
        sidecar.write_bytes(content)
        found = add_tags(bytes(picture), [*TAGS, str(number)], "digikam")
        assert isinstance(found, Tagged) == (sidecar.read_bytes() != content)
        assert len(list(tmp_path.iterdir())) == 2


def _framed(inner: bytes, attributes: bytes = b"", head: bytes = b"") -> bytes:
    described = b'<rdf:Description rdf:about="" ' + _DC + b">" + inner + b"</rdf:Description>"
    return head + b"<rdf:RDF " + _RDF + attributes + b">" + described + b"</rdf:RDF>"


def _many(form: str, number: int, joined: str = "") -> bytes:
    return joined.join(form.format(each) for each in range(number)).encode()


_BOMB = (
    b"<!DOCTYPE x ["
    + b"<!ENTITY a0 'aaaaaaaaaa'>"
    + b"".join(
        b"<!ENTITY a%d '%s'>" % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 12)
    )
    + b"]>"
)
_LIST = b"<dc:subject><rdf:Bag>%s</rdf:Bag></dc:subject>"

HOSTILE: dict[str, Callable[[], bytes]] = {
    "entity bomb": lambda: _framed(b"&a11;", head=_BOMB),
    "external entity": lambda: _framed(b"&e;", head=b'<!DOCTYPE x SYSTEM "file:///etc/passwd">'),
    "a million elements inside each other": lambda: _framed(b"<a>" * 10**6 + b"</a>" * 10**6),
    "a million attributes": lambda: _framed(b"", _many(" a{}=''", 10**6)),
    "a million attributes of a property": lambda: _framed(
        b"<dc:subject" + _many(" a{}=''", 10**6) + b"/>"
    ),
    "half a million namespaces": lambda: _framed(b"", _many(" xmlns:a{0}='{0}'", 500_000)),
    "half a million late namespaces": lambda: _framed(_many("<a:b xmlns:a='{}'/>", 500_000)),
    "many prefixes in many descriptions": lambda: _framed(
        b"</rdf:Description>" + _many("<rdf:Description/>", 200_000) + b"<rdf:Description>",
        _many(" xmlns:a{}='http://purl.org/dc/elements/1.1/'", 50_000),
    ),
    "a million empty subjects": lambda: _framed(b"<dc:subject/>" * 10**6),
    "too many items": lambda: _framed(_LIST % _many("<rdf:li>{}</rdf:li>", 800_000)),
    "many items": lambda: _framed(_LIST % _many("<rdf:li>{}</rdf:li>", 90_000)),
    "one long item": lambda: _framed(_LIST % (b"<rdf:li>" + b"&amp;" * 3_000_000 + b"</rdf:li>")),
    "an item in a million pieces": lambda: _framed(
        _LIST % (b"<rdf:li>" + b"a<!---->" * 10**6 + b"</rdf:li>")
    ),
    "long lines of space": lambda: _framed(_LIST % (b" " * (15 << 20) + b"<rdf:li>a</rdf:li>")),
    "a long tag": lambda: _framed(b"<dc:subject" + b" " * (15 << 20) + b"/>"),
    "a long path": lambda: _framed(
        b'<d:TagsList xmlns:d="http://www.digikam.org/ns/1.0/"><rdf:Seq><rdf:li>'
        + b"a/" * (7 << 20)
        + b"</rdf:li></rdf:Seq></d:TagsList>"
    ),
    "quotes without end": lambda: b'<a b="' * 10**6,
}


def _bounded() -> None:
    """Let the process end itself where it takes 30 seconds of a processor, or 2 GiB."""
    resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))


_PROGRAM = """
import sys
from rclip_like.filing.sidecars import add_tags
print(add_tags(sys.argv[1].encode(), ["cat"], "digikam"))
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_sidecars_cost_little_time_and_memory(name: str, tmp_path: Path) -> None:
    picture, sidecar = tmp_path / "x.jpg", tmp_path / "x.jpg.xmp"
    picture.write_bytes(b"")
    content = HOSTILE[name]()
    sidecar.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, picture],
        preexec_fn=_bounded,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("Trouble", "Tagged"))
    assert (sidecar.read_bytes() != content) == done.stdout.startswith("Tagged")
