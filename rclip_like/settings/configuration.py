"""Where an option's value comes from: command line, environment, configuration file, default."""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rclip_like.errors import ConfigError, UsageError
from rclip_like.files import decoded, open_at_once
from rclip_like.settings.beside import BESIDE, database_beside
from rclip_like.settings.declared import Declared, Option, Settings, compose, declared_in
from rclip_like.settings.folders import ENVIRONMENT_PREFIX, config_file, path_of

_MOST_BYTES = 1 << 16
_PATHS, _SOME_PATHS, _PICTURES = "[PATH]...", "PATH...", "[PICTURE]..."
"""Arguments for which an index beside the pictures is looked for."""
_TEXTS_AND_REMARKS = (
    r'"""(?:[^\\]|\\.)*?"""'
    r"|'''.*?'''"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
)
_LONG_KEY = r"(?:\.[ \t]*[\w-]+[ \t]*){20}"
"""A key of many dotted parts: the parser's time and memory grow with the square of their number."""
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")
_WANTED = {
    str: "text",
    Path: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def configured(settings: Callable[..., Settings]) -> Settings:
    """Return settings as the environment and the configuration file set them, else the defaults.

    Keys in the file that belong to other settings are ignored. Raises ConfigError.
    """
    declared = declared_in(settings)
    return compose(settings, _values(declared, {}, read_configuration(declared, is_all=False)))


def settle(
    settings: Callable[..., Settings],
    accepted: Iterable[Declared],
    typed: Mapping[str, Any],
    nameable: Iterable[Declared],
    *,
    bears_bad_file: bool = False,
) -> tuple[Settings, dict[str, Any]]:
    """Return an instance of the class, and the value of each accepted option by its long name.

    nameable: what the configuration file may hold. bears_bad_file: go on without one that cannot
    be used. Raises UsageError or ConfigError that names where a value comes from.
    """
    try:
        configuration = read_configuration(nameable)
    except ConfigError:
        if not bears_bad_file:
            raise
        configuration = {}
    values = _values(accepted, typed, configuration)
    return compose(settings, values), values


class InEffect(NamedTuple):
    """What holds for one option, and where that comes from.

    value: None where the default depends on the command or the terminal. source: the name of an
    environment variable, the path of the configuration file, the option as it is typed, or
    "default". line: of the file, from 1.
    """

    declared: Declared
    value: Any
    source: str
    line: int | None = None


def effective(declared: Declared, typed: Mapping[str, Any]) -> InEffect:
    """Return what holds for an option that the configuration file can hold; raises UsageError."""
    key, variable = declared.key or "", declared.variable
    value = _values([declared], typed, read_configuration([declared], is_all=False))
    if declared.long_name in typed:
        source, line = declared.long_name, None
    elif variable and os.environ.get(variable):
        source, line = variable, None
    elif key in _load(config_file()):
        source, line = str(config_file()), _line_of(key, decoded(_content(config_file())))
    else:
        source, line = "default", None
    return InEffect(declared, value[declared.long_name], source, line)


def _line_of(key: str, text: str) -> int | None:
    """Return the number of the line that sets a key; None where the key is written oddly."""
    import tomllib

    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if re.match(rf"""\s*["']?{re.escape(key)}["']?\s*=""", line):
            try:
                tomllib.loads("\n".join(lines[: number - 1]))
            except ValueError:  # the line stands in a text of several lines
                continue
            return number
    return None


def parsed(declared: Declared, words: Sequence[str]) -> Any:
    """Return the value that words give an option, as they do on a command line.

    Raises UsageError, also where there is not one word for an option that takes one value.
    """
    name = declared.key or declared.long_name
    if len(words) != 1 and not declared.is_many:
        raise UsageError(f"{name} takes one value, not {len(words)}: {' '.join(words)}")
    return _from_words(declared, list(words) if declared.is_many else words[0], name, UsageError)


def check_text(text: str, declared: Iterable[Declared], path: Path) -> None:
    """Raise ConfigError unless a configuration file of this text could be used."""
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{path}: can hold text in UTF-8 only, and the value has other bytes; nothing was "
            "written"
        ) from error
    if size_bytes > _MOST_BYTES:
        raise ConfigError(f"{path}: would be larger than 64 KiB; nothing was written")
    _checked_values(_parse(text, path), declared, path, is_all=True)


def read_text(path: Path) -> str:
    """Return a configuration file's text, "" where there is none. Raises ConfigError."""
    try:
        return decoded(_content(path))
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def read_configuration(declared: Iterable[Declared], *, is_all: bool = True) -> dict[str, Any]:
    """Return the configuration file's values by key, checked; empty where there is no file.

    declared: what the file may hold, all of it unless `is_all` is False; it is read on only until
    all keys are found. Raises ConfigError naming the file and the key, and for a file that
    CLIPFIND_CONFIG names but that is not there.
    """
    path = config_file()
    return _checked_values(_load(path), declared, path, is_all=is_all)


def _checked_values(
    values: Mapping[str, Any], declared: Iterable[Declared], path: Path, *, is_all: bool
) -> dict[str, Any]:
    found: dict[str, Declared] = {}
    for each in declared if values else ():
        if each.key and each.key in values:
            found.setdefault(each.key, each)
        if len(found) == len(values):
            break
    checked = {}
    for key, value in values.items():
        if key in found:
            checked[key] = _from_file(found[key], value, f"{path}: {key}")
        elif is_all:
            raise ConfigError(f"{path}: unknown key {key!r}; see ENVIRONMENT in the manual")
    return checked


