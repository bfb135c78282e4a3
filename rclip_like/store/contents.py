"""What a page asks of the index that is not a search: the files of a content, dates, folders."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from blake3 import blake3

from rclip_like.settings import Filters
from rclip_like.store.filters import cameras, conditions, conditions_on_names
from rclip_like.store.reading import file_columns, stored_file
from rclip_like.store.rows import ranges_of
from rclip_like.store.schema import HIDDEN_SINCE, PLACES_SINCE
from rclip_like.values import NameGlobs

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.store.reading import Reader
    from rclip_like.store.rows import StoredFile
    from rclip_like.values import Root

NO_FILTERS = Filters()
_AT_ONCE = 500
_DATE_LENGTH = len("2015-03-21T10:30:00")


class ContentOrder(NamedTuple):
    """How many different contents there are, and their numbers in order.

    The iterator merges them while they are taken. A content of several files may come more than
    once; its first position counts.
    """

    number: int
    content_ids: Iterator[int]


def contents_by_path(
    reader: Reader, roots: Sequence[Root] | None, filters: Filters = NO_FILTERS
) -> ContentOrder:
    """Return the contents that have files under the roots and pass the filters, by path bytes.

    The index is not read after this call.
    """
    where, values = _asked(reader, filters)
    order = array("q")
    for one in ranges_of(roots):
        question = (
            "SELECT files.content_id FROM files CROSS JOIN contents USING (content_id)"
            f" WHERE path >= ? AND path < ?{where} ORDER BY path"
        )
        rows = reader.connection.execute(question, (*one, *values))
        order.extend(content_id for (content_id,) in rows)
    return ContentOrder(len(set(order)), iter(order))


def contents_by_date(
    reader: Reader,
    roots: Sequence[Root] | None,
    filters: Filters = NO_FILTERS,
    *,
    oldest_first: bool = False,
) -> ContentOrder:
    """Return the contents that have files under the roots and pass the filters, the newest first.

    A content's date is the picture's own, else when its newest file was changed. Equal dates are
    in order of path bytes. The index is not read after this call.
    """
    # As arrays: of a million pictures, tuples would take some 150 MB for as long as they are kept.
    dates: list[bytes] = []
    times, with_date, without = array("q"), array("q"), array("q")
    where, values = _asked(reader, filters)
    for one in ranges_of(roots):
        for content_id, mtime_ns, taken_at in reader.connection.execute(
            "SELECT files.content_id, mtime_ns, taken_at FROM files CROSS JOIN contents"
            f" USING (content_id) WHERE path >= ? AND path < ?{where} ORDER BY path",
            (*one, *values),
        ):
            if taken_at is None:
                times.append(mtime_ns)
                without.append(content_id)
            else:
                dates.append(taken_at[:_DATE_LENGTH].encode())
                with_date.append(content_id)
    number = len({*with_date, *without})
    by_date = np.array(dates, f"S{_DATE_LENGTH}"), np.array(with_date, np.int64)
    by_time = np.array(times, np.int64), np.array(without, np.int64)
    if oldest_first:
        return ContentOrder(number, _merged(_rising(*by_date), _rising(*by_time)))
    orders = _falling(*by_date), _falling(*by_time)
    return ContentOrder(number, _merged(*orders, newest_first=True))


def count_passing(
    reader: Reader, roots: Sequence[Root] | None, filters: Filters, *, all_hidden: bool
) -> int:
    """Return how many different contents under the roots pass the filters and are to be shown."""
    where, values = _asked(reader, filters)
    if not all_hidden and reader.connection.version >= HIDDEN_SINCE:
        where += " AND NOT EXISTS (SELECT 1 FROM hidden WHERE hidden.digest = contents.digest)"
    question = (
        "SELECT count(DISTINCT content_id) FROM files CROSS JOIN contents USING (content_id)"
        f" WHERE path >= ? AND path < ?{where}"
    )
    return sum(
        int(reader.connection.execute(question, (*one, *values)).fetchone()[0])
        for one in ranges_of(roots)
    )


def _asked(reader: Reader, filters: Filters) -> tuple[str, tuple[object, ...]]:
    """Return what has to hold, to be put behind other conditions, and its values."""
    every = [*conditions(reader.connection, filters), *conditions_on_names(filters, NameGlobs())]
    where = "".join(f" AND {sql}" for sql, _ in every)
    return where, tuple(value for _, values in every for value in values)


def cameras_of(reader: Reader, roots: Sequence[Root] | None) -> list[str]:
    """Return the names of the cameras that took pictures under the roots, in order."""
    names = cameras(reader.connection)
    return [name for name in names if _has_any(reader, roots, "camera = ? COLLATE NOCASE", name)]


def regions_of(reader: Reader, roots: Sequence[Root] | None) -> list[str]:
    """Return the countries, and then the states, in which pictures under the roots were taken."""
    if reader.connection.version < PLACES_SINCE:
        return []
    found = [
        names
        for place_id, *names in reader.connection.execute(
            "SELECT place_id, country, state FROM places ORDER BY country, state"
        ).fetchall()
        if _has_any(reader, roots, "place_id = ?", place_id)
    ]
    return [*dict.fromkeys(name for names in zip(*found, strict=True) for name in names if name)]


def _has_any(reader: Reader, roots: Sequence[Root] | None, condition: str, value: object) -> bool:
    question = (
        "SELECT 1 FROM contents CROSS JOIN files USING (content_id)"
        f" WHERE {condition} AND path >= ? AND path < ? LIMIT 1"
    )
    every = (reader.connection.execute(question, (value, *one)) for one in ranges_of(roots))
    return any(found.fetchone() for found in every)


_Order: TypeAlias = "tuple[npt.NDArray[np.generic], npt.NDArray[np.int64]]"


def _falling(keys: npt.NDArray[np.generic], content_ids: npt.NDArray[np.int64]) -> _Order:
    """Return both (N,) with the largest keys first, equal ones in the order given."""
    order = len(keys) - 1 - np.argsort(keys[::-1], kind="stable")[::-1]
    return keys[order], content_ids[order]


def _rising(keys: npt.NDArray[np.generic], content_ids: npt.NDArray[np.int64]) -> _Order:
    """Return both with the smallest keys first, equal ones in the order given.

    Each content once, with its largest key.
    """
    last = np.lexsort((keys, content_ids))
    is_last = np.ones(len(last), bool)
    is_last[:-1] = content_ids[last][1:] != content_ids[last][:-1]
    kept = np.sort(last[is_last])
    order = kept[np.argsort(keys[kept], kind="stable")]
    return keys[order], content_ids[order]


def _merged(by_date: _Order, by_time: _Order, *, newest_first: bool = False) -> Iterator[int]:
    """Yield the contents of both by date.

    Of 100,000 times, making texts of them all takes longer than all the rest.
    """
    dated = zip(map(bytes.decode, by_date[0]), by_date[1], strict=True)
    changed = zip(map(local_time, map(int, by_time[0])), by_time[1], strict=True)
    for _, content_id in heapq.merge(dated, changed, key=itemgetter(0), reverse=newest_first):
        yield int(content_id)


def file_date(mtime_ns: int) -> str | None:
    """Return when a file was changed as `local_time`; None for the zero that stands for no date."""
    return local_time(mtime_ns) if mtime_ns else None


def local_time(mtime_ns: int) -> str:
    """Return a file's time as the date of a picture that has none: ISO 8601 in local time."""
    return datetime.fromtimestamp(mtime_ns / 1e9).isoformat(timespec="seconds")


