"""Typed text to terms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rclip_like.errors import UsageError
from rclip_like.query import Kind, Query, Term, is_path_like, parse


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an existing file `x.jpg` in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.jpg"
    path.write_bytes(b"only its being there counts")
    return path


def only_term(text: str, kind: Kind | None = None) -> Term:
    (term,) = parse(Query(text, kind=kind))
    return term


@pytest.mark.parametrize(
    "text", ["cat", "AC/DC", "3:00 pm", "16:9", "2:", "2: cat", "a 2:cat", "1.2.3:cat", "jpg"]
)
def test_words_stay_words_with_weight_one(text: str) -> None:
    assert only_term(text) == Term(1.0, Kind.TEXT, text, text)


@pytest.mark.parametrize(
    ("text", "weight", "words"),
    [("2:cat", 2.0, "cat"), ("0.5:red car", 0.5, "red car"), (".5:x", 0.5, "x"), ("2.:y", 2, "y")],
)
def test_a_number_before_a_colon_is_a_weight(text: str, weight: float, words: str) -> None:
    assert only_term(text) == Term(weight, Kind.TEXT, words, text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("@rex", ["@rex"]),
        ("@rex on the beach", ["@rex", "on the beach"]),
        ("children with @rex, @max!", ["@rex", "@max", "children with"]),
        ("@Zoe\u0308", ["@Zo\u00eb"]),
        ("@\u0930\u093e\u0927\u093e, \u0928", ["@\u0930\u093e\u0927\u093e", "\u0928"]),
        ("@\u0e19\u0e49\u0e33", ["@\u0e19\u0e49\u0e33"]),
        ("@rex and @rex", ["@rex", "and"]),
    ],
)
def test_a_word_behind_an_at_is_a_name_and_the_words_around_it_are_a_term(
    text: str, values: list[str]
) -> None:
    terms = parse(Query(text))
    assert [term.value for term in terms] == values
    assert {term.weight for term in terms} == {1.0}
    assert all((term.kind is Kind.NAMED) == term.value.startswith("@") for term in terms)


def test_a_name_and_the_words_around_it_share_the_weight_and_the_sign() -> None:
    assert parse(Query("cat", subtract=("2:@rex on a bed",)))[1:] == (
        Term(-2.0, Kind.NAMED, "@rex", "2:@rex"),
        Term(-2.0, Kind.TEXT, "on a bed", "2:on a bed"),
    )


@pytest.mark.parametrize(
    "text", ["me@home.org", "@ home", "@5", '"@rex"', "@rex's", "@_x", "@@a", "@a.b"]
)
def test_what_is_not_a_word_behind_an_at_stays_text(text: str) -> None:
    assert only_term(text)._replace(note="") == Term(1.0, Kind.TEXT, text, text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("@rex's", "@rex's"),
        ("@dogs,beach", "@dogs,beach"),
        ("cats (@dogs)", "@dogs"),
        ("@rex and @max's", "@max's"),
        ("me@home.org", None),
        ("@ home @5", None),
        ('"@rex"', None),
        ("@rex, @max", None),
    ],
)
def test_what_looks_like_a_name_and_is_read_as_words_is_noted(text: str, word: str | None) -> None:
    notes = [term.note for term in parse(Query(text)) if term.note]
    assert notes == ([f"{word} is searched as words; a name has spaces around it"] if word else [])
    assert not any(term.note for term in parse(Query(text, kind=Kind.TEXT)))


def test_a_query_that_is_forced_to_be_words_has_no_names() -> None:
    assert only_term("@rex on a bed", Kind.TEXT).value == "@rex on a bed"


def test_added_terms_keep_their_sign_and_subtracted_ones_turn_it() -> None:
    terms = parse(Query("cat", add=("2:dog", "bird"), subtract=("0.5:fish",)))
    assert [(term.value, term.weight) for term in terms] == [
        ("cat", 1.0),
        ("dog", 2.0),
        ("bird", 1.0),
        ("fish", -0.5),
    ]


@pytest.mark.parametrize("spelling", ["x.jpg", "./x.jpg", "../{folder}/x.jpg", "{path}", "{url}"])
def test_an_existing_file_in_any_spelling_is_a_picture(picture: Path, spelling: str) -> None:
    text = spelling.format(folder=picture.parent.name, path=picture, url=picture.as_uri())
    assert only_term(text) == Term(1.0, Kind.PICTURE, str(picture), text)


def test_a_tilde_stands_for_the_home_folder(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(picture.parent))
    monkeypatch.chdir("/")
    assert only_term("~/x.jpg").value == str(picture)


def test_a_file_url_may_hold_escaped_spaces(picture: Path) -> None:
    spaced = picture.rename(picture.with_name("a b.png"))
    assert "%20" in spaced.as_uri()
    assert only_term(f"2:{spaced.as_uri()}") == Term(
        2.0, Kind.PICTURE, str(spaced), f"2:{spaced.as_uri()}"
    )


def test_a_picture_name_that_is_not_utf8_survives(picture: Path) -> None:
    odd = os.fsdecode(b"\xff\xfe.jpg")
    picture.rename(picture.with_name(odd))
    assert os.fsencode(only_term(odd).value).endswith(b"/\xff\xfe.jpg")


def test_a_file_url_may_hold_bytes_that_are_not_utf8(picture: Path) -> None:
    odd = picture.rename(picture.with_name("\udcff.jpg"))
    assert odd.as_uri().endswith("%FF.jpg")
    assert only_term(odd.as_uri()).value == str(odd)


def test_a_deleted_current_folder_is_told(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (picture.parent / "gone").mkdir()
    monkeypatch.chdir(picture.parent / "gone")
    (picture.parent / "gone").rmdir()
    with pytest.raises(UsageError, match="current folder was deleted"):
        parse(Query("x.jpg"))


@pytest.mark.parametrize("text", ["y.jpg", "./cat", "/no/such", "~/no-such", "file:///no.png"])
def test_a_path_like_query_without_a_file_is_refused_with_a_hint(picture: Path, text: str) -> None:
    with pytest.raises(UsageError, match="no such picture; if it is meant as words"):
        parse(Query(text))


@pytest.mark.parametrize("text", ["www.example.org/cat.jpg", "ftp://x/y.jpg", "example.org/y.jpg"])
def test_what_looks_like_an_address_on_the_web_is_refused_with_its_scheme(text: str) -> None:
    with pytest.raises(
        UsageError, match="no such picture; an address on the web begins with https"
    ):
        parse(Query(text))


def test_a_folder_as_query_is_refused(picture: Path) -> None:
    for folder in (f"{picture.parent}/", ".", "..", "~"):
        with pytest.raises(UsageError, match="is a folder"):
            parse(Query(folder))


@pytest.mark.parametrize("url", ["https://example.org/cat.jpg", "HTTP://example.org", "http:"])
def test_a_web_address_is_a_term_of_its_own_kind(url: str) -> None:
    assert only_term(url) == Term(1.0, Kind.URL, url, url)
    assert only_term(url, Kind.PICTURE).kind is Kind.URL
    assert only_term(url, Kind.TEXT).kind is Kind.TEXT
    assert only_term(f"2:{url}") == Term(2.0, Kind.URL, url, f"2:{url}")


@pytest.mark.parametrize("text", ["a\0.jpg", "/\ud800", "file:///a%00b"])
def test_a_name_that_no_file_can_have_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no file has such a name; if it is meant as words"):
        parse(Query(text))


def test_a_file_url_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="is not the address of a file"):
        parse(Query("file://[/cat.jpg"))


def test_a_megabyte_that_looks_like_a_path_is_refused_in_a_short_sentence() -> None:
    with pytest.raises(UsageError, match="cannot be read: File name too long") as caught:
        parse(Query("/" + "a" * (1 << 20)))
    assert len(str(caught.value)) < 500


def test_a_file_url_of_another_machine_is_refused() -> None:
    with pytest.raises(UsageError, match="another machine"):
        parse(Query("file://nas/cat.jpg"))


def test_text_can_be_forced_on_what_looks_like_a_path(picture: Path) -> None:
    assert only_term("x.jpg", Kind.TEXT) == Term(1.0, Kind.TEXT, "x.jpg", "x.jpg")


def test_a_picture_can_be_forced_on_a_bare_name(picture: Path) -> None:
    bare = picture.rename(picture.with_name("cat"))
    assert only_term("cat").kind is Kind.TEXT
    assert only_term("cat", Kind.PICTURE).value == str(bare)


def test_stdin_is_not_searched_for_as_a_dash() -> None:
    with pytest.raises(UsageError, match="stdin"):
        parse(Query("-"))
    assert only_term("-", Kind.TEXT).value == "-"


def test_the_file_of_a_picture_that_is_not_read_is_not_taken_for_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert only_term("a.psd").kind is Kind.TEXT
    (tmp_path / "a.psd").write_bytes(b"8BPS")
    assert only_term("a.psd").kind is Kind.PICTURE


def test_a_folder_with_its_slash_is_not_taken_for_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert only_term("trip/").kind is Kind.TEXT
    (tmp_path / "trip").mkdir()
    with pytest.raises(UsageError, match="folder"):
        parse(Query("trip/"))


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_query_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        parse(Query(text))


def test_a_weight_beyond_numbers_is_refused() -> None:
    with pytest.raises(UsageError, match="too large"):
        parse(Query("9" * 400 + ":cat"))


@given(st.text(min_size=1).filter(str.strip))
def test_any_text_that_is_forced_parses_to_one_term_that_ends_it(text: str) -> None:
    term = only_term(text, Kind.TEXT)
    assert text.endswith(term.value)
    assert term.weight >= 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b.JPEG", True),
        ("b.heic", True),
        ("the .jpg on top", False),
        ("e.g. cat", False),
        ("album/scan", False),
        ("scan.jpg.old", False),
    ],
)
def test_an_extension_at_the_end_makes_a_path(text: str, expected: bool) -> None:
    assert is_path_like(text) is expected


def test_a_picture_that_cannot_be_reached_is_not_called_missing(picture: Path) -> None:
    os.symlink(picture.with_name("loop.jpg"), picture.with_name("loop.jpg"))
    with pytest.raises(UsageError, match="cannot be read: Too many levels"):
        parse(Query("loop.jpg"))
