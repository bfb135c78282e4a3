"""Changing the configuration file: one setting at a time, its comments and order kept."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclip_like.errors import ConfigError
from rclip_like.files import FILE_MODE, write_whole
from rclip_like.settings.configuration import check_text, read_text
from rclip_like.settings.declared import Declared
from rclip_like.settings.folders import config_file

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


def set_value(declared: Declared, value: Any, nameable: Iterable[Declared]) -> Path:
    """Write the value into the configuration file, and return the file's path.

    nameable: what the file may hold, by which the whole is checked before it is written. Raises
    ConfigError, with nothing changed, where the file cannot be used then.
    """
    written = [_plain(each) for each in value] if declared.is_many else _plain(value)

    def change(document: TOMLDocument) -> bool:
        document[declared.key or ""] = written
        return True

    return _change(change, nameable)[0]


def unset(key: str) -> tuple[Path, bool]:
    """Take a key out of the configuration file; return the file's path and if the key was there.

    The key may be one that no option has, so that a file which holds one is mended.
    """

    def change(document: TOMLDocument) -> bool:
        return document.pop(key, None) is not None

    return _change(change, None)


def _change(
    change: Callable[[TOMLDocument], bool], nameable: Iterable[Declared] | None
) -> tuple[Path, bool]:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    path = config_file()
    if os.fspath(path) == os.devnull:
        raise ConfigError(f"{path} keeps nothing; unset CLIPFIND_CONFIG, or name a file in it")
    try:
        document = tomlkit.parse(read_text(path))
    except (TOMLKitError, RecursionError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    is_changed = change(document)
    text = tomlkit.dumps(document)
    if nameable is not None:
        check_text(text, nameable, path)
    if is_changed:
        write_text(path, text)
    return path, is_changed


def write_text(path: Path, text: str) -> None:
    """Write a configuration file whole, with the mode it had, and through a link to it.

    Raises ConfigError.
    """
    mode, real = FILE_MODE, Path(os.path.realpath(path))
    with suppress(OSError):
        mode = stat.S_IMODE(real.stat().st_mode)
    try:
        with write_whole(real, mode) as draft:
            draft.write_bytes(text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _plain(value: Any) -> Any:
    """Return a value as TOML has it: a path as text, a whole number of seconds without a point."""
    if isinstance(value, Path):
        return os.fspath(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value
