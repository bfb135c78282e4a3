"""`clipfind completion`: a script by which a shell completes commands, options and values.

It holds what the declarations say; only for names of models and saved searches it starts clipfind.
A first word that names no command is a query, which takes what `search` takes.
"""

from collections.abc import Callable, Iterator, Mapping
from shlex import quote
from typing import Annotated, Literal, NamedTuple

from rclip_like.cli.commands import COMMANDS, GROUPS, WORDS, Command, accepted_by_any
from rclip_like.output.stream import write_lines
from rclip_like.settings import Argument
from rclip_like.settings.declared import Declared

_PATHS = ("FILE", "DIR", "DATA", "QUERY", "PATH...", "[PATH]...", "[PICTURE]...")
_MODELS = ("MODEL", "[MODEL]")
"""What stands for values in help texts says how they are completed."""
_SAVED = "NAME"
"""Stands for a saved search, as an argument; options have names of other things."""
_SETTINGS = ("SETTING", "[SETTING]...")


class CompletionOptions(NamedTuple):
    """What `completion` takes."""

    shell: Annotated[Literal["bash", "zsh", "fish"], Argument("SHELL", help="bash, zsh or fish.")]


def run(options: CompletionOptions) -> int:
    """Print the shell's script; return 0."""
    write_lines(LINES[options.shell]())
    return 0


def _summaries() -> dict[str, str]:
    """Return the words that may stand first, each with its sentence."""
    groups = {group: f"Commands: {', '.join(names)}." for group, names in GROUPS.items()}
    single = {name: command.summary for name, command in COMMANDS.items() if " " not in name}
    return single | groups | WORDS


def _second_words(group: str) -> dict[str, str]:
    return {name.removeprefix(f"{group} "): COMMANDS[name].summary for name in GROUPS[group]}


def _options(command: Command) -> list[Declared]:
    return [each for each in command.listed if not each.is_argument]


def _arguments(command: Command) -> list[Declared]:
    return [each for each in command.listed if each.is_argument]


def _with_values() -> dict[str, Declared]:
    """Return the options that take a value, by name; in all commands one is completed alike."""
    options = (option for command in COMMANDS.values() for option in _options(command))
    return {name: option for option in options if option.takes_value for name in option.names}


_BASH = """\
# How bash completes clipfind; made by: clipfind completion bash
_clipfind_models() {
    clipfind models list 2>/dev/null | while read -r mark name _; do
        [[ $mark == in ]] || echo "$name"
    done
}
_clipfind_saved() {
    clipfind saved list 2>/dev/null | { read -r _; while read -r name _; do echo "$name"; done; }
}
_clipfind() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local command= words= options= word i
    [[ $current == = ]] && current=
    [[ $previous == = ]] && previous=${COMP_WORDS[COMP_CWORD-2]}
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            @WITH_VALUES@) [[ ${COMP_WORDS[++i]} == = ]] && ((i++)) ;;
            --) COMPREPLY=(); return ;;  # paths alone
            -*|=) ;;
            *) [[ -n $command && $command != @(@GROUPS@) ]] || command=${command:+$command }$word ;;
        esac
    done
    case $previous in
@VALUES@
        @WITH_VALUES@) ;;
        *)
            case $command in
@COMMANDS@
                *) options="@SEARCH@" ;;
            esac
            case $current in
                -*) words=$options ;;
                *)
                    [[ $words == MODELS ]] && words=$(_clipfind_models)
                    [[ $words == SAVED ]] && words=$(_clipfind_saved) ;;
            esac ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))  # paths where nothing matches
}
complete -o default -o bashdefault -F _clipfind clipfind"""


