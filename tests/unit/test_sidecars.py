"""Sidecars: tags go in, every other byte stays, and other programs read them."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.parsers import expat

import pytest
from odd_sidecars import SIDECARS, UTF_16
from PIL import Image, PngImagePlugin

from rclip_like.errors import FilingError
from rclip_like.filing import sidecars
from rclip_like.filing.sidecars import (
    Form,
    Sidecar,
    Tagged,
    add_tags,
    read_tags,
    sidecars_of,
)
from rclip_like.values import Trouble

TAGS = ["red car", "Q&A <1>", "été 雪 \U0001f6b2"]
NOT_FOR_EXIV2 = {"other prefix for RDF", *UTF_16}
NOT_FOR_EXIFTOOL = {
    "other prefix for RDF",
    "other prefix for Dublin Core",
    "rdf as the default namespace",
    "UTF-16, big end first",
}
"""Sidecars of which exiv2 0.27 or exiftool 12 read no tags, whoever wrote these."""


@pytest.fixture
def picture(tmp_path: Path) -> bytes:
    path = tmp_path / "x.jpg"
    path.write_bytes(b"not read")
    return bytes(path)


def _beside(picture: bytes, content: bytes) -> Path:
    path = Path(os.fsdecode(picture) + ".xmp")
    path.write_bytes(content)
    return path


def _tagged(picture: bytes, tags: list[str], form: Form = "digikam") -> Tagged:
    done = add_tags(picture, tags, form)
    assert isinstance(done, Tagged)
    return done


def _is_insertion(before: bytes, after: bytes) -> bool:
    """Tell whether `after` is `before` with bytes inserted, but for slashes of empty tags."""
    rest = iter(after)
    return all(byte in rest for byte in before.replace(b"/>", b">").replace(b"/\0>", b"\0>"))


def _exiv2_tags(path: Path, key: str = "Xmp.dc.subject") -> list[str]:
    if not shutil.which("exiv2"):
        pytest.skip("exiv2 is not installed")
    printed = _printed("exiv2", "-PXkv", "pr", path)
    # A list with qualifiers in it is printed as one item a line, Xmp.dc.subject[1] and so on.
    found = re.findall(rf"(?m)^{re.escape(key)}(\[\d+\])? +(\S.*)$", printed)
    return [tag for number, value in found for tag in ([value] if number else value.split(", "))]


def _exiftool_tags(path: Path) -> list[str]:
    if not shutil.which("exiftool"):
        pytest.skip("exiftool is not installed")
    printed = _printed("exiftool", "-json", "-XMP-dc:Subject", path)
    found = json.loads(printed)[0].get("Subject", [])
    listed = found if isinstance(found, list) else [found]
    return [str(tag) for tag in listed if str(tag).strip()]


def _printed(*call: str | Path) -> str:
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert not done.stderr
    return done.stdout


def _declared(content: bytes) -> bytes:
    """Return a sidecar in a form that exiv2 takes for one: it looks at the first bytes alone."""
    known = (b"<?x", b"<x:xmpmeta", BOM_UTF8)
    head = b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    return content if content.startswith(known) else head + content


@pytest.mark.parametrize("name", SIDECARS)
def test_existing_sidecar_keeps_every_byte_and_gets_tags(name: str, picture: bytes) -> None:
    sidecar = _beside(picture, SIDECARS[name])
    before = read_tags(bytes(sidecar))
    done = _tagged(picture, TAGS)
    assert done == Tagged(bytes(sidecar), tuple(TAGS), "extended")
    content = sidecar.read_bytes()
    assert _is_insertion(SIDECARS[name], content)
    assert len(content) - len(SIDECARS[name]) < 2500
    expat.ParserCreate(namespace_separator=" ").Parse(content, True)
    after = read_tags(bytes(sidecar))
    assert set(after.keywords) == {*before.keywords, *TAGS}
    assert before._replace(keywords=()) == after._replace(keywords=())


@pytest.mark.parametrize("name", SIDECARS)
def test_second_run_changes_nothing(name: str, picture: bytes) -> None:
    sidecar = _beside(picture, SIDECARS[name])
    _tagged(picture, TAGS)
    content, status = sidecar.read_bytes(), sidecar.stat()
    assert _tagged(picture, TAGS[::-1]) == Tagged(bytes(sidecar), (), "unchanged")
    assert sidecar.read_bytes() == content
    again = sidecar.stat()
    assert (again.st_mtime_ns, again.st_ino) == (status.st_mtime_ns, status.st_ino)


@pytest.mark.parametrize("name", [name for name in SIDECARS if name not in NOT_FOR_EXIV2])
def test_exiv2_reads_the_tags_of_extended_sidecar(name: str, picture: bytes) -> None:
    sidecar = _beside(picture, _declared(SIDECARS[name]))
    before = _exiv2_tags(sidecar)
    _tagged(picture, TAGS)
    assert _exiv2_tags(sidecar) == before + TAGS


@pytest.mark.parametrize("name", [name for name in SIDECARS if name not in NOT_FOR_EXIFTOOL])
def test_exiftool_reads_the_tags_of_extended_sidecar(name: str, picture: bytes) -> None:
    sidecar = _beside(picture, SIDECARS[name])
    before = _exiftool_tags(sidecar)
    _tagged(picture, TAGS)
    assert _exiftool_tags(sidecar) == before + TAGS


def test_fresh_sidecar_of_digikam_is_named_after_the_whole_picture(picture: bytes) -> None:
    done = _tagged(picture, TAGS)
    assert done == Tagged(picture + b".xmp", tuple(TAGS), "written")
    sidecar = Path(os.fsdecode(done.sidecar))
    assert read_tags(done.sidecar) == Sidecar(done.sidecar, tuple(TAGS))
    assert _exiv2_tags(sidecar) == TAGS
    assert _exiv2_tags(sidecar, "Xmp.digiKam.TagsList") == TAGS
    assert _tagged(picture, TAGS) == Tagged(done.sidecar, (), "unchanged")


def test_fresh_sidecar_of_adobe_takes_the_place_of_the_ending(picture: bytes) -> None:
    done = _tagged(picture, TAGS, "adobe")
    assert done.sidecar == picture.removesuffix(b"jpg") + b"xmp"
    sidecar = Path(os.fsdecode(done.sidecar))
    assert _exiv2_tags(sidecar) == TAGS
    assert b"digiKam" not in sidecar.read_bytes()


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_fresh_sidecar_begins_as_a_copy_of_the_xmp_in_the_picture(
    ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"x.{ending}"
    Image.new("RGB", (8, 8)).save(path, **_own_xmp(ending))
    before = path.read_bytes()
    done = _tagged(bytes(path), ["elephant", "cat"])
    assert done == Tagged(bytes(path) + b".xmp", ("cat",), "written")
    sidecar = Path(os.fsdecode(done.sidecar))
    assert _exiv2_tags(sidecar) == ["elephant", "cat"]
    assert _exiv2_tags(sidecar, "Xmp.digiKam.TagsList") == ["animals/elephant", "cat"]
    assert read_tags(done.sidecar).rating == 4
    assert path.read_bytes() == before


def _own_xmp(ending: str) -> dict[str, object]:
    packet = SIDECARS["digiKam"]
    if ending != "png":
        return {"xmp": packet}
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", packet.decode())
    return {"pnginfo": chunks}


def test_picture_that_says_the_tags_itself_gets_no_sidecar(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.new("RGB", (8, 8)).save(path, xmp=SIDECARS["digiKam"])
    assert _tagged(bytes(path), ["elephant"]).did == "unchanged"
    assert os.listdir(tmp_path) == ["x.jpg"]


def test_sidecar_gets_no_list_of_digikam_that_would_hide_the_others(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.new("RGB", (8, 8)).save(path, xmp=SIDECARS["exiftool"])
    sidecar = Path(os.fsdecode(_tagged(bytes(path), ["cat"]).sidecar))
    assert _exiv2_tags(sidecar) == ["na\xefve caf\xe9", "cat"]
    assert b"TagsList" not in sidecar.read_bytes()


def test_damaged_xmp_in_a_picture_is_not_copied(picture: bytes) -> None:
    Path(os.fsdecode(picture)).write_bytes(b"\xff\xd8<x:xmpmeta >&</x:xmpmeta>")
    assert read_tags(_tagged(picture, ["cat"]).sidecar).keywords == ("cat",)


def test_list_that_programs_read_first_gets_the_tags_too(picture: bytes) -> None:
    sidecar = _beside(picture, SIDECARS["digiKam"])
    _tagged(picture, ["cat"])
    for key in ("digiKam.TagsList", "MicrosoftPhoto.LastKeywordXMP", "mediapro.CatalogSets"):
        assert "cat" in _exiv2_tags(sidecar, f"Xmp.{key}")
    assert _exiv2_tags(sidecar, "Xmp.lr.hierarchicalSubject") == ["animals|elephant", "cat"]


def test_tag_in_a_path_is_not_added_to_the_list_of_paths(picture: bytes) -> None:
    sidecar = _beside(picture, SIDECARS["digiKam"])
    assert _tagged(picture, ["elephant"]).did == "unchanged"
    assert _tagged(picture, ["animals"]).added == ("animals",)
    assert _exiv2_tags(sidecar) == ["elephant", "animals"]
    assert _exiv2_tags(sidecar, "Xmp.digiKam.TagsList") == ["animals/elephant"]


def test_decomposed_tag_counts_as_the_composed_one(picture: bytes) -> None:
    _tagged(picture, ["cafe\u0301", "caf\xe9"])
    assert read_tags(picture + b".xmp").keywords == ("caf\xe9",)
    sidecar = _beside(
        picture, SIDECARS["exiftool"].replace("caf\xe9".encode(), "cafe\u0301".encode())
    )
    assert _tagged(picture, ["na\xefve caf\xe9"]).did == "unchanged"
    assert b"cafe\xcc\x81" in sidecar.read_bytes()


def test_sidecar_in_capital_letters_is_the_same_sidecar(picture: bytes) -> None:
    sidecar = Path(os.fsdecode(picture)).with_suffix(".XMP")
    sidecar.write_bytes(SIDECARS["Photo Mechanic"])
    assert _tagged(picture, ["cat"], "adobe").sidecar == bytes(sidecar)
    assert sorted(sidecar.parent.iterdir()) == [sidecar, Path(os.fsdecode(picture))]


def test_titles_captions_ratings_and_dates_are_read(picture: bytes) -> None:
    path = bytes(_beside(picture, SIDECARS["Lightroom"]))
    found = read_tags(path)
    assert found == Sidecar(
        path, ("Norway", "fjord"), None, "By the fjord", 3, "2019-07-04T18:22:31"
    )
    found = read_tags(bytes(_beside(picture, SIDECARS["digiKam"])))
    assert (found.keywords, found.caption, found.rating) == (("elephant",), "At the zoo & back", 4)
    found = read_tags(bytes(_beside(picture, SIDECARS["exiftool"])))
    assert (found.rating, found.taken_at) == (5, "2020-02-29T23:59:59+01:00")
    assert read_tags(bytes(_beside(picture, SIDECARS["attributes alone"]))).rating == -1


_RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
_DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'


def _described(inner: str, attributes: str = "") -> bytes:
    description = f'<rdf:Description rdf:about="" {_DC} {attributes}>{inner}</rdf:Description>'
    return f"<rdf:RDF {_RDF}>{description}</rdf:RDF>".encode()


REFUSED = {
    "empty": (b"", "not well-formed XML"),
    "picture": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "not well-formed XML"),
    "cut short": (SIDECARS["digiKam"][:-100], "not well-formed XML"),
    "NUL": (SIDECARS["Lightroom"].replace(b"fjord", b"fj\0rd"), "not well-formed XML"),
    "NUL behind the end": (SIDECARS["Lightroom"] + b"\0\0", "not well-formed XML"),
    "invalid UTF-8": (SIDECARS["Lightroom"].replace(b"fjord", b"fj\xf8rd"), "not well-formed XML"),
    "half a pair": (SIDECARS["UTF-16, big end first"][:-1], "not well-formed XML"),
    "prefix without namespace": (b"<x:xmpmeta/>", "not well-formed XML"),
    "other XML": (b"<svg/>", "not XMP"),
    "other RDF": (_described("").replace(b"22-rdf", b"23-rdf"), "not XMP"),
    "RDF inside other XML": (b"<svg>" + _described("") + b"</svg>", "not XMP"),
    "unknown encoding": (b'<?xml version="1.0" encoding="ebcdic-cp-us"?><a/>', "encoding"),
    "DOCTYPE": (b"<!DOCTYPE x [<!ENTITY e 'x'>]>" + _described("&e;"), "DOCTYPE"),
    "subject as an attribute": (_described("", 'dc:subject="one"'), "as an attribute"),
    "subject as a resource": (_described('<dc:subject rdf:resource="x"/>'), "not a list"),
    "subject as alternatives": (
        _described("<dc:subject><rdf:Alt><rdf:li>x</rdf:li></rdf:Alt></dc:subject>"),
        "not a list",
    ),
    "subject as a structure": (
        _described('<dc:subject rdf:parseType="Resource"><dc:a>x</dc:a></dc:subject>'),
        "not a list",
    ),
    "subject as a literal": (
        _described('<dc:subject rdf:parseType="Literal">x</dc:subject>'),
        "not a list",
    ),
    "nested too deeply": (b"<a>" * 500 + b"</a>" * 500, "nested too deeply"),
    "too large": (_described("x" * (16 << 20)), "more than 16,777,216 bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_extended_is_named_and_left_alone(name: str, picture: bytes) -> None:
    content, reason = REFUSED[name]
    sidecar = _beside(picture, content)
    status = sidecar.stat()
    found = add_tags(picture, TAGS, "digikam")
    assert isinstance(found, Trouble)
    assert found.path == bytes(sidecar)
    assert reason in found.reason
    assert sidecar.read_bytes() == content
    assert sidecar.stat().st_mtime_ns == status.st_mtime_ns
    assert len(os.listdir(sidecar.parent)) == 2


def test_reading_names_a_sidecar_that_cannot_be_read(picture: bytes) -> None:
    sidecar = _beside(picture, b"<svg/>")
    with pytest.raises(FilingError, match=r"x\.jpg\.xmp: it is not XMP"):
        read_tags(bytes(sidecar))
    with pytest.raises(FilingError, match="No such file"):
        read_tags(picture + b".none")


def test_link_in_place_of_a_sidecar_is_left_alone(picture: bytes, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(SIDECARS["Lightroom"])
    for leads_to in (target, tmp_path / "nowhere"):
        link = Path(os.fsdecode(picture) + ".xmp")
        link.symlink_to(leads_to)
        found = add_tags(picture, TAGS, "digikam")
        assert found == Trouble(bytes(link), "it is a link, and links are not followed")
        assert link.is_symlink()
        link.unlink()
    assert target.read_bytes() == SIDECARS["Lightroom"]
    assert not (tmp_path / "nowhere").exists()


def test_pipe_or_folder_in_place_of_a_sidecar_is_left_alone(picture: bytes) -> None:
    sidecar = os.fsdecode(picture) + ".xmp"
    os.mkfifo(sidecar)
    found = add_tags(picture, TAGS, "digikam")
    assert found == Trouble(os.fsencode(sidecar), "it is not a regular file")
    os.unlink(sidecar)
    os.mkdir(sidecar)
    assert isinstance(add_tags(picture, TAGS, "digikam"), Trouble)


def test_sidecar_keeps_its_mode_under_any_umask(picture: bytes) -> None:
    sidecar = _beside(picture, SIDECARS["Lightroom"])
    sidecar.chmod(0o664)
    before = os.umask(0o077)
    try:
        _tagged(picture, TAGS)
    finally:
        os.umask(before)
    assert stat.S_IMODE(sidecar.stat().st_mode) == 0o664


def test_sidecar_keeps_its_owner_and_attributes_and_gets_a_new_time(picture: bytes) -> None:
    sidecar = _beside(picture, SIDECARS["Lightroom"])
    os.utime(sidecar, (10**9, 10**9))
    if os.geteuid() == 0:
        os.chown(sidecar, 1234, 5678)
    try:
        os.setxattr(sidecar, "user.note", b"kept")
    except OSError:
        pytest.skip("this file system has no attributes")
    before = sidecar.stat()
    _tagged(picture, TAGS)
    after = sidecar.stat()
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert os.getxattr(sidecar, "user.note") == b"kept"
    assert after.st_mtime > before.st_mtime


def test_read_only_sidecar_is_left_alone(picture: bytes) -> None:
    sidecar = _beside(picture, SIDECARS["Lightroom"])
    sidecar.chmod(0o444)
    assert add_tags(picture, ["cat"], "digikam") == Trouble(
        bytes(sidecar), "it is read-only and was left unchanged"
    )
    assert sidecar.read_bytes() == SIDECARS["Lightroom"]
    assert _tagged(picture, ["fjord"]).did == "unchanged"


def test_fresh_sidecar_may_be_read_by_those_who_may_read_the_picture(picture: bytes) -> None:
    os.chmod(picture, 0o440)
    sidecar = _tagged(picture, TAGS).sidecar
    assert stat.S_IMODE(os.stat(sidecar).st_mode) == 0o640


def test_dry_run_says_the_same_and_writes_nothing(picture: bytes) -> None:
    found = add_tags(picture, TAGS, "digikam", is_dry_run=True)
    assert found == Tagged(picture + b".xmp", tuple(TAGS), "written")
    assert not os.path.exists(picture + b".xmp")
    sidecar = _beside(picture, SIDECARS["Lightroom"])
    found = add_tags(picture, TAGS, "digikam", is_dry_run=True)
    assert found == Tagged(bytes(sidecar), tuple(TAGS), "extended")
    assert sidecar.read_bytes() == SIDECARS["Lightroom"]


def test_sidecar_that_another_program_writes_meanwhile_is_left_alone(
    picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = _beside(picture, SIDECARS["Lightroom"])
    write_whole = sidecars.write_whole

    @contextmanager
    def late(path: Path, mode: int, *, draft: str) -> Iterator[Path]:
        with write_whole(path, mode, draft=draft) as written:
            sidecar.write_bytes(SIDECARS["darktable"])
            yield written

    monkeypatch.setattr(sidecars, "write_whole", late)
    found = add_tags(picture, TAGS, "digikam")
    assert isinstance(found, Trouble)
    assert "changed while" in found.reason
    assert not found.lasting
    assert sidecar.read_bytes() == SIDECARS["darktable"]
    sidecar.unlink()
    assert isinstance(add_tags(picture, TAGS, "digikam"), Trouble)
    assert sidecar.read_bytes() == SIDECARS["darktable"]


def test_picture_that_is_gone_gets_no_sidecar(picture: bytes) -> None:
    os.unlink(picture)
    found = add_tags(picture, TAGS, "digikam")
    assert found == Trouble(picture + b".xmp", "No such file or directory", lasting=False)
    assert not os.path.exists(picture + b".xmp")


def test_longest_names_and_names_of_any_bytes_have_sidecars(tmp_path: Path) -> None:
    for name in (b"n" * 247 + b".jpg", b"[red] \xff\n.jpg"):
        picture = bytes(tmp_path) + b"/" + name
        Path(os.fsdecode(picture)).write_bytes(b"")
        assert _tagged(picture, TAGS).did == "written"
    picture = bytes(tmp_path) + b"/" + b"n" * 250 + b".jpg"
    Path(os.fsdecode(picture)).write_bytes(b"")
    assert isinstance(add_tags(picture, TAGS, "digikam"), Trouble)


def test_tag_may_have_characters_that_python_does_not_know(picture: bytes) -> None:
    assert _tagged(picture, ["\U0001faea"]).added == ("\U0001faea",)


@pytest.mark.parametrize("tag", ["", " ", "a\nb", "a\0b", "\udcff", "\ufffe"])
def test_tag_that_xml_cannot_hold_is_refused(tag: str, picture: bytes) -> None:
    with pytest.raises(FilingError, match="cannot be a tag"):
        add_tags(picture, ["cat", tag], "digikam")
    assert not os.path.exists(picture + b".xmp")


@pytest.mark.parametrize("ending", [b"CR2", b"dng", b"pef"])
def test_sidecar_of_adobe_serves_a_raw_file_and_its_jpeg(ending: bytes, picture: bytes) -> None:
    raw = picture.removesuffix(b"jpg") + ending
    Path(os.fsdecode(raw)).write_bytes(b"")
    assert _tagged(picture, ["cat"], "adobe").did == "written"
    assert _tagged(raw, ["cat"], "adobe").did == "unchanged"
    assert sidecars_of(raw) == [picture.removesuffix(b"jpg") + b"xmp"]
    assert sidecars_of(picture) == []


def test_sidecar_of_adobe_is_refused_where_it_would_mean_two_pictures(picture: bytes) -> None:
    other = picture.removesuffix(b"jpg") + b"PNG"
    Path(os.fsdecode(other)).write_bytes(b"")
    found = add_tags(picture, ["cat"], "adobe")
    assert isinstance(found, Trouble)
    assert found.path == picture.removesuffix(b"jpg") + b"xmp"
    assert "x.PNG" in found.reason
    assert _tagged(picture, ["cat"]).did == "written"
    assert sidecars_of(picture) == [picture + b".xmp"]


def test_sidecar_of_adobe_is_refused_where_it_is_another_picture_s_of_digikam(
    picture: bytes, tmp_path: Path
) -> None:
    named_after_it = tmp_path / "x.jpg.png"
    named_after_it.write_bytes(b"")
    _tagged(picture, ["cat"])
    assert isinstance(add_tags(bytes(named_after_it), ["dog"], "adobe"), Trouble)
    assert sidecars_of(bytes(named_after_it)) == []
    (tmp_path / "album").mkdir()
    beside_folder = tmp_path / "album.png"
    beside_folder.write_bytes(b"")
    assert _tagged(bytes(beside_folder), ["dog"], "adobe").did == "written"


def test_sidecars_of_a_picture_are_those_in_both_forms(picture: bytes) -> None:
    assert sidecars_of(picture) == []
    written = [_tagged(picture, TAGS, form).sidecar for form in ("digikam", "adobe")]
    assert sidecars_of(picture) == written
