"""`--place`: what looks positions up, when, and what is said where they are not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from older_index import make_as_before
from processes import run, write_pictures, write_taken
from witness import logging_batches

INSTALL = "python -m pip install reverse-geocode"
PLACE = "South Africa"


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """Return a folder of pictures, of which taken.jpg was taken in South Africa."""
    folder = write_pictures(tmp_path / "album")
    write_taken(folder / "taken.jpg")
    return folder


@pytest.fixture
def without_package(tmp_path: Path) -> dict[str, str]:
    """Return the environment of processes that do not find the package."""
    customs = tmp_path / "customs"
    customs.mkdir()
    (customs / "sitecustomize.py").write_text("import sys; sys.modules['reverse_geocode'] = None")
    return os.environ | {"PYTHONPATH": str(customs)}


def found(folder: Path, place: str = PLACE) -> list[str]:
    finished = run("search", "blue", folder, "-n", "-f", "--place", place)
    return [os.path.basename(os.fsdecode(path)) for path in finished.stdout.splitlines()]


def test_indexing_looks_positions_up(folder: Path) -> None:
    assert run("index", folder).returncode == 0
    assert found(folder) == ["taken.jpg"]
    finished = run("search", "blue", folder, "-n", "--json", "--place", PLACE)
    (place,) = [json.loads(line)["place"] for line in finished.stdout.splitlines()]
    assert place.endswith("Western Cape, South Africa")


def test_an_older_index_takes_places_and_encodes_nothing(folder: Path, tmp_path: Path) -> None:
    assert run("index", folder).returncode == 0
    database = Path(os.environ["CLIPFIND_DB"])
    make_as_before(database, version=7)
    assert found(folder) == []
    log = tmp_path / "log"
    finished = run("index", folder, env=os.environ | logging_batches(log))
    assert (finished.returncode, log.exists()) == (0, False)
    assert found(folder) == ["taken.jpg"]


def test_without_the_package_a_sentence_says_what_to_install(
    folder: Path, without_package: dict[str, str]
) -> None:
    asked = ("search", "blue", folder, "--place", PLACE)
    refused = run(*asked, env=without_package)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"the coordinates of 1 picture are not looked up yet" in refused.stderr
    assert INSTALL in refused.stderr.decode()
    # Once it is installed, the next search looks up what was indexed before.
    assert run(*asked, "-f").stdout.endswith(b"taken.jpg\n")
    assert run(*asked, "-f", env=without_package).stdout.endswith(b"taken.jpg\n")


def test_positions_of_an_index_that_is_not_to_be_updated_are_counted(
    folder: Path, without_package: dict[str, str]
) -> None:
    assert run("index", folder, env=without_package).returncode == 0
    refused = run("search", "blue", folder, "-n", "--place", PLACE)
    assert b"not looked up yet; run clipfind index" in refused.stderr
    assert b"not looked up" not in run("search", "blue", folder, "-n").stderr


def test_a_town_is_not_searched_and_is_told_with_its_country(folder: Path) -> None:
    assert run("index", folder).returncode == 0
    (line,) = run("search", "blue", folder, "-n", "--json", "--place", PLACE).stdout.splitlines()
    town = json.loads(line)["place"].split(", ")[0]
    asked = run("search", "blue", folder, "-n", "--place", town.upper())
    assert (asked.returncode, asked.stdout) == (1, b"")
    assert asked.stderr.decode() == (
        f"clipfind: {town} is a town in Western Cape, South Africa; towns are shown, and only "
        "countries, states and counties are searched\n"
    )
    nowhere = run("search", "blue", folder, "-n", "--place", "atlantis")
    assert nowhere.stderr.decode() == (
        "clipfind: no picture in this index was taken in a country, state or county called "
        "'atlantis'\n"
    )
    assert b"town" not in run("search", "blue", folder, "-n", "--place", PLACE).stderr


def test_a_place_that_is_indexed_elsewhere_is_a_filter_that_nothing_passes(
    folder: Path, tmp_path: Path
) -> None:
    other = write_pictures(tmp_path / "other")
    assert run("index", folder, other).returncode == 0
    asked = run("search", "blue", other, "-n", "--place", PLACE)
    assert asked.stderr.decode() == f"clipfind: no picture here passes --place '{PLACE}'\n"
