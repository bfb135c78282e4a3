"""The pictures that a query names, read before anything is indexed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rclip_like.errors import Advice, PictureError, Reason, Remedy
from rclip_like.images.products import Square
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.query.terms import Kind, Term
from rclip_like.settings import ReadSettings, WebSettings
from rclip_like.values import Preprocessing, Trouble

if TYPE_CHECKING:
    from rclip_like.values import Pixels


def read_queried(
    terms: Sequence[Term],
    preprocessing: Preprocessing,
    read: ReadSettings | None = None,
    web: WebSettings | None = None,
) -> dict[str, Pixels]:
    """Return the pixels of the terms that are pictures, by the term's value.

    Those on the web are fetched, and all are read in a process of its own, as everywhere: they may
    be hostile. Raises PictureError for what is no picture, WebError for what cannot be fetched.
    """
    pictures = {term.value: term.kind for term in terms if term.kind is not Kind.TEXT}
    if not pictures:
        return {}
    square = Square.of(preprocessing)
    with Readers(read or ReadSettings()) as readers:
        return {
            value: _pixels(readers, value, kind, square, web) for value, kind in pictures.items()
        }


def _pixels(
    readers: Readers, value: str, kind: Kind, square: Square, web: WebSettings | None
) -> Pixels:
    if kind is Kind.PICTURE:
        remedies = ("name another picture", Remedy.READ_AS_WORDS)
        return _read(readers, _task(value, square, remedies), value, remedies)
    from rclip_like.query.web import fetch

    # From memory: of a file in between, a kill would leave the picture on the disk.
    content = fetch(value, web)
    task = ReadTask(os.fsencode(value), (square,), content=content)
    return _read(readers, task, value, ("name the picture's own address, not that of a page",))


def _task(path: str, square: Square, remedies: tuple[Advice, ...]) -> ReadTask:
    try:
        real = os.fsencode(os.path.realpath(path))
        os.stat(real)
        return ReadTask(real, (square,))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise PictureError(os.fsencode(path), why, True, Reason.UNREADABLE, remedies) from error


def _read(readers: Readers, task: ReadTask, shown: str, remedies: tuple[Advice, ...]) -> Pixels:
    (read,) = readers.read_all([task])
    if isinstance(read, Trouble):
        raise PictureError(os.fsencode(shown), read.sentence, read.lasting, read.code, remedies)
    return read.parts[0]
