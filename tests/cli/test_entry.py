"""From an argument list to an exit status: help, version, and errors in one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest
from processes import COMMAND, run

from rclip_like.cli import main
from rclip_like.cli.commands import COMMANDS

WITHOUT_INDEX = (
    *("completion", "formats", "models download", "models remove", "preview"),
    *("config set", "config unset", "config edit", "config path"),
)
Captured = pytest.CaptureFixture[str]


def test_help_on_everything_is_data_on_stdout(capsys: Captured) -> None:
    assert main(["--help"]) == 0
    assert "Usage: clipfind QUERY [PATH]..." in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: Captured) -> None:
    assert main([*name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: clipfind {name} [OPTION]...")
    assert "--debug" in shown
    assert ("--db FILE" in shown) == (name not in WITHOUT_INDEX)


def test_help_on_models_lists_its_commands(capsys: Captured) -> None:
    assert main(["models", "--help"]) == 0
    assert "models remove" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["classify", "x"], ["models"], ["cat", "--nope"], ["cat", "-t", "x"], ["train"]],
)
def test_bad_usage_is_one_sentence_on_stderr_and_exits_with_two(
    arguments: list[str], capsys: Captured
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("clipfind: ")
    assert shown.err.count("\n") == 1


def test_the_word_of_a_command_without_what_it_needs_can_be_searched(capsys: Captured) -> None:
    assert main(["train"]) == 2
    assert "clipfind search train" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["train", "photos", "-t", "2"],
            "to search for the word: clipfind search train photos -t 2",
        ),
        (["index", "a b", "--top", "2"], "clipfind search index 'a b' --top 2"),
        (["models", "use", "x", "-t", "2"], "clipfind search models use x -t 2"),
    ],
)
def test_a_command_with_the_options_of_search_says_how_to_search(
    arguments: list[str], told: str, capsys: Captured
) -> None:
    assert main(arguments) == 2
    assert told in capsys.readouterr().err
    assert main([*arguments, "--no-such"]) == 2
    assert "to look for" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *(("--tops", "--top"), ("--exlude", "--exclude"), ("--files-form", "--files-from")),
        *(("--no-colapse", "--no-collapse"), ("--recursive", None), ("--nope", None)),
        *(("--score", None), ("--no-hidden", None), ("--context", None)),
    ],
)
def test_a_wrong_option_proposes_one_that_is_nearly_the_same_or_none(
    typed: str, meant: str | None, capsys: Captured
) -> None:
    assert main(["cat", typed]) == 2
    proposed = f" (did you mean {meant}?)" if meant else ""
    told = f"clipfind: no such option: {typed}{proposed}; see clipfind search --help\n"
    assert capsys.readouterr().err == told


def test_a_query_that_begins_with_a_dash_is_told_where_it_goes(capsys: Captured) -> None:
    assert main(["-cat", "pictures"]) == 2
    told = "no such option: -c (words that begin with a dash go after --); see"
    assert told in capsys.readouterr().err


def test_an_unexpected_error_is_a_sentence_that_asks_for_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("rclip_like.cli.entry.dispatch", lambda arguments: 1 / 0)
    assert main(["cat"]) == 2
    assert "--debug" in capsys.readouterr().err
    assert main(["cat", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_error_that_is_no_exception_of_python_is_a_fault_of_ours_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    class PanicException(BaseException):
        """As libraries written in Rust raise it."""

    def dispatch(arguments: Sequence[str]) -> None:
        raise PanicException("index out of bounds")

    monkeypatch.setattr("rclip_like.cli.entry.dispatch", dispatch)
    assert main(["cat"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("clipfind: unexpected PanicException: index out of bounds; ")
    assert told.count("\n") == 1


@pytest.mark.parametrize("kind", [SystemExit, GeneratorExit])
def test_what_ends_python_itself_goes_its_way(
    kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dispatch(arguments: Sequence[str]) -> None:
        raise kind

    monkeypatch.setattr("rclip_like.cli.entry.dispatch", dispatch)
    with pytest.raises(kind):
        main(["cat"])


def test_an_unexpected_error_says_that_it_wants_to_be_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("rclip_like.cli.entry.dispatch", lambda arguments: 1 / 0)
    assert main(["cat"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("clipfind: unexpected ZeroDivisionError: ")
    assert "a fault of clipfind; please report it with what --debug shows" in told


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "not enough memory"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            "not enough memory",
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"), "not enough memory"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ImportError("libGL.so.1: cannot open shared object file", name="cv2"), "cannot be loaded"),
        (ModuleNotFoundError("No module named 'numpy'", name="numpy"), "numpy cannot be loaded"),
    ],
)
def test_what_the_machine_lacks_is_not_unexpected(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def dispatch(arguments: Sequence[str]) -> None:
        raise error

    monkeypatch.setattr("rclip_like.cli.entry.dispatch", dispatch)
    assert main(["cat"]) == 2
    shown = capsys.readouterr().err
    assert told in shown
    assert "unexpected" not in shown
    assert shown.count("\n") == 1


def test_control_characters_in_an_error_reach_no_terminal(capsys: Captured) -> None:
    assert main(["cat", "-n", "\x1b[31mnowhere\n"]) == 2
    shown = capsys.readouterr().err
    assert "\\x1b[31mnowhere\\n" in shown
    assert "\x1b" not in shown


def test_a_full_disk_under_stdout_is_one_sentence() -> None:
    with open("/dev/full", "wb") as full:
        finished = run("--help", stdout=full, capture_output=False, stderr=subprocess.PIPE)
    assert finished.returncode == 2
    assert finished.stderr == b"clipfind: the output cannot be written: No space left on device\n"


def test_ctrl_c_while_the_program_loads_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    class Interrupting:
        @staticmethod
        def find_spec(name: str, *rest: object) -> None:
            if name == "rclip_like.cli.entry":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "rclip_like.cli.entry", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupting, *sys.meta_path])
    assert main(["cat"]) == 130
    assert capsys.readouterr().err == ""


def test_sigterm_is_not_taken_for_an_error_of_what_it_breaks_off(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def decode(arguments: Sequence[str]) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Exception as error:
            raise AssertionError("a broken picture, as decoders tell it") from error

    monkeypatch.setattr("rclip_like.cli.entry.dispatch", decode)
    assert main(["cat"]) == 143
    assert capsys.readouterr().err == "clipfind: interrupted; what was finished is kept\n"


@pytest.mark.parametrize("end", ["2>/dev/full", "2>&-"])
def test_a_stderr_that_cannot_be_written_changes_no_exit_status(end: str) -> None:
    command = f'exec "$@" {end}'
    finished = subprocess.run(["sh", "-c", command, "sh", *COMMAND, "cat", "-q", "/nowhere"])
    assert finished.returncode == 2


def test_a_stdout_that_is_closed_is_one_sentence() -> None:
    finished = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "models", "list"], capture_output=True
    )
    assert finished.returncode == 2
    assert finished.stderr == b"clipfind: the output cannot be written: stdout is closed\n"


def test_a_stdin_that_is_closed_holds_no_list() -> None:
    finished = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "index", "--files0-from", "-"],
        capture_output=True,
    )
    assert finished.returncode == 2
    assert finished.stderr == b"clipfind: stdin: is closed, so no list can be read from it\n"


def test_a_query_with_a_dash_is_proposed_in_a_form_that_works() -> None:
    finished = run("search", "-n", "--", "-dash", "-t1")
    assert finished.returncode == 2
    assert b'if it is part of the query: clipfind -- "-dash -t1"' in finished.stderr


def test_a_closed_pipe_is_silent() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    finished = run("--help", stdout=theirs, capture_output=False, stderr=subprocess.PIPE)
    os.close(theirs)
    assert (finished.returncode, finished.stderr) == (0, b"")


def test_a_signal_that_python_made_another_error_of_is_told_as_a_signal(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dispatch(arguments: Sequence[str]) -> None:
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()

    monkeypatch.setattr("rclip_like.cli.entry.dispatch", dispatch)
    assert main(["anything"]) == 130
    assert capsys.readouterr().err == "clipfind: interrupted; what was finished is kept\n"


def test_a_signal_amid_the_report_of_another_leaves_the_exit_status() -> None:
    code = (
        "from rclip_like import cli\n"
        "from rclip_like.cli import entry\n"
        "def dispatch(arguments): raise entry.Terminated(15)\n"
        "def tell(error): raise error\n"
        "entry.dispatch, entry._tell = dispatch, tell\n"
        "raise SystemExit(cli.main())"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (finished.returncode, finished.stderr) == (143, b"")
