"""`clipfind search --words`: names, captions and keywords beside what pictures show."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import run, run_on_terminal

NAMES = (
    *("Denmark 2018/IMG_1.jpg", "Denmark 2018/IMG_2.jpg", "alps/red_boats.jpg"),
    *(f"alps/{number}.jpg" for number in range(12)),
)


def paint(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 48, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    os.utime(path, (1_600_000_000 + seed,) * 2)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> tuple[Path, Path]:
    home = tmp_path_factory.mktemp("words")
    for seed, name in enumerate(NAMES):
        paint(home / "album" / name, seed)
    index = run("index", "-q", home / "album", "--db", home / "index.db", "--model", tiny_model)
    assert index.returncode == 0, index.stderr
    return home / "album", home / "index.db"


@pytest.fixture
def album(made: tuple[Path, Path], tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in the indexed folder."""
    monkeypatch.chdir(made[0])
    monkeypatch.setenv("CLIPFIND_DB", str(made[1]))
    monkeypatch.setenv("CLIPFIND_MODEL", str(tiny_model))
    return made[0]


def found(query: str, *options: str) -> list[dict[str, object]]:
    finished = run("search", query, "-n", "--json", "-t", "0", *options)
    assert finished.returncode in (0, 1), finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


@pytest.mark.usefixtures("album")
class TestWords:
    def test_are_not_searched_in_pipes_unless_asked(self) -> None:
        assert found("denmark") == found("denmark", "--words", "off")
        assert not any("words" in each for each in found("denmark"))

    def test_say_where_they_stand(self) -> None:
        words = {each["path"]: each.get("words") for each in found("denmark", "--words", "on")}
        assert len(words) == len(NAMES)
        for name in NAMES:
            expected = [{"in": "folder", "text": "Denmark 2018"}] if "Denmark" in name else None
            assert words[name] == expected

    def test_change_the_order_and_not_the_scores(self) -> None:
        plain, fused = found("denmark"), found("denmark", "--words", "on")
        assert {(each["path"], each["score"]) for each in plain} == {
            (each["path"], each["score"]) for each in fused
        }
        assert [each["rank"] for each in fused] == list(range(1, len(NAMES) + 1))
        places = [[*map(_is_danish, every)].index(True) for every in (plain, fused)]
        assert places[1] <= places[0]
        others = [
            [each["path"] for each in every if not _is_danish(each)] for every in (plain, fused)
        ]
        assert others[0] == others[1]

    def test_stand_in_templates_on_one_line(self) -> None:
        template = ("--words", "only", "--format", "{path}|{words}|{place}")
        finished = run("search", "denmark", "-n", "-t", "1", *template)
        assert finished.stdout.endswith(b".jpg|folder: Denmark 2018|\n")

    def test_alone_are_asked_with_only(self) -> None:
        assert [each["path"] for each in found("boat", "--words", "only")] == ["alps/red_boats.jpg"]
        danish = found("denmark", "--words", "only")
        assert len(danish) == 2
        assert danish[0]["score"] >= danish[1]["score"]
        assert found("zebra", "--words", "only") == []

    def test_with_more_words_of_the_query_come_first(self) -> None:
        both = found("red boats 2018", "--words", "only")
        assert both[0]["path"] == "alps/red_boats.jpg"
        assert len(both) == 3

    def test_pass_thresholds_and_are_marked(self) -> None:
        (match,) = found("boat", "--words", "on", "--min-score", "1")
        assert match["by_words_alone"] is True
        assert match["words"] == [{"in": "name", "text": "red_boats.jpg"}]
        assert match["score"] < 1
        within = found("boat", "--words", "on", "--within", "0")
        assert {each["path"] for each in within} >= {"alps/red_boats.jpg"}
        assert len(within) <= 2

    @pytest.mark.parametrize("threshold", [(), ("--min-score", "0.99"), ("--min-score", "auto")])
    def test_that_stand_nowhere_are_said_with_where_they_were_looked_for(
        self, threshold: tuple[str, ...]
    ) -> None:
        finished = run("search", "zebras at 7", "-n", "--words", "only", *threshold)
        assert (finished.returncode, finished.stdout) == (1, b"")
        assert finished.stderr.decode() == (
            'clipfind: no picture here has the word "zebras" in its name, folders, captions or '
            "keywords, or in text read in it\n"
        )
        several = run("search", "zebras or lions", "-n", "--words", "only", *threshold)
        assert b'any of the words "zebras", "lions" in its name' in several.stderr
        assert run("search", "lions", "-n", "-q", "--words", "only").stderr == b""

    def test_that_stand_nowhere_among_those_that_pass_are_not_said_to_be_nowhere(self) -> None:
        finished = run("search", "zebra", "-n", "--words", "only", "--type", "jpeg")
        assert b"no picture here that passes the filters has the word" in finished.stderr
        nothing = run("search", "boat", "-n", "--words", "only", "--type", "png")
        assert nothing.stderr == b"clipfind: no picture here passes --type png\n"

    @pytest.mark.parametrize("query", ["the", "a 12", "\N{PARTY POPPER}", "./alps/1.jpg"])
    def test_alone_need_words(self, query: str) -> None:
        finished = run("search", query, "-n", "--words", "only")
        assert (finished.returncode, finished.stdout) == (1, b"")
        assert b"there is no word to look for" in finished.stderr
        assert b"score" not in finished.stderr

    def test_respect_filters_and_globs(self) -> None:
        assert found("boat", "--words", "only", "--type", "png") == []
        assert found("boat", "--words", "only", "--glob", "[0-9]*.jpg") == []
        assert found("denmark", "--words", "only", "--min-size", "50") == []

    @pytest.mark.parametrize(
        "query", ['"boat', "boat*", "NEAR(boat)", "boat AND", " -boat", "c:boat", "(boat", "^"]
    )
    def test_of_full_text_syntax_are_plain_words(self, query: str) -> None:
        paths = [each["path"] for each in found(query, "--words", "only", "--text")]
        assert paths == (["alps/red_boats.jpg"] if "boat" in query else [])

    def test_on_a_terminal_are_shown_below_the_path(self) -> None:
        shown = run_on_terminal("search", "boat", "-n", "-t", "0", "--min-score", "1")
        assert "(by its words)" in shown.text
        assert "name: red_boats.jpg" in shown.text
        plain = run_on_terminal("search", "boat", "-n", "-t", "0", "--words", "off")
        assert "name:" not in plain.text

    def test_of_a_picture_that_is_the_query_are_refused(self) -> None:
        finished = run("search", "alps/1.jpg", "--image", "--words", "on")
        assert finished.returncode == 2
        assert b"--words has no effect together with --image" in finished.stderr


