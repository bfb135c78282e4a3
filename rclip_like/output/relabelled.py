"""Render comparisons of labels: pictures for stdout, sentences for stderr."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rclip_like.errors import counted
from rclip_like.output.matches import Form, Layout, json_text, shown_path
from rclip_like.output.terminal import escaped, escaped_path
from rclip_like.values import path_fields

if TYPE_CHECKING:
    from rclip_like.classify.values import RelabelledPicture


def render_relabelled(pictures: Iterable[RelabelledPicture], layout: Layout) -> Iterator[bytes]:
    """Yield the bytes of each picture: both labels with their probabilities, and its path."""
    for number, picture in enumerate(pictures):
        if layout.is_table and not number:
            yield b"before  after  path\n"
        yield _render(picture, layout) + layout.end


def relabelled_object(picture: RelabelledPicture) -> dict[str, object]:
    """Return a picture as the object that --json prints.

    path (str; with path_base64 if its bytes are not UTF-8), before and after (labels),
    probability_before, probability_after, model.
    """
    return {
        **path_fields(shown_path(picture.path_bytes)),
        "before": picture.before.label,
        "probability_before": round(picture.before.probability, 6),
        "after": picture.after.label,
        "probability_after": round(picture.after.probability, 6),
        "model": picture.model,
    }


def taken_sentences(
    added: Sequence[str], taken: Mapping[tuple[str, str], int], num_pictures: int
) -> Iterator[str]:
    """Yield one line per added label: how many pictures it takes, and from which labels."""
    for label in added:
        parts = {before: number for (before, after), number in taken.items() if after == label}
        ordered = sorted(parts.items(), key=lambda each: (-each[1], each[0]))
        lost = ", ".join(f"{number:,} from {before}" for before, number in ordered)
        of_all = f"{sum(parts.values()):,} of {counted(num_pictures, 'picture')}"
        yield f"{label} takes {of_all}: {lost}" if parts else f"{label} takes {of_all}"


def _render(picture: RelabelledPicture, layout: Layout) -> bytes:
    if layout.form is Form.JSON:
        return json_text(relabelled_object(picture)).encode(errors="replace")
    path = shown_path(picture.path_bytes)
    if layout.screen.is_terminal:
        path = escaped_path(path).encode()
    if layout.form is Form.PATHS:
        return path
    was, now = picture.before, picture.after
    if layout.is_table:
        labels = f"{escaped(was.label)} {was.probability:.4f}  {escaped(now.label)}"
        return f"{labels} {now.probability:.4f}  ".encode() + path
    fields = (was.label, f"{was.probability:.4f}", now.label, f"{now.probability:.4f}")
    return b"\t".join((*(field.encode(errors="surrogateescape") for field in fields), path))
