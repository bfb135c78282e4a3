"""Queries of any length and of any characters: an answer or a sentence, never anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from processes import run, write_pictures

from rclip_like.errors import ClipfindError, UsageError
from rclip_like.library import Library
from rclip_like.output.matches import Form, Layout, render
from rclip_like.query import Kind, Query
from rclip_like.settings import SearchSettings
from rclip_like.values import SearchReport

MEGABYTE = 1 << 20

ODD = (
    "\n\t cat \r",
    "\x1b[31mred\x07",
    "cat\0dog",
    "\0",
    "caf\udce9",
    "\ud800",
    "...",
    "!?",
    "'",
    "&#" + "9" * 5000 + ";",
    "&amp;" * 3,
    "🐈\u200d⬛ 🐱",
    "\u202e\u05d4\u05e4\u202c",
    "\u200f",
    "\u200b",
    "<end_of_text>",
    "3:00 pm",
    "16:9",
    "2:",
    "2:2:cat",
    "1e5:cat",
    "-1:cat",
    "2:-1",
    "2: cat",
    "'; DROP TABLE files; --",
    "{}",
    "{0} {cat!r}",
    "%s",
    "x" * MEGABYTE,
    "red car " * (MEGABYTE // 8),
    "cat " * 10_000,
    " " * MEGABYTE + "cat",
)

CHARACTERS = st.one_of(st.characters(), st.characters(categories=("Cs", "Cc", "Cf")))
WORDS = st.one_of(st.text(CHARACTERS, max_size=30), st.sampled_from(ODD[:-4]))
PREFIXES = st.sampled_from(["", "", "2:", "0:", "0.5:", "1e400:", "/", "file:", "~", "http:"])
TERMS = st.builds("".join, st.tuples(PREFIXES, WORDS, st.sampled_from(["", "", ".jpg"])))
QUERIES = st.builds(
    Query,
    TERMS,
    st.lists(TERMS, max_size=3).map(tuple),
    st.lists(TERMS, max_size=3).map(tuple),
    st.sampled_from([None, None, Kind.TEXT, Kind.PICTURE]),
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Library]:
    home = tmp_path_factory.mktemp("queries")
    with Library(home / "index.db", model=str(tiny_model)) as library:
        library.index([write_pictures(home / "photos")])
        yield library


def find(library: Library, query: str | Query, **chosen: object) -> SearchReport:
    return library.search(query, settings=SearchSettings(everywhere=True, **chosen), update=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ODD, ids=lambda text: repr(text[:12]))
def test_odd_words_are_words_and_find_something(library: Library, text: str) -> None:
    report = find(library, text)
    assert [match.rank for match in report.matches] == [1, 2, 3]
    assert all(len(note) < 300 for note in report.notes)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000", "9" * 400 + ":cat", "0:cat"])
def test_a_query_that_says_nothing_is_a_sentence(library: Library, text: str) -> None:
    with pytest.raises(UsageError):
        find(library, text)


def test_hundreds_of_terms_are_summed(library: Library) -> None:
    many = tuple(f"{number}:word {number}" for number in range(1, 400))
    assert len(find(library, Query("cat", many, many[1::2]), explain=True).matches) == 3


def test_weights_at_the_ends_of_the_numbers_are_summed(library: Library) -> None:
    for weight in ("9" * 308, "0." + "0" * 300 + "1"):
        assert len(find(library, Query(f"{weight}:cat", (f"{weight}:dog",))).matches) == 3


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(QUERIES)
@example(Query("\ud800"))
@example(Query("\ud800.jpg"))
@example(Query("file://["))
@example(Query("http:\ud800"))
def test_any_query_is_answered_or_refused_in_a_sentence(library: Library, query: Query) -> None:
    try:
        matches = find(library, query, explain=True).matches
    except ClipfindError as error:
        said = [str(error).encode(errors="surrogatepass")]
    else:
        forms = (Form.LINES, Form.PATHS, Form.JSON)
        said = [b"".join(render(matches, Layout(form=form))) for form in forms]
    assert all(said)


@pytest.mark.parametrize("text", [b"\x1b[2J\x07cat", b"\xff\xfe", b"cat " * 10_000])
def test_odd_arguments_leave_the_terminal_and_the_exit_status_alone(
    library: Library, text: bytes
) -> None:
    chosen = ("--all", "--db", library.database, "--model", library.specification.name)
    done = run(text, "--explain", *chosen)
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 3), done.stderr
    assert b"\x1b" not in done.stdout + done.stderr
    assert done.stderr.count(b"\n") == (1 if len(text) > 1000 else 0)
    assert len(done.stderr) < 400


def test_a_dash_before_a_weight_is_no_weight(library: Library) -> None:
    chosen = ("--all", "--db", library.database, "--model", library.specification.name)
    refused = run(*chosen, "-1:cat")
    assert (refused.returncode, refused.stderr.count(b"\n")) == (2, 1)
    assert run(*chosen, "--", "-1:cat").returncode == 0
