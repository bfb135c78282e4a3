"""Where an option's value comes from, and what is said of values that cannot be used."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from settled import settled

from rclip_like.cli.commands import COMMANDS
from rclip_like.cli.search import SearchOptions
from rclip_like.errors import ConfigError, UsageError


def _settle(*arguments: str) -> SearchOptions:
    options = settled("search", *arguments)
    assert isinstance(options, SearchOptions)
    return options


def _write_configuration(text: str) -> None:
    Path(os.environ["CLIPFIND_CONFIG"]).write_text(text)


def test_option_beats_environment_beats_file_beats_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _settle("cat").settings.top == 10
    _write_configuration("top = 20")
    assert _settle("cat").settings.top == 20
    monkeypatch.setenv("CLIPFIND_TOP", "30")
    assert _settle("cat").settings.top == 30
    assert _settle("cat", "-t", "40").settings.top == 40


def test_a_configuration_file_that_is_named_must_be_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CLIPFIND_CONFIG", str(tmp_path / "mine.toml"))
    with pytest.raises(ConfigError, match=r"mine\.toml: no such file; CLIPFIND_CONFIG names it"):
        _settle("cat")
    monkeypatch.delenv("CLIPFIND_CONFIG")
    monkeypatch.setenv("CLIPFIND_CONFIG_DIR", str(tmp_path / "none"))
    assert _settle("cat").settings.top == 10


def test_what_was_typed_is_known_apart_from_what_was_configured() -> None:
    _write_configuration('max-time = 5\nexclude = ["*.gif", "old"]')
    options = _settle("cat", "-f")
    assert (options.update.max_time, options.settings.walk.exclude) == (5.0, ("*.gif", "old"))
    assert options.given == {"QUERY": "cat", "--files": True}


def test_a_list_in_the_environment_is_separated_as_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPFIND_EXCLUDE", os.pathsep.join(["*.gif", "old/"]))
    assert _settle("cat").settings.walk.exclude == ("*.gif", "old/")


@pytest.mark.parametrize(("text", "value"), [("1", True), ("no", False), ("TRUE", True)])
def test_a_switch_in_the_environment_is_true_or_false(
    monkeypatch: pytest.MonkeyPatch, text: str, value: bool
) -> None:
    monkeypatch.setenv("CLIPFIND_HIDDEN", text)
    assert _settle("cat").settings.walk.hidden is value


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("colour = 'never'", "config.toml: unknown key 'colour'"),
        ("files = true", "config.toml: unknown key 'files'"),
        ("top = 'ten'", "config.toml: top wants a whole number, not 'ten'"),
        ("hidden = 1", "config.toml: hidden wants true or false, not 1"),
        ("device = 'tpu'", "config.toml: device is one of auto, cuda, mps, cpu, not 'tpu'"),
        ("top = -1", "config.toml: top must be at least 0, not -1"),
        ("top", "config.toml: is not TOML"),
    ],
)
def test_a_bad_configuration_file_is_an_error_that_names_file_and_key(
    text: str, complaint: str
) -> None:
    _write_configuration(text)
    with pytest.raises(ConfigError, match=complaint.replace(".", r"\.")):
        _settle("cat")


ABSURD = {
    "nested arrays": "top = " + "[" * 30_000,
    "nested tables": "top = " + "{a = " * 10_000,
    "dotted key": "a" + ".a" * 30_000 + " = 1",
    "dotted key with blanks": "a" + " . 'a'" * 9_000 + " = 1",
    "dotted key with a dot in quotes": "'#'" + '."\\""' * 9_000 + " = 1",
    "dotted table": "[a" + ".a" * 30_000 + "]",
    "dotted key in a table": "x = {a" + ".a" * 30_000 + " = 1}",
    "many dotted keys": "\n".join("a" + ".a" * 20 + f".b{i} = 1" for i in range(1000)),
    "too long": "#" * 65_537,
}


@pytest.mark.parametrize("kind", ABSURD)
def test_an_absurd_configuration_file_is_refused_at_once(kind: str) -> None:
    _write_configuration(ABSURD[kind])
    begun = time.process_time()
    with pytest.raises(ConfigError, match=r"config\.toml: "):
        _settle("cat")
    assert time.process_time() - begun < 3


def test_dots_in_values_and_remarks_are_no_nesting() -> None:
    text = "# " + "." * 100 + "\nmodel = '" + "/a.b" * 50 + "'  # " + "." * 100 + "\ntop = 3\n"
    _write_configuration(text)
    assert _settle("cat").settings.top == 3


def test_a_bad_variable_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPFIND_MAX_TIME", "soon")
    with pytest.raises(ConfigError, match="CLIPFIND_MAX_TIME wants a number, not 'soon'"):
        _settle("cat")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["cat", "--top", "x"], "--top wants a whole number"),
        (["cat", "-top", "3"], "--top wants a whole number, not 'op'; type --top with two"),
        (["cat", "--min-score", "nan"], "--min-score must be"),
        (["cat", "--min-score", "1.5"], "--min-score must be at most 1"),
        (["cat", "--min-score", "Auto"], "--min-score wants a number or auto, not 'Auto'"),
        (["cat", "--sort", "size"], "--sort is one of score, date, -date, path"),
        (["cat", "--tpo", "3"], "no such option: --tpo"),
        (["cat", "--top"], "--top needs a value: --top N; see clipfind search --help"),
        (["cat", "-t"], "-t needs a value: -t N"),
        (["cat", "--db="], "--db needs a path, not ''"),
    ],
)
def test_a_bad_option_is_an_error_that_names_it(arguments: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        _settle(*arguments)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_file_may_be_written_by_any_editor(
    encoding: str,
) -> None:
    text = 'exclude = ["café"]\r\n'
    Path(os.environ["CLIPFIND_CONFIG"]).write_bytes(text.encode(encoding))
    assert _settle("cat").settings.walk.exclude == ("café",)


def test_bytes_that_are_not_utf8_pass_through() -> None:
    assert os.fsencode(_settle("cat", os.fsdecode(b"a\xff")).paths[0]) == b"a\xff"


def test_letters_may_be_joined() -> None:
    options = _settle("invoice", "-f0t", "50")
    assert (options.files, options.null, options.settings.top) == (True, True, 50)


def test_a_word_may_stand_where_else_a_number_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    _write_configuration("min-score = 'auto'\n")
    assert _settle("cat").settings.min_score == "auto"
    assert _settle("cat", "--min-score", ".25").settings.min_score == 0.25
    monkeypatch.setenv("CLIPFIND_MIN_SCORE", "0.5")
    assert _settle("cat").settings.min_score == 0.5
    assert _settle("cat", "--min-score", "auto").settings.min_score == "auto"
    monkeypatch.delenv("CLIPFIND_MIN_SCORE")
    _write_configuration("min-score = 'automatic'\n")
    with pytest.raises(ConfigError, match="min-score wants a number or auto, not 'automatic'"):
        _settle("cat")


def test_keys_mean_the_same_in_every_command() -> None:
    kinds: dict[str | None, set[tuple[type, bool, tuple[str, ...]]]] = {}
    for command in COMMANDS.values():
        for each in command.accepted:
            kinds.setdefault(each.key, set()).add((each.kind, each.is_many, each.choices))
    assert all(len(each) == 1 for key, each in kinds.items() if key)