def _is_danish(match: dict[str, object]) -> bool:
    return "Denmark" in str(match["path"])


def test_word_matches_that_are_hidden_gone_or_changed_are_left_out(
    tmp_path: Path, tiny_model: Path
) -> None:
    for seed, name in enumerate(("boat1.jpg", "boat2.jpg", "boat3.jpg", "boat4.jpg", "5.jpg")):
        paint(tmp_path / "album" / name, seed)
    base = ("--db", tmp_path / "index.db")
    run("index", "-q", tmp_path / "album", *base, "--model", tiny_model)
    assert run("hide", tmp_path / "album" / "boat1.jpg", *base).returncode == 0
    (tmp_path / "album" / "boat2.jpg").unlink()
    paint(tmp_path / "album" / "boat3.jpg", 9)
    search = ("search", "boats", "--all", "-f", "--words", "only", "--model", tiny_model)
    finished = run(*search, *base)
    assert finished.stdout.split() == [os.fsencode(tmp_path / "album" / "boat4.jpg")]
    assert b"1 hidden picture left out" in finished.stderr
    assert b"2 " in finished.stderr


def test_a_python_without_full_text_search_says_so_and_searches_pictures(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rclip_like.library import Library
    from rclip_like.settings import SearchSettings
    from rclip_like.store import words

    paint(tmp_path / "album" / "boat.jpg", 1)
    monkeypatch.setattr(words, "has_fts", lambda connection: False)
    with Library(tmp_path / "index.db", model=str(tiny_model)) as library:
        report = library.search("boat", tmp_path / "album", SearchSettings(words="on"))
    assert len(report.matches) == 1
    assert report.matches[0].words == ()
    assert any("no full-text search" in note for note in report.notes)


def test_a_damaged_index_of_words_is_said_and_mended(tmp_path: Path, tiny_model: Path) -> None:
    paint(tmp_path / "album" / "boat.jpg", 1)
    base = ("--db", tmp_path / "index.db", "--model", tiny_model)
    run("index", "-q", tmp_path / "album", *base)
    with closing(sqlite3.connect(tmp_path / "index.db", isolation_level=None)) as connection:
        connection.execute("UPDATE words_index_data SET block = x'ffffffffff' WHERE id > 10")
    search = ("search", "boat", tmp_path / "album", "-f", "--words", "on", *base)
    finished = run(*search)
    assert (finished.returncode, len(finished.stdout.splitlines())) == (0, 1)
    assert b"the index of words is damaged" in finished.stderr
    mended = run("doctor", "--repair", *base)
    assert b"the index of words was damaged; it is made anew" in mended.stdout + mended.stderr
    again = run(*search)
    assert b"damaged" not in again.stderr


def test_notes_do_not_say_that_pictures_were_searched_where_only_words_were_asked_for(
    tmp_path: Path, tiny_model: Path
) -> None:
    paint(tmp_path / "album" / "boat.jpg", 1)
    base = ("--db", tmp_path / "index.db", "--model", tiny_model)
    run("index", "-q", tmp_path / "album", *base)
    with closing(sqlite3.connect(tmp_path / "index.db", isolation_level=None)) as connection:
        connection.execute("UPDATE words_index_data SET block = x'ffffffffff' WHERE id > 10")
    finished = run("search", "boat", tmp_path / "album", "--words", "only", *base)
    assert (finished.returncode, finished.stdout) == (1, b"")
    assert finished.stderr.decode() == (
        "clipfind: the index of words is damaged; mend it with: clipfind doctor --repair\n"
    )


def test_the_update_before_a_search_takes_names_and_sidecars(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    paint(folder / "lighthouse.jpg", 1)
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description><dc:subject>'
        "<rdf:Bag><rdf:li>walrus</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF>"
        "</x:xmpmeta>"
    )
    (folder / "lighthouse.xmp").write_text(xmp)
    for word in ("walrus", "lighthouse"):
        finished = run("search", word, folder, "--words", "only", "-f")
        assert finished.stdout.endswith(b"lighthouse.jpg\n"), finished.stderr
