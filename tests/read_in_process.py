"""Reading a picture as a worker does, but in this process, where a test can look on."""

from __future__ import annotations

from collections.abc import Collection

from rclip_like.errors import PictureError
from rclip_like.images.limits import within_memory
from rclip_like.images.products import model_products
from rclip_like.images.readers import ReadTask, request_for, result_of
from rclip_like.images.worker import answer
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Preprocessing, Trouble


def read_picture(
    path: bytes,
    preprocessing: Preprocessing,
    limits: ReadSettings,
    known: Collection[bytes] = (),
) -> Picture:
    """Return what the index has of a picture. Raises PictureError with the reason."""
    task = ReadTask(path, model_products(preprocessing), tuple(known))
    result = result_of(task, *answer(request_for(task), task.content, within_memory(limits)))
    if isinstance(result, Trouble):
        raise PictureError(path, result.sentence, result.lasting, result.code)
    return result
