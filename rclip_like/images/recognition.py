"""Text in pictures, recognised by rapidocr in a killable process of its own."""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rclip_like.errors import PASSING, ReaderError, Reason
from rclip_like.images.limits import within_memory
from rclip_like.images.process import DEATHS, WorkerProcess
from rclip_like.images.products import Thumbnail
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Trouble

if TYPE_CHECKING:
    from rclip_like.values import Pixels

INSTALL_OCR = "python -m pip install 'rapidocr>=3.10'"
MOST_CHARACTERS = 10_000
"""How much text of one picture is stored."""
DETECTION_SIDE = 800
"""The long side of the copy in which text is detected; measured in tests/bench/NOTES.md."""
RECOGNITION_SIDE = 3464
"""The long side of the copy in which it is recognised: at most twelve megapixels."""

_VERSION = 1
"""Rises when clipfind uses rapidocr differently, so that all text is read again."""
_MOST_THREADS = 4
"""More threads do not speed up such small models, and each takes address space."""
_MEMORY_BYTES = 4 << 30
_MOST_READ_AHEAD = 2
"""Large pictures waiting for the recogniser, 36 MB each."""


class TextModels(NamedTuple):
    """The models that the installed rapidocr carries, by path; `made_by` names the reader."""

    det: str
    cls: str
    rec: str

    @property
    def made_by(self) -> str:
        """What is written beside recognised text: with other models it is read anew."""
        return f"rapidocr {Path(self.rec).stem} {_VERSION}"


class UnreadPicture(NamedTuple):
    """A picture whose text is not known: its absolute path, and its digest in the index."""

    path: bytes
    digest: bytes


def text_models() -> TextModels | None:
    """Return the models that recognise text, or None where they are not installed."""
    package = find_spec("rapidocr")
    if package is None or not package.submodule_search_locations:
        return None
    folder = Path(package.submodule_search_locations[0]) / "models"
    found = [sorted(folder.glob(f"*_{part}_*.onnx")) for part in TextModels._fields]
    if any(len(paths) != 1 for paths in found):
        return None
    return TextModels(*(str(paths[0]) for paths in found))


def plain_text(lines: Iterable[str]) -> str:
    """Return recognised lines as text that is harmless to show, MOST_CHARACTERS at most.

    Control characters, direction marks and unassigned characters are left out, and so are lines of
    nothing else.
    """
    plain = (
        "".join(
            " " if letter.isspace() else letter
            for letter in unicodedata.normalize("NFC", line)
            if letter.isspace() or not unicodedata.category(letter).startswith("C")
        ).strip()
        for line in lines
    )
    return "\n".join(filter(None, plain))[:MOST_CHARACTERS]


