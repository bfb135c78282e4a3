"""The fields of `--json` that the manual names are those that the commands print."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import manual_text
import pytest
from described import SCHEMAS as SCHEMA_FOLDER
from described import as_described, schema_of
from jsonschema import Draft202012Validator
from manual_json import SCHEMAS
from planted_copies import write_burst
from processes import run, write_pictures, write_taken
from small_index import make_picture
from videos import make_video

from rclip_like.cli.commands import COMMANDS

ODD_FOLDER = b"not-utf8-\xff"
ODD_COPIES = os.fsdecode(b"copies-\xff")
KEYED_BY_REASON = ("failures", "reasons")


def documented() -> dict[str, set[str]]:
    """Return by command the names that the manual's OUTPUT has for it; a path may be in base64."""
    found: dict[str, set[str]] = {}
    for paragraph in manual_text.OUTPUT.strip().split("\n\n"):
        term, _, text = paragraph.replace("\n", " ").partition(" :: ")
        if term.endswith(" --json"):
            names = set(re.findall(r"\*([a-z0-9_]+)\*", text))
            names |= {"path_base64"} if "path" in names else set()
            found |= dict.fromkeys(term.removesuffix(" --json").split(", "), names)
    return found


def keys_of(value: object) -> Iterator[str]:
    """Yield the names in an object and in those within, but not where reasons are names."""
    if isinstance(value, list):
        for each in value:
            yield from keys_of(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            if key not in KEYED_BY_REASON or isinstance(each, list):
                yield from keys_of(each)


def printed(command: str, *words: str | Path) -> set[str]:
    """Return the names in what a command prints, after holding it against the command's schema."""
    lines = run(*command.split(), "--json", *words).stdout.splitlines()
    assert lines
    schema = schema_for(command)
    return {key for line in lines for key in keys_of(as_described(line, schema))}


def schema_for(command: str) -> str:
    """Return the schema that the manual names for a command."""
    schemas = {each: name for terms, name in SCHEMAS.items() for each in terms.split(", ")}
    return schemas[f"{command.removesuffix(' builtin')} --json"]


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """Return an indexed folder with a name that is no text, of which one file cannot be read."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + ODD_FOLDER))
    write_pictures(folder)
    write_taken(folder / "taken.jpg")
    (folder / "broken.jpg").write_bytes(b"no picture")
    assert run("index", folder).returncode == 0
    return folder


def test_every_command_with_json_is_documented() -> None:
    with_json = {
        name
        for name, command in COMMANDS.items()
        if any("--json" in each.names for each in command.listed)
    } - {"save"}  # which keeps the option for later
    assert {each.partition(" --")[0] for each in documented()} == with_json


def test_every_command_with_json_has_a_schema_and_each_schema_a_command() -> None:
    assert all(schema_for(command) for command in documented())
    files = {each.name for each in SCHEMA_FOLDER.iterdir()}
    assert files == {f"{name}.json" for name in SCHEMAS.values()}
    for name in SCHEMAS.values():
        Draft202012Validator.check_schema(schema_of(name))


def test_search_and_the_commands_of_upkeep_print_the_documented_fields(folder: Path) -> None:
    never = folder / "never"
    make_picture(folder / "long.png", 1, size=(64, 320))
    make_video(folder / "film.mp4", [1, 2])
    assert run("index", folder, "--tiles").returncode == 0
    assert run("hide", folder / "taken.jpg").returncode == 0
    assert printed("hide --list") == documented()["hide --list"]
    search = printed("search", "taken", "--explain", "--all", "--all-hidden", "--words", "on")
    search |= printed("search", "a cat", "--all", "--all-hidden", "--min-score", "auto")
    search |= printed("search", "cat", "--all", "--copy-to", folder.parent / ODD_COPIES)
    assert search == documented()["search"]
    assert printed("status", folder, never) == documented()["status"]
    assert printed("forget", folder, never, "--dry-run") == documented()["forget"]
    assert run("save", "cats", "cat", "--all").returncode == 0
    assert printed("saved list") == documented()["saved list"]
    assert printed("relocate", folder, never, "--dry-run", "--force") == documented()["relocate"]
    assert run("name", "rex", folder / "taken.jpg").returncode == 0
    assert printed("names list") == documented()["names list"]
    shutil.rmtree(folder)
    assert printed("prune") == documented()["prune"]


@pytest.mark.parametrize(
    "command", ["config show", "doctor", "formats", "models list", "models show builtin"]
)
def test_the_other_commands_print_the_documented_fields(tiny: Path, command: str) -> None:
    assert printed(command) == documented()[command.removesuffix(" builtin")]


def test_classify_prints_the_documented_fields(folder: Path) -> None:
    words = ("classify", folder, "--labels", "cat,dog")
    fields = printed(*words, "--top", "2") | printed(*words, "--threshold", "1")
    fields |= printed(*words, "--compare-labels", "bird,tree,horse")
    fields |= printed(*words, "--sidecars", "adobe")
    fields |= printed(*words, "--copy-to", folder / "out")
    assert fields == documented()["classify"]


def test_the_schema_of_train_has_the_documented_fields() -> None:
    assert set(schema_of("train")["required"]) | {"value", "low", "high"} == documented()["train"]


def test_duplicates_prints_the_documented_fields(folder: Path) -> None:
    shutil.copy(folder / "taken.jpg", folder / "again.jpg")
    write_burst(folder)
    assert printed("duplicates", folder, "--threshold", "0.5") == documented()["duplicates"]
