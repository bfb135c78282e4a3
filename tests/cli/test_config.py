"""`clipfind config`: what holds and why, and changes of the configuration file."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest
from described import as_described
from processes import run


@pytest.fixture
def file() -> Path:
    """Return the path of a configuration file that has comments."""
    path = Path(os.environ["CLIPFIND_CONFIG"])
    path.write_text('# mine\ntop = 20  # twenty\n\nexclude = [\n    "*.gif",\n]\n')
    return path


def _lines(*arguments: str) -> dict[str, tuple[str, str]]:
    """Return value and origin of each setting that `config` shows."""
    finished = run("config", *arguments)
    assert finished.returncode == 0, finished.stderr
    rows = [line.split(maxsplit=1) for line in finished.stdout.decode().splitlines()]
    return {key: tuple(rest.rsplit(maxsplit=1)) for key, rest in rows}  # type: ignore[misc]


def test_every_setting_is_shown_with_its_origin(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPFIND_SORT", "path")
    shown = _lines("--db", "mine.db")
    assert shown["top"] == ("20", f"{file}:2")
    assert shown["exclude"] == ('["*.gif"]', f"{file}:4")
    assert shown["sort"] == ('"path"', "CLIPFIND_SORT")
    assert shown["db"] == ('"mine.db"', "--db")
    assert shown["dates"] == ('"auto"', "default")
    assert shown["within"] == ("-", "default")
    assert list(_lines("show", "top")) == ["top"]


def test_json_has_values_as_json_and_says_where_each_comes_from(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPFIND_SORT", "path")
    monkeypatch.setenv("CLIPFIND_DB", os.fsdecode(b"not-\xff.db"))
    lines = run("config", "--json", "--offline").stdout.splitlines()
    found = {
        each.pop("setting"): each for each in (as_described(line, "config_show") for line in lines)
    }
    assert found.keys() == _lines().keys()
    assert found["top"] == {"value": 20, "source": str(file), "line": 2}
    assert found["exclude"] == {"value": ["*.gif"], "source": str(file), "line": 4}
    assert found["sort"] == {"value": "path", "source": "CLIPFIND_SORT", "line": None}
    assert found["offline"] == {"value": True, "source": "--offline", "line": None}
    assert found["within"] == {"value": None, "source": "default", "line": None}
    assert str(found["db"]["value"]).endswith("not-\ufffd.db")
    (line,) = run("config", "show", "top", "--json").stdout.splitlines()
    assert as_described(line, "config_show")["value"] == 20
    file.write_text("topp = 1\n")
    finished = run("config", "--json")
    assert finished.returncode == 2
    assert b"unknown key 'topp'" in finished.stderr
    assert len(finished.stdout.splitlines()) == len(lines)


def test_a_setting_is_written_and_the_comments_stay(file: Path) -> None:
    file.chmod(0o640)
    assert run("config", "set", "top", "33").returncode == 0
    assert run("config", "set", "max-time", "30").returncode == 0
    assert run("config", "set", "min-score", "auto").returncode == 0
    assert file.read_text() == (
        '# mine\ntop = 33  # twenty\n\nexclude = [\n    "*.gif",\n]\nmax-time = 30\n'
        'min-score = "auto"\n'
    )
    assert file.stat().st_mode & 0o777 == 0o640
    assert run("config", "unset", "min-score").returncode == 0
    assert run("config", "unset", "min-score").returncode == 1
    assert "min-score" not in file.read_text()


def test_a_file_is_made_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(os.environ["CLIPFIND_CONFIG"])
    path.unlink(missing_ok=True)
    assert run("config", "set", "exclude", "*.gif", "old/").returncode == 0
    assert path.read_text() == 'exclude = ["*.gif", "old/"]\n'
    assert run("config", "path").stdout == os.fsencode(path) + b"\n"


def test_a_link_to_the_file_stays_a_link(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    file.rename(real)
    file.symlink_to(real)
    assert run("config", "set", "top", "5").returncode == 0
    assert file.is_symlink()
    assert "top = 5" in real.read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("topp", "3"), "no setting is called 'topp' (did you mean top?)"),
        (("top", "x"), "top wants a whole number, not 'x'"),
        (("top", "-1"), "no such option: -1"),
        (("top", "1", "2"), "top takes one value, not 2"),
        (("exclude", "caf\udce9"), "can hold text in UTF-8 only"),
        (("sort", "colour"), "sort is one of score, date, -date, path, not 'colour'"),
    ],
)
def test_a_value_that_makes_no_sense_is_not_written(
    file: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    before = file.read_text()
    finished = run("config", "set", *arguments)
    assert finished.returncode == 2
    assert sentence in finished.stderr.decode()
    assert file.read_text() == before


def test_a_file_with_nonsense_is_shown_and_mended(file: Path) -> None:
    file.write_text("top = 20\ntopp = 30\n")
    finished = run("config")
    assert finished.returncode == 2
    assert b"unknown key 'topp'" in finished.stderr
    assert f"{file}:1".encode() in finished.stdout
    assert b"unknown key 'topp'" in run("config", "set", "top", "3").stderr
    assert run("config", "unset", "topp").returncode == 0
    assert run("config").returncode == 0


def test_an_editor_is_called_and_the_file_is_checked(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "my editor.py"
    editor.write_text("import sys; open(sys.argv[1], 'a').write(sys.stdin.read())")
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.setenv("VISUAL", shlex.join([sys.executable, str(editor)]))
    finished = run("config", "edit", input=b"hidden = true\n")
    assert finished.returncode == 0
    assert b"3 settings, all of them usable" in finished.stderr
    finished = run("config", "edit", input=b"nonsense = 1\n")
    assert finished.returncode == 2
    assert b"unknown key 'nonsense'" in finished.stderr
    monkeypatch.setenv("VISUAL", "no-such-editor")
    assert b"name one in VISUAL or EDITOR" in run("config", "edit").stderr
