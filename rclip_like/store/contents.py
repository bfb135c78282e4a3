"""What a page asks of the index that is not a search: the files of a content, dates, folders."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.store.reading import file_columns, stored_file
from rclip_like.store.rows import ranges_of

if TYPE_CHECKING:
    from rclip_like.store.reading import Reader
    from rclip_like.store.rows import StoredFile
    from rclip_like.values import Root

_AT_ONCE = 500


class Newest(NamedTuple):
    """How many different contents there are, and their numbers, which are put in order one by one
    as they are asked for.
    """

    number: int
    content_ids: Iterator[int]


def newest_contents(reader: Reader, roots: Sequence[Root] | None) -> Newest:
    """Return the contents that have files under the roots, the newest first.

    A content's date is the picture's own, else when its newest file was changed. Equal dates are
    in order of path bytes. After this call the index is not asked any more.
    """
    with_date: list[tuple[str, int]] = []
    without: list[tuple[int, int]] = []
    for one in ranges_of(roots):
        for content_id, mtime_ns, taken_at in reader.connection.execute(
            "SELECT files.content_id, mtime_ns, taken_at FROM files CROSS JOIN contents"
            " USING (content_id) WHERE path >= ? AND path < ? ORDER BY path",
            one,
        ):
            if taken_at is None:
                without.append((mtime_ns, content_id))
            else:
                with_date.append((taken_at, content_id))
    with_date.sort(key=itemgetter(0), reverse=True)
    without.sort(key=itemgetter(0), reverse=True)
    # Of 100,000 times, making texts of them all takes longer than all the rest.
    changed = ((local_time(mtime_ns), content_id) for mtime_ns, content_id in without)
    merged = heapq.merge(with_date, changed, key=itemgetter(0), reverse=True)
    number = len({content_id for _, content_id in chain(with_date, without)})
    return Newest(number, (content_id for _, content_id in merged))


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
    """Return how many files under the roots have each of some hundred contents."""
    ranges = ranges_of(roots)
    question = "SELECT content_id, path FROM files WHERE content_id IN "
    marks = ",".join("?" * len(content_ids))
    return Counter(
        content_id
        for content_id, path in reader.connection.execute(f"{question}({marks})", content_ids)
        if any(start <= path < end for start, end in ranges)
    )


def paths(reader: Reader, roots: Sequence[Root] | None) -> Iterator[bytes]:
    """Yield the paths of all files under the roots, ascending by their bytes."""
    question = "SELECT path FROM files WHERE path >= ? AND path < ? ORDER BY path"
    for one in ranges_of(roots):
        yield from (path for (path,) in reader.connection.execute(question, one))