def _bash_lines() -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for name, option in _with_values().items():
        if words := _bash_words(option):
            names.setdefault(words, []).append(name)
    values = [
        f"        {'|'.join(each)}) words="
        + ("$(_clipfind_models)" if words == "MODELS" else f'"{words}"')
        + " ;;"
        for words, each in names.items()
    ]
    first = " ".join(_summaries())
    cases = [f'                "") words="{first}" options="{_bash_options("search")}" ;;']
    cases += [f'                help) words="{first}" ;;']
    cases += [
        f'                {group}) words="{" ".join(_second_words(group))}" ;;' for group in GROUPS
    ]
    for name, command in COMMANDS.items():
        words = " ".join(filter(None, map(_bash_words, _arguments(command))))
        cases.append(
            f'                "{name}") words="{words}" options="{_bash_options(name)}" ;;'
        )
    yield _filled(
        _BASH,
        WITH_VALUES="|".join(_with_values()),
        GROUPS="|".join(GROUPS),
        VALUES="\n".join(values),
        COMMANDS="\n".join(cases),
        SEARCH=_bash_options("search"),
    )


def _bash_words(declared: Declared) -> str:
    """Return the words that a value is one of, else nothing.

    MODELS stands for the names of models and SAVED for those of saved searches.
    """
    if _is_saved(declared):
        return "SAVED"
    return "MODELS" if declared.metavar in _MODELS else " ".join(_choices(declared))


def _choices(declared: Declared) -> tuple[str, ...]:
    """Return the words that a value is one of, the names of settings among them; else nothing."""
    if declared.metavar in _SETTINGS:
        return tuple(sorted({each.key for each in accepted_by_any(COMMANDS["search"]) if each.key}))
    return declared.choices or declared.words


def _is_saved(declared: Declared) -> bool:
    return declared.is_argument and declared.metavar == _SAVED


def _bash_options(command: str) -> str:
    return " ".join(name for option in _options(COMMANDS[command]) for name in option.names)


_ZSH = """\
#compdef clipfind
# How zsh completes clipfind; made by: clipfind completion zsh
_clipfind_models() {
    local -a models
    local mark name rest
    clipfind models list 2>/dev/null | while read -r mark name rest; do
        [[ $mark == in ]] || models+=($name)
    done
    compadd -a models
    _files
}
_clipfind_files() {  # files, or one of these words
    compadd -- "$@"
    _files
}
_clipfind_saved() {
    local -a names
    local name rest
    clipfind saved list 2>/dev/null | {
        read -r rest
        while read -r name rest; do names+=($name); done
    }
    compadd -a names
}
_clipfind() {
    local -a first
    local command= word
    integer i at=1
    first=(
@FIRST@
    )
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i]
        case $word in
            (@WITH_VALUES@) ((i++)) ;;
            (-*) ;;
            (*) command=${command:+$command }$word at=i; [[ $command == (@GROUPS@) ]] || break ;;
        esac
    done
    if [[ $command == (|help) && $words[CURRENT] != -* ]] && ((i == CURRENT || at > 1)); then
        _describe -t commands command first
        [[ -n $command ]] || _files
        return
    fi
    case $command in
@COMMANDS@
        (*) at=1; set -- @SEARCH@ ;;
    esac
    words=("${(@)words[at,-1]}")
    ((CURRENT -= at - 1))
    _arguments -s -S : "$@"
}
if [[ $funcstack[1] == _clipfind ]]; then _clipfind "$@"; else compdef _clipfind clipfind; fi"""


def _zsh_lines() -> Iterator[str]:
    cases = []
    for group in GROUPS:
        words = _zsh_described(_second_words(group), indent=12)
        describe = "_describe -t commands command first; return"
        cases.append(f"        ({group}) first=(\n{words}\n            ); {describe} ;;")
    for name in COMMANDS:
        cases.append(f"        ({quote(name)}) set -- {_zsh_specs(name)} ;;")
    yield _filled(
        _ZSH,
        FIRST=_zsh_described(_summaries(), indent=8),
        WITH_VALUES="|".join(_with_values()),
        GROUPS="|".join(GROUPS),
        COMMANDS="\n".join(cases),
        SEARCH=_zsh_specs("search"),
    )


def _zsh_described(words: dict[str, str], *, indent: int) -> str:
    return "\n".join(" " * indent + quote(f"{word}:{text}") for word, text in words.items())


