"""Dates as people write them: words such as `2018-07` or `3 months ago` to a stretch of time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.errors import UsageError

if TYPE_CHECKING:
    from rclip_like.settings import Filters

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_MONTH_NAME = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS).replace(
    "sep(?:tember)?", "sept?(?:ember)?"
)
_ISO = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2}))?)?)?)?)?"
)
_MONTH_AND_YEAR = re.compile(rf"(?P<month>{_MONTH_NAME})\.?,? +(?P<year>\d{{4}})", re.IGNORECASE)
_NUMBERS_ALONE = re.compile(r"\d+(?:[./-]\d+)*")
_UNITS = ("year", "month", "day", "hour", "minute", "second")
_EXAMPLES = "write 2018, 2018-07, 2018-07-14, 'July 2018' or '3 months ago'"

_DAY_LENGTH = len("2018-07-14")
_FIRST_YEAR = 1800
_PREPOSITIONS = {"in": "on", "on": "on", "from": "on", "of": "on", "during": "on"} | {
    **dict.fromkeys(("after", "since"), "after"),
    **dict.fromkeys(("before", "until", "till"), "before"),
}
_DAY = r"\d{1,2}(?:\.|st|nd|rd|th)?"
_DASH = "\N{EN DASH}-"
_IN_WORDS = re.compile(
    rf"(?:\btaken +)?(?:\b(?P<preposition>{'|'.join(_PREPOSITIONS)}) +)?"
    r"(?<![\w.,:/+$€£#@-])(?P<when>"
    rf"\d{{4}}(?:[{_DASH}]| +to +)\d{{4}}"
    r"|\d{4}-\d{2}(?:-\d{2})?"
    rf"|(?:{_DAY} +(?:of +)?)?(?:{_MONTH_NAME})\.?,? +(?:of +)?\d{{4}}"
    rf"|(?:{_MONTH_NAME})\.? +{_DAY},? +\d{{4}}"
    r"|\d{4}"
    r")(?![\w/+-]|[.,:]\w)[.,:;]?",
    re.IGNORECASE,
)
_AROUND_DATES = re.compile(rf"\( *\)|^[ ,;]+|^[{_DASH}] |[ ,;{_DASH}]+$")
"""What a date leaves behind in a query: its brackets, and what stood between it and the words."""


class Period(NamedTuple):
    """A stretch of local time, ISO 8601 or the beginning of it: from `begin`, up to before `end`.

    Compared as text with a picture's date, "2018-07" begins July and ends June.
    """

    begin: str
    end: str


class DatedWords(NamedTuple):
    """A query whose date was taken out: the other words, and the time that the date stands for.

    begin, end: as in a Period, None where the date bounds one side only. date: as it was typed.
    """

    words: str
    date: str
    begin: str | None
    end: str | None


def period(typed: str, now: datetime) -> Period:
    """Return the year, month, day, hour, minute or second that the words name.

    ISO 8601 and a month's name with a year are read here; other words, such as `3 months ago`,
    `yesterday` or `14 July 2018`, by dateparser in English. With `ago` that day alone is meant.
    Raises UsageError for what is no date, and for numbers that may be read in two ways.
    """
    text = typed.strip()
    written = _ISO.fullmatch(text)
    named = _MONTH_AND_YEAR.fullmatch(text)
    if written:
        values = [int(value) for value in written.groups() if value is not None]
    elif named:
        values = [int(named["year"]), _number_of(named["month"])]
    else:
        return _period_in_words(typed, text, now)
    try:
        return _period_of(values)
    except (ValueError, OverflowError):
        raise UsageError(f"{typed!r}: there is no such date; {_EXAMPLES}") from None


def in_digits(stretch: Period) -> str:
    """Return a period as it is typed in one way only: 2018-07, or 2018-07-09 to 2018-07-15."""
    if len(stretch.begin) == _DAY_LENGTH:
        last = date.fromisoformat(stretch.end) - timedelta(days=1)
        if stretch.begin != last.isoformat():
            return f"{stretch.begin} to {last}"
    return stretch.begin


def dated_words(query: str, today: date) -> DatedWords | None:
    """Return a query without its date, None where it has none, several, or nothing beside one.

    Dates are years of four digits up to this one, a month's name with a year, perhaps with a day,
    ISO 8601, and a year up to another; never a month or a number alone. A preposition before the
    date goes along; `before`, `until`, `till`, `after` and `since` bound one side.
    """
    found = [each for each in _IN_WORDS.finditer(query) if _has_years_up_to(today.year, each)]
    if len(found) != 1:
        return None
    (match,) = found
    words = " ".join((query[: match.start()] + " " + query[match.end() :]).split())
    words = " ".join(_AROUND_DATES.sub("", words).split())
    if not words:
        return None
    first, *last = re.split(rf"(?<=\d{{4}})(?:[{_DASH}]| +to +)(?=\d{{4}})", match["when"])
    now = datetime(today.year, today.month, today.day)
    try:
        stretch = period(re.sub(r" +of\b", "", first), now)
        if last:
            stretch = Period(stretch.begin, period(last[0], now).end)
    except UsageError:
        return None
    begin, end = bounds(_PREPOSITIONS[(match["preposition"] or "in").lower()], stretch)
    return DatedWords(words, match["when"], begin, end)


def bounds(side: str, stretch: Period) -> tuple[str | None, str | None]:
    """Return begin and end of what lies `on`, `after` or `before` a period.

    After a period includes it, as its first moment counts; before it does not. So what is after
    2018 and before 2020 was taken in 2018 or 2019.
    """
    return None if side == "before" else stretch.begin, {
        "on": stretch.end,
        "before": stretch.begin,
    }.get(side)


def between(sides: Mapping[str, str], filters: Filters, now: datetime) -> Filters:
    """Return the filters with dates as typed for `on`, `after` and `before`, where given.

    Raises UsageError as `period` does.
    """
    for side, typed in sides.items():
        begin, end = bounds(side, period(typed, now))
        filters = filters._replace(
            taken_from=begin or filters.taken_from, taken_before=end or filters.taken_before
        )
    return filters


def _has_years_up_to(last: int, match: re.Match[str]) -> bool:
    """Return whether all years lie between the first photographs and the last one, ascending."""
    years = [_FIRST_YEAR, *map(int, re.findall(r"\d{4}", match["when"])), last]
    return years == sorted(years)


def _number_of(month: str) -> int:
    return 1 + next(n for n, name in enumerate(_MONTHS) if name.startswith(month[:3].lower()))


def _period_of(values: list[int]) -> Period:
    """Return the period that numbers from the year on name. Raises ValueError, OverflowError."""
    year, month, day, hour, minute, second = (*values, *(1, 1, 1, 0, 0, 0)[len(values) :])
    begin = datetime(year, month, day, hour, minute, second)
    unit = _UNITS[len(values) - 1]
    if unit == "year":
        end = begin.replace(year=begin.year + 1)
    elif unit == "month":
        end = (begin + timedelta(days=32)).replace(day=1)
    else:
        end = begin + timedelta(**{f"{unit}s": 1})
    length = (4, 7, 10, 13, 16, 19)[len(values) - 1]
    return Period(begin.isoformat()[:length], end.isoformat()[:length])


def _period_in_words(typed: str, text: str, now: datetime) -> Period:
    if not text or _NUMBERS_ALONE.fullmatch(text):
        raise UsageError(f"{typed!r} is not a date that can be read in one way only; {_EXAMPLES}")
    from dateparser import DateDataParser  # a tenth of a second, and few dates need it

    settings = {"RELATIVE_BASE": now, "PREFER_DATES_FROM": "past", "RETURN_TIME_SPAN": False}
    found = DateDataParser(languages=["en"], settings=settings).get_date_data(text)
    if found.date_obj is None:
        raise UsageError(f"{typed!r} is not a date; {_EXAMPLES}")
    moment, unit = found.date_obj, found.period
    if unit == "week":
        begin = (moment - timedelta(days=moment.weekday())).date()
        return Period(begin.isoformat(), (begin + timedelta(days=7)).isoformat())
    num_values = {"year": 1, "month": 2}.get(unit, 3)
    if re.search(r"\bago\b", text, re.IGNORECASE) or num_values > 2:
        num_values = 3
    return _period_of([moment.year, moment.month, moment.day][:num_values])
