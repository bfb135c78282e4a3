"""The contact sheet: whole, harmless whatever the names are, and with nothing from elsewhere."""

from __future__ import annotations

import base64
import math
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

from blake3 import blake3
from PIL import Image

from rclip_like.images.thumbnails import ThumbnailCache
from rclip_like.page.sheet import MARK, Group, Heading, contact_sheet, entry_of, grouped_sheet
from rclip_like.settings import ReadSettings
from rclip_like.values import FileVersion, Match, PictureFacts

VOID = {"meta", "img"}
SKIP_LINK = 1


class Page(HTMLParser):
    """What a browser sees: elements with their attributes, and the texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())

    def all_of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.elements if each == tag]


def match_of(path: Path, rank: int, camera: str | None = None) -> Match:
    facts = PictureFacts(80, 40, "2019-07-01T12:30:59", camera)
    return Match(
        os.fsencode(path), os.fsencode(path), 0.5 / rank, rank, "m", facts.taken_at, (), facts,
        FileVersion(blake3(path.read_bytes()).digest(), 1),
    )  # fmt: skip


def page_of(matches: list[Match], cache: Path, title: str = "cat") -> tuple[str, Page]:
    heading = Heading(title, (("searched", "photos"),))
    limits = ReadSettings(workers=1)
    text = "".join(contact_sheet(heading, matches, ThumbnailCache(0, cache), limits))
    return text, Page(text)


def sheet_of(groups: list[Group], cache: Path) -> tuple[str, Page]:
    limits = ReadSettings(workers=1)
    text = "".join(grouped_sheet(Heading("cat, dog", ()), groups, ThumbnailCache(0, cache), limits))
    return text, Page(text)


def save(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (80, 40), (9, 90, 200)).save(path, "PNG")
    return path


def test_each_match_is_a_card_with_picture_facts_and_link(tmp_path: Path) -> None:
    matches = [match_of(save(tmp_path / f"{each}.png"), each, "Kodak") for each in (1, 2)]
    text, page = page_of(matches, tmp_path / "cache")
    assert text.index(MARK) < 512
    assert page.open == []
    images, links = page.all_of("img"), page.all_of("a")[SKIP_LINK:]
    assert [each["width"] for each in images] == ["80", "80"]
    content = base64.b64decode(str(images[0]["src"]).removeprefix("data:image/webp;base64,"))
    assert content[8:12] == b"WEBP"
    assert [unquote_to_bytes(str(each["href"])) for each in links] == [
        b"file://" + match.absolute_bytes for match in matches
    ]
    for fact in (
        "0.5000",
        "2019-07-01 12:30",
        "80 \N{MULTIPLICATION SIGN} 40",
        "Kodak",
        "1.png",
        str(tmp_path),
    ):
        assert fact in page.texts


def test_a_card_says_its_rank_its_words_and_whose_date_it_shows(tmp_path: Path) -> None:
    dated, undated = (match_of(save(tmp_path / f"{each}.png"), each) for each in (1, 2))
    undated = undated._replace(facts=PictureFacts(80, 40), words=(("text", "<b>modern\x1b"),))
    _, page = page_of([dated, undated], tmp_path / "cache")
    assert [each for each in page.texts if each in ("1.", "2.")] == ["1.", "2."]
    dates = [each for each in page.texts if each.startswith("2019-07-01")]
    assert dates == ["2019-07-01 12:30", "2019-07-01 12:30 (file's date)"]
    assert "text: <b>modern\N{REPLACEMENT CHARACTER}" in page.texts


def test_a_picture_smaller_than_a_thumbnail_has_no_box(tmp_path: Path) -> None:
    large = save(tmp_path / "large.png")
    Image.new("RGB", (600, 40), (9, 90, 200)).save(large)
    matches = [match_of(large, 1), match_of(save(tmp_path / "small.png"), 2)]
    _, page = page_of(matches, tmp_path / "cache")
    assert [each["class"] for each in page.all_of("a")[SKIP_LINK:]] == ["picture", "picture small"]


def test_names_with_tags_quotes_and_bad_bytes_do_no_harm(tmp_path: Path) -> None:
    names = [
        b"<script>alert(1)</script>.png",
        b"\"><img src=x onerror=alert(1)>'.png",
        b"\xff\xfe bad.png",
        "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe".encode(),
        b"new\nline\x1b[31m.png",
        b"{{ 7 * 7 }} {% raw %}.png",
    ]
    paths = [save(tmp_path / os.fsdecode(name)) for name in names]
    matches = [match_of(path, number) for number, path in enumerate(paths, 1)]
    text, page = page_of(matches, tmp_path / "cache", title="<b>{{ 7 * 7 }}</b> & \"'")
    assert page.open == []
    assert not page.all_of("script")
    assert all(not key.startswith("on") for _, values in page.elements for key in values)
    assert len(page.all_of("img")) == len(names)
    assert all(
        str(each["src"]).startswith("data:image/webp;base64,") for each in page.all_of("img")
    )
    assert "<b>{{ 7 * 7 }}</b> & \"'" in page.texts
    assert "{{ 7 * 7 }} {% raw %}.png" in page.texts
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ufffe\ud800-\udfff]", text)
    links = [unquote_to_bytes(str(each["href"])) for each in page.all_of("a")[SKIP_LINK:]]
    assert [link.rpartition(b"/")[2] for link in links] == [
        name.rpartition(b"/")[2] for name in names
    ]


def test_nothing_is_loaded_from_elsewhere_and_no_script_runs(tmp_path: Path) -> None:
    text, page = page_of([match_of(save(tmp_path / "a.png"), 1)], tmp_path / "cache")
    policy = [each for each in page.all_of("meta") if each.get("http-equiv")]
    assert [each["content"] for each in policy] == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    ]
    assert not re.search(r"https?://|url\(|@import|<link|<script|javascript:", text)


def test_groups_have_titles_counts_and_a_list_to_jump_by(tmp_path: Path) -> None:
    entries = [entry_of(match_of(save(tmp_path / f"{each}.png"), each)) for each in (1, 2, 3)]
    groups = [
        Group("cat", entries[:2], "The 2 likeliest are shown.", 12),
        Group("dog", entries[2:]),
    ]
    text, page = sheet_of(groups, tmp_path / "cache")
    assert [each["href"] for each in page.all_of("a")[SKIP_LINK:][:2]] == ["#group-1", "#group-2"]
    assert [each["id"] for each in page.all_of("section")] == ["group-1", "group-2"]
    assert len(page.all_of("h1")) == 1
    assert len(page.all_of("h2")) == 2
    for found in ("12 pictures", "1 picture", "The 2 likeliest are shown."):
        assert found in page.texts
    assert len(page.all_of("figure")) == len(page.all_of("figcaption")) == 3
    assert text.index("1.png") < text.index("2.png") < text.index('id="group-2"')


def test_a_sheet_of_one_group_has_a_title_for_those_who_listen(tmp_path: Path) -> None:
    _, page = page_of([match_of(save(tmp_path / "a.png"), 1)], tmp_path / "cache")
    assert page.all_of("h2") == [{"id": "title-1", "class": "off"}]
    assert not page.all_of("nav")
    assert page.all_of("a")[0]["href"] == "#pictures"
    (image,) = page.all_of("img")
    assert image["alt"] == "a.png"


def test_without_a_score_none_is_shown(tmp_path: Path) -> None:
    match = match_of(save(tmp_path / "a.png"), 1)._replace(score=math.nan)
    text, _ = page_of([match], tmp_path / "cache")
    assert "nan" not in text
    assert ">score " not in text


def test_a_reason_is_put_into_the_words_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    heading, groups = Heading("cat", ()), [Group("", [entry_of(match_of(tmp_path / "a.png", 1))])]
    cache, limits = ThumbnailCache(0, tmp_path / "cache"), ReadSettings(workers=1)
    text = "".join(grouped_sheet(heading, groups, cache, limits, say=str.upper))
    assert "no preview: NOT A PICTURE IN A KNOWN FORMAT" in text


def test_a_picture_without_thumbnail_shows_why(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    _, page = page_of([match_of(tmp_path / "a.png", 1)], tmp_path / "cache")
    assert not page.all_of("img")
    assert "no preview: not a picture in a known format" in page.texts
