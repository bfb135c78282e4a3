"""README, manual, help and CHANGELOG say the same, and what the README shows happens."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from demo.album import write_album

import rclip_like
from rclip_like.cli.commands import COMMANDS
from rclip_like.cli.declare import declared_in, help_text, typer_command
from rclip_like.cli.manual import manual
from rclip_like.cli.overview import overview

CHECKOUT = Path(__file__).parents[1]
README = (CHECKOUT / "README.md").read_text()
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
SECTIONS = """NAME SYNOPSIS DESCRIPTION COMMANDS OPTIONS QUERIES EXIT\\ STATUS ENVIRONMENT FILES
EXAMPLES BUGS"""
# Options of other programs in the README's examples.
FOREIGN = {"--torch-backend", "--read0", "--print0", "--multi"}
SCORES_MAY_DIFFER_BY = 0.02


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def _declared_options() -> set[str]:
    return {
        name
        for command in COMMANDS.values()
        for declared in declared_in(command.options)
        for name in declared.names
        if name.startswith("--")
    }


def _manual_section(name: str) -> str:
    found = re.search(rf"^\.SH {name}\n(.*?)(?=^\.SH |\Z)", manual(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_manual_is_what_the_declarations_say() -> None:
    assert (CHECKOUT / "man" / "clipfind.1").read_text() == manual(), "run make docs"


def test_the_manual_has_its_sections_in_order() -> None:
    found = re.findall(r"^\.SH (.*)$", manual(), re.MULTILINE)
    wanted = SECTIONS.replace("\\ ", "_").split()
    assert [each.replace(" ", "_") for each in found if each != "OUTPUT"] == wanted


def test_manual_and_help_list_the_same_options() -> None:
    terms = re.findall(r"^\.TP\n\\fB(.*?)\\fR$", _manual_section("OPTIONS"), re.MULTILINE)
    in_manual = set(OPTION.findall(" ".join(terms).replace("\\-", "-")))
    in_help = set()
    for name, command in COMMANDS.items():
        text = help_text(typer_command(name, command.options, command.summary))
        lines = [line for line in text.splitlines() if line.startswith("  -")]
        in_help |= {each for line in lines for each in OPTION.findall(line.split("   ")[0])}
    assert in_manual == in_help == _declared_options()


@pytest.mark.parametrize(
    "text",
    [README, manual().replace("\\-", "-"), overview()],
    ids=["README", "manual", "overview"],
)
def test_only_options_that_exist_are_written_about(text: str) -> None:
    assert set(OPTION.findall(text)) <= _declared_options() | FOREIGN | {"--version"}


def test_the_overview_names_every_command() -> None:
    assert all(name in overview() for name in COMMANDS)


def test_the_manual_names_every_variable_that_is_read() -> None:
    pattern = re.compile(r"CLIPFIND_[A-Z]+(?:_[A-Z]+)*")
    package = Path(rclip_like.__file__).parent
    sources = "".join(path.read_text() for path in package.rglob("*.py"))
    assert set(pattern.findall(sources)) <= set(pattern.findall(manual()))


def test_the_changelog_has_unreleased_on_top_and_knows_the_version() -> None:
    headings = re.findall(r"^## (.*)$", (CHECKOUT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert rclip_like.__version__ in (CHECKOUT / "CHANGELOG.md").read_text()


@dataclass(frozen=True)
class Example:
    """A command in the README and the output shown under it."""

    command: str
    output: tuple[str, ...]


def _examples() -> Iterator[Example]:
    for block in _blocks("console"):
        for piece in block.split("$ ")[1:]:
            command, *output = piece.splitlines()
            yield Example(command, tuple(output))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the album in it, in which the README's commands are run."""
    folder = tmp_path_factory.mktemp("readme")
    write_album(folder / "album")
    return folder


@pytest.fixture
def environment(workplace: Path) -> dict[str, str]:
    """Return the environment of a user with one index for all of the README."""
    tools = Path(sys.executable).parent
    return os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "CLIPFIND_DATA_DIR": str(workplace / "data"),
        "TERM": "dumb",
    }


def _shown_on_terminal(command: str, folder: Path, environment: dict[str, str]) -> list[str]:
    """Run a command with stdout on a terminal and return the lines that it shows there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    shown = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    _, talk = process.communicate(timeout=120)
    assert process.returncode == 0, talk.decode()
    return shown.decode().splitlines()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""  # the other side has closed it


@pytest.mark.parametrize("example", list(_examples()), ids=lambda example: example.command)
def test_what_the_readme_shows_is_what_happens(
    example: Example, workplace: Path, environment: dict[str, str]
) -> None:
    shown = _shown_on_terminal(example.command, workplace, environment)
    assert [_without_numbers(line) for line in shown] == [
        _without_numbers(line) for line in example.output
    ]
    for line, expected in zip(shown, example.output, strict=True):
        for ours, theirs in zip(_scores(line), _scores(expected), strict=True):
            assert abs(ours - theirs) <= SCORES_MAY_DIFFER_BY


_SCORE = re.compile(r"[-+]?0\.\d+")


def _without_numbers(line: str) -> str:
    return _SCORE.sub("0", line)


def _scores(line: str) -> list[float]:
    return [float(score) for score in _SCORE.findall(line)]


def test_the_python_example_finds_the_cat(workplace: Path, environment: dict[str, str]) -> None:
    (example,) = _blocks("python")
    finished = subprocess.run(
        [sys.executable, "-c", example],
        cwd=workplace,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.stdout.splitlines()[0].endswith("album/2018/DSC00177.jpg"), finished.stderr
