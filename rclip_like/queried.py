"""The pictures that a query names, read before anything is indexed."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rclip_like.errors import PictureError
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.query import Kind, Term
from rclip_like.settings import ReadSettings, WebSettings
from rclip_like.values import PICTURE_EXTENSIONS, FileFacts, Preprocessing, Trouble

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
    with Readers(preprocessing, read or ReadSettings()) as readers:
        return {value: _pixels(readers, value, kind, web) for value, kind in pictures.items()}


def _pixels(readers: Readers, value: str, kind: Kind, web: WebSettings | None) -> Pixels:
    if kind is Kind.PICTURE:
        return _read(readers, value, value, "name another picture, or add --text to look for words")
    from rclip_like.web import fetch

    with _on_disk(fetch(value, web), value) as path:
        return _read(readers, path, value, "name the picture's own address, not that of a page")


def _read(readers: Readers, path: str, shown: str, remedy: str) -> Pixels:
    try:
        real = os.fsencode(os.path.realpath(path))
        task = ReadTask(FileFacts.of(real, os.stat(real)))
    except OSError as error:
        raise PictureError(os.fsencode(shown), f"{error.strerror}; {remedy}") from error
    ((_, read),) = readers.read_all([task])
    if isinstance(read, Trouble):
        raise PictureError(os.fsencode(shown), f"{read.reason}; {remedy}", read.lasting)
    assert read.pixels is not None
    return read.pixels


@contextmanager
def _on_disk(content: bytes, url: str) -> Iterator[str]:
    """Lend the content as a file that nobody else can read, and that is gone afterwards."""
    ending = os.path.splitext(url.lower())[1]
    suffix = ending if os.fsencode(ending) in PICTURE_EXTENSIONS else ""
    # Named before it is made: a signal between the two would leave what mkstemp makes behind.
    path = os.path.join(tempfile.gettempdir(), f"clipfind-{secrets.token_hex(8)}{suffix}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags, 0o600), "wb") as file:
            file.write(content)
        yield path
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)
