"""What is to be read again: what a reader made that was mended since, and what is verified."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rclip_like.store.connection import Connection
from rclip_like.store.writing import OUTDATED, put_setting

_CURRENT = "readers of model"
"""Before a model's number, the setting that holds the readers which made all of its readings."""
_VERIFYING = "verifying_since_ns"
_VERIFYING_NS = 30 * 86_400 * 10**9
"""How long after its beginning a verification that was cut short goes on where it was."""

_MOST_DIGITS = 20
"""Of a time in ns; an index may come from anywhere."""


class Readings:
    """The readings behind one index's embeddings; an embedding without one counts as current."""

    def __init__(self, path: Path, connection: Connection) -> None:
        self._path = path
        self._connection = connection

    def mark_outdated(self, model_id: int, current: Iterable[str]) -> int:
        """Mark what other readers than these have made, and return how many of the model's
        contents that have files are marked.

        current: format and version, as in "TIFF 2". Files of the model's marked contents are not
        settled, so that the next walk hands them to be read; each call sees to that until there are
        none, as another model's run settles them, too. The caller holds the indexer's lock.
        """
        versions = sorted(current)
        name = f"{_CURRENT} {model_id}"
        if self._setting(name) == str(versions):
            return 0
        number = self._mark(model_id, versions)
        if not number:
            put_setting(self._connection, name, str(versions))
        return number

    def outdated_pixels(self, model_id: int, digest: bytes) -> bytes | None:
        """Return the digest of the pixels that the content's outdated embedding was made of.

        Empty where it is not known, None where the content is not marked.
        """
        question = (
            "SELECT pixels FROM readings JOIN contents USING (content_id)"
            " WHERE model_id = ? AND digest = ? AND reader = ?"
        )
        row = self._connection.execute(question, (model_id, digest, OUTDATED)).fetchone()
        return None if row is None else row[0] or b""

    def verify_since(self, now_ns: int) -> int:
        """Return when the verification that goes on began: now, or one cut short this month."""
        before = self._setting(_VERIFYING) or ""
        is_number = before.isdecimal() and len(before) < _MOST_DIGITS
        if is_number and 0 <= now_ns - int(before) < _VERIFYING_NS:
            return int(before)
        put_setting(self._connection, _VERIFYING, str(now_ns))
        return now_ns

    def end_verification(self) -> None:
        """Note that all files were verified, so that the next time begins anew."""
        put_setting(self._connection, _VERIFYING, "0")

    def _setting(self, name: str) -> str | None:
        question = "SELECT value FROM settings WHERE name = ?"
        row = self._connection.execute(question, (name,)).fetchone()
        return None if row is None else str(row[0])

    def _mark(self, model_id: int, versions: list[str]) -> int:
        marks = ",".join("?" * len(versions))
        is_outdated = f"model_id = ? AND reader = '{OUTDATED}'"
        with self._connection.transaction():
            self._connection.execute(
                f"UPDATE readings SET reader = '{OUTDATED}'"
                f" WHERE reader NOT IN ({marks}, '{OUTDATED}')",
                versions,
            )
            # No file counts as settled whose mtime is the moment of reading.
            self._connection.execute(
                "UPDATE files SET read_at_ns = mtime_ns WHERE read_at_ns <> mtime_ns"
                f" AND content_id IN (SELECT content_id FROM readings WHERE {is_outdated})",
                (model_id,),
            )
            (number,) = self._connection.execute(
                f"SELECT count(*) FROM readings WHERE {is_outdated} AND EXISTS"
                " (SELECT 1 FROM files WHERE files.content_id = readings.content_id)",
                (model_id,),
            ).fetchone()
        return int(number)
