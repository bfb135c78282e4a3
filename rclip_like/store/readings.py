"""What is to be read again: what a reader made that was mended since, and what is verified."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from rclip_like.store.faults import told
from rclip_like.store.writing import OUTDATED, put_setting, transaction

_CHECKED = "readers of model"
_VERIFYING = "verifying_since_ns"
_VERIFYING_NS = 30 * 86_400 * 10**9
"""How long after its beginning a verification that was cut short goes on where it was."""

_MOST_DIGITS = 20
"""Of a time in ns; an index may come from anywhere."""


class Readings:
    """The readings behind one index's embeddings; an embedding without one counts as current."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def mark_outdated(self, model_id: int, current: Iterable[str]) -> int:
        """Mark what other readers than these have made, and return how many contents are marked.

        current: format and version, as in "TIFF 2". The files of what is newly marked are no
        longer settled, so that the next walk hands them to be read. The caller holds the
        indexer's lock.
        """
        versions = sorted(current)
        with told(self._path):
            if self._setting(f"{_CHECKED} {model_id}") != str(versions):
                self._mark(model_id, versions)
            question = "SELECT count(*) FROM readings WHERE model_id = ? AND reader = ?"
            return int(self._connection.execute(question, (model_id, OUTDATED)).fetchone()[0])

    def outdated_pixels(self, model_id: int, digest: bytes) -> bytes | None:
        """Return the digest of the pixels that the content's outdated embedding was made of.

        Empty where it is not known, None where the content is not marked.
        """
        question = (
            "SELECT pixels FROM readings JOIN contents USING (content_id)"
            " WHERE model_id = ? AND digest = ? AND reader = ?"
        )
        with told(self._path):
            row = self._connection.execute(question, (model_id, digest, OUTDATED)).fetchone()
        return None if row is None else row[0] or b""

    def verify_since(self, now_ns: int) -> int:
        """Return when the verification that goes on began: now, or one cut short this month."""
        with told(self._path):
            before = self._setting(_VERIFYING) or ""
            is_number = before.isdecimal() and len(before) < _MOST_DIGITS
            if is_number and 0 <= now_ns - int(before) < _VERIFYING_NS:
                return int(before)
            put_setting(self._connection, _VERIFYING, str(now_ns))
        return now_ns

    def end_verification(self) -> None:
        """Note that all files were verified, so that the next time begins anew."""
        with told(self._path):
            put_setting(self._connection, _VERIFYING, "0")

    def _setting(self, name: str) -> str | None:
        question = "SELECT value FROM settings WHERE name = ?"
        row = self._connection.execute(question, (name,)).fetchone()
        return None if row is None else str(row[0])

    def _mark(self, model_id: int, versions: list[str]) -> None:
        marks = ",".join("?" * len(versions))
        is_other = f"model_id = ? AND reader NOT IN ({marks})"
        values = (model_id, *versions)
        with transaction(self._connection):
            # No file counts as settled whose mtime is the moment of reading.
            self._connection.execute(
                "UPDATE files SET read_at_ns = mtime_ns WHERE content_id IN"
                f" (SELECT content_id FROM readings WHERE {is_other})",
                values,
            )
            self._connection.execute(
                f"UPDATE readings SET reader = '{OUTDATED}' WHERE {is_other}", values
            )
        put_setting(self._connection, f"{_CHECKED} {model_id}", str(versions))
