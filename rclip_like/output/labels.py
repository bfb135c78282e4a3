"""Render labelled pictures for stdout: as a table, columns, paths, JSON lines or by a template.

They are rendered one after another, so a million pictures need no more memory than a hundred.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING

from rclip_like.classify.values import NONE_OF_THESE
from rclip_like.errors import counted
from rclip_like.output.matches import Form, Layout, json_text, shown_path
from rclip_like.output.terminal import escaped, escaped_path, linked
from rclip_like.values import path_fields

if TYPE_CHECKING:
    from rclip_like.classify.values import LabelledPicture, LabelScore
    from rclip_like.output.template import Values

OF_LABEL: Values = MappingProxyType(
    {"label": "", "probability": 0.0, "score": 0.0, "rank": 1, "model": ""}
)
"""The fields of --format besides {path}, each with a value of its type."""

_BOLD, _CYAN, _DIM, _PLAIN = "\x1b[1m", "\x1b[36m", "\x1b[2m", "\x1b[0m"
_AT_ONCE = 64
_WIDEST_LABEL = 32
_MOST_COUNTS = 12


def render_labels(
    pictures: Iterable[LabelledPicture],
    layout: Layout,
    labels: Collection[str],
    *,
    has_list: bool,
) -> Iterator[bytes]:
    """Yield the bytes of several pictures at a time, after the header of a table.

    labels: all labels of the run, which set the width of the table. has_list: JSON lists all labels
    of a picture. With paths alone, pictures without a label are left out.
    """
    width = min(_WIDEST_LABEL, max(map(len, map(escaped, (*labels, NONE_OF_THESE)))))
    waiting = iter(pictures)
    if layout.is_table:
        first = next(waiting, None)
        if first is None:
            return
        header = f"{'label':<{width}}  probability  path"
        if layout.screen.has_colours:
            header = f"{_BOLD}{header}{_PLAIN}"
        yield f"{header}\n".encode() + _render(first, layout, width, has_list)
    while some := list(islice(waiting, _AT_ONCE)):
        yield b"".join(_render(picture, layout, width, has_list) for picture in some)


def as_object(picture: LabelledPicture, *, has_list: bool) -> dict[str, object]:
    """Return a labelled picture as the object that --json prints.

    path (str; with path_base64 if its bytes are not UTF-8), label (str, or null if none is given),
    probability, score and rank of the likeliest label, and model. Without a label, `best` is the
    likeliest one. With `has_list`, `labels` has all that are given.
    """
    row = {
        **path_fields(shown_path(picture.path_bytes)),
        "label": picture.label,
        "probability": round(picture.best.probability, 6),
        "score": round(picture.best.score, 6),
        "rank": 1,
        "model": picture.model,
    }
    if picture.label is None:
        row["best"] = picture.best.label
    if has_list:
        row["labels"] = [
            {
                "label": each.label,
                "probability": round(each.probability, 6),
                "score": round(each.score, 6),
                "rank": rank,
            }
            for rank, each in enumerate(picture.labels, 1)
        ]
    return row


def counts_sentence(counts: Mapping[str | None, int], *, is_multi: bool) -> str:
    """Return one line with the number of pictures of each label, the most frequent first.

    It names a dozen labels at most.
    """
    given = {label: number for label, number in counts.items() if label is not None}
    ordered = sorted(given.items(), key=lambda each: (-each[1], each[0]))
    named = [f"{number:,} {label}" for label, number in ordered[:_MOST_COUNTS]]
    if more := ordered[_MOST_COUNTS:]:
        number = sum(count for _, count in more)
        named.append(f"{number:,} of {counted(len(more), 'more label')}")
    if counts.get(None):
        named.append(f"{counts[None]:,} {NONE_OF_THESE}")
    labels = "labels" if is_multi else "pictures"
    return f"{labels}: {', '.join(named)}"


def _render(picture: LabelledPicture, layout: Layout, width: int, has_list: bool) -> bytes:
    if layout.form is Form.JSON:
        text = json_text(as_object(picture, has_list=has_list))
        return text.encode(errors="replace") + layout.end
    path = shown_path(picture.path_bytes)
    if layout.screen.is_terminal:
        path = escaped_path(path).encode()
    if layout.form is Form.PATHS:
        return path + layout.end if picture.labels else b""
    lines = []
    for rank, each in enumerate(picture.labels or (picture.best,), 1):
        name = each.label if picture.labels else NONE_OF_THESE
        if layout.screen.is_terminal:
            name = escaped(name)
        if layout.template is not None:
            lines.append(_filled(layout, name, rank, each, picture.model, path))
        elif layout.is_table:
            lines.append(_table_row(name, each, picture, layout, width))
        else:
            fields = (_encoded(name), f"{each.probability:.4f}".encode(), path)
            lines.append(b"\t".join(fields))
    return b"".join(line + layout.end for line in lines)


def _filled(
    layout: Layout, name: str, rank: int, each: LabelScore, model: str, path: bytes
) -> bytes:
    assert layout.template is not None
    numbers = {"probability": each.probability, "score": each.score, "rank": rank}
    return layout.template.render({"label": name, **numbers, "model": model}, path)


def _table_row(
    name: str, each: LabelScore, picture: LabelledPicture, layout: Layout, width: int
) -> bytes:
    screen = layout.screen
    path = escaped_path(shown_path(picture.path_bytes))
    if screen.has_links:
        path = linked(path, picture.absolute_bytes)
    shown = f"{name:<{width}}"
    if screen.has_colours:
        shown = f"{_CYAN if picture.labels else _DIM}{shown}{_PLAIN}"
    return f"{shown}  {each.probability:11.4f}  {path}".encode()


def _encoded(text: str) -> bytes:
    """Return a label's bytes; a label from a folder's name may have any bytes."""
    return text.encode(errors="surrogateescape")
