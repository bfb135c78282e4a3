"""Which kinds of shards there are, and the columns of each."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

FORM = 1
"""The number of this form of shards, which each has in its metadata."""
FORM_KEY, KIND_KEY = "clipfind.form", "clipfind.kind"
"""Names in the metadata of each shard."""

Kind = Literal["facts", "embeddings", "words", "files", "sidecars", "hidden", "saved", "names"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""In the order in which shards are merged: rows name contents by digests, so facts come first."""

Type = Literal["digest", "integer", "number", "text", "bytes", "embedding"]


class Column(NamedTuple):
    """One column: its name, its type, what it holds, and whether a value may be missing."""

    name: str
    type: Type
    meaning: str
    is_optional: bool = False


_DIGEST = Column("digest", "digest", "BLAKE3 of all bytes of the file")
_PATH = Column("path", "bytes", "the absolute path, in the bytes of the file system")
_SIZE = Column("size_bytes", "integer", "the size of the file")
_MTIME = Column("mtime_ns", "integer", "when the file was changed, in ns since 1970")

COLUMNS: MappingProxyType[Kind, tuple[Column, ...]] = MappingProxyType(
    {
        "facts": (
            _DIGEST,
            _SIZE,
            Column("width", "integer", "pixels, upright"),
            Column("height", "integer", "pixels, upright"),
            Column("taken_at", "text", "the date of the picture, ISO 8601", True),
            Column("taken_from", "text", "which of its dates that is", True),
            Column("camera", "text", "make and model", True),
            Column("latitude", "number", "degrees north", True),
            Column("longitude", "number", "degrees east", True),
            Column("words_version", "integer", "which reader looked for its words", True),
            Column("country_code", "text", "of the nearest town, empty far from all", True),
            Column("country", "text", "in English", True),
            Column("state", "text", "in English", True),
            Column("county", "text", "in English", True),
            Column("town", "text", "in English", True),
        ),
        "embeddings": (
            _DIGEST,
            Column("part", "integer", "0 the whole picture, from 1 frames, from 1000 tiles"),
            Column("reader", "text", "which reader made the pixels", True),
            Column("pixels", "bytes", "BLAKE3 of these pixels", True),
            Column("model", "text", "the name of the model"),
            Column("fingerprint", "text", "what stands for its weights and settings"),
            Column("preprocessing_version", "text", "how pictures were made ready for it"),
            Column("dimension", "integer", "the length of the embedding"),
            Column("second", "number", "when a frame of a video comes", True),
            Column("embedding", "embedding", "of length 1"),
        ),
        "words": (
            _DIGEST,
            Column("source", "text", "caption, keywords or text"),
            Column("made_by", "text", "what read them"),
            Column("text", "text", "keywords each in a line"),
        ),
        "files": (_PATH, _SIZE, _MTIME, _DIGEST),
        "sidecars": (
            _PATH,
            _SIZE,
            _MTIME,
            Column("caption", "text", "captions, each in a line"),
            Column("keywords", "text", "keywords, each in a line"),
        ),
        "hidden": (_DIGEST, Column("hidden_at", "text", "when, in UTC")),
        "saved": (
            Column("name", "text", "of the saved search"),
            Column("arguments", "text", "its words, a JSON list"),
            Column("saved_at", "text", "when, in UTC"),
        ),
        "names": (
            Column("name", "text", "that stands for pictures"),
            Column(
                "digests", "bytes", "of these pictures, one after the other; a probe's has none"
            ),
            Column("made_at", "text", "when, in UTC"),
            Column("model", "text", "the name of a model that the name has a row for", True),
            Column("fingerprint", "text", "what stands for its weights and settings", True),
            Column("method", "text", "mean of the pictures, or probe", True),
            Column("row", "bytes", "float32 numbers, little-endian, of length 1", True),
        ),
    }
)

TYPE_NAMES: MappingProxyType[Type, str] = MappingProxyType(
    {
        "digest": "fixed_size_binary[32]",
        "integer": "int64",
        "number": "double",
        "text": "string",
        "bytes": "binary",
        "embedding": "fixed_size_list<float16>",
    }
)
"""The types as Arrow calls them; the list is as long as the column `dimension` says."""
