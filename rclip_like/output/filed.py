"""Render pictures that were filed, taken back or tagged, for stdout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rclip_like.output.matches import json_text
from rclip_like.output.terminal import escaped, escaped_path
from rclip_like.values import path_fields

if TYPE_CHECKING:
    from rclip_like.filing.filed import Filed
    from rclip_like.filing.sidecars import Tagged


def render_filed(filed: Filed, *, is_json: bool, is_terminal: bool) -> bytes:
    """Return one line: what was done, the label if any, the picture's path, and its target."""
    label = [] if filed.label is None else [filed.label]
    if is_json:
        return _json_line(
            {
                **path_fields(filed.source),
                **({"label": filed.label} if label else {}),
                "did": filed.did,
                **_renamed(path_fields(filed.target), "target"),
                "sidecars": [path_fields(each)["path"] for each in filed.sidecars],
            }
        )
    return _columns([filed.did, *label], [filed.source, filed.target], is_terminal)


def render_tagged(
    path: bytes, labels: Sequence[str], tagged: Tagged, *, is_json: bool, is_terminal: bool
) -> bytes:
    """Return one line: what was done to the sidecar, the labels, the picture and the sidecar."""
    if is_json:
        return _json_line(
            {
                **path_fields(path),
                "labels": list(labels),
                "did": tagged.did,
                **_renamed(path_fields(tagged.sidecar), "sidecar"),
                "added": list(tagged.added),
            }
        )
    return _columns([tagged.did, ", ".join(labels)], [path, tagged.sidecar], is_terminal)


def _json_line(row: dict[str, object]) -> bytes:
    return json_text(row).encode(errors="replace") + b"\n"


def _renamed(fields: dict[str, object], name: str) -> dict[str, object]:
    """Return the fields of a path under another name: `target` and `target_base64`."""
    return {key.replace("path", name, 1): value for key, value in fields.items()}


def _columns(texts: Sequence[str], paths: Sequence[bytes], is_terminal: bool) -> bytes:
    if is_terminal:
        every = [*map(escaped, texts), *map(escaped_path, paths)]
        return "  ".join(every).encode(errors="replace") + b"\n"
    encoded = [text.encode(errors="surrogateescape") for text in texts]
    return b"\t".join([*encoded, *paths]) + b"\n"
