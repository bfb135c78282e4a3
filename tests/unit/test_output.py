"""Matches and reports as bytes and text."""

from __future__ import annotations

import base64
import io
import json

import pytest

from rclip_like.errors import UsageError, counted
from rclip_like.output.matches import Form, Layout, render
from rclip_like.output.reports import index_sentence, sized, status_object, table
from rclip_like.output.template import parse_template
from rclip_like.output.terminal import Screen, escaped_path, screen_of, supports_links
from rclip_like.reports import StatusReport
from rclip_like.values import FileVersion, IndexReport, Match, PictureFacts

ODD = b"a\tb\n\x1b[31m\xff.jpg"
TERMINAL = Screen(is_terminal=True)


def _match(path: bytes = b"cat.jpg", **more: object) -> Match:
    values: dict[str, object] = {"score": 0.25, "rank": 1, "model": "builtin"} | more
    return Match(path, b"/album/" + path, **values)  # type: ignore[arg-type]


def _rendered(match: Match, **layout: object) -> bytes:
    return b"".join(render([match], Layout(**layout)))  # type: ignore[arg-type]


def test_a_pipe_gets_score_and_path_without_a_header() -> None:
    assert _rendered(_match()) == b"0.2500\tcat.jpg\n"


def test_a_pipe_gets_the_bytes_of_odd_names_as_they_are() -> None:
    assert _rendered(_match(ODD), form=Form.PATHS, end=b"\0") == ODD + b"\0"


def test_half_a_character_in_a_term_is_escaped_everywhere() -> None:
    match = _match(terms=(("\ud800", 0.5),))
    assert _rendered(match).endswith(b"\t\\ud800=0.5000\n")
    assert b"\\ud800 +0.5000" in _rendered(match, screen=TERMINAL)
    assert json.loads(_rendered(match, form=Form.JSON))["terms"][0]["term"] == "\ud800"


def test_json_has_the_fields_of_the_row_that_are_known() -> None:
    facts = PictureFacts(640, 480, None, "Camera", -33.5, None)
    match = _match(ODD, taken_at="2019-04-05T10:11:12", facts=facts, version=FileVersion(b"", 9))
    row = match.row
    assert (row["date_from"], row["width"], row["size_bytes"]) == ("file", 640, 9)
    assert base64.b64decode(str(row["path_base64"])) == ODD
    assert row["longitude"] is None
    assert all(value is None or isinstance(value, str | int | float) for value in row.values())
    known = {name: value for name, value in row.items() if value is not None}
    assert json.loads(_rendered(match, form=Form.JSON)) == known
    assert list(_match().row) == [name for name in row if name != "path_base64"]


def test_what_is_not_known_is_nothing_in_a_template() -> None:
    template = parse_template("{width:d}|{camera}|{rank}")
    assert _rendered(_match(), form=Form.TEMPLATE, template=template) == b"||1\n"
    camera = _match(facts=PictureFacts(1, 2, camera="\x9b31m"))
    layout = {"form": Form.TEMPLATE, "template": template, "screen": TERMINAL}
    assert _rendered(camera, **layout) == b"1|\\x9b31m|1\n"


def test_a_name_like_an_option_is_printed_with_its_folder() -> None:
    assert _rendered(_match(b"-rf.jpg"), form=Form.PATHS) == b"./-rf.jpg\n"


def test_a_terminal_gets_a_header_and_no_control_characters() -> None:
    shown = _rendered(_match(ODD), screen=TERMINAL).decode()
    assert shown == "  score  path\n 0.2500  a\\tb\\n\\x1b[31m\\xff.jpg\n"


def test_square_brackets_and_long_names_stay_whole_on_a_terminal() -> None:
    name = b"[red]" + b"x" * 300 + b".jpg"
    assert name + b"\n" in _rendered(_match(name), screen=TERMINAL)


def test_colours_and_links_are_added_around_the_path_only() -> None:
    screen = Screen(is_terminal=True, has_colours=True, has_links=True)
    shown = _rendered(_match(b"a b.jpg"), screen=screen).decode()
    assert "/album/a%20b.jpg\x1b\\a b.jpg\x1b]8;;\x1b\\" in shown


def test_json_carries_path_score_rank_and_model() -> None:
    row = json.loads(_rendered(_match(), form=Form.JSON))
    assert row == {"path": "cat.jpg", "score": 0.25, "rank": 1, "model": "builtin"}


