"""Where the user's files lie: index, models, caches, the configuration file."""

from __future__ import annotations

import os
from pathlib import Path

from rclip_like.errors import ConfigError, Remedy

APPLICATION = "clipfind"
ENVIRONMENT_PREFIX = "CLIPFIND_"
VARIABLES = ("CONFIG", "CONFIG_DIR", "DATA_DIR", "CACHE_DIR")
"""After the prefix: the environment variables that no option stands for."""
_NOWHERE = Path(os.devnull) / APPLICATION
"""A folder that is on no system."""


def data_folder() -> Path:
    """Return the folder for the database and downloaded models (CLIPFIND_DATA_DIR wins).

    Raises ConfigError where nothing names it and the user has no home folder.
    """
    folder = _folder("DATA_DIR", "user_data_path")
    if folder is None:
        raise ConfigError(
            "there is no home folder to keep the index and models in: HOME is not set, and this "
            "user is not in the list of users",
            (Remedy.NAME_THE_INDEX, "the index"),
            "set HOME or CLIPFIND_DATA_DIR",
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
    kinds = {"DATA_DIR": "user_data_path", "CACHE_DIR": "user_cache_path"}.items()
    folders = [_folder(*kind) for kind in kinds if not os.environ.get(ENVIRONMENT_PREFIX + kind[0])]
    return tuple(folder for folder in folders if folder is not None)


def config_file() -> Path:
    """Return the path of the configuration file (CLIPFIND_CONFIG wins), there or not.

    Without a home folder one where no file can be.
    """
    named = os.environ.get(ENVIRONMENT_PREFIX + "CONFIG")
    if named:
        return path_of(named)
    return (_folder("CONFIG_DIR", "user_config_path") or _NOWHERE) / "config.toml"


def path_of(typed: str) -> Path:
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


def default_database() -> Path:
    """Return the database used when none is named."""
    return data_folder() / "index.db"


def _folder(variable: str, kind: str) -> Path | None:
    """Return a folder of the user's, None for a user who has none."""
    named = os.environ.get(ENVIRONMENT_PREFIX + variable)
    if named:
        return path_of(named)
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
