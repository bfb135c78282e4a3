"""What `status` counts over an index."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rclip_like.errors import Reason
from rclip_like.reports import StatusReport
from rclip_like.store.matrix.stamp import files_of
from rclip_like.store.names import Names
from rclip_like.store.rows import EVERYTHING, PathRange
from rclip_like.store.saved import SavedSearches
from rclip_like.store.schema import FRAMES_SINCE, HIDDEN_SINCE, WORDS_SINCE
from rclip_like.store.side_files import size_of, sqlite_files
from rclip_like.store.words import FAILED
from rclip_like.values import Trouble

if TYPE_CHECKING:
    from rclip_like.store.connection import Connection
    from rclip_like.store.reading import Reader

_CODES = frozenset(Reason)


def status(reader: Reader, ranges: Sequence[PathRange]) -> StatusReport:
    """Return what is indexed in the ranges; sizes and models are the whole index's."""
    connection = reader.connection
    question = "SELECT path, reason, code FROM failures WHERE path >= ? AND path < ? ORDER BY path"
    unreadable = tuple(
        Trouble(path, reason, code=Reason(code) if code in _CODES else None)
        for one in ranges
        for path, reason, code in connection.execute(question, one)
    )
    reasons = Counter(trouble.reason for trouble in unreadable)
    folders: dict[bytes, Counter[str]] = {}
    for trouble in unreadable:
        folders.setdefault(os.path.dirname(trouble.path), Counter())[trouble.reason] += 1
    most_first = sorted(folders.items(), key=lambda item: (-item[1].total(), item[0]))
    is_all = list(ranges) == [EVERYTHING]
    left_contents, freeable_bytes = _left_contents(connection) if is_all else (None, None)
    contents = _count_contents(connection, ranges)
    words = _count_words(connection, ranges, contents)
    videos, frames = _count_videos(connection, ranges)
    return StatusReport(
        database=str(connection.path),
        size_bytes=sum(map(size_of, sqlite_files(connection.path) + files_of(connection.path))),
        files=(files := sum(map(reader.count_in_range, ranges))),
        contents=contents,
        models=tuple(_models(connection, ranges, files)),
        roots=tuple(_roots(reader, ranges)),
        failures=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        unreadable=unreadable,
        unreadable_folders={folder: dict(each.most_common()) for folder, each in most_first},
        left_contents=left_contents,
        freeable_bytes=freeable_bytes,
        saved=SavedSearches(connection).count() if is_all else None,
        names=Names(connection).count() if is_all else None,
        hidden=_count_hidden(connection, ranges),
        videos=videos,
        video_frames=frames,
        undated=sum(map(reader.count_undated_in_range, ranges)),
        with_captions=words.get("with_captions", 0),
        captions_unread=words["captions_unread"],
        texts_read=words.get("texts_read", 0),
        with_text=words.get("with_text", 0),
        texts_failed=words.get("texts_failed", 0),
        texts_unread=words["texts_unread"],
    )


def _count_contents(connection: Connection, ranges: Sequence[PathRange]) -> int:
    """Return how many different contents the files in the ranges have; copies count once."""
    question = (
        f"WITH ranges (first, last) AS (VALUES {','.join(['(?, ?)'] * len(ranges))})"
        " SELECT count(DISTINCT content_id) FROM ranges CROSS JOIN files"
        " ON path >= first AND path < last"
    )
    return int(connection.execute(question, [edge for one in ranges for edge in one]).fetchone()[0])


def _count_videos(connection: Connection, ranges: Sequence[PathRange]) -> tuple[int, int]:
    """Return how many contents of files in the ranges are videos, and by how many frames."""
    if connection.version < FRAMES_SINCE:
        return 0, 0
    question = (
        f"WITH ranges (first, last) AS (VALUES {','.join(['(?, ?)'] * len(ranges))})"
        " SELECT count(DISTINCT content_id), count(*) FROM frames WHERE EXISTS (SELECT 1 FROM files"
        " JOIN ranges ON path >= first AND path < last"
        " WHERE files.content_id = frames.content_id)"
    )
    videos, frames = connection.execute(
        question, [edge for one in ranges for edge in one]
    ).fetchone()
    return videos, frames


