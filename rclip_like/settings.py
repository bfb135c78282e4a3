"""Settings that nobody changes, the folders they live in, and names of environment variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from rclip_like.errors import ConfigError

APPLICATION = "clipfind"
ENVIRONMENT_PREFIX = "CLIPFIND_"
_NOWHERE = Path(os.devnull) / APPLICATION
"""A folder that is on no system."""


class WalkSettings(NamedTuple):
    """Which files a walk yields; the globs follow gitignore syntax and add to the defaults.

    `inodes` says whether a file system keeps its files' inodes and ctimes from one mount to the
    next (`stable`), or size and mtime alone tell a file that has changed (`unstable`); `auto`
    learns it from two runs.
    """

    hidden: bool = False
    ignore_files: bool = True
    follow: bool = False
    one_file_system: bool = False
    raw_pairs: bool = False
    exclude: tuple[str, ...] = ()
    glob: tuple[str, ...] = ()
    inodes: str = "auto"


class ReadSettings(NamedTuple):
    """Limits within which a picture is decoded, each in its own worker process.

    None means: as many worker processes as there are processors, the memory of each so that all
    together leave some of the machine's, and as many pixels as that memory takes in the picture's
    format. `max_seconds` is a processor's time to decode one picture. `max_wait_seconds` is the
    clock's, to read its file, and again to decode it: beyond that the disk or the machine stood
    still. `accept_truncated` lets count what can be decoded of a file that is cut short.
    """

    max_megapixels: float | None = None
    max_seconds: float = 60.0
    max_memory_bytes: int | None = None
    workers: int | None = None
    accept_truncated: bool = False
    max_wait_seconds: float = 900.0


class WebSettings(NamedTuple):
    """Limits within which a query's picture is fetched; the seconds are for all of it together.

    `allow_private` lets the address itself lie in the own network, and on any port; what it leads
    on to, at another host, may not.
    """

    max_seconds: float = 30.0
    max_bytes: int = 64 << 20
    max_redirects: int = 5
    allow_private: bool = False


class EncoderSettings(NamedTuple):
    """Where and how exactly a model runs; `auto` decides by device and processor."""

    device: str = "auto"
    precision: str = "auto"
    batch_size: int | None = None
    threads: int | None = None


class IndexSettings(NamedTuple):
    """One indexing run; `read` None means the library's own, `max_seconds` None no limit."""

    walk: WalkSettings = WalkSettings()
    read: ReadSettings | None = None
    max_seconds: float | None = None
    wait: bool = True
    retry: bool = False
    verify: bool = False
    """Read known files again, too, and compare their contents."""


class SearchSettings(NamedTuple):
    """What is ranked and which of it is kept; `top` 0 means all, scores are cosines."""

    top: int = 10
    min_score: float | None = None
    within: float | None = None
    sort: str = "score"
    collapse: bool = False
    explain: bool = False
    everywhere: bool = False
    template: str = "none"
    cache_texts: bool = True
    walk: WalkSettings = WalkSettings()


class PruneSettings(NamedTuple):
    """What `prune` drops beside what is gone; `keep` names models that stay, with `models`."""

    models: bool = False
    keep: tuple[str, ...] = ()
    texts: bool = False
    dry_run: bool = False
    wait: bool = True


def data_folder() -> Path:
    """Return the folder for the database and downloaded models (CLIPFIND_DATA_DIR wins).

    Raises ConfigError where nothing names it and the user has no home folder.
    """
    folder = _folder("DATA_DIR", "user_data_path")
    if folder is None:
        raise ConfigError(
            "there is no home folder to keep the index and models in: HOME is not set, and this "
            "user is not in the list of users; name the index with --db, or set HOME or "
            "CLIPFIND_DATA_DIR"
        )
    return folder


def cache_folder() -> Path:
    """Return the folder for what can be made again (CLIPFIND_CACHE_DIR wins).

    Without a home folder one that cannot be made: nothing is kept then.
    """
    return _folder("CACHE_DIR", "user_cache_path") or _NOWHERE


def default_folders() -> tuple[Path, ...]:
    """Return the data and the cache folder, without those that an environment variable names.

    Without a home folder there is none.
    """
    kinds = {"DATA_DIR": "user_data_path", "CACHE_DIR": "user_cache_path"}
    unnamed = [name for name in kinds if not os.environ.get(ENVIRONMENT_PREFIX + name)]
    folders = [_folder(name, kinds[name]) for name in unnamed]
    return tuple(folder for folder in folders if folder is not None)


def config_file() -> Path:
    """Return the place of the configuration file (CLIPFIND_CONFIG wins), where there is one.

    Without a home folder one where no file can be.
    """
    named = os.environ.get(ENVIRONMENT_PREFIX + "CONFIG")
    if named:
        return place_of(named)
    return (_folder("CONFIG_DIR", "user_config_path") or _NOWHERE) / "config.toml"


def place_of(typed: str) -> Path:
    """Return the path that was typed, a leading ~ replaced by the home folder it stands for.

    Raises ConfigError where that is not known.
    """
    try:
        return Path(typed).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"{typed}: the home folder that ~ stands for is not known; write the path without it"
        ) from error


def is_offline() -> bool:
    """Return whether the network is not to be used (HF_HUB_OFFLINE, which --offline sets)."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "on", "yes", "true")


def config_is_named() -> bool:
    """Return whether CLIPFIND_CONFIG names the configuration file, which then must exist."""
    return bool(os.environ.get(ENVIRONMENT_PREFIX + "CONFIG"))


def default_database() -> Path:
    """Return the database used when none is named."""
    return data_folder() / "index.db"


def _folder(variable: str, kind: str) -> Path | None:
    """Return a folder of the user's, None for a user who has none."""
    named = os.environ.get(ENVIRONMENT_PREFIX + variable)
    if named:
        return place_of(named)
    import platformdirs

    try:
        folder = Path(getattr(platformdirs, kind)(APPLICATION, appauthor=False))
    except RuntimeError:
        return None
    # Earlier versions of platformdirs give ~ itself back where nobody knows what it stands for.
    return None if folder.parts[0] == "~" else folder


def num_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
