"""Dates as people write them, alone and among the words of a query."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path

import pytest

from rclip_like.errors import UsageError
from rclip_like.facts.dates import DatedWords, Period, bounds, dated_words, in_digits, period

NOW = datetime(2026, 11, 30, 13, 50)
PERIODS = {
    "2018": ("2018", "2019"),
    "2018-07": ("2018-07", "2018-08"),
    "2018-12": ("2018-12", "2019-01"),
    "2020-02-29": ("2020-02-29", "2020-03-01"),
    "2018-12-31": ("2018-12-31", "2019-01-01"),
    "2018-07-14T10": ("2018-07-14T10", "2018-07-14T11"),
    "2018-07-14 23:59": ("2018-07-14T23:59", "2018-07-15T00:00"),
    "July 2018": ("2018-07", "2018-08"),
    "sept. 2019": ("2019-09", "2019-10"),
    "14 July 2018": ("2018-07-14", "2018-07-15"),
    "July 4, 2019": ("2019-07-04", "2019-07-05"),
    "3 months ago": ("2026-08-30", "2026-08-31"),
    "a year ago": ("2025-11-30", "2025-12-01"),
    "yesterday": ("2026-11-29", "2026-11-30"),
    "last week": ("2026-11-23", "2026-11-30"),
    "last year": ("2025", "2026"),
}


@pytest.mark.parametrize("typed", PERIODS)
def test_a_date_names_a_period(typed: str) -> None:
    assert period(typed, NOW) == Period(*PERIODS[typed])


@pytest.mark.parametrize(
    "typed", ["", "5", "03/04/2018", "3.4.2018", "20180714", "2018-02-30", "2018-13", "christmas"]
)
def test_what_is_no_date_or_may_be_two_is_refused_with_examples(typed: str) -> None:
    with pytest.raises(UsageError, match="write 2018, 2018-07, 2018-07-14"):
        period(typed, NOW)


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("August", "2026-08"),
        ("last year", "2025"),
        ("14 July 2018", "2018-07-14"),
        ("last week", "2026-11-23 to 2026-11-29"),
        ("2018-07-14 23:59", "2018-07-14T23:59"),
    ],
)
def test_a_period_is_said_in_digits(typed: str, digits: str) -> None:
    assert in_digits(period(typed, NOW)) == digits


def test_after_a_period_includes_it_and_before_does_not() -> None:
    year = period("2018", NOW)
    assert bounds("on", year) == ("2018", "2019")
    assert bounds("after", year) == ("2018", None)
    assert bounds("before", year) == (None, "2018")


DATED = {
    "beach 2019": ("beach", "2019", "2019", "2020"),
    "beach in 2019": ("beach", "2019", "2019", "2020"),
    "snow march 2021": ("snow", "march 2021", "2021-03", "2021-04"),
    "May 2019: garden": ("garden", "May 2019", "2019-05", "2019-06"),
    "porsche, 1999.": ("porsche", "1999", "1999", "2000"),
    "4 july 2018 fireworks": ("fireworks", "4 july 2018", "2018-07-04", "2018-07-05"),
    "us at the sea 2019-07-14": ("us at the sea", "2019-07-14", "2019-07-14", "2019-07-15"),
    "beach before 2010": ("beach", "2010", None, "2010"),
    "beach till 2010": ("beach", "2010", None, "2010"),
    "dogs since 2015": ("dogs", "2015", "2015", None),
    "dogs 2015-2016": ("dogs", "2015-2016", "2015", "2017"),
    "2015 to 2016: dogs": ("dogs", "2015 to 2016", "2015", "2017"),
    "dogs (July 4th, 2019)": ("dogs", "July 4th, 2019", "2019-07-04", "2019-07-05"),
    "2014 - a bridge": ("a bridge", "2014", "2014", "2015"),
}


@pytest.mark.parametrize("query", DATED)
def test_a_date_is_taken_out_of_a_query(query: str) -> None:
    assert dated_words(query, NOW.date()) == DatedWords(*DATED[query])


@pytest.mark.parametrize(
    "query",
    [
        *("may", "on", "the beach in may", "car 911", "march 2021", "2019", "boeing 2030"),
        *("beach 2019 2020", "2019-2018 beach", "room 2019b", "model 2019/3", "at 12:2019"),
        *("1000 lakes", "$2019 bill", "iso 3200", "#2019 poster", "snow 2019-13", "4 july beach"),
    ],
)
def test_a_query_without_one_clear_date_stays_as_it_is(query: str) -> None:
    assert dated_words(query, date(2026, 11, 30)) is None


# Written before the first line of this module was read. Wrong: names of months in other languages,
# which leave the year, and a date without words.
LISTED = Path(__file__).with_name("date_queries.tsv")


def test_of_a_hundred_queries_at_least_95_are_read_as_meant_and_no_date_is_made_up() -> None:
    with LISTED.open(encoding="utf-8", newline="") as lines:
        listed = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(listed) == 100
    right = 0
    for each in listed:
        found = dated_words(each["query"], NOW.date())
        if each["when"]:
            first, _, last = each["when"].partition("..")
            stretch = period(first, NOW).begin, period(last or first, NOW).end
            right += found is not None and (found.words, found.begin, found.end) == (
                each["words"],
                *stretch,
            )
        else:
            assert found is None, each["query"]
            right += 1
    assert right >= 95
