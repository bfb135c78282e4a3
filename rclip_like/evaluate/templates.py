"""Prompt templates: a named set, a template as typed, or a file with one per line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

from rclip_like.errors import UsageError
from rclip_like.files import decoded, read_limited

MARK = "{}"
"""The placeholder for the label. Other braces have no meaning."""

TEMPLATE_SETS = ("none", "photo", "simple", "imagenet80")
"""The bare label; one sentence; the seven that CLIP's notebook chose; the eighty of the paper."""

DEFAULT_TEMPLATES = "photo"

_MOST_LISTED = 10
_ONE_TEMPLATE = {"none": MARK, "photo": f"a photo of a {MARK}."}


def templates_of(name: str) -> tuple[str, ...]:
    """Return the templates that a name stands for.

    name: one of TEMPLATE_SETS, a template with {} for the label, or the path of a file with one
    template per line. Raises UsageError for any other name, and for a template that does not
    contain {} exactly once.
    """
    if name in _ONE_TEMPLATE:
        return (_ONE_TEMPLATE[name],)
    if name in TEMPLATE_SETS:
        stored = resources.files("rclip_like.evaluate") / f"templates_{name}.txt"
        return parse_templates(stored.read_text(encoding="utf-8"), name)
    if MARK in name:
        return (_checked(name, repr(name)),)
    return _templates_in(Path(name))


def parse_templates(text: str, source: str) -> tuple[str, ...]:
    """Return the templates of a text, one per line; empty lines and # comments are left out.

    source: names the text in errors. Raises UsageError.
    """
    templates = tuple(
        _checked(line, f"{source}: line {number}: {line!r}") for number, line in _lines(text)
    )
    if not templates:
        raise UsageError(
            f"{source}: has no templates; write one per line, such as 'a photo of a {{}}.'"
        )
    return templates


def fill(template: str, label: str) -> str:
    """Return the template with the label in place of {}; braces within the label stay."""
    return template.replace(MARK, label)


def listed_or_counted(templates: Sequence[str]) -> list[str] | int:
    """Return templates as a report names them: a list of up to ten, else only their number."""
    return list(templates) if len(templates) <= _MOST_LISTED else len(templates)


def _templates_in(path: Path) -> tuple[str, ...]:
    try:
        text = decoded(read_limited(path))
    except FileNotFoundError:
        raise UsageError(
            f"{str(path)!r} is neither a set of templates, a template with {{}}, nor a file",
            f"the sets are {', '.join(TEMPLATE_SETS)}",
        ) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise UsageError(f"{path}: is not text in UTF-8 or UTF-16") from error
    return parse_templates(text, str(path))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _checked(template: str, source: str) -> str:
    if (times := template.count(MARK)) != 1:
        raise UsageError(
            f"{source} contains {MARK} {times} times",
            "a template contains it once, in the place of the label",
        )
    return template
