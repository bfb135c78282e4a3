"""What marks a SQLite file as an index of ours, and whether its tables and triggers are.

An index may come from elsewhere. In place of a table a view that never ends would hang whoever
asks it, beyond the reach of signals, and a trigger would write whatever it likes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from blake3 import blake3

from rclip_like.errors import Remedy, StoreError
from rclip_like.store.connection import Connection

APPLICATION_ID = int.from_bytes(b"clpf", "big")
"""Stands in the file's header, so that another program's database is never written to."""

VERSION = 11
"""The number of the newest migration; `PRAGMA user_version` of a current index."""

HIDDEN_SINCE = 5
"""The first form with a list of hidden pictures."""

WORDS_SINCE = 7
"""The first form with the words of pictures."""

PLACES_SINCE = 8
"""The first form with the places of pictures."""

SAVED_SINCE = 9
"""The first form with saved searches."""

NAMES_SINCE = 10
"""The first form with names of one's own."""

FRAMES_SINCE = 11
"""The first form with the moments of videos' frames."""

OLDEST_READ = 4
"""The oldest form that can be searched as it is, where it cannot be brought up."""

PAGE_SIZE_BYTES = 8192
"""Seven rows of 512 float16 a page; with SQLite's 4,096 a fifth of the file is unused ends."""

TABLES = frozenset(
    ("models", "contents", "roots", "files", "embeddings", "failures", "texts", "settings")
    + ("matrices", "readings", "matrix_blocks", "hidden", "words", "sidecars", "folders")
    + ("places", "saved", "names", "name_rows", "frames")
)
"""All tables that any version has made; those of others, Datasette's for instance, are theirs."""

PATH_TABLES: Mapping[str, int] = MappingProxyType(
    {"files": 1, "failures": 1, "roots": 1, "sidecars": WORDS_SINCE, "folders": WORDS_SINCE}
)
"""The tables whose column `path` holds absolute paths, and the first form that has each."""

WORDS_INDEX = "words_index"
"""The full-text index of all words; SQLite keeps it in tables whose names begin so."""

MAKE_WORDS_INDEX = (
    f"CREATE VIRTUAL TABLE {WORDS_INDEX} USING"
    " fts5(words, content='', columnsize=0, detail=none, tokenize='porter ascii')"
)
"""Not a migration, as a Python whose SQLite lacks FTS5 does without."""

TRIGGERS = frozenset(
    (
        "22641dad14da8e1e1bb1604896bac8d7",
        "27da7e492af9bc532198b8247babe0d1",
        "8175204cbf0cf61ac7126c1468c8b223",
        "831bc64a784473c260014975b9d973ec",
        "8add1588e7a50d7d9fe2205fb173bb56",
        "8eac7c8fd979b4df2f7db232c82095a1",
        "94d83b1bca607dbdc5a0c72c49475343",
        "9f4836b2af3a79296043d1b9fd456eb4",
        "c16e1f53cdf9bfe7d58e0171b263e28b",
    )
)
"""The digests of all triggers that any version has made, by `digest_of`."""

_IS_GENERATED = re.compile(r"\bAS\b", re.IGNORECASE)
_IS_STRICT = re.compile(r"\)\s*STRICT(,\s*WITHOUT ROWID)?\s*")


def refuse_foreign(connection: Connection) -> None:
    """Raise StoreError for a view or a loose table in place of a table of ours, and for triggers
    that no version of clipfind has made. Asks SQLite's own list alone, which holds no code.
    """
    question = (
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view', 'trigger')"
    )
    for kind, name, sql in connection.execute(question):
        if kind == "trigger":
            is_ours = digest_of(str(sql)) in TRIGGERS
        elif name.lower() == WORDS_INDEX:
            is_ours = sql == MAKE_WORDS_INDEX
        elif name.lower().startswith(f"{WORDS_INDEX}_"):
            is_ours = kind == "table" and _IS_GENERATED.search(str(sql)) is None
        else:
            tail = str(sql)[str(sql).rfind(")") :]
            is_ours = name.lower() not in TABLES or (
                kind == "table" and _IS_STRICT.fullmatch(tail) is not None
            )
        if not is_ours:
            raise StoreError(
                f"{connection.path}: the {kind} {name!r} in this index was not made by clipfind, "
                "so nothing is asked of it",
                Remedy.NAME_ANOTHER_INDEX,
                "move this one away",
            )


def digest_of(sql: str) -> str:
    """Return what stands for a trigger's text, white space aside."""
    return blake3(" ".join(sql.split()).encode()).hexdigest(length=16)
