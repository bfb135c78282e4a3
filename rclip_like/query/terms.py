"""Typed text to terms: words or pictures, each with its weight."""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from rclip_like.errors import Remedy, UsageError
from rclip_like.spelling import as_on_disk, composed
from rclip_like.values import opened_extensions

# `3:00 pm` and `16:9` are times and ratios, `2:` alone is text: a weight needs a rest that begins
# with neither a digit nor a space.
_WEIGHTED = re.compile(r"(?P<weight>\d+(?:\.\d*)?|\.\d+):(?P<rest>[^\d\s].*)", re.DOTALL)
_WEB_BEGINNINGS = ("http:", "https:")
_PATH_BEGINNINGS = ("/", "./", "../", "~/", "file:", *_WEB_BEGINNINGS)
_LONGEST_SHOWN = 300
# `@rex,` counts, `me@home.org`, `"@rex"` and `@5` do not. `_is_word` has the last word, as \w knows
# no marks on letters, of which words of Hindi, Tamil and Thai are full.
_NAMED = re.compile(r"(?<!\S)@(?P<name>(?!\d+(?![\w-]))[^\W_]\S{0,63}?)[,;:.!?]*(?!\S)")
# `(@rex)` and `@rex's`, but neither `me@home.org` nor `"@rex"`.
_LIKE_A_NAME = re.compile(r"""(?<![\w.+@"“„«'-])@[^\W\d_][^\s)\]]*""")
# `ftp://x/y.jpg`, `www.example.org/cat.jpg`
_LIKE_AN_ADDRESS = re.compile(
    r"(?!file:)[a-z][a-z0-9+.-]*://|([a-z0-9-]+\.)+[a-z]{2,}/", re.IGNORECASE
)


class Kind(Enum):
    """What a term is read as."""

    TEXT = "text"
    PICTURE = "picture"
    URL = "url"
    PIXELS = "pixels"
    """A picture in memory, which is given and not typed."""
    NAMED = "named"
    """A name of one's own, which stands for pictures."""


class Query(NamedTuple):
    """What the user typed: the query itself and what is added to and subtracted from it.

    `kind` forces how all of it is read; None decides term by term.
    """

    text: str
    add: str | Sequence[str] = ()
    subtract: str | Sequence[str] = ()
    kind: Kind | None = None


class Term(NamedTuple):
    """One part of a query, and a signed weight.

    `value` is words, the absolute path of a picture as it is written on the disk, its address on
    the web, or a name of one's own behind an @, in Unicode's composed form.
    """

    weight: float
    kind: Kind
    value: str
    typed: str
    note: str = ""
    """What the user should hear of how it was read."""


def parse(query: Query) -> tuple[Term, ...]:
    """Return the terms in the order typed: the query, what is added, what is subtracted.

    Raises UsageError for an empty term, a weight that is not finite, a path-like term without a
    file behind it, and a folder.
    """
    add, subtract = (
        [texts] if isinstance(texts, str) else texts for texts in (query.add, query.subtract)
    )
    added = [parse_terms(text, query.kind, sign=1) for text in (query.text, *add)]
    subtracted = [parse_terms(text, query.kind, sign=-1) for text in subtract]
    return tuple(term for terms in (*added, *subtracted) for term in terms)


def parse_terms(
    typed: str, kind: Kind | None, *, sign: int = 1, reads_names: bool = False
) -> tuple[Term, ...]:
    """Return the terms of one text: the names in it, such as @rex, and the words around them.

    All have the weight of the text. With a `kind`, names are words unless `reads_names`. Raises as
    `parse` does.
    """
    term = parse_term(typed, kind, sign=sign)
    if term.kind is not Kind.TEXT or not (kind is None or reads_names) or "@" not in typed:
        return (term,)
    value = composed(term.value)
    found = [each["name"] for each in _NAMED.finditer(value)]
    names = dict.fromkeys(name for name in found if _is_word(name))
    if not names:
        return (term._replace(note=_note_of_names(value)),)
    weight = typed.removesuffix(term.value)
    rest = " ".join(
        _NAMED.sub(lambda each: " " if each["name"] in names else each[0], value).split()
    )
    named = [(Kind.NAMED, f"@{name}") for name in names]
    words = [(Kind.TEXT, rest)] if rest else []
    note = _note_of_names(rest)
    return tuple(
        Term(term.weight, *each, weight + each[1], note if each[0] is Kind.TEXT else "")
        for each in (*named, *words)
    )


def _note_of_names(words: str) -> str:
    """Say which of the words looks like a name but is not read as one, "" if none does."""
    found = _LIKE_A_NAME.search(words)
    return f"{_shown(found[0])} is searched as words; a name has spaces around it" if found else ""


