"""The list of hidden pictures as bytes for stdout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rclip_like.output.matches import json_text
from rclip_like.output.terminal import escaped_path
from rclip_like.values import path_fields

if TYPE_CHECKING:
    from rclip_like.store.hidden import HiddenPicture


def hidden_lines(
    pictures: Iterable[HiddenPicture], *, as_json: bool, end: bytes, is_terminal: bool
) -> Iterator[bytes]:
    """Yield the path of each file with its end, or an object for each, those without a file too.

    Paths keep their bytes, but on a terminal, where control characters are shown escaped.
    """
    for picture in pictures:
        if as_json:
            yield json_text(hidden_object(picture)).encode() + b"\n"
        elif picture.path is not None:
            path = escaped_path(picture.path).encode() if is_terminal else picture.path
            yield path + end


def hidden_object(picture: HiddenPicture) -> dict[str, object]:
    """Return a hidden picture as the object that --json prints.

    path as `path_fields` has it, null without a file; digest (hexadecimal); hidden_at (UTC).
    """
    path: dict[str, object] = {"path": None}
    if picture.path is not None:
        path = path_fields(picture.path)
    return path | {"digest": picture.digest.hex(), "hidden_at": picture.hidden_at}
