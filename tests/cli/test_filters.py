"""`clipfind search` with filters: 500 pictures with known facts, each answer exact."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from processes import run, run_on_terminal

NUM_PICTURES = 500
ENDINGS = (".jpg", ".JPEG", ".jpe")
CAMERAS = (None, "Canon EOS 5D", "iPhone 12", "LEICA M10")
SIZES = ((40, 30), (30, 40), (40, 40), (41, 40), (100, 40), (30, 64), (120, 90))
DATES = (
    *(None, "2009:12:31 23:59:59", "2010:01:01 00:00:00", "2018:06:30 12:00:00"),
    *("2018:07:01 00:00:00", "2018:07:14 10:11:12", "2019:02:28 08:00:00", "0000:00:00 00:00:00"),
    *("2018-07-14 10:11:12", "2018:07:14", "2018:07:31 24:00:00", "garbage"),
)
PLACES = (None, (55.6761, 12.5683), (55.7, 12.6), (-33.9, 18.4), (0.0, 179.99), (0.0, -179.99))
"""None, Copenhagen twice, Cape Town, and both sides of the line of dates."""


class Made(NamedTuple):
    """What is known of a picture because it was made so; date: ISO 8601 or None."""

    name: str
    date: str | None
    camera: str | None
    size: tuple[int, int]
    position: tuple[float, float] | None


def iso(written: str | None) -> str | None:
    if written is None or written.startswith(("0000", "garbage")):
        return None
    day = written[:10].replace(":", "-")
    time = (written[11:] or "00:00:00").replace("24:", "00:")
    return f"{day}T{time}"


def rationals(degrees: float) -> tuple[float, float, float]:
    whole = int(abs(degrees))
    return float(whole), 0.0, round((abs(degrees) - whole) * 3600, 4)


def write(folder: Path, number: int, random: np.random.Generator) -> Made:
    date, camera, size, place = (
        options[int(random.integers(len(options)))] for options in (DATES, CAMERAS, SIZES, PLACES)
    )
    exif = Image.Exif()
    if camera:
        exif[Base.Model] = camera
    if date:
        exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = date
    if place:
        gps = exif.get_ifd(IFD.GPSInfo)
        gps[GPS.GPSLatitudeRef], gps[GPS.GPSLongitudeRef] = "NS"[place[0] < 0], "EW"[place[1] < 0]
        gps[GPS.GPSLatitude], gps[GPS.GPSLongitude] = map(rationals, place)
    name = f"{number:03}{ENDINGS[number % 3]}"
    pixels = random.integers(0, 255, (size[1], size[0], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / name, "JPEG", exif=exif)
    return Made(name, iso(date), camera, size, place)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Made]]:
    """Make the pictures."""
    folder = tmp_path_factory.mktemp("filters")
    random = np.random.default_rng(26)
    return folder, [write(folder, number, random) for number in range(NUM_PICTURES)]


@pytest.fixture(scope="module")
def database(
    album: tuple[Path, list[Made]], tmp_path_factory: pytest.TempPathFactory, tiny_model: Path
) -> Path:
    """Index the pictures once."""
    path = tmp_path_factory.mktemp("index") / "index.db"
    finished = run("index", "-q", album[0], "--db", path, "--model", tiny_model)
    assert finished.returncode == 0, finished.stderr
    return path


@pytest.fixture
def made(
    album: tuple[Path, list[Made]],
    database: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> list[Made]:
    """Stand among the indexed pictures."""
    monkeypatch.chdir(album[0])
    monkeypatch.setenv("CLIPFIND_DB", str(database))
    monkeypatch.setenv("CLIPFIND_MODEL", str(tiny_model))
    return album[1]


def answer(*options: str) -> set[str]:
    finished = run("search", "blue", "-n", "-f", "-t", "0", *options)
    assert finished.returncode in (0, 1), finished.stderr
    return set(os.fsdecode(finished.stdout).split())


def day_within(begin: str, end: str) -> Callable[[Made], bool]:
    return lambda made: made.date is not None and begin <= made.date < end


def around(latitude: float, longitude: float, km: float) -> Callable[[Made], bool]:
    def is_near(made: Made) -> bool:
        if made.position is None:
            return False
        here, there = (
            (math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a))
            for a, b in (map(math.radians, each) for each in ((latitude, longitude), made.position))
        )
        return 2 * math.asin(math.dist(here, there) / 2) * 6371.0088 <= km

    return is_near


FILTERS: dict[str, Callable[[Made], bool]] = {
    "--on 2018": day_within("2018", "2019"),
    "--on 2018-07": day_within("2018-07", "2018-08"),
    "--on 2018-07-14": day_within("2018-07-14", "2018-07-15"),
    "--on July,2018": day_within("2018-07", "2018-08"),
    "--after 2018-07": day_within("2018-07", "9"),
    "--before 2010": day_within("0", "2010"),
    "--after 2010 --before 2018-07": day_within("2010", "2018-07"),
    "--on 2018-07-14T10": day_within("2018-07-14T10", "2018-07-14T11"),
    "--after yesterday": lambda made: False,
    "--camera canon": lambda made: made.camera == "Canon EOS 5D",
    "--camera leica": lambda made: made.camera == "LEICA M10",
    "--camera o": lambda made: made.camera in ("Canon EOS 5D", "iPhone 12"),
    "--camera none": lambda made: False,
    "--orientation square": lambda made: made.size in ((40, 40), (41, 40)),
    "--orientation portrait": lambda made: made.size in ((30, 40), (30, 64)),
    "--orientation landscape": lambda made: made.size in ((40, 30), (100, 40), (120, 90)),
    "--orientation panorama": lambda made: made.size in ((100, 40), (30, 64)),
    "--min-size 64": lambda made: max(made.size) >= 64,
    "--min-size 90x100": lambda made: made.size == (120, 90),
    "--min-size 0.0035MP": lambda made: made.size in ((100, 40), (120, 90)),
    "--type jpeg": lambda made: True,
    "--type .jpe": lambda made: True,
    "--type png": lambda made: False,
    "--near 55.68,12.57": around(55.68, 12.57, 5),
    "--near 55.6761,12.5683 --within-km 0.1": around(55.6761, 12.5683, 0.1),
    "--near 0,180": around(0, 180, 5),
    "--near -34,18 --within-km 100": around(-34, 18, 100),
    "--near 90,0 --within-km 4000": around(90, 0, 4000),
    "--place denmark": around(55.68, 12.57, 50),
    "--place capital": around(55.68, 12.57, 50),
    "--place WESTERN": around(-33.9, 18.4, 50),
    "--place den": lambda made: False,
    "--on 2018 --camera iphone --orientation landscape": lambda made: (
        (made.date or "").startswith("2018")
        and made.camera == "iPhone 12"
        and made.size in ((40, 30), (100, 40), (120, 90))
    ),
}


@pytest.mark.parametrize("typed", FILTERS)
def test_a_filter_shows_exactly_what_it_asks_for(made: list[Made], typed: str) -> None:
    options = [each.replace(",20", " 20") for each in typed.split()]
    assert answer(*options) == {each.name for each in made if FILTERS[typed](each)}


def test_the_pictures_tell_the_filters_apart(made: list[Made]) -> None:
    found = [sum(map(passes, made)) for passes in FILTERS.values()]
    assert sum(0 < number < NUM_PICTURES for number in found) >= len(FILTERS) - 6


def test_dates_sort_both_ways(made: list[Made]) -> None:
    options = ("search", "blue", "-n", "-f", "-t", "0", "--on", "2018")
    newest, oldest = (run(*options, "--sort", key).stdout.split() for key in ("date", "-date"))
    dates = {each.name: each.date for each in made}
    assert len(newest) == len(oldest) > 50
    for names, is_reversed in ((newest, True), (oldest, False)):
        shown = [dates[os.fsdecode(name)] or "" for name in names]
        assert shown == sorted(shown, reverse=is_reversed)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--on", "03/04/2018"), "write 2018, 2018-07"),
        (("--min-size", "big"), "write 1920x1080, 2000 or 12MP"),
        (("--min-size", "9" * 20), "write 1920x1080, 2000 or 12MP"),
        (("--min-size", "9" * 400 + "MP"), "write 1920x1080, 2000 or 12MP"),
        (("--near", "Copenhagen"), "write latitude and longitude"),
        (("--near", "91,0"), "write latitude and longitude"),
        (("--type", "doc"), "clipfind formats"),
        (("--on", "2018", "--after", "2017"), "--on"),
    ],
)
def test_nonsense_is_refused_with_what_to_write(
    made: list[Made], options: tuple[str, ...], words: str
) -> None:
    finished = run("search", "blue", "-n", *options)
    assert finished.returncode == 2
    assert words in finished.stderr.decode()


def test_a_date_in_the_words_selects_on_a_terminal_and_says_so(made: list[Made]) -> None:
    shown = run_on_terminal("search", "blue july 2018", "-n", "-t", "0").text
    of_july = [each for each in made if day_within("2018-07", "2018-08")(each)]
    assert all(each.name in shown for each in of_july)
    assert "searched for 'blue' in pictures of july 2018" in shown
    undated = sum(each.date is None for each in made)
    assert f"{undated} pictures without a date left out" in shown


@pytest.mark.parametrize(
    ("words", "pictures"),
    [
        ("blue before 2018", "pictures taken before 2018"),
        ("blue until 2018", "pictures taken before 2018"),
        ("blue till 2018", "pictures taken before 2018"),
        ("blue after july 2018", "pictures taken from july 2018 on"),
        ("blue since 2018", "pictures taken from 2018 on"),
    ],
)
def test_which_side_of_a_date_is_searched_is_said(
    made: list[Made], words: str, pictures: str
) -> None:
    finished = run("search", words, "-n", "-f", "-t", "0", "--dates", "on")
    assert f"searched for 'blue' in {pictures};" in finished.stderr.decode()


def test_a_date_in_the_words_is_words_in_a_pipe_unless_asked(made: list[Made]) -> None:
    options = ("search", "blue july 2018", "-n", "-f", "-t", "0")
    assert len(run(*options).stdout.split()) == NUM_PICTURES
    asked = run(*options, "--dates", "on")
    of_july = {each.name for each in made if day_within("2018-07", "2018-08")(each)}
    assert set(os.fsdecode(asked.stdout).split()) == of_july


def test_a_date_of_no_picture_is_searched_as_words(made: list[Made]) -> None:
    finished = run("search", "blue 1950", "-n", "-f", "-t", "0", "--dates", "on")
    assert len(finished.stdout.split()) == NUM_PICTURES
    assert (
        b"there are no pictures of 1950 here, so 'blue 1950' was searched as words"
        in finished.stderr
    )


def test_filters_that_leave_nothing_are_named(made: list[Made]) -> None:
    finished = run("search", "blue", "-n", "--camera", "Holga 120", "--on", "2018")
    assert finished.returncode == 1
    assert b"no picture here passes --camera 'Holga 120' --on 2018\n" in finished.stderr


def test_dates_in_words_that_leave_nothing_are_said_in_digits(made: list[Made]) -> None:
    finished = run("search", "blue", "-n", "--after", "Aug 2019", "--before", "2019-08", "-f")
    assert b"passes --after 'Aug 2019' (2019-08) --before 2019-08\n" in finished.stderr


def test_pictures_without_the_facts_asked_for_are_counted_on_a_terminal(made: list[Made]) -> None:
    undated = sum(each.date is None for each in made)
    nowhere = sum(each.position is None for each in made)
    typed = ("search", "blue", "-n", "-t", "1", "--after", "2010", "--place", "denmark")
    sentence = f"{undated} pictures without a date and {nowhere} pictures without a position left"
    assert sentence in " ".join(run_on_terminal(*typed).text.split())
    assert b"left out" not in run(*typed).stderr
    assert "left out" not in run_on_terminal("search", "blue", "-n", "-t", "1").text