def _count_hidden(connection: Connection, ranges: Sequence[PathRange]) -> int:
    """Return how many files in the ranges searches leave out, as their pictures are hidden."""
    if connection.version < HIDDEN_SINCE:
        return 0
    question = (
        "SELECT count(*) FROM hidden CROSS JOIN contents USING (digest)"
        " CROSS JOIN files USING (content_id) WHERE path >= ? AND path < ?"
    )
    return sum(connection.execute(question, one).fetchone()[0] for one in ranges)


def _count_words(
    connection: Connection, ranges: Sequence[PathRange], contents: int
) -> dict[str, int]:
    """Return how many contents of files in the ranges have words, and how many were not read yet.

    The keys are fields of StatusReport. contents: how many contents there are.
    """
    if connection.version < WORDS_SINCE:
        return {"captions_unread": contents, "texts_unread": contents}
    edges = [edge for one in ranges for edge in one]
    within = f"WITH ranges (first, last) AS (VALUES {','.join(['(?, ?)'] * len(ranges))})"
    is_within = (
        "EXISTS (SELECT 1 FROM files JOIN ranges ON path >= first AND path < last"
        " WHERE files.content_id = {}.content_id)"
    )
    captioned, looked, found, failed = connection.execute(
        f"{within} SELECT count(DISTINCT content_id) FILTER (WHERE source <> 'text'),"
        " count(*) FILTER (WHERE source = 'text'),"
        " count(*) FILTER (WHERE source = 'text' AND text <> ''),"
        f" count(*) FILTER (WHERE made_by LIKE '%{FAILED}')"
        f" FROM words WHERE {is_within.format('words')}",
        edges,
    ).fetchone()
    (unread,) = connection.execute(
        f"{within} SELECT count(*) FROM contents WHERE words_version IS NULL"
        f" AND {is_within.format('contents')}",
        edges,
    ).fetchone()
    return {
        "with_captions": captioned,
        "captions_unread": unread,
        "texts_read": looked - failed,
        "with_text": found,
        "texts_failed": failed,
        "texts_unread": contents - looked,
    }


def _models(
    connection: Connection, ranges: Sequence[PathRange], files: int
) -> list[Mapping[str, object]]:
    """Describe the models, each with how many files it has encoded and how many it has not."""
    question = (
        "SELECT count(*) FROM files JOIN embeddings USING (content_id)"
        " WHERE model_id = ? AND part = 0 AND path >= ? AND path < ?"
    )
    names = ("model_id", "name", "fingerprint", "preprocessing_version", "dimension", "added_at")
    models = connection.execute(f"SELECT {', '.join(names)} FROM models ORDER BY model_id")
    described: list[Mapping[str, object]] = []
    for row in models.fetchall():
        model: dict[str, object] = dict(zip(names, row, strict=True))
        model_id = model.pop("model_id")
        encoded = sum(
            connection.execute(question, (model_id, *one)).fetchone()[0] for one in ranges
        )
        model |= {"files": encoded, "missing": files - encoded}
        described.append(model)
    return described


def _roots(reader: Reader, ranges: Sequence[PathRange]) -> list[Mapping[str, object]]:
    """Describe the walked folders that lie in the ranges or have files there.

    Only files in the ranges count, and of folders in one another each for the innermost alone.
    """
    roots = reader.walked_roots()
    counts: list[int] = []
    around: list[int] = []
    for number, extent in enumerate(root.extent for root in roots):
        while around and roots[around[-1]].extent.end <= extent.start:
            around.pop()
        shared = (
            PathRange(max(extent.start, one.start), min(extent.end, one.end)) for one in ranges
        )
        counts.append(sum(map(reader.count_in_range, shared)))
        if around:
            counts[around[-1]] -= counts[number]
        around.append(number)
    return [
        root._asdict() | {"files": files}
        for root, files in zip(roots, counts, strict=True)
        if files or root.lies_in(ranges)
    ]


def _left_contents(connection: Connection) -> tuple[int, int]:
    """Return how many contents no file has, and how many bytes `prune` would free with them.

    Free pages count as well.
    """
    (number,) = connection.execute(
        # By two scans of indexes, not a look-up for each.
        "SELECT (SELECT count(*) FROM contents) - (SELECT count(DISTINCT content_id) FROM files)"
    ).fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    (size_bytes,) = connection.execute(
        "SELECT coalesce(sum(2 * dimension), 0) FROM models JOIN embeddings USING (model_id)"
        " WHERE content_id NOT IN (SELECT content_id FROM files)"
    ).fetchone()
    return number, free * page_bytes + size_bytes
