"""The originals: files of the index below the folders shown, opened without links and checked."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from rclip_like.filing.locations import Location, Refused, digest, opened
from rclip_like.page.sheet import shown

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from rclip_like.store import StoredFile

_ID = re.compile(r"[0-9a-f]{64}")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_UNSAFE = re.compile(r"[^A-Za-z0-9 ._()-]")
_THREADS = 4
_MOST_VERIFIED = 1000
_SETTLED_NS = 10 * 10**9
_START_BYTES = 64
_CHUNK_BYTES = 1 << 18
_SEPARATOR = os.fsencode(os.sep)
_UNKNOWN = "application/octet-stream"
_VIDEO_BRANDS = {b"qt ": "video/quicktime"} | dict.fromkeys(
    (b"3gp", b"avc", b"das", b"f4v", b"iso", b"M4V", b"mp4", b"MSN", b"XAV"), "video/mp4"
)
"""The type by the first three letters of an MP4's brand; pictures and sound have others."""
_DOCTYPES = {b"\x42\x82\x84webm": "video/webm", b"\x42\x82\x88matroska": "video/x-matroska"}


Files = Callable[[str], Sequence["StoredFile"]]
"""Returns the files, of those that may be shown, with the content of this digest in hex."""
Folders = Callable[[], Sequence[bytes]]
"""Returns the folders below which files may be shown, without links in their paths."""


def original_route(files: Files, folders: Folders) -> Route:
    """Return the route of the originals by their content's digest, `?download=1` to save one."""
    return Route("/original/{id}", _Originals(files, folders), methods=["GET"])


class Verified:
    """Files whose content was read and is the indexed one, so that it is not read again.

    A browser that plays a video asks for it many times, and the index may not be certain of a file
    that lies on a network disk. Nobody can set a ctime back; one of the last seconds may still stay
    as it is while more is written.
    """

    def __init__(self) -> None:
        self._files: OrderedDict[tuple[int, ...], str] = OrderedDict()

    def is_content(self, descriptor: int, wanted: str) -> bool:
        """Return whether an open file has the content with this digest in hex."""
        status = os.fstat(descriptor)
        key = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        if self._files.get(key) == wanted:
            return True
        is_settled = time.time_ns() - status.st_ctime_ns > _SETTLED_NS
        if digest(descriptor) != wanted:
            return False
        if is_settled:
            self._files[key] = wanted
            while len(self._files) > _MOST_VERIFIED:
                self._files.popitem(last=False)
        return True


def open_original(
    stored: StoredFile, folders: Sequence[bytes], verified: Verified | None = None
) -> int:
    """Return a descriptor of the very file that was indexed, or of one with the same content.

    Its path, links resolved, has to lie in one of the folders; below that no link is followed,
    whatever is put into the path meanwhile. Raises Refused.
    """
    try:
        path = os.path.realpath(stored.path)
        prefix = _folder_of(path, folders)
        *names, name = path[len(prefix) :].split(_SEPARATOR)
        with ExitStack() as stack:
            folder = stack.enter_context(opened(prefix))
            for each in names:
                folder = stack.enter_context(opened(each, inside=folder))
            descriptor = Location(folder, name).open(os.O_RDONLY)
    except OSError as error:  # from realpath where a link is replaced meanwhile
        raise Refused(f"cannot be opened: {error.strerror}") from error
    try:
        _require_content(descriptor, stored, verified or Verified())
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _folder_of(path: bytes, folders: Sequence[bytes]) -> bytes:
    """Return the innermost of the folders that a path lies in, with a slash. Raises Refused."""
    prefixes = [os.path.join(folder, b"") for folder in folders]
    above = [prefix for prefix in prefixes if path.startswith(prefix)]
    if not above:
        raise Refused("lies behind a link that leads out of the folders shown")
    return max(above, key=len)


def _require_content(descriptor: int, stored: StoredFile, verified: Verified) -> None:
    """Raise Refused if an open file is not what was indexed.

    Another inode, mtime or ctime says only that it may be another: then its content decides.
    """
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Refused("is not a regular file")
    if not stored.version.is_certain(status) and (
        status.st_size != stored.size_bytes
        or not verified.is_content(descriptor, stored.digest.hex())
    ):
        raise Refused("has changed since it was indexed")


