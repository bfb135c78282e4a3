"""The pictures that a query names, read before anything is indexed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from rclip_like.errors import Advice, PictureError, Reason, Remedy, UsageError
from rclip_like.images.products import Square
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.query.terms import Kind, Term
from rclip_like.settings import ReadSettings, WebSettings
from rclip_like.values import AnyPath, Picture, Preprocessing, Trouble

if TYPE_CHECKING:
    from rclip_like.models.model import Model
    from rclip_like.values import Embeddings, Pixels

_PATHS = (str, bytes, os.PathLike)
InMemory: TypeAlias = "Image.Image | npt.NDArray[np.uint8]"


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


def square_of(picture: InMemory, preprocessing: Preprocessing) -> Pixels:
    """Return what the model sees of a picture in memory, uint8 (S, S, 3), upright and in sRGB.

    An array is uint8 (H, W), (H, W, 3) or (H, W, 4), with alpha. Raises UsageError for others.
    """
    from rclip_like.images.decoding import Upright

    if isinstance(picture, np.ndarray):
        is_grey = picture.ndim == 2
        if picture.dtype != np.uint8 or not (is_grey or picture.shape[2:] in ((3,), (4,))):
            shape = f"{picture.dtype} {picture.shape}"
            raise UsageError(f"a picture is an array of uint8 (H, W, 3), not of {shape}")
        picture = Image.fromarray(picture)
    if not isinstance(picture, Image.Image) or 0 in picture.size:
        raise UsageError(f"neither words nor a picture: {type(picture).__name__}")
    upright = Upright(picture, picture.size, ReadSettings())
    return np.asarray(Square.of(preprocessing).make(upright)[0])


def embed_pictures(
    model: Model, pictures: Sequence[AnyPath | InMemory], read: ReadSettings
) -> Embeddings:
    """Return one unit row a picture, float32 (N, D), in order; files are read by other processes.

    Raises PictureError for a file that is not a picture.
    """
    preprocessing = model.specification.preprocessing
    square = Square.of(preprocessing)
    paths = [os.fsdecode(each) for each in pictures if isinstance(each, _PATHS)]
    rows = [np.empty((0, model.specification.dimension), np.float32)]
    with Readers(read) as readers:
        tasks = (_task(os.path.expanduser(path), square, ()) for path in paths)
        files = readers.read_in_order(tasks)
        pixels = (
            _pixels_of(next(files), ())
            if isinstance(each, _PATHS)
            else square_of(each, preprocessing)
            for each in pictures
        )
        while batch := list(islice(pixels, model.batch_size)):
            rows.append(model.pictures(np.stack(batch)))
    return np.concatenate(rows)


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
    return _pixels_of(read._replace(path=os.fsencode(shown)), remedies)


def _pixels_of(read: Picture | Trouble, remedies: tuple[Advice, ...]) -> Pixels:
    if isinstance(read, Trouble):
        raise PictureError(read.path, read.sentence, read.lasting, read.code, remedies)
    return read.parts[0]
