"""Indexes to be exported and imported, and what they hold beside numbers of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from blake3 import blake3

from rclip_like.interchange.checking import ModelOfShard
from rclip_like.interchange.exporting import Exported, export_shards
from rclip_like.interchange.importing import Imported, import_shards, shards_in
from rclip_like.store import Batch, ContentRow, FileRow, Reading, Store
from rclip_like.store.words import Source, WordsRow
from rclip_like.store.writing import Writer
from rclip_like.values import FileFacts, PictureFacts

MODEL = ModelOfShard("tiny", "f" * 64, "1", 8)
LATER_NS = 1_700_000_000 * 10**9
QUESTIONS: Mapping[str, str] = {
    "models": "SELECT name, fingerprint, preprocessing_version, dimension FROM models",
    "contents": "SELECT digest, size_bytes, width, height, taken_at, taken_from, camera, latitude,"
    " longitude, words_version, place_id = 0, country_code, country, state, county, town"
    " FROM contents LEFT JOIN places USING (place_id)",
    "embeddings": "SELECT fingerprint, digest, part, embedding, row_digest FROM embeddings"
    " JOIN models USING (model_id) JOIN contents USING (content_id)",
    "readings": "SELECT fingerprint, digest, reader, pixels FROM readings"
    " JOIN models USING (model_id) JOIN contents USING (content_id)",
    "words": "SELECT digest, source, made_by, text FROM words JOIN contents USING (content_id)",
    "files": "SELECT path, readable, files.size_bytes, mtime_ns, device, inode, changed_ns,"
    " read_at_ns, digest FROM files JOIN contents USING (content_id)",
    "sidecars": "SELECT path, size_bytes, mtime_ns, caption, keywords FROM sidecars",
    "frames": "SELECT digest, part, second FROM frames JOIN contents USING (content_id)",
    "hidden": "SELECT digest, hidden_at FROM hidden",
    "saved": "SELECT name, arguments, saved_at FROM saved",
    "names": "SELECT name, digests, made_at FROM names",
    "name_rows": "SELECT name, fingerprint, model, method, embedding, row_digest FROM name_rows",
}


class Picture(NamedTuple):
    """A picture as an index has it: a path, a content, and what a model made of it."""

    path: bytes
    content: int
    seed: int = 0
    reader: str | None = "JPEG 1"
    camera: str | None = None
    mtime_ns: int = 10**18
    words: tuple[tuple[Source, str], ...] = ()
    num_parts: int = 1


def digest_of(content: int) -> bytes:
    """Return the digest of a made-up content."""
    return bytes(blake3(str(content).encode()).digest())


def make_index(path: Path, pictures: Sequence[Picture], model: ModelOfShard = MODEL) -> Path:
    """Write an index of pictures that need not exist, and return its path."""
    with Store.open(path, create=True) as store, store.writing(wait=False) as writer:
        model_id = add_model(writer, model)
        for picture in pictures:
            digest = digest_of(picture.content)
            rows = np.random.default_rng((picture.content, picture.seed)).normal(
                size=(picture.num_parts, model.dimension)
            )
            rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
            facts = PictureFacts(4, 3, camera=picture.camera)
            read = (picture.reader, picture.reader and b"p" * 32, None)
            is_video = picture.reader == "VIDEO 1"
            seconds = tuple(picture.seed + part / 2 for part in range(picture.num_parts))
            reading = Reading(7, facts, *read, seconds if is_video else ())
            file = FileFacts(picture.path, 7, picture.mtime_ns, 1, 1, picture.mtime_ns)
            batch = Batch(
                {digest: ContentRow(reading, dict(enumerate(rows)))},
                [FileRow(file, LATER_NS, digest)],
            )
            writer.commit(model_id, batch)
            words = [WordsRow(digest, source, text, "x 1") for source, text in picture.words]
            writer.words.put(words)
    return path


def add_model(writer: Writer, model: ModelOfShard) -> int:
    """Write a model into an index and return its number."""
    name, fingerprint, version, dimension = model
    return writer.add_model(name, fingerprint, preprocessing_version=version, dimension=dimension)


def exported(database: Path, folder: Path, **options: Any) -> Exported:
    """Export a whole index into a folder."""
    with Store.open_readonly(database) as store:
        return export_shards(store, folder, None, MODEL, **options)


def imported(database: Path, *folders: Path, chosen: ModelOfShard | None = MODEL) -> Imported:
    """Import folders into an index, made if need be."""
    with Store.open(database, create=True) as store:
        return import_shards(store, shards_in(folders), lambda: chosen, wait=False)


def contents_of(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of an index without their numbers, table by table."""
    with Store.open_readonly(database) as store:
        found = {
            table: sorted(store.connection.execute(question).fetchall(), key=repr)
            for table, question in QUESTIONS.items()
        }
        assert store.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert store.connection.execute("PRAGMA foreign_key_check").fetchall() == []
    return found
