"""`clipfind completion`: real shells on terminals complete what is typed into them."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from processes import run, write_pictures

from rclip_like.cli.commands import COMMANDS

# The keys that write the line as it then is into the file `line`, and that empty it.
KEY, CLEAR = b"\x18", b"\x15"
SHELLS = {
    "bash": ("bash", "--noprofile", "--rcfile", "start", "-i"),
    "zsh": ("zsh", "-i"),
    "fish": ("fish", "--no-config", "--init-command", "source ./start"),
}
STARTS = {
    "bash": "source ./script\n"
    'bind -x \'"\\C-x": printf %s "$READLINE_LINE" > part; mv part line\'\n',
    "zsh": "autoload -U compinit; compinit -u -D; source ./script\n"
    "keep() { print -rn -- $BUFFER > part; mv part line }; zle -N keep; bindkey '^X' keep\n",
    "fish": "source ./script\nbind \\cx 'commandline > part; mv part line'\n",
}
LINES = {
    "clipfind ind": "clipfind index",
    "clipfind models u": "clipfind models use",
    "clipfind --threads 2 -v models sh": "clipfind --threads 2 -v models show",
    "clipfind index --stri": "clipfind index --strict",
    "clipfind forget --dr": "clipfind forget --dry-run",
    "clipfind 'red car' --tem": "clipfind 'red car' --template",
    "clipfind cat --sort d": "clipfind cat --sort date",
    "clipfind cat --sort=p": "clipfind cat --sort=path",
    "clipfind search cat --colo": "clipfind search cat --color",
    "clipfind --devi": "clipfind --device",
    "clipfind completion z": "clipfind completion zsh",
    "clipfind help forg": "clipfind help forget",
    "clipfind cat pict": "clipfind cat pictures/",
    "clipfind cat -- pict": "clipfind cat -- pictures/",
    "clipfind -- -cat pict": "clipfind -- -cat pictures/",
    "clipfind cat -- --colo": "clipfind cat -- --colo",
    "clipfind train pict": "clipfind train pictures/",
    "clipfind hide pict": "clipfind hide pictures/",
    "clipfind cat --files-from li": "clipfind cat --files-from list",
    "clipfind status --db in": "clipfind status --db index.db",
    "clipfind status --db bes": "clipfind status --db beside",
    "clipfind --model built": "clipfind --model builtin",
    "clipfind models use built": "clipfind models use builtin",
    "clipfind run red": "clipfind run red-boats",
    "clipfind saved rem": "clipfind saved remove",
    "clipfind saved show red": "clipfind saved show red-boats",
}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a `clipfind` first in the path that logs when it is started."""
    program = tmp_path / "bin" / "clipfind"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >> started\nexec {sys.executable} -m rclip_like "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("ZDOTDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "vt100")
    write_pictures(tmp_path / "pictures")
    (tmp_path / "list").touch()
    (tmp_path / "index.db").touch()
    saved = ("save", "red-boats", "red boat", tmp_path / "pictures", "--db", tmp_path / "saved.db")
    assert run(*saved).returncode == 0
    monkeypatch.setenv("CLIPFIND_DB", str(tmp_path / "saved.db"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _prepare(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    Path("script").write_bytes(run("completion", shell).stdout)
    Path(".zshrc" if shell == "zsh" else "start").write_text(STARTS[shell])


def _completed(shell: str, lines: Iterable[str]) -> dict[str, str]:
    """Return for each line what a shell makes of it when the tabulator key is pressed."""
    process, terminal = pty.fork()
    if not process:
        os.execvp(SHELLS[shell][0], SHELLS[shell])
    os.set_blocking(terminal, False)
    _wait(terminal, lambda shown: bool(shown))
    time.sleep(0.5)  # its first prompt; a shell may drop what was typed before
    completed = {}
    for typed in lines:
        os.write(terminal, CLEAR + typed.encode() + b"\t" + KEY)
        _wait(terminal, lambda shown: Path("line").exists())
        completed[typed] = Path("line").read_text().rstrip(" =\n")
        Path("line").unlink()
    os.kill(process, signal.SIGKILL)
    os.close(terminal)
    os.waitpid(process, 0)
    return completed


def _wait(terminal: int, is_done: Callable[[bytes], bool]) -> None:
    """Read what the shell shows, lest it waits for that, until it is done."""
    begun, shown = time.monotonic(), b""
    while not is_done(shown):
        assert time.monotonic() - begun < 60, shown
        with suppress(BlockingIOError):
            shown += os.read(terminal, 1 << 16)
        time.sleep(0.02)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands_options_values_and_paths(shell: str, workplace: Path) -> None:
    _prepare(shell)
    assert _completed(shell, LINES) == LINES
    started = (workplace / "started").read_text().splitlines()
    assert set(started) == {"models list", "saved list"}, "only names are asked for"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_names_every_command_and_option(shell: str) -> None:
    script = run("completion", shell).stdout.decode()
    for command in COMMANDS.values():
        assert command.name.split()[-1] in script
        for option in command.listed:
            assert all(name.lstrip("-") in script for name in option.names)


def test_fish_shows_what_an_option_does(workplace: Path) -> None:
    _prepare("fish")
    code = "source script; complete --do-complete 'clipfind index --stri'"
    shown = subprocess.run(["fish", "--no-config", "-c", code], capture_output=True, text=True)
    assert shown.stdout == "--strict\tExit with status 2 if anything cannot be read.\n"


def test_the_models_are_listed_without_torch(workplace: Path) -> None:
    code = (
        "import sys; from rclip_like.cli import main; main(['models', 'list']); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert {"torch", "open_clip", "huggingface_hub"}.isdisjoint(loaded.split())


def test_a_shell_that_is_not_known_is_refused() -> None:
    refused = run("completion", "csh")
    assert refused.returncode == 2
    assert refused.stderr == b"clipfind: SHELL is one of bash, zsh, fish, not 'csh'\n"