class Recogniser:
    """The process that recognises text; it starts when first asked, and anew after a death.

    One thread asks, any may call `kill`. A picture that crashes it, or takes it too long, gets a
    Trouble.
    """

    def __init__(self, limits: ReadSettings, models: TextModels) -> None:
        threads = min(within_memory(limits).workers or 1, _MOST_THREADS)
        self._max_seconds = limits.max_seconds * threads
        self._max_wait_seconds = limits.max_wait_seconds
        self._limits = {
            "max_memory_bytes": _MEMORY_BYTES,
            "max_seconds": self._max_seconds,
            "max_wait_seconds": limits.max_wait_seconds,
            "threads": threads,
            "models": models._asdict(),
        }
        self._process: WorkerProcess | None = None
        self._is_closed = False

    def may_have_text(self, path: bytes, pixels: Pixels) -> bool | Trouble:
        """Return whether something in the picture, uint8 (H, W, 3), looks like text."""
        answer = self._ask(path, pixels, detect_only=True)
        return answer if isinstance(answer, Trouble) else bool(answer["found"])

    def read(self, path: bytes, pixels: Pixels) -> str | Trouble:
        """Return the text in the picture, uint8 (H, W, 3), a line each; "" if there is none."""
        answer = self._ask(path, pixels, detect_only=False)
        return answer if isinstance(answer, Trouble) else plain_text(map(str, answer["lines"]))

    def kill(self) -> None:
        """End the process for good; whoever waits for its answer gets a Trouble."""
        self._is_closed = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process and give back all that it held."""
        self.kill()
        if self._process is not None:
            self._process.bury()

    def _ask(self, path: bytes, pixels: Pixels, *, detect_only: bool) -> dict[str, Any] | Trouble:
        height, width, _ = pixels.shape
        request = {
            "width": width,
            "height": height,
            "detect_only": detect_only,
            "num_bytes": pixels.nbytes,
        }
        process = self._process or self._start()
        try:
            answer, _ = process.ask(request, pixels.tobytes())
        except DEATHS:
            code, reason = process.cause_of_death("text recognition", self._max_seconds)
            process.bury()
            self._process = None
            return Trouble(path, reason, code not in PASSING, code)
        if "reason" in answer:
            reason = f"the text recognition failed: {answer['reason']}"
            return Trouble(path, reason, code=Reason.CRASHED)
        return answer

    def _start(self) -> WorkerProcess:
        purpose = "recognise text"
        try:
            process = WorkerProcess("recognition_worker", purpose, self._max_wait_seconds)
        except OSError as error:
            raise ReaderError(f"no process to {purpose} with: {error}") from error
        self._process = process
        if self._is_closed:
            process.kill()
        reason = process.greet(self._limits).get("reason")
        if reason:
            raise ReaderError(f"rapidocr cannot be used: {reason}", INSTALL_OCR)
        return process


class TextReaders:
    """Reads the text in pictures: decoded in several processes, recognised in one.

    Used with `with`, or closed. Raises ReaderError when a process cannot be started.
    """

    def __init__(self, limits: ReadSettings, models: TextModels) -> None:
        self._readers = Readers(limits)
        self._recogniser = Recogniser(limits, models)
        self._is_closed = False

    def __enter__(self) -> TextReaders:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
        self._recogniser.close()

    def close(self) -> None:
        """End all processes; any thread may call it, and `read_all` ends early then."""
        self._is_closed = True
        self._recogniser.kill()
        self._readers.close()

    def read_all(
        self, pictures: Iterable[UnreadPicture]
    ) -> Iterator[tuple[UnreadPicture, str | Trouble]]:
        """Yield the text of each picture, or why there is none; nearly in their order.

        Text is detected in a small decoding; where there is any, it is recognised in a larger one.
        A file whose content has changed gives a Trouble.
        """
        try:
            for picture, outcome in self._read_all(pictures):
                if self._is_closed:
                    return
                yield picture, outcome
        except (CancelledError, RuntimeError, ReaderError):
            if not self._is_closed:
                raise

    def _read_all(
        self, pictures: Iterable[UnreadPicture]
    ) -> Iterator[tuple[UnreadPicture, str | Trouble]]:
        detecting: deque[UnreadPicture] = deque()
        larger: deque[tuple[UnreadPicture, Future[Picture | Trouble]]] = deque()

        def detections() -> Iterator[ReadTask]:
            for picture in pictures:
                detecting.append(picture)
                yield ReadTask(picture.path, (Thumbnail(DETECTION_SIDE),))

        for read in self._readers.read_in_order(detections()):
            picture = detecting.popleft()
            outcome = self._detect(picture, read)
            if outcome is None:
                task = ReadTask(picture.path, (Thumbnail(RECOGNITION_SIDE),))
                larger.append((picture, self._readers.submit(task, lambda result: result)))
            else:
                yield picture, outcome
            while larger and (larger[0][1].done() or len(larger) > _MOST_READ_AHEAD):
                picture, future = larger.popleft()
                yield picture, self._recognise(picture, future.result())
        for picture, future in larger:
            yield picture, self._recognise(picture, future.result())

    def _detect(self, picture: UnreadPicture, read: Picture | Trouble) -> str | Trouble | None:
        """Return the text, or why there is none; None where a larger decoding is to be read."""
        pixels = _pixels_of(picture, read)
        if isinstance(pixels, Trouble):
            return pixels
        found = self._recogniser.may_have_text(picture.path, pixels)
        if isinstance(found, Trouble):
            return found
        if not found:
            return ""
        assert isinstance(read, Picture)
        assert read.facts is not None
        is_whole = pixels.shape[:2] == (read.facts.height, read.facts.width)
        return self._recogniser.read(picture.path, pixels) if is_whole else None

    def _recognise(self, picture: UnreadPicture, read: Picture | Trouble) -> str | Trouble:
        pixels = _pixels_of(picture, read)
        if isinstance(pixels, Trouble):
            return pixels
        return self._recogniser.read(picture.path, pixels)


def _pixels_of(picture: UnreadPicture, read: Picture | Trouble) -> Pixels | Trouble:
    """Return the pixels of the picture; a Trouble if its file could not be read or has changed."""
    if isinstance(read, Trouble):
        return read
    if read.digest != picture.digest:
        reason = "changed since it was indexed"
        return Trouble(read.path, reason, lasting=False, code=Reason.CHANGED)
    return read.products[Thumbnail.name][0]
