"""Read the pictures of a set in its order, in processes of their own and within limits."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator

from rclip_like.data.examples import Example
from rclip_like.images.decoding import Product
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Trouble


def read_examples(
    examples: Iterable[Example | Trouble], products: tuple[Product, ...], read: ReadSettings
) -> Generator[tuple[Example, Picture] | Trouble, None, None]:
    """Yield the examples of a set in order, each with its picture and the products asked for.

    A Trouble stands for an example that cannot be used or whose picture cannot be read. A caller
    that stops early closes the generator, which ends the reading processes. Raises ReaderError if
    no process can be started.
    """
    waiting: deque[Example | Trouble] = deque()

    def tasks() -> Iterator[ReadTask]:
        for example in examples:
            waiting.append(example)
            if isinstance(example, Example):
                yield ReadTask(os.fsencode(example.name), products, content=example.content)

    with Readers(read) as readers:
        for result in readers.read_in_order(tasks()):
            while isinstance(example := waiting.popleft(), Trouble):
                yield example
            if isinstance(result, Picture):
                yield example, result
            else:  # the remedy names options of `index`, which the callers do not have
                yield result._replace(remedy=None)
    yield from (trouble for trouble in waiting if isinstance(trouble, Trouble))
