"""What makes two models the same: one digest over weights, configuration and tokenizer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import blake3

from rclip_like.models.regular import read_cache, write_cache
from rclip_like.settings import cache_folder
from rclip_like.values import Preprocessing

PREPROCESSING_VERSION = "1"
"""Raised whenever a picture read as before would give other pixels than before."""

_SETTLED_NS = 2_000_000_000


def fingerprint(
    weights: Path, config: Mapping[str, Any], preprocessing: Preprocessing, extra: Iterable[Path]
) -> str:
    """Return the hexadecimal BLAKE3 that stands for everything an embedding depends on.

    extra: the tokenizer's own files. The digests of the files come from a cache, found by their
    size, time of change and inode. Raises OSError when a file cannot be read.
    """
    cache_file = cache_folder() / "fingerprints.json"
    cached = read_cache(cache_file)
    cache = dict(cached) if isinstance(cached, dict) else {}
    digests = [_file_digest(weights, cache)]
    digests += [path.name + ":" + _file_digest(path, cache) for path in sorted(extra)]
    if cache != cached:
        write_cache(cache_file, cache)
    described = [digests, config, preprocessing._asdict(), PREPROCESSING_VERSION]
    return blake3.blake3(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _file_digest(path: Path, cache: dict[str, Any]) -> str:
    facts = path.stat()
    key = str(path.resolve())
    described = [facts.st_size, facts.st_mtime_ns, facts.st_ino]
    entry = cache.get(key)
    if isinstance(entry, list) and entry[:-1] == described and isinstance(entry[-1], str):
        return entry[-1]
    digest = blake3.blake3(max_threads=blake3.blake3.AUTO).update_mmap(path).hexdigest()
    # A file written a moment ago may change again within the same tick of its clock.
    if time.time_ns() - facts.st_mtime_ns > _SETTLED_NS:
        cache[key] = [*described, digest]
    return digest
