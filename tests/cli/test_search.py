"""`clipfind search`: what is printed, for whom, and with which exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from described import as_described
from processes import run, run_on_terminal, write_pictures, write_taken
from settled import settled

from rclip_like.cli.commands import COMMANDS
from rclip_like.cli.options import refuse_without_effect
from rclip_like.cli.search import WITHOUT_EFFECT, search_settings
from rclip_like.cli.updating import index_settings
from rclip_like.errors import UsageError
from rclip_like.models.names import BUILTIN_FOLDER
from rclip_like.output.matches import Layout
from rclip_like.output.terminal import Screen
from rclip_like.settings import (
    EncoderSettings,
    IndexSettings,
    ReadSettings,
    SearchSettings,
    WalkSettings,
)


def _paths(*arguments: str | Path) -> list[str]:
    """Return the paths that a search prints, in their order."""
    finished = run(*arguments, "-f")
    assert finished.returncode == 0, finished.stderr.decode()
    return os.fsdecode(finished.stdout).split("\n")[:-1]


def test_a_query_alone_searches_and_a_pipe_gets_score_and_path(indexed: Path) -> None:
    finished = run("something blue", "pictures", "-n")
    lines = [line.split("\t") for line in finished.stdout.decode().splitlines()]
    assert (finished.returncode, finished.stderr) == (0, b"")
    assert {path for _, path in lines} == {
        "pictures/one.png",
        "pictures/two.png",
        "pictures/deep/three.jpg",
    }
    scores = [float(score) for score, _ in lines]
    assert scores == sorted(scores, reverse=True)


def test_relative_paths_stay_relative_and_absolute_ones_absolute(indexed: Path) -> None:
    assert set(_paths("blue", "./pictures/deep", "-n")) == {"./pictures/deep/three.jpg"}
    assert set(_paths("blue", indexed / "deep", "-n")) == {str(indexed / "deep" / "three.jpg")}


def test_no_path_means_the_current_folder(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(indexed / "deep")
    assert _paths("blue", "-n") == ["three.jpg"]


def test_top_counts_and_zero_means_all(indexed: Path) -> None:
    assert len(_paths("blue", "pictures", "-n", "-t", "1")) == 1
    assert len(_paths("blue", "pictures", "-n", "-t", "0")) == 3


def test_json_has_one_described_object_a_line(indexed: Path) -> None:
    finished = run("blue", "pictures", "-n", "--json")
    rows = [as_described(line, "search") for line in finished.stdout.splitlines()]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    facts = {"date", "date_from", "width", "height", "size_bytes"}
    assert all(set(row) == {"path", "score", "rank", "model", *facts} for row in rows)
    for row in rows:
        assert row["size_bytes"] == Path(row["path"]).stat().st_size
        assert row["date_from"] == "file"


def test_json_has_what_the_camera_wrote(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    picture = write_taken(tmp_path / "taken" / "taken.jpg")
    (line,) = run("blue", picture.parent, "--json").stdout.splitlines()
    row = as_described(line, "search")
    assert (row["date"], row["date_from"]) == ("2019-04-05T10:11:12", "original")
    assert (row["camera"], row["latitude"], row["longitude"]) == ("Museum Camera", -33.5, 18.25)
    words = ("blue", picture.parent, "-n", "--format", "{date}|{camera}|{width:>5}|{height}")
    assert run(*words).stdout == b"2019-04-05T10:11:12|Museum Camera|   60|40\n"


def test_a_template_and_nul_ends(indexed: Path) -> None:
    finished = run("blue", "pictures/one.png", "-n", "-0", "--format", "{rank}:{path}")
    assert finished.stdout == b"1:pictures/one.png\0"


def test_an_empty_folder_exits_with_one_and_a_note(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    finished = run("blue", tmp_path / "empty")
    assert finished.returncode == 1
    assert finished.stderr == b"clipfind: no pictures were found here\n"


def test_a_mistyped_command_is_hinted_at_when_nothing_was_found(indexed: Path) -> None:
    hint, picture = b"'clipfind index'", "pictures/one.png"  # a folder is another matter
    assert hint in run("indx", picture, "-n", "--min-score", "1").stderr
    assert hint not in run("indx", picture, "-n").stderr


def test_without_an_index_no_index_exits_with_one_and_a_hint(tiny: Path, indexed: Path) -> None:
    finished = run("blue", "pictures", "-n", "--db", tiny)
    assert finished.returncode == 1
    assert b"clipfind index" in finished.stderr
    assert not tiny.exists()


def test_a_folder_that_is_not_there_exits_with_two_and_proposes_quotes(indexed: Path) -> None:
    finished = run("red", "car")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert b'clipfind "red car"' in finished.stderr


def test_debug_shows_the_traceback(indexed: Path) -> None:
    assert b"Traceback" in run("blue", "nowhere", "--debug").stderr
    assert b"Traceback" not in run("blue", "nowhere").stderr


def test_a_terminal_gets_a_table_without_copies(indexed: Path) -> None:
    shown = run_on_terminal("blue", "copies", "-n", "--color", "never", streams=("stdout",))
    assert shown.text.splitlines()[0] == "  score  path"
    assert len(shown.text.splitlines()) == 1 + 1
    assert len(_paths("blue", "copies", "-n")) == 2


def test_a_search_indexes_first_and_shows_no_bar_in_a_pipe(tiny: Path, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "new")
    finished = run("blue", folder, "-f")
    assert len(finished.stdout.splitlines()) == 3
    assert finished.stderr == b""


def test_lists_of_paths_come_from_files_and_stdin(indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("pictures/one.png\npictures/deep\n")
    assert len(_paths("blue", "-n", "--files-from", str(tmp_path / "list"))) == 2
    finished = run("blue", "-nf", "--files0-from", "-", input=b"pictures/two.png\0")
    assert finished.stdout == b"pictures/two.png\n"
    assert run("blue", "-n", "--files-from", "-", input=b"").returncode == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_lists_of_paths_may_be_written_on_windows(encoding: str, indexed: Path) -> None:
    text = "pictures/one.png\r\npictures/deep\r\n"
    finished = run("blue", "-nf", "--files-from", "-", input=text.encode(encoding))
    assert len(finished.stdout.splitlines()) == 2, finished.stderr


def test_names_in_a_list_may_be_any_bytes(indexed: Path) -> None:
    name = next(name for name in os.listdir(b"odd") if b"\xff" in name)
    finished = run("blue", "-nf", "--files-from", "-", input=b"odd/" + name)
    assert finished.stdout == b"odd/" + name + b"\n"


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (b"\xff\xfea", b"stdin: begins as UTF-16 does and is not that; save it as UTF-8"),
        ("one.png".encode("utf-16-le"), b"no path holds a NUL"),
    ],
)
def test_a_list_that_is_no_text_is_refused(listed: bytes, told: bytes, indexed: Path) -> None:
    for command in (["search", "blue", "-n"], ["search", "blue"], ["index"]):
        finished = run(*command, "--files-from", "-", input=listed)
        assert finished.returncode == 2
        assert told in finished.stderr
        assert b"unexpected" not in finished.stderr


def test_everything_indexed_is_searched_from_anywhere(
    indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(indexed / "one.png") in _paths("blue", "--all", "-t", "0")


def test_every_option_reaches_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLIPFIND_PRECISION")
    typed = "blue -t3 --min-score .1 --within .2 --sort date --collapse --explain --all --no-cache"
    typed += (
        " --all-hidden --hidden --no-ignore -L --one-file-system --raw-pairs --exclude a --glob b"
    )
    typed += " --template photo --max-time 5 --inodes stable --threads 3 --device cpu --db ~/x.db"
    options = settled("search", *typed.split())
    walk = WalkSettings(True, False, True, True, True, ("a",), ("b",), "stable")
    assert options.settings == SearchSettings(
        3, 0.1, 0.2, "date", True, None, True, True, True, "photo", False, walk
    )
    updating = index_settings(options.update, options.settings.walk)
    assert updating == IndexSettings(walk=walk, max_seconds=5.0, wait=False)
    assert (options.encoder, options.read) == (
        EncoderSettings("cpu", threads=3),
        ReadSettings(workers=3),
    )
    assert options.library.database == Path.home() / "x.db"


@pytest.mark.parametrize(
    ("typed", "terminal", "collapsed"),
    [
        ((), True, True),
        ((), False, False),
        (("--collapse",), False, True),
        (("--no-collapse",), True, False),
        (("--copy-to", "out"), False, True),
        (("--link-to", "out", "--no-collapse"), True, False),
    ],
)
def test_copies_are_shown_once_on_a_terminal_unless_told(
    typed: tuple[str, ...], terminal: bool, collapsed: bool
) -> None:
    layout = Layout(screen=Screen(is_terminal=terminal))
    assert search_settings(settled("search", "blue", *typed), layout).collapse is collapsed


@pytest.mark.parametrize(("first", "second"), WITHOUT_EFFECT)
def test_an_option_without_effect_is_an_error(first: str, second: str) -> None:
    declared = {each.long_name for each in COMMANDS["search"].accepted}
    assert {first, second} <= declared
    with pytest.raises(UsageError, match=r"has no effect together with|leave out the paths"):
        refuse_without_effect({first: True, second: True}, WITHOUT_EFFECT)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("search", "blue", "--within-km", "3"), "--within-km has no effect without --near"),
        (
            ("search", "blue", "--preview-protocol", "blocks"),
            "--preview-protocol has no effect without --preview",
        ),
        (
            ("search", "blue", "--thumbnail-cache", "9"),
            "--thumbnail-cache has no effect without --html or --preview",
        ),
        (
            ("index", "--thumbnail-cache", "9"),
            "--thumbnail-cache has no effect without --thumbnails",
        ),
        (
            ("classify", "--labels", "a,b", "--thumbnail-cache", "9"),
            "--thumbnail-cache has no effect without --html",
        ),
    ],
)
def test_an_option_that_needs_another_is_an_error(words: tuple[str, ...], reason: str) -> None:
    finished = run(*words)
    assert (finished.returncode, finished.stderr.decode()) == (2, f"clipfind: {reason}\n")


def test_two_options_that_exclude_each_other_exit_with_two(indexed: Path) -> None:
    finished = run("blue", "--json", "-f")
    assert finished.returncode == 2
    assert finished.stderr == b"clipfind: --json has no effect together with --files\n"


def test_quiet_says_nothing_but_errors(indexed: Path) -> None:
    assert run("indx", "pictures", "-nq", "--min-score", "1").stderr == b""
    assert run("blue", "nowhere", "-q").stderr != b""


def test_explain_shows_every_part(indexed: Path) -> None:
    line = run("cat", "pictures", "-n", "-s", "2:dog", "--explain", "-t", "1").stdout.decode()
    assert [part.partition("=")[0] for part in line.split("\t")[2:]] == ["cat", "-2:dog"]


def test_files_gone_since_indexing_are_left_out_and_counted(indexed: Path) -> None:
    (indexed.parent / "going" / "goes.png").unlink()
    finished = run("blue", "going", "-nf")
    assert finished.stdout == b"going/stays.png\n"
    assert b"1 picture left out" in finished.stderr


@pytest.mark.skipif(not BUILTIN_FOLDER.is_dir(), reason="installed without the built-in model")
def test_larger_models_are_spoken_of_once_a_database_and_on_a_terminal_only(
    tmp_path: Path, pictures: Path
) -> None:
    words = ("blue", pictures, "--model", "builtin", "--db", tmp_path / "index.db")
    assert b"models use" not in run(*words).stderr
    assert "models use" in run_on_terminal(*words, streams=("stderr",)).text
    assert "models use" not in run_on_terminal(*words, streams=("stderr",)).text


def test_python_dash_m_is_the_same_program() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "rclip_like", "--version"], capture_output=True, text=True
    )
    assert finished.stdout.startswith("clipfind ")


def test_a_list_that_is_out_of_date_is_searched_as_far_as_it_holds(indexed: Path) -> None:
    listed = b"pictures/no-longer.png\0pictures\0"
    finished = run("blue", "-n", "--files0-from", "-", input=listed)
    assert finished.returncode == 0
    assert b"1 listed path left out" in finished.stderr
    nothing = run("blue", "-n", "--files0-from", "-", input=b"pictures/no-longer.png\0")
    assert (nothing.returncode, nothing.stdout) == (2, b"")


def test_colours_reach_a_pipe_only_when_always_asked_for(indexed: Path) -> None:
    words = ("blue", "pictures/one.png", "-n")
    coloured = run(*words, "--color", "always").stdout
    score, path = coloured.split(b"\t")
    assert (score[:5], score[-4:], path) == (b"\x1b[36m", b"\x1b[0m", b"pictures/one.png\n")
    plain = run(*words).stdout
    assert plain == coloured.replace(b"\x1b[36m", b"").replace(b"\x1b[0m", b"")
    for form in ("-f", "-0", "--json", "--format={path}"):
        assert b"\x1b" not in run(*words, form, "--color", "always").stdout


def test_a_glob_that_leaves_nothing_is_named(indexed: Path) -> None:
    for typed in (("-n",), (), ("--all",)):
        where = () if "--all" in typed else ("pictures",)
        finished = run("blue", *where, *typed, "--glob", "*.gif", "--glob", "x/")
        assert finished.returncode == 1
        told = finished.stderr.decode().splitlines()
        assert told[0] == "clipfind: no pictures here match '*.gif' or 'x/'"
        assert b"matched nothing" not in finished.stderr


def test_patterns_of_the_configuration_may_match_nothing_without_a_word(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPFIND_EXCLUDE", "*.gif")
    for command in (("blue",), ("index",)):
        assert b"matched nothing" not in run(*command, "pictures").stderr
        assert (
            b"'*.png' matched nothing"
            in run(*command, "pictures/deep", "--exclude", "*.png").stderr
        )