def media_type(start: bytes) -> str:
    """Return the type of what browsers show or play, by its first bytes; else of any bytes."""
    if start.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "image/webp"
    if start[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    if start[4:8] == b"ftyp":
        return _VIDEO_BRANDS.get(start[8:11], _UNKNOWN)
    if start.startswith(b"\x1a\x45\xdf\xa3"):
        return next((kind for doctype, kind in _DOCTYPES.items() if doctype in start), _UNKNOWN)
    return _UNKNOWN


def requested_range(value: str, size: int) -> range | None:
    """Return the bytes that a Range header asks for, empty if there are none; None for all.

    What is not one plain range is answered as a request without it.
    """
    match = _RANGE.fullmatch(value.strip())
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def disposition(path: bytes, *, is_attachment: bool) -> str:
    """Return a Content-Disposition header with the file's name, whatever is in it."""
    name = shown(os.path.basename(path))
    kind = "attachment" if is_attachment else "inline"
    return f"{kind}; filename=\"{_UNSAFE.sub('_', name)}\"; filename*=UTF-8''{quote(name, safe='')}"


class _Originals:
    """Answers requests for originals, an ASGI application."""

    def __init__(self, files: Files, folders: Folders) -> None:
        self._files, self._folders = files, folders
        self._verified = Verified()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="originals")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        name = request.path_params["id"]
        if not _ID.fullmatch(name):
            raise HTTPException(404, "This names no picture.")
        # Threads of its own: each that looks into the index keeps a connection to it.
        opening = self._threads.submit(self._open, name)
        stored, descriptor = await asyncio.wrap_future(opening)
        try:
            await _answer(request, send, stored, descriptor)
        finally:
            os.close(descriptor)

    def _open(self, name: str) -> tuple[StoredFile, int]:
        """Return the first file of this content that can be opened. Raises HTTPException."""
        reason = "is not among the pictures shown here"
        folders = self._folders()
        for stored in self._files(name):
            try:
                return stored, open_original(stored, folders, self._verified)
            except Refused as error:
                reason = str(error)
        raise HTTPException(404, f"This picture {reason}.")


async def _answer(request: Request, send: Send, stored: StoredFile, descriptor: int) -> None:
    """Send the file or the part that is asked for, from the open descriptor."""
    size = stored.size_bytes
    tag = f'"{stored.digest.hex()}"'
    kind = media_type(await run_in_threadpool(_read, descriptor, 0, _START_BYTES))
    is_attachment = kind == _UNKNOWN or request.query_params.get("download") == "1"
    headers = {
        "content-type": kind,
        "content-disposition": disposition(stored.path, is_attachment=is_attachment),
        "etag": tag,
        "accept-ranges": "bytes",
    }
    status, part = 200, range(size)
    asked = request.headers.get("range", "") if request.method == "GET" else ""
    if request.headers.get("if-range", tag) == tag and "range" in request.headers:
        wanted = requested_range(asked, size)
        if wanted is not None and not wanted:
            raise HTTPException(
                416, "There are no such bytes.", {"content-range": f"bytes */{size}"}
            )
        if wanted is not None:
            status, part = 206, wanted
            headers["content-range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    headers["content-length"] = str(len(part))
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    if request.method == "GET":
        for start in range(part.start, part.stop, _CHUNK_BYTES):
            length = min(_CHUNK_BYTES, part.stop - start)
            chunk = await run_in_threadpool(_read, descriptor, start, length)
            if len(chunk) < length or await request.is_disconnected():
                return  # cut short meanwhile: the server breaks the connection off
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _read(descriptor: int, start: int, length: int) -> bytes:
    """Return so many bytes, fewer only at the end of the file."""
    content = b""
    os.lseek(descriptor, start, os.SEEK_SET)
    while len(content) < length and (more := os.read(descriptor, length - len(content))):
        content += more
    return content