def test_json_carries_the_bytes_of_a_path_that_is_not_utf8() -> None:
    row = json.loads(_rendered(_match(b"\xff.jpg"), form=Form.JSON))
    assert base64.b64decode(row["path_base64"]) == b"\xff.jpg"
    assert row["path"] == "\ufffd.jpg"


def test_json_carries_no_character_that_a_terminal_obeys() -> None:
    name = "\x9b31m\x7f\u202egpj.žluť"
    line = _rendered(_match(name.encode()), form=Form.JSON, screen=TERMINAL)
    assert json.loads(line)["path"] == name
    assert line.decode().startswith('{"path": "\\u009b31m\\u007f\\u202egpj.žluť"')
    report = StatusReport("\x9b", 1, 0, 0, (), (), {})
    assert "\x9b" not in status_object(report)


def test_json_is_one_line_whatever_the_name() -> None:
    assert _rendered(_match(b"a\nb.jpg"), form=Form.JSON).count(b"\n") == 1


def test_an_explanation_shows_each_term_with_its_score() -> None:
    match = _match(terms=(("cat", 0.3), ("dog", -0.1)))
    assert _rendered(match) == b"0.2500\tcat.jpg\tcat=0.3000\tdog=-0.1000\n"
    assert b"cat +0.3000  dog -0.1000" in _rendered(match, screen=TERMINAL)
    assert json.loads(_rendered(match, form=Form.JSON))["terms"][0]["term"] == "cat"


def _templated(text: str, match: Match) -> bytes:
    return _rendered(match, form=Form.TEMPLATE, template=parse_template(text))


def test_a_template_puts_fields_between_text_and_keeps_bytes() -> None:
    line = _templated("{rank}\\t{score:.1f} {{{model}}} {path}\\0", _match(ODD))
    assert line == b"1\t0.2 {builtin} " + ODD + b"\0\n"


@pytest.mark.parametrize(
    "text",
    [
        "{size}",
        "{path:>9}",
        "{score:d}",
        "{score",
        "a\\q",
        "{}",
        "{rank:.2z}",
        "{path!r}",
        "{rank!x}",
    ],
)
def test_a_template_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--format"):
        parse_template(text)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("wanted", "no_color", "stream", "coloured"),
    [
        ("auto", "", _Terminal(), True),
        ("auto", "1", _Terminal(), False),
        ("auto", "", io.StringIO(), False),
        ("always", "1", io.StringIO(), True),
        ("never", "", _Terminal(), False),
    ],
)
def test_colours_follow_the_option_then_no_color_then_the_terminal(
    monkeypatch: pytest.MonkeyPatch, wanted: str, no_color: str, stream: io.StringIO, coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    assert screen_of(stream, wanted).has_colours is coloured


def test_links_are_sent_only_to_terminals_known_to_show_them() -> None:
    assert supports_links({"TERM": "xterm-kitty"})
    assert supports_links({"TERM": "xterm", "VTE_VERSION": "6800"})
    assert not supports_links({"TERM": "xterm", "VTE_VERSION": "4999"})


def test_marks_that_turn_text_around_are_shown_as_escapes() -> None:
    assert escaped_path("evil\u202egpj.exe".encode()) == "evil\\u202egpj.exe"
    assert escaped_path("žluťoučký кот 猫.jpg".encode()) == "žluťoučký кот 猫.jpg"


@pytest.mark.parametrize(
    ("size_bytes", "shown"), [(0, "0 B"), (999, "999 B"), (605_000_000, "605 MB"), (1500, "1.5 kB")]
)
def test_sizes_are_told_in_powers_of_a_thousand(size_bytes: int, shown: str) -> None:
    assert sized(size_bytes) == shown


def test_an_index_report_is_one_line_of_what_happened() -> None:
    report = IndexReport(seen=1204, encoded=4, unchanged=1199, failed=1, seconds=2.5)
    assert index_sentence(report) == (
        "1,204 pictures, 4 encoded, 1,199 unchanged, 1 unreadable; 2.5 s"
    )
    assert "7 still to do" in index_sentence(IndexReport(finished=False, remaining=7))


def test_a_table_aligns_numbers_to_the_right() -> None:
    rows = [{"name": "builtin", "files": 5}, {"name": "x\x1b", "files": 1200}]
    assert list(table(rows)) == ["name     files", "builtin      5", "x\\x1b    1,200"]
    assert counted(1, "picture") == "1 picture"
