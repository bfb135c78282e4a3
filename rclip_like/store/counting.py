"""Counts over the index for `status`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rclip_like.store.connection import Connection
from rclip_like.store.matrix.stamp import files_of
from rclip_like.store.rows import EVERYTHING, PathRange, range_of
from rclip_like.values import RAW_EXTENSIONS, Root, Trouble

if TYPE_CHECKING:
    from rclip_like.reports import StatusReport

_SIDE_FILES = ("", "-wal", "-shm")


def count_files(connection: Connection, ranges: Sequence[PathRange]) -> int:
    """Return how many files lie in the ranges."""
    return sum(_count(connection, one) for one in ranges)


def is_known(connection: Connection, ranges: Sequence[PathRange]) -> bool:
    """Return whether any file, unreadable one or walked folder lies in the ranges."""
    question = (
        "SELECT EXISTS (SELECT 1 FROM files WHERE path >= ?1 AND path < ?2)"
        " OR EXISTS (SELECT 1 FROM failures WHERE path >= ?1 AND path < ?2)"
    )
    return any(connection.execute(question, one).fetchone()[0] for one in ranges) or any(
        _lies_in(extent, ranges) for *_, extent in _walked(connection)
    )


def walked_folders(connection: Connection) -> list[bytes]:
    """Return the folders that were roots, ascending."""
    return [path for path, *_ in _walked(connection)]


def raw_files(connection: Connection, ranges: Sequence[PathRange]) -> Iterator[bytes]:
    """Yield the paths of cameras' raw files in the ranges, ascending."""
    endings = sorted(ending.decode() for ending in RAW_EXTENSIONS)
    question = (
        "SELECT path FROM files WHERE path >= ? AND path < ?"
        f" AND lower(CAST(substr(path, -4) AS TEXT)) IN ({','.join('?' * len(endings))})"
        " ORDER BY path"
    )
    for one in ranges:
        yield from (path for (path,) in connection.execute(question, (*one, *endings)))


def status(connection: Connection, path: Path, ranges: Sequence[PathRange]) -> StatusReport:
    """Return what is indexed in the ranges; sizes and models are the whole index's."""
    from rclip_like.reports import StatusReport  # `status` alone pays for it

    unreadable = _unreadable(connection, ranges)
    files = count_files(connection, ranges)
    is_all = list(ranges) == [EVERYTHING]
    return StatusReport(
        database=str(path),
        size_bytes=sum(map(_size, _files(path))),
        files=files,
        contents=_count_contents(connection, ranges),
        models=tuple(_models(connection, ranges, files)),
        roots=tuple(_roots(connection, ranges)),
        failures=_failures(connection, ranges),
        unreadable=unreadable,
        unreadable_folders=_by_folder(unreadable),
        left_contents=_count_left_contents(connection) if is_all else None,
        freeable_bytes=_freeable_bytes(connection) if is_all else None,
    )


def _count(connection: Connection, one: PathRange) -> int:
    question = "SELECT count(*) FROM files WHERE path >= ? AND path < ?"
    return int(connection.execute(question, one).fetchone()[0])


def _count_contents(connection: Connection, ranges: Sequence[PathRange]) -> int:
    """Return how many different contents the files in the ranges have; copies count once."""
    question = (
        f"WITH ranges (first, last) AS (VALUES {','.join(['(?, ?)'] * len(ranges))})"
        " SELECT count(DISTINCT content_id) FROM ranges CROSS JOIN files"
        " ON path >= first AND path < last"
    )
    return int(connection.execute(question, [edge for one in ranges for edge in one]).fetchone()[0])


def _models(
    connection: Connection, ranges: Sequence[PathRange], files: int
) -> list[Mapping[str, object]]:
    """Describe the models, each with how many files it has encoded and how many it has not."""
    names = ("model_id", "name", "fingerprint", "preprocessing_version", "dimension", "added_at")
    models = connection.execute(f"SELECT {', '.join(names)} FROM models ORDER BY model_id")
    described: list[Mapping[str, object]] = []
    for row in models.fetchall():
        model: dict[str, object] = dict(zip(names, row, strict=True))
        model_id = model.pop("model_id")
        encoded = sum(_files_of_model(connection, model_id, one) for one in ranges)
        model |= {"files": encoded, "missing": files - encoded}
        described.append(model)
    return described


