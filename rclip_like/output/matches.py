"""Matches as bytes for stdout: a table, columns, paths, JSON lines or a template's text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.output.terminal import (
    Screen,
    chopped,
    escaped,
    escaped_json,
    escaped_path,
    linked,
)

if TYPE_CHECKING:
    from rclip_like.output.template import Template, Values
    from rclip_like.values import Match

_BOLD, _CYAN, _DIM, _PLAIN = "\x1b[1m", "\x1b[36m", "\x1b[2m", "\x1b[0m"


class Form(Enum):
    """How each match is written."""

    LINES = "score and path"
    PATHS = "path"
    JSON = "json"
    TEMPLATE = "template"


class Layout(NamedTuple):
    """How matches are written: the form, what ends each, and the screen they are written for."""

    form: Form = Form.LINES
    end: bytes = b"\n"
    screen: Screen = Screen()
    template: Template | None = None

    @property
    def is_table(self) -> bool:
        """Whether this is the table with a header that a person reads."""
        return self.form is Form.LINES and self.screen.is_terminal and self.end == b"\n"


def render(matches: Sequence[Match], layout: Layout) -> Iterator[bytes]:
    """Yield the bytes of each match with its end, after a header where the form has one.

    Paths keep their bytes, but on a terminal, where control characters are shown escaped.
    """
    if layout.is_table and matches:
        yield f"{_coloured('  score  path', _BOLD, layout.screen)}\n".encode()
    for match in matches:
        yield _render_match(match, layout) + layout.end


def shown_path(path: bytes) -> bytes:
    """Return the path so that no program takes it for an option."""
    return b"./" + path if path.startswith(b"-") else path


def as_object(match: Match) -> dict[str, object]:
    """Return a match as the object that --json prints: what its row knows, in the row's order.

    With the terms where --explain asked for them. A path is `shown_path`.
    """
    row = match._replace(path_bytes=shown_path(match.path_bytes)).row
    known = {name: value for name, value in row.items() if value is not None}
    if match.crop is not None:
        known["crop"] = match.crop._asdict()
    if match.second is not None:
        known["second"] = match.second
    if match.terms:
        known["terms"] = [{"term": term, "score": round(score, 6)} for term, score in match.terms]
    if match.words:
        known["words"] = [{"in": where, "text": text} for where, text in match.words]
        known["by_words_alone"] = match.by_words
    if match.is_hidden:
        known["hidden"] = True
    if match.presence is not None:
        known["presence"] = round(match.presence, 4)
    return known


def json_text(value: object) -> str:
    """Return a value as JSON in one line, with nothing in it that a terminal obeys."""
    return escaped_json(json.dumps(value, ensure_ascii=False))


def moment(second: float) -> str:
    """Return a moment of a video as people write it: 0:07, 12:30 or 1:02:03."""
    minutes, seconds = divmod(int(second), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _render_match(match: Match, layout: Layout) -> bytes:
    if layout.form is Form.JSON:
        return json_text(as_object(match)).encode(errors="replace")
    if layout.template is not None:
        return layout.template.render(_values(match, layout), _path_bytes(match, layout))
    if layout.is_table:
        return _table_row(match, layout.screen).encode()
    path = _path_bytes(match, layout)
    if layout.form is Form.PATHS:
        return path
    score = f"{match.score:.4f}"
    if layout.end == b"\n":  # what ends in NULs is for programs
        score = _coloured(score, _CYAN, layout.screen)
    terms = [f"{escaped(term)}={score:.4f}".encode() for term, score in match.terms]
    words = [line.encode() for line in _words_of(match)] if match.terms else []
    return b"\t".join((score.encode(), path, *terms, *words))


def _values(match: Match, layout: Layout) -> Values:
    """Return the fields of a template, None where unknown."""
    facts = match.facts
    place = match.row["place"]

    def harmless(text: str | None) -> str | None:
        return escaped(text) if text and layout.screen.is_terminal else text

    return {
        "score": match.score,
        "rank": match.rank,
        "model": match.model,
        "date": match.taken_at,
        "camera": harmless(facts and facts.camera),
        "place": harmless(None if place is None else str(place)),
        "words": harmless("; ".join(f"{where}: {text}" for where, text in match.words) or None),
        "width": facts and facts.width,
        "height": facts and facts.height,
    }


def lines_of_match(match: Match, columns: int, screen: Screen) -> list[str]:
    """Return what stands beside a match's picture on a terminal, in lines of so many columns.

    Its rank and score, the path, the scores of the query's parts, the date, the size and the
    camera. No line changes anything on the terminal but colours.
    """
    path = chopped(escaped_path(shown_path(match.path_bytes)), columns)
    if screen.has_links:
        path = [linked(line, match.absolute_bytes) for line in path]
    facts = [] if match.second is None else [f"at {moment(match.second)}"]
    facts.append((match.taken_at or "")[:16].replace("T", " "))
    if match.facts is not None:
        facts += [f"{match.facts.width} \u00d7 {match.facts.height}", match.facts.camera or ""]
    terms = [f"{term} {score:+.4f}" for term, score in match.terms]
    small = [
        part
        for each in (*terms, *_words_of(match), *facts)
        for part in chopped(escaped(each), columns)
    ]
    rank = _coloured(f"{match.rank}.", _BOLD, screen)
    score = _coloured(f"{match.score:.4f}", _CYAN, screen)
    return [f"{rank} {score}", *path, *(_coloured(line, _DIM, screen) for line in small)]


def _path_bytes(match: Match, layout: Layout) -> bytes:
    path = shown_path(match.path_bytes)
    return escaped_path(path).encode() if layout.screen.is_terminal else path


def _table_row(match: Match, screen: Screen) -> str:
    path = escaped_path(shown_path(match.path_bytes))
    if screen.has_links:
        path = linked(path, match.absolute_bytes)
    row = f"{_coloured(f'{match.score:7.4f}', _CYAN, screen)}  {path}"
    if match.second is not None:
        row += _coloured(f"  (at {moment(match.second)})", _DIM, screen)
    if match.by_words:
        row += _coloured("  (by its words)", _DIM, screen)
    terms = [f"{escaped(term)} {score:+.4f}" for term, score in match.terms]
    explained = "  ".join([*terms, *_words_of(match)])
    return f"{row}\n         {_coloured(explained, _DIM, screen)}" if explained else row


def _words_of(match: Match) -> list[str]:
    """Return where words of the query stand and how, as in "folder: Denmark"."""
    return [escaped(f"{where}: {text}") for where, text in match.words]


def _coloured(text: str, colour: str, screen: Screen) -> str:
    return f"{colour}{text}{_PLAIN}" if screen.has_colours else text