def files_of_contents(
    reader: Reader, content_ids: Sequence[int], roots: Sequence[Root] | None
) -> dict[int, list[StoredFile]]:
    """Return the files of each content that lie under the roots, in order of path bytes."""
    return _files_of(reader, "files.content_id", content_ids, roots)


def files_of_digests(
    reader: Reader, digests: Sequence[bytes], roots: Sequence[Root] | None
) -> dict[int, list[StoredFile]]:
    """Return the files with these contents by digest that lie under the roots, by content."""
    return _files_of(reader, "contents.digest", digests, roots)


def _files_of(
    reader: Reader, column: str, values: Sequence[int | bytes], roots: Sequence[Root] | None
) -> dict[int, list[StoredFile]]:
    ranges = ranges_of(roots)
    tables = ("contents", "files") if column == "contents.digest" else ("files", "contents")
    question = (
        f"SELECT {file_columns(reader.connection)} FROM {tables[0]} CROSS JOIN {tables[1]}"
        f" USING (content_id) WHERE {column} IN "
    )
    found: list[StoredFile] = []
    for first in range(0, len(values), _AT_ONCE):
        some = tuple(values[first : first + _AT_ONCE])
        marks = ",".join("?" * len(some))
        found += map(stored_file, reader.connection.execute(f"{question}({marks})", some))
    files: dict[int, list[StoredFile]] = {}
    for stored in sorted(found, key=lambda each: each.path):
        if any(start <= stored.path < end for start, end in ranges):
            files.setdefault(stored.content_id, []).append(stored)
    return files


def state_of_files(reader: Reader, roots: Sequence[Root] | None) -> bytes:
    """Return a digest of paths, contents and times of the files under the roots."""
    found = blake3()
    for one in ranges_of(roots):
        question = (
            "SELECT CAST(path || x'00' || content_id || ' ' || mtime_ns || x'00' AS BLOB)"
            " FROM files WHERE path >= ? AND path < ? ORDER BY path"
        )
        for (line,) in reader.connection.execute(question, one):
            found.update(line)
    return found.digest()


def count_hidden(reader: Reader, roots: Sequence[Root] | None) -> int:
    """Return how many hidden contents have files under the roots."""
    ranges = ranges_of(roots)
    return len(
        {
            each.digest
            for each in reader.hidden.pictures()
            if each.path is not None and any(start <= each.path < end for start, end in ranges)
        }
    )


def count_files_of(
    reader: Reader, content_ids: Sequence[int], roots: Sequence[Root] | None
) -> Counter[int]:
    """Return how many files under the roots each content has; for some hundred contents."""
    ranges = ranges_of(roots)
    question = "SELECT content_id, path FROM files WHERE content_id IN "
    marks = ",".join("?" * len(content_ids))
    return Counter(
        content_id
        for content_id, path in reader.connection.execute(f"{question}({marks})", content_ids)
        if any(start <= path < end for start, end in ranges)
    )


def has_content(reader: Reader, digest: bytes) -> bool:
    """Return whether the index knows a content, encoded or not."""
    question = "SELECT 1 FROM contents WHERE digest = ?"
    return reader.connection.execute(question, (digest,)).fetchone() is not None


def paths(reader: Reader, roots: Sequence[Root] | None) -> Iterator[bytes]:
    """Yield the paths of all files under the roots, ascending by their bytes."""
    question = "SELECT path FROM files WHERE path >= ? AND path < ? ORDER BY path"
    for one in ranges_of(roots):
        yield from (path for (path,) in reader.connection.execute(question, one))