def _files_of_model(connection: Connection, model_id: object, one: PathRange) -> int:
    question = (
        "SELECT count(*) FROM files JOIN embeddings USING (content_id)"
        " WHERE model_id = ? AND part = 0 AND path >= ? AND path < ?"
    )
    return int(connection.execute(question, (model_id, *one)).fetchone()[0])


def _roots(connection: Connection, ranges: Sequence[PathRange]) -> list[Mapping[str, object]]:
    """Describe the walked folders that lie in the ranges or have files there.

    Only files in the ranges count, and of folders in one another each for the innermost alone.
    """
    walked = _walked(connection)
    counts = _counts_of_innermost(connection, [extent for *_, extent in walked], ranges)
    return [
        {"path": path, "device": device, "walked_at_ns": walked_at_ns, "files": files}
        for (path, device, walked_at_ns, extent), files in zip(walked, counts, strict=True)
        if files or _lies_in(extent, ranges)
    ]


def _counts_of_innermost(
    connection: Connection, extents: Sequence[PathRange], ranges: Sequence[PathRange]
) -> list[int]:
    """Return for each extent, ascending, its files in the ranges and in no inner extent."""
    counts: list[int] = []
    around: list[int] = []
    for place, extent in enumerate(extents):
        while around and extents[around[-1]].end <= extent.start:
            around.pop()
        shared = [
            PathRange(max(extent.start, one.start), min(extent.end, one.end)) for one in ranges
        ]
        counts.append(count_files(connection, shared))
        if around:
            counts[around[-1]] -= counts[place]
        around.append(place)
    return counts


def _walked(connection: Connection) -> list[tuple[bytes, int, int, PathRange]]:
    """Return path, device, time and extent of each walked folder, ascending by its extent."""
    stored = connection.execute("SELECT path, device, walked_at_ns FROM roots").fetchall()
    walked = [(*row, range_of(Root(typed=row[0], path=row[0]))) for row in stored]
    return sorted(walked, key=lambda row: row[-1])


def _lies_in(extent: PathRange, ranges: Sequence[PathRange]) -> bool:
    return any(one.start <= extent.start < one.end for one in ranges)


def _failures(connection: Connection, ranges: Sequence[PathRange]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in ranges:
        question = (
            "SELECT reason, count(*) FROM failures WHERE path >= ? AND path < ? GROUP BY reason"
        )
        for reason, count in connection.execute(question, one):
            counts[reason] = counts.get(reason, 0) + count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _unreadable(connection: Connection, ranges: Sequence[PathRange]) -> tuple[Trouble, ...]:
    """Return the files in these ranges that could not be read, and why, by path bytes."""
    question = "SELECT path, reason FROM failures WHERE path >= ? AND path < ? ORDER BY path"
    return tuple(
        Trouble(path, reason)
        for one in ranges
        for path, reason in connection.execute(question, one)
    )


def _by_folder(unreadable: Sequence[Trouble]) -> dict[bytes, Mapping[str, int]]:
    folders: dict[bytes, Counter[str]] = {}
    for trouble in unreadable:
        reasons = folders.setdefault(os.path.dirname(trouble.path), Counter())
        reasons[trouble.reason] += 1
    ordered = sorted(folders.items(), key=lambda item: (-item[1].total(), item[0]))
    return {folder: dict(reasons.most_common()) for folder, reasons in ordered}


def _count_left_contents(connection: Connection) -> int:
    """Return how many contents no file has; by two scans of indexes, not a look-up for each."""
    question = (
        "SELECT (SELECT count(*) FROM contents) - (SELECT count(DISTINCT content_id) FROM files)"
    )
    return int(connection.execute(question).fetchone()[0])


def _freeable_bytes(connection: Connection) -> int:
    """Return the bytes of embeddings whose content no file has, and of free pages."""
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    question = (
        "SELECT coalesce(sum(2 * dimension), 0) FROM models JOIN embeddings USING (model_id)"
        " WHERE content_id NOT IN (SELECT content_id FROM files)"
    )
    return int(free * page_bytes + connection.execute(question).fetchone()[0])


def _files(path: Path) -> list[Path]:
    """Return the files that make up the index, whether or not they are there."""
    return [path.with_name(path.name + suffix) for suffix in _SIDE_FILES] + files_of(path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
