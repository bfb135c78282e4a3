"""The rows of an index as they leave it: without their numbers, in an order of their values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rclip_like.places import Place
from rclip_like.store.names import Names
from rclip_like.store.reading import parts_of
from rclip_like.store.rows import EVERYTHING, OF_RIGHT_LENGTH, OUTDATED, PathRange, row_digest
from rclip_like.store.schema import (
    FRAMES_SINCE,
    HIDDEN_SINCE,
    NAMES_SINCE,
    PLACES_SINCE,
    SAVED_SINCE,
    WORDS_SINCE,
)

if TYPE_CHECKING:
    from rclip_like.store.connection import Connection

Row = tuple[Any, ...]

PLACE_VALUES = "".join(f", iif(place_id = 0, '', {name})" for name in Place._fields)
"""The columns of a place: NULL where nobody looked it up, and empty where no town is near."""


class ExportedRows:
    """Reads what is exported of the paths in some ranges, one kind of rows after the other.

    Every iterator yields tuples in the order of their first values, which are digests, paths or
    names. Raises StoreError when the file or its disk fails.
    """

    def __init__(self, connection: Connection, ranges: Sequence[PathRange]) -> None:
        self._connection = connection
        self._version = connection.version
        self._is_all = list(ranges) == [EVERYTHING]
        self._bounds = [bound for one in ranges for bound in one]
        self._values = ", ".join("(?, ?)" for _ in ranges)

    def facts(self) -> Iterator[Row]:
        """Yield digest, size_bytes, width, height, taken_at, taken_from, camera, latitude,
        longitude, words_version, and of the place country_code, country, state, county, town.

        The place is None where nobody looked it up, and empty where no town is near.
        """
        words = "words_version" if self._version >= WORDS_SINCE else "NULL"
        place, joined = ", NULL" * len(Place._fields), ""
        if self._version >= PLACES_SINCE:
            place = PLACE_VALUES
            joined = " LEFT JOIN places USING (place_id)"
        yield from self._of_contents(
            "digest, size_bytes, width, height, taken_at, taken_from, camera, latitude, longitude,"
            f" {words}{place} FROM contents{joined}"
        )

    def embeddings(self, model_id: int) -> Iterator[Row]:
        """Yield digest, part, reader, pixels, second and embedding of what a model has encoded.

        In order of parts, too; the second is that of a video's frame. What is damaged or was read
        by a reader that was mended since is left out, to be encoded again.
        """
        parts = parts_of(self._connection, model_id)
        listed = ", ".join(map(str, parts)) or "NULL"
        second, joined = "NULL", ""
        if self._version >= FRAMES_SINCE:
            second = "second"
            joined = (
                " LEFT JOIN frames ON frames.content_id = contents.content_id"
                " AND frames.part = embeddings.part"
            )
        rows = self._of_contents(
            f"digest, embeddings.part, reader, pixels, {second}, embedding, row_digest"
            " FROM contents CROSS JOIN"
            f" embeddings ON embeddings.model_id = {model_id} AND embeddings.part IN ({listed})"
            " AND embeddings.content_id = contents.content_id"
            " LEFT JOIN readings ON readings.model_id = embeddings.model_id"
            f" AND readings.content_id = contents.content_id{joined}",
            f"reader IS NOT '{OUTDATED}' AND {OF_RIGHT_LENGTH.replace('?', str(model_id))}",
            ", embeddings.part",
        )
        for *row, embedding, digest in rows:
            if digest is None or digest == row_digest(embedding):
                yield (*row, embedding)

    def words(self) -> Iterator[Row]:
        """Yield digest, source, made_by and text."""
        if self._version >= WORDS_SINCE:
            yield from self._of_contents(
                "digest, source, made_by, text FROM contents CROSS JOIN words USING (content_id)",
                order=", source",
            )

    def files(self) -> Iterator[Row]:
        """Yield path, size_bytes, mtime_ns and digest."""
        yield from self._of_paths(
            "path, files.size_bytes, mtime_ns, digest FROM files CROSS JOIN contents"
            " USING (content_id)"
        )

    def sidecars(self) -> Iterator[Row]:
        """Yield path, size_bytes, mtime_ns, caption and keywords."""
        if self._version >= WORDS_SINCE:
            yield from self._of_paths("path, size_bytes, mtime_ns, caption, keywords FROM sidecars")

    def hidden(self) -> Iterator[Row]:
        """Yield digest and hidden_at; of contents that no file has only where all is exported."""
        if self._version < HIDDEN_SINCE:
            return
        if self._is_all:
            question = "SELECT digest, hidden_at FROM hidden ORDER BY digest"
            yield from self._connection.execute(question)
        else:
            yield from self._of_contents(
                "digest, hidden_at FROM contents CROSS JOIN hidden USING (digest)"
            )

    def saved(self) -> Iterator[Row]:
        """Yield name, arguments and saved_at of saved searches, where all is exported."""
        if self._version >= SAVED_SINCE and self._is_all:
            question = "SELECT name, arguments, saved_at FROM saved ORDER BY name"
            yield from self._connection.execute(question)

    def names(self) -> Iterator[Row]:
        """Yield name, digests and made_at of names, where all is exported, with model,
        fingerprint, method and embedding float32 (D,) of each row of theirs.

        A name without a row has None for these. A damaged row is left out, and so is a name that
        has neither pictures nor a sound row.
        """
        if self._version < NAMES_SINCE or not self._is_all:
            return
        for each in Names(self._connection).every():
            name = (each.name, b"".join(each.digests), each.made_at)
            for row in each.rows:
                blob = row.embedding.astype("<f4").tobytes()
                yield (*name, row.model, row.fingerprint, row.method, blob)
            if each.digests and not each.rows:
                yield (*name, None, None, None, None)

    def _of_contents(self, asked: str, where: str = "true", order: str = "") -> Iterator[Row]:
        values: list[bytes] = []
        if not self._is_all:
            where += (
                " AND EXISTS (SELECT 1 FROM files CROSS JOIN (VALUES"
                f" {self._values}) ON path >= column1 AND path < column2"
                " WHERE files.content_id = contents.content_id)"
            )
            values = self._bounds
        question = f"SELECT {asked} WHERE {where} ORDER BY digest{order}"
        yield from self._connection.execute(question, values)

    def _of_paths(self, asked: str) -> Iterator[Row]:
        question = f"SELECT {asked} WHERE path >= ? AND path < ? ORDER BY path"
        for first in range(0, len(self._bounds), 2):
            yield from self._connection.execute(question, self._bounds[first : first + 2])
