"""Pictures that are not indexed, of a query or to be embedded: from files, the web or memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from rclip_like.errors import Advice, PictureError, Remedy, UsageError
from rclip_like.images.decoding import Unreadable, Upright
from rclip_like.images.products import Square
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.query.terms import Kind, Term
from rclip_like.settings import ReadSettings, WebSettings
from rclip_like.values import AnyPath, Picture, Preprocessing, Trouble

if TYPE_CHECKING:
    from rclip_like.models.model import Model
    from rclip_like.values import Embedding, Embeddings, Pixels

_PATHS = (str, bytes, os.PathLike)
_PICTURES_ADDRESS = "name the picture's own address, not that of a page"
InMemory: TypeAlias = "Image.Image | npt.NDArray[np.uint8]"


def read_pictures(
    terms: Sequence[Term], preprocessing: Preprocessing, read: ReadSettings, web: WebSettings
) -> dict[str, Pixels]:
    """Return the pixels of terms that are pictures, by the term's value.

    Those on the web are fetched, and all are read in a process of its own, as everywhere: they may
    be hostile. Raises PictureError for a file that is not a picture, WebError for what cannot be
    fetched.
    """
    square = Square.of(preprocessing)
    pixels = {}
    with Readers(read) as readers:
        for value, kind in {term.value: term.kind for term in terms}.items():
            if kind is Kind.URL:
                from rclip_like.query.web import fetch

                # From memory: of a file in between, a kill would leave the picture on the disk.
                content = fetch(value, web)
                remedies: tuple[Advice, ...] = (_PICTURES_ADDRESS,)
                task = ReadTask(os.fsencode(value), (square,), content=content)
            else:
                remedies = ("name another picture", Remedy.READ_AS_WORDS)
                task = _task(value, square)
            (read_picture,) = readers.read_all([task])
            pixels[value] = _pixels_of(read_picture, value, remedies)
    return pixels


def square_of(picture: InMemory, preprocessing: Preprocessing) -> Pixels:
    """Return what the model sees of a picture in memory, uint8 (S, S, 3), upright and in sRGB.

    An array is uint8 (H, W), (H, W, 3) or (H, W, 4), with alpha. Raises UsageError for others.
    """
    if isinstance(picture, np.ndarray):
        is_grey = picture.ndim == 2
        if picture.dtype != np.uint8 or not (is_grey or picture.shape[2:] in ((3,), (4,))):
            shape = f"{picture.dtype} {picture.shape}"
            raise UsageError(f"a picture is an array of uint8 (H, W, 3), not of {shape}")
        picture = Image.fromarray(picture)
    if not isinstance(picture, Image.Image) or 0 in picture.size:
        raise UsageError(f"neither words nor a picture: {type(picture).__name__}")
    try:
        upright = Upright(picture, picture.size, ReadSettings())
        return np.array(Square.of(preprocessing).make(upright)[0])
    except (OSError, ValueError, Unreadable) as error:  # of a file that Pillow has yet to decode
        raise UsageError(f"the picture in memory cannot be used: {error}") from error


def embed_pictures(
    model: Model, pictures: AnyPath | InMemory | Sequence[AnyPath | InMemory], read: ReadSettings
) -> Embeddings:
    """Return one unit row a picture, float32 (N, D), in order; files are read by other processes.

    An array is one picture. Raises PictureError for a file that is not a picture.
    """
    if isinstance(pictures, str | bytes | os.PathLike | Image.Image | np.ndarray):
        pictures = [pictures]
    several = list(pictures)
    preprocessing = model.specification.preprocessing
    square = Square.of(preprocessing)
    paths = [os.path.expanduser(os.fsdecode(each)) for each in several if isinstance(each, _PATHS)]
    rows = [np.empty((0, model.specification.dimension), np.float32)]
    with Readers(read) as readers:
        files = zip(
            readers.read_in_order(_task(path, square) for path in paths), paths, strict=True
        )
        pixels = (
            _pixels_of(*next(files)) if isinstance(each, _PATHS) else square_of(each, preprocessing)
            for each in several
        )
        while batch := list(islice(pixels, model.batch_size)):
            rows.append(model.pictures(np.stack(batch)))
    return np.concatenate(rows)


def digested_pictures(
    model: Model, paths: Sequence[bytes], read: ReadSettings
) -> Iterator[tuple[bytes, Embedding] | Trouble]:
    """Yield the digest and the unit row (D,) of each file, or why it gives no picture, in order."""
    square = Square.of(model.specification.preprocessing)
    with Readers(read) as readers:
        found = iter(readers.read_in_order(_task(os.fsdecode(path), square) for path in paths))
        numbered = zip(found, paths, strict=True)
        while batch := list(islice(numbered, model.batch_size)):
            pictures = [each for each, _ in batch if not isinstance(each, Trouble)]
            pixels = [each.parts[0] for each in pictures]
            rows = iter(model.pictures(np.stack(pixels)) if pixels else ())
            for each, path in batch:
                if isinstance(each, Trouble):
                    yield each._replace(path=path)
                else:
                    yield each.digest, next(rows)


def _task(path: str, square: Square) -> ReadTask:
    try:
        return ReadTask(os.fsencode(os.path.realpath(path)), (square,))
    except ValueError as error:
        raise PictureError(os.fsencode(path), "no path holds a NUL") from error


def _pixels_of(read: Picture | Trouble, shown: str, remedies: tuple[Advice, ...] = ()) -> Pixels:
    if isinstance(read, Trouble):
        raise PictureError(os.fsencode(shown), read.sentence, read.lasting, read.code, remedies)
    return read.parts[0]