def is_name(text: str) -> bool:
    """Return whether text, in Unicode's composed form, can be a name: @text is then read as one."""
    found = _NAMED.fullmatch(f"@{text}")
    return found is not None and found["name"] == text and _is_word(text)


def _is_word(text: str) -> bool:
    """Return whether all characters are letters, marks on them, digits, dashes and underscores."""
    import unicodedata  # few queries have a name

    return all(
        char.isalnum() or char in "-_" or unicodedata.category(char).startswith("M")
        for char in text
    )


def parse_term(typed: str, kind: Kind | None, *, sign: int = 1) -> Term:
    """Return one term, its weight read; raises as `parse` does. Names in it are words."""
    weighted = _WEIGHTED.fullmatch(typed)
    weight = float(weighted["weight"]) if weighted else 1.0
    value = weighted["rest"] if weighted else typed
    if not value.strip():
        raise UsageError("the query is empty: say in words what to look for, or name a picture")
    if value == "-" and kind is None:
        raise UsageError("'-': a picture cannot be read from stdin; save it and name its file")
    if not math.isfinite(weight):
        raise UsageError(f"{_shown(typed)!r}: the weight is too large")
    kind = kind or (Kind.PICTURE if is_path_like(value) else Kind.TEXT)
    if kind is Kind.PICTURE and value.lower().startswith(_WEB_BEGINNINGS):
        kind = Kind.URL
    if kind is not Kind.PICTURE:
        return Term(sign * weight, kind, value, typed)
    if value.lower().startswith("file:"):
        path = _path_of_file_url(value)
    else:
        path = os.path.expanduser(value) if value.split("/")[0] == "~" else value
    try:
        (written,), note = as_on_disk([os.fsencode(path)])
        path = os.fsdecode(written)
    except ValueError:  # half a character, which no file's name has
        note = ""
    return Term(sign * weight, kind, _picture_path(value, path), typed, note)


def with_absolute_path(typed: str, kind: Kind | None) -> str:
    """Return a text as typed, but a picture by its absolute path, so that any folder will do."""
    term = parse_term(typed, kind)
    if term.kind is not Kind.PICTURE:
        return term.typed
    weighted = _WEIGHTED.fullmatch(term.typed)
    return f"{weighted['weight']}:{term.value}" if weighted else term.value


def is_path_like(value: str) -> bool:
    """Return whether text is read as the path or address of a picture rather than as words.

    So is what ends like a folder that is there, and the file of a picture that cannot be read.
    """
    lowered = value.lower()
    if lowered.startswith(_PATH_BEGINNINGS) or lowered in (".", "..", "~"):
        return True
    ending = os.path.splitext(lowered)[1]
    if os.fsencode(ending) in opened_extensions():
        return True
    try:
        if value.endswith("/"):
            return os.path.isdir(value)
        if not ending or not os.path.isfile(value):
            return False
    except ValueError:  # a NUL, or half a character
        return False
    from rclip_like.walk.left_out import UNREAD_EXTENSIONS  # few queries name a file

    return os.fsencode(ending) in UNREAD_EXTENSIONS


def _picture_path(value: str, path: str) -> str:
    """Return the absolute path of a picture; `value` is what was typed for it."""
    try:
        path = os.path.abspath(path)
    except FileNotFoundError as error:
        raise UsageError("the current folder was deleted; go to another one first") from error
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        address = ("an address on the web begins with https://",)
        raise UsageError(
            f"{_shown(value)}: no such picture",
            *(address if _LIKE_AN_ADDRESS.match(value) else ()),
            Remedy.READ_AS_WORDS,
        ) from None
    except OSError as error:
        why = f"{_shown(value)}: cannot be read: {error.strerror}"
        raise UsageError(why, Remedy.READ_AS_WORDS) from error
    except ValueError as error:  # a NUL, or half a character
        why = f"{_shown(value)!r}: no file has such a name"
        raise UsageError(why, Remedy.READ_AS_WORDS) from error
    if stat.S_ISDIR(mode):
        raise UsageError(
            f"{_shown(value)}: is a folder, not a picture; folders come after the query"
        )
    return path


def _shown(value: str) -> str:
    """Return what was typed for a sentence, that is, not a megabyte of it."""
    return value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}..."


def _path_of_file_url(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError as error:
        why = f"{_shown(value)}: is not the address of a file"
        raise UsageError(why, Remedy.READ_AS_WORDS) from error
    if parts.netloc not in ("", "localhost"):
        raise UsageError(
            f"{_shown(value)}: names a file on another machine; only local files are read"
        )
    # Names are bytes, and those that are not UTF-8 are escaped in a URL as well.
    return str(Path(unquote(parts.path, errors="surrogateescape")))
