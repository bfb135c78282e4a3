"""What marks a SQLite file as an index of ours, and which form of it this version writes."""

from __future__ import annotations

APPLICATION_ID = int.from_bytes(b"clpf", "big")
"""Stands in the file's header, so that another program's database is never written to."""

VERSION = 3
"""The number of the newest migration; `PRAGMA user_version` of a current index."""

PAGE_SIZE_BYTES = 8192
"""Seven rows of 512 float16 a page; with SQLite's 4,096 a fifth of the file is unused ends."""