def _load(path: Path) -> dict[str, Any]:
    try:
        os.stat(path)
        content = _content(path)
    except (FileNotFoundError, NotADirectoryError):
        if os.environ.get(f"{ENVIRONMENT_PREFIX}CONFIG"):
            raise ConfigError(
                f"{path}: no such file; CLIPFIND_CONFIG names it, unset that or write the file"
            ) from None
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if not content:
        return {}
    return _parse(decoded(content), path)


def _parse(text: str, path: Path) -> dict[str, Any]:
    import tomllib

    if re.search(_LONG_KEY, re.sub(_TEXTS_AND_REMARKS, "x", text, flags=re.DOTALL)):
        raise ConfigError(f"{path}: has a key with too many dots; keys are single words")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply; no setting is nested") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error


def _content(path: Path) -> bytes:
    """Return a configuration file's bytes, none for the null device.

    Raises ConfigError for a file that could block or never end.
    """
    with open(path, "rb", opener=open_at_once) as file:
        is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        if not is_regular and str(path) != os.devnull:
            raise ConfigError(f"{path}: is not a regular file; write the settings into one")
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ConfigError(f"{path}: is larger than any settings (64 KiB); see that it is the file")
    return content


def _values(
    declared: Iterable[Declared], typed: Mapping[str, Any], configuration: Mapping[str, Any]
) -> dict[str, Any]:
    """Return each value by long name: as typed, else of the environment, the file, the default."""
    declared, values = tuple(declared), {}
    for each in declared:
        name, variable = each.long_name, each.variable
        if name in typed:
            values[name] = _from_words(each, typed[name], name, UsageError)
        elif variable and (text := os.environ.get(variable)):
            words = text.split(os.pathsep) if each.is_many else text
            values[name] = _from_words(each, words, variable, ConfigError)
        else:
            values[name] = configuration.get(each.key or "", each.default)
    for each in declared:
        if each.words == (BESIDE,) and values[each.long_name] == BESIDE:
            values[each.long_name] = _beside(values)
    return values


def _beside(values: Mapping[str, Any]) -> Path:
    """Return the index beside the folders that a command is about, else the current folder.

    Single pictures may lie anywhere: they count where there is an index already. Raises UsageError
    if it is not one and the same for all of them.
    """
    pictures = {database_beside(path_of(each)) for each in values.get(_PICTURES) or ()}
    named = values.get(_PATHS) or values.get(_SOME_PATHS) or ["."]
    databases = sorted(each for each in pictures if each.exists())
    databases = databases or sorted({database_beside(path_of(each)) for each in named})
    if len(databases) > 1:
        raise UsageError(
            f"the index beside these folders is not one but several: {databases[0]} and "
            f"{databases[1]}; name folders of one of them"
        )
    return databases[0]


def _from_words(declared: Declared, words: Any, where: str, error: type[UsageError]) -> Any:
    """Return the value of what was typed, of an option given several times a tuple."""

    def of_one(word: Any) -> Any:
        if word in declared.words:
            return word
        if declared.kind is bool and isinstance(word, str):  # a flag's is True or False already
            if word.lower() not in _TRUE + _FALSE:
                raise error(f"{where} wants true or false, not {word!r}")
            return word.lower() in _TRUE
        if declared.kind is Path:
            if not word:
                raise error(f"{where} needs a path, not ''")
            return path_of(word)
        try:
            value = declared.kind(word)
        except ValueError:
            is_long = any(
                f"-{name}{word}" == where for name in declared.names
            )  # `-top` for `--top`
            hint = f"; type {where} with two dashes" if is_long else ""
            raise error(f"{where} wants {_wanted(declared)}, not {word!r}{hint}") from None
        return _checked(declared, value, where, error)

    return tuple(map(of_one, words)) if declared.is_many else of_one(words)


def _from_file(declared: Declared, value: Any, where: str) -> Any:
    """Return the value of what the configuration file holds, of an option of several a tuple."""

    def of_one(value: Any) -> Any:
        if declared.kind is float and type(value) is int:
            value = float(value)
        if value in declared.words:
            return value
        if declared.kind is Path and isinstance(value, str):
            return path_of(value) if value else declared.default
        if type(value) is not declared.kind:
            raise ConfigError(f"{where} wants {_wanted(declared)}, not {value!r}")
        return _checked(declared, value, where, ConfigError)

    if declared.is_many:
        return tuple(map(of_one, value if isinstance(value, list) else [value]))
    return of_one(value)


def _wanted(declared: Declared) -> str:
    return " or ".join((_WANTED[declared.kind], *declared.words))


def _checked(declared: Declared, value: Any, where: str, error: type[UsageError]) -> Any:
    """Return the value if it is one of the choices and within the bounds."""
    if declared.choices and value not in declared.choices:
        raise error(f"{where} is one of {', '.join(declared.choices)}, not {value!r}")
    if declared.kind in (int, float) and isinstance(declared.option, Option):
        lowest, highest = declared.option.min, declared.option.max
        if not math.isfinite(value) or (lowest is not None and value < lowest):
            raise error(f"{where} must be at least {lowest}, not {value}")
        if highest is not None and value > highest:
            raise error(f"{where} must be at most {highest}, not {value}")
    return value
