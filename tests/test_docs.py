"""README, manual, help and CHANGELOG say the same, and what the README shows happens."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from light_packages import light_packages
from manual import manual
from manual_train import TRAINING
from readme_examples import README_FILE, Example, Workplace, examples

import rclip_like
from rclip_like.cli.commands import COMMANDS, overview
from rclip_like.cli.parsing import Parser
from rclip_like.models.names import TOKENIZER_FILES

CHECKOUT = Path(__file__).parents[1]
README = README_FILE.read_text()
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
SECTIONS = """NAME SYNOPSIS DESCRIPTION COMMANDS OPTIONS QUERIES EXIT\\ STATUS ENVIRONMENT FILES
PROMISES EXAMPLES BUGS"""
# Options of other programs in the README's examples.
FOREIGN = {
    *("--torch-backend", "--no-deps", "--user", "--now"),
    *("--read0", "--print0", "--multi", "--disabled", "--reverse", "--bind"),
}
SCORES_MAY_DIFFER_BY = 0.02
_SCORE = re.compile(r"[-+]?0\.\d+")


def _declared_options() -> set[str]:
    return {
        name
        for command in COMMANDS.values()
        for declared in command.accepted
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
    further = (
        "OUTPUT",
        "ASSISTANTS",
        "EXPORT AND IMPORT",
        "SEEING",
        "VIDEOS",
        "CONTACT SHEETS",
        "SERVING",
        "LABELS",
        "SETS",
        "FIGURES",
        "PROBES",
        "TRAINING",
        "FILING",
        "SIDECARS",
        "DUPLICATES",
        "HIDING",
        "SAVED SEARCHES",
        "NAMES",
        "TEXT IN PICTURES",
        "UPKEEP",
        "EVERY DAY",
        "JSON",
    )
    assert [each.replace(" ", "_") for each in found if each not in further] == wanted


def test_every_test_file_that_the_promises_name_is_there() -> None:
    named = set(re.findall(r"test_\w+\.py", _manual_section("PROMISES")))
    assert named == {path.name for path in (CHECKOUT / "tests/robustness").glob("test_*.py")}


def test_manual_and_help_list_the_same_options() -> None:
    terms = re.findall(r"^\.TP\n\\fB(.*?)\\fR$", _manual_section("OPTIONS"), re.MULTILINE)
    in_manual = set(OPTION.findall(" ".join(terms).replace("\\-", "-")))
    in_help = set()
    for command in COMMANDS.values():
        lines = [
            line for line in Parser(command).help_text().splitlines() if line.startswith("  -")
        ]
        in_help |= {each for line in lines for each in OPTION.findall(line.split("   ")[0])}
    assert in_manual == in_help == _declared_options()


@pytest.mark.parametrize(
    "text",
    [README, manual().replace("\\-", "-"), overview()],
    ids=["README", "manual", "overview"],
)
def test_only_options_that_exist_are_written_about(text: str) -> None:
    assert set(OPTION.findall(text)) <= _declared_options() | FOREIGN | {"--version"}


def test_the_light_installation_names_what_the_package_needs_but_torch() -> None:
    (block,) = (
        each for each in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "blake3" in each
    )
    named, own = block.replace("\\\n", "").splitlines()
    assert shlex.split(named) == ["python3", "-m", "pip", "install", *light_packages()]
    assert own == "python3 -m pip install --no-deps ."


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


def test_the_manual_names_each_file_of_a_run() -> None:
    from rclip_like.train.checkpoint import MODEL_FILES, OWN_FILES

    named = set(re.findall(r"\*([\w.-]+)\*", TRAINING))
    whole = {name for name in OWN_FILES | MODEL_FILES if not name.endswith(".part")}
    assert whole - set(TOKENIZER_FILES) <= named
    assert ".part" in named


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Return a folder with the album in it, in which the README's commands are run."""
    return Workplace.make(tmp_path_factory.mktemp("readme"))


@pytest.mark.parametrize("example", examples(README), ids=lambda example: example.command)
def test_what_the_readme_shows_is_what_happens(example: Example, workplace: Workplace) -> None:
    shown = workplace.run(example.command)
    assert [_without_scores(line) for line in shown] == [
        _without_scores(line) for line in example.output
    ]
    for line, expected in zip(shown, example.output, strict=True):
        for ours, theirs in zip(_scores(line), _scores(expected), strict=True):
            assert abs(ours - theirs) <= SCORES_MAY_DIFFER_BY


def _without_scores(line: str) -> str:
    return _SCORE.sub("0", line)


def _scores(line: str) -> list[float]:
    return [float(score) for score in _SCORE.findall(line)]


PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_the_python_examples_find_the_cat(number: int, workplace: Workplace) -> None:
    example = PYTHON[number]
    if "pandas" in example:
        pytest.importorskip("pandas")
    finished = subprocess.run(
        [sys.executable, "-c", example],
        cwd=workplace.folder,
        env=workplace.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "album/2018/DSC00177.jpg" in finished.stdout.splitlines()["pandas" in example], (
        finished.stderr
    )
