"""`clipfind config`: which settings hold and why, and writing them into the configuration file."""

import os
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, NamedTuple

from rclip_like.cli import PROGRAM
from rclip_like.cli.commands import COMMANDS, accepted_by_any
from rclip_like.cli.options import NOTHING_GIVEN, Everywhere, Given, JsonLines
from rclip_like.cli.remedies import said
from rclip_like.errors import ConfigError, UsageError
from rclip_like.output.stream import Talk, write_lines
from rclip_like.output.terminal import escaped
from rclip_like.settings import Argument, config_file
from rclip_like.settings.configuration import InEffect, effective, parsed, read_configuration
from rclip_like.settings.declared import Declared

DONE, NOTHING_THERE, BAD = 0, 1, 2
_FIRST_LINES = (
    f"# Settings of clipfind, one a line, such as: top = 20\n# {PROGRAM} config lists all\n"
)

Name = Annotated[
    str, Argument("SETTING", help="The setting: an option's name without its dashes, such as top.")
]


class ShowOptions(NamedTuple):
    """What `config show` takes."""

    names: Annotated[
        tuple[str, ...], Argument("[SETTING]...", help="Only these settings; default: all.")
    ] = ()
    json: JsonLines = False
    everywhere: Everywhere = Everywhere()
    given: Given = NOTHING_GIVEN


class SetOptions(NamedTuple):
    """What `config set` takes."""

    name: Name
    values: Annotated[
        tuple[str, ...], Argument("VALUE...", help="Its value; of exclude several values.")
    ]
    talk: Talk = Talk()


class UnsetOptions(NamedTuple):
    """What `config unset` takes."""

    name: Name
    talk: Talk = Talk()


class FileOptions(NamedTuple):
    """What `config edit` and `config path` take."""

    talk: Talk = Talk()


def show(options: ShowOptions) -> int:
    """Print a line for each setting; return 0, or 2 if one has a value that cannot be used."""
    settable = _settable()
    chosen = [_named(name, settable) for name in options.names] or [*settable.values()]
    errors: dict[str, None] = {}
    settings: list[InEffect] = []
    for declared in chosen:
        try:
            settings.append(effective(declared, options.given))
        except ConfigError as error:
            errors[said(error)] = None
    write_lines(_objects(settings) if options.json else _columns(settings))
    try:
        read_configuration(settable.values())
    except ConfigError as error:
        errors[said(error)] = None
    for each in errors:
        options.everywhere.talk.error(each)
    return BAD if errors else DONE


def _columns(settings: Iterable[InEffect]) -> Iterator[str]:
    """Yield a line for each setting: its key, its value, and where that comes from."""
    rows = []
    for each in settings:
        line = f":{each.line}" if each.line else ""
        rows.append((each.declared.key or "", _shown(each), f"{each.source}{line}"))
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for key, value, source in rows:
        yield f"{key:<{widths[0]}}  {value:<{widths[1]}}  {escaped(source)}"


def _objects(settings: Iterable[InEffect]) -> Iterator[str]:
    """Yield a line of JSON for each setting."""
    from rclip_like.output.matches import json_text

    for each in settings:
        yield json_text(
            {
                "setting": each.declared.key,
                "value": _plain(each.value),
                "source": _plain(each.source),
                "line": each.line,
            }
        )


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; bytes of a path that are not UTF-8 are replaced."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str | os.PathLike):
        return os.fsencode(value).decode(errors="replace")
    return value


def set_value(options: SetOptions) -> int:
    """Check the value, write it into the configuration file, and return 0."""
    from rclip_like.settings.editing import set_value as write

    settable = _settable()
    declared = _named(options.name, settable)
    value = parsed(declared, options.values)
    path = write(declared, value, settable.values())
    options.talk.note(f"{declared.key} is set in {path}")
    if declared.variable and os.environ.get(declared.variable):
        options.talk.note(
            f"{declared.variable} in the environment wins over it as long as it is set"
        )
    return DONE


def unset(options: UnsetOptions) -> int:
    """Take the setting out of the configuration file; return 0, or 1 if it was not there."""
    from rclip_like.settings.editing import unset as take_out

    key = options.name.removeprefix("--")
    path, was_there = take_out(key)
    if not was_there:
        _named(key, _settable())
        options.talk.note(f"{key} is not set in {path}")
        return NOTHING_THERE
    options.talk.note(f"{key} is no longer set in {path}")
    return DONE


def edit(options: FileOptions) -> int:
    """Open the file in an editor, and check it; return 0. Raises ConfigError."""
    from rclip_like.settings.editing import write_text

    path = config_file()
    if not path.exists():
        write_text(path, _FIRST_LINES)
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        status = subprocess.run([*shlex.split(editor), os.fspath(path)], check=False).returncode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"the editor {editor!r} cannot be started: {reason}; name one in VISUAL or EDITOR"
        ) from error
    if status:
        raise UsageError(f"the editor {editor!r} ended with status {status}")
    values = read_configuration(accepted_by_any(COMMANDS["config edit"]))
    options.talk.note(f"{path}: {len(values)} settings, all of them usable")
    return DONE


def print_path(options: FileOptions) -> int:
    """Print where the configuration file is, or would be; return 0."""
    write_lines([os.fspath(config_file())])
    return DONE


def _settable() -> dict[str, Declared]:
    """Return what the configuration file can hold, by key, in order of keys."""
    found: dict[str, Declared] = {}
    for each in accepted_by_any(COMMANDS["search"]):
        if each.key:
            found.setdefault(each.key, each)
    return dict(sorted(found.items()))


def _named(name: str, settable: dict[str, Declared]) -> Declared:
    """Return the setting of this name. Raises UsageError, with the name that may be meant."""
    from difflib import get_close_matches

    key = name.removeprefix("--")
    if key in settable:
        return settable[key]
    close = "".join(f" (did you mean {each}?)" for each in get_close_matches(key, settable, n=1))
    raise UsageError(f"no setting is called {name!r}{close}; see {PROGRAM} config")


def _shown(setting: InEffect) -> str:
    """Return a value as the configuration file has it; - for what depends on the command."""
    return "-" if setting.value is None else _as_toml(setting.value)


def _as_toml(value: Any) -> str:
    import json

    if isinstance(value, tuple):
        return f"[{', '.join(map(_as_toml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}"
    return escaped(json.dumps(os.fspath(value), ensure_ascii=False))