def _zsh_specs(command: str) -> str:
    """Return what `_arguments` is to know of a command, as words of the shell."""
    specs = []
    for option in _options(COMMANDS[command]):
        text = option.description.replace("[", "(").replace("]", ")")
        value = f":{option.metavar}:{_zsh_action(option)}" if option.takes_value else ""
        others = "*" if option.is_many else f"({' '.join(option.names)})"
        for name in option.names:
            joined = "" if not value else "=" if name.startswith("--") else "+"
            specs.append(quote(f"{others}{name}{joined}[{text}]{value}"))
    for each in _arguments(COMMANDS[command]):
        position = "*" if each.is_many else ""
        metavar = each.metavar.strip("[].")
        specs.append(quote(f"{position}:{metavar}:{_zsh_action(each)}"))
    return " \\\n            ".join(("", *specs)).lstrip(" ")


def _zsh_action(declared: Declared) -> str:
    if words := " ".join(_choices(declared)):
        return f" _clipfind_files {words}" if declared.metavar in _PATHS else f"({words})"
    if declared.metavar in _MODELS:
        return "_clipfind_models"
    if _is_saved(declared):
        return "_clipfind_saved"
    if declared.metavar == "DIR":
        return "_files -/"
    return "_files" if declared.metavar in _PATHS else " "


_FISH = """\
# How fish completes clipfind; made by: clipfind completion fish
function __clipfind_command
    set -l found
    set -l skipped no
    set -l words (commandline -opc)
    for word in $words[2..]
        if test $skipped = yes
            set skipped no
            continue
        end
        switch $word
            case @WITH_VALUES@
                set skipped yes
            case '-*'
            case '*'
                set -a found $word
                contains -- "$found" @GROUPS@; or break
        end
    end
    echo "$found"
end
function __clipfind_in
    set -l found (__clipfind_command)
    contains -- "$found" @NAMES@; or set found search
    test "$found" = "$argv"
end
function __clipfind_models
    clipfind models list 2>/dev/null | string replace -rf '^(?:yes|-) +(\\S+) .*' '$1'
end
function __clipfind_saved
    clipfind saved list 2>/dev/null | tail -n +2 | string replace -r ' .*' ''
end"""


def _fish_lines() -> Iterator[str]:
    yield _filled(
        _FISH,
        WITH_VALUES=" ".join(_with_values()),
        GROUPS=" ".join(GROUPS),
        NAMES=" ".join(map(quote, (*COMMANDS, *GROUPS, "help"))),
    )
    for word, text in _summaries().items():
        yield f"complete -c clipfind -n 'test -z (__clipfind_command)' -a {word} -d {_fish(text)}"
        yield f"complete -c clipfind -n '__clipfind_in help' -f -a {word} -d {_fish(text)}"
    for group in GROUPS:
        for word, text in _second_words(group).items():
            yield f"complete -c clipfind -n '__clipfind_in {group}' -f -a {word} -d {_fish(text)}"
    for name, command in COMMANDS.items():
        here = f'complete -c clipfind -n "__clipfind_in {name}"'
        for option in _options(command):
            for each in option.names:
                spelt = f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}"
                value = f" {_fish_value(option)}" if option.takes_value else ""
                yield f"{here} {spelt}{value} -d {_fish(option.description)}"
        paths = [each for each in _arguments(command) if each.metavar in _PATHS]
        others = [each for each in _arguments(command) if each.metavar not in _PATHS]
        yield from (f"{here} {_fish_value(each).replace('-x', '-f')}" for each in others)
        if not paths and not others:
            yield f"{here} -f"


def _fish_value(declared: Declared) -> str:
    if words := " ".join(_choices(declared)):
        files = "-r -F" if declared.metavar in _PATHS else "-x"
        return f"{files} -a {_fish(words)}"
    if declared.metavar in _MODELS:
        return "-x -a '(__clipfind_models)'"
    if _is_saved(declared):
        return "-x -a '(__clipfind_saved)'"
    return "-r -F" if declared.metavar in _PATHS else "-x"


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _filled(template: str, **parts: str) -> str:
    for name, part in parts.items():
        template = template.replace(f"@{name}@", part)
    return template


LINES: Mapping[str, Callable[[], Iterator[str]]] = {
    "bash": _bash_lines,
    "zsh": _zsh_lines,
    "fish": _fish_lines,
}
"""What yields each shell's script; the wheel is built with them."""
