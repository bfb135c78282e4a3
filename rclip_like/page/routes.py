"""The page's routes: requests to calls of the service, in a few threads, and back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from rclip_like.images.thumbnails import LARGE, SMALL
from rclip_like.page.service import MOST_SELECTED, NotHere, Service
from rclip_like.values import Trouble

Answer = TypeVar("Answer")

_THREADS = 4
_MOST_WAITING = 32
_PASTED_AT_ONCE = 2
"""Each is in memory twice for a moment, and may have 64 MB; the others wait at their senders."""
_CHUNK = 1 << 16
_SECOND = re.compile(r"[0-9]{1,6}(\.[0-9]{1,2})?")
_LASTING = {"cache-control": "private, max-age=31536000, immutable"}
_BUSY = "There are too many searches at once; try again."


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes that answer from the service; the originals and the window aside."""
    return _Routes(service).all()


class _Routes:
    """Searches run one at a time in a thread of their own, all else in a few others.

    Each thread has one connection to the index. What a client has stopped waiting for is not
    begun.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._searching = ThreadPoolExecutor(1, thread_name_prefix="search")
        self._working = ThreadPoolExecutor(_THREADS, thread_name_prefix="page")
        self._num_waiting = 0
        self._pasting = asyncio.Semaphore(_PASTED_AT_ONCE)

    def all(self) -> list[BaseRoute]:
        get = {
            "/api/search": self._search,
            "/api/picture/{id}": self._picture,
            "/api/folders": self._folders,
            "/api/facts": self._facts,
            "/api/progress": self._progress,
            "/api/saved": self._saved,
            "/api/copies": self._copies,
            "/thumbnail/{id}": self._thumbnail,
            "/pasted/{id}": self._pasted,
        }
        post = {
            "/api/pasted": self._paste,
            "/api/paths": self._paths,
            "/api/list": self._list,
            "/api/sheet": self._sheet,
            "/api/hide": self._hide,
            "/api/unhide": self._unhide,
            "/api/saved": self._save,
            "/api/saved/remove": self._remove_saved,
            "/api/copies/find": self._find_copies,
            "/api/copies/stop": self._stop_copies,
        }
        return [
            *(Route(path, answer, methods=["GET"]) for path, answer in get.items()),
            *(Route(path, answer, methods=["POST"]) for path, answer in post.items()),
        ]

    async def _search(self, request: Request) -> Response:
        if self._num_waiting >= _MOST_WAITING:
            raise HTTPException(503, _BUSY)
        self._num_waiting += 1
        try:
            query = request.scope["query_string"]
            found = self._searching.submit(self._service.search, query)
            return JSONResponse(await _while_connected(request, found))
        finally:
            self._num_waiting -= 1

    async def _picture(self, request: Request) -> Response:
        return JSONResponse(await self._work(self._service.picture, request.path_params["id"]))

    async def _folders(self, request: Request) -> Response:
        return JSONResponse(await self._work(self._service.folders))

    async def _facts(self, request: Request) -> Response:
        return JSONResponse(await self._work(self._service.facts))

    async def _progress(self, request: Request) -> Response:
        return JSONResponse(await self._work(self._service.progress))

    async def _thumbnail(self, request: Request) -> Response:
        size = request.query_params.get("size", str(SMALL))
        if size not in (str(SMALL), str(LARGE)):
            raise HTTPException(400, f"A thumbnail has the size {SMALL} or {LARGE}.")
        second = request.query_params.get("second")
        if second is not None and not _SECOND.fullmatch(second):
            raise HTTPException(400, "The moment of a video is a number of seconds, such as 4.5.")
        name, moment = request.path_params["id"], second and float(second)
        answer = await self._work(self._service.thumbnail, name, int(size), moment)
        made = await _while_connected(request, answer)
        if isinstance(made, Trouble):
            raise NotHere(made.sentence)
        return Response(made, media_type="image/webp", headers=_LASTING)

    async def _paste(self, request: Request) -> Response:
        async with self._pasting:
            name = await self._work(self._service.paste, await request.body())
        return JSONResponse({"id": name})

    async def _pasted(self, request: Request) -> Response:
        name = request.path_params["id"]
        webp = await self._work(self._service.pasted_thumbnail, name)
        return Response(webp, media_type="image/webp", headers=_LASTING)

    async def _paths(self, request: Request) -> Response:
        paths = await self._work(self._service.paths, _ids(await request.body()))
        lines = [path.decode("utf-8", "replace") for path in paths]
        return JSONResponse({"text": "\n".join(lines)})

    async def _list(self, request: Request) -> Response:
        paths = await self._work(self._service.paths, _ids(await request.body()))
        lines = b"".join(path + b"\n" for path in paths)
        headers = _as_attachment("clipfind.txt")
        return Response(lines, media_type="application/octet-stream", headers=headers)

    async def _sheet(self, request: Request) -> Response:
        body = await request.body()
        query = _text(body, "state").encode()
        parts = await self._work(self._service.sheet, _ids(body), query)
        headers = _as_attachment("clipfind.html")
        return StreamingResponse(_in_chunks(parts), media_type="text/html", headers=headers)

    async def _hide(self, request: Request) -> Response:
        names = _ids(await request.body())
        return JSONResponse({"changed": await self._work(self._service.hide, names)})

    async def _unhide(self, request: Request) -> Response:
        names = _ids(await request.body())
        return JSONResponse({"changed": await self._work(self._service.unhide, names)})

    async def _saved(self, request: Request) -> Response:
        return JSONResponse({"searches": await self._work(self._service.saved_searches)})

    async def _save(self, request: Request) -> Response:
        body = await request.body()
        name, query = _text(body, "name"), _text(body, "state").encode()
        save = partial(self._service.save_search, replace=_object(body).get("replace") is True)
        return JSONResponse(await self._work(save, name, query))

    async def _remove_saved(self, request: Request) -> Response:
        name = _text(await request.body(), "name")
        return JSONResponse({"removed": await self._work(self._service.remove_search, name)})

    async def _copies(self, request: Request) -> Response:
        query = request.scope["query_string"]
        return JSONResponse(await self._work(self._service.copies.answer, query))

    async def _find_copies(self, request: Request) -> Response:
        body = await request.body()
        find = partial(self._service.copies.find, anew=_object(body).get("anew") is True)
        await self._work(find, _text(body, "state").encode())
        return JSONResponse({})

    async def _stop_copies(self, request: Request) -> Response:
        await self._work(self._service.copies.stop)
        return JSONResponse({})

    async def _work(self, call: Callable[..., Answer], *arguments: Any) -> Answer:
        return await asyncio.wrap_future(self._working.submit(call, *arguments))


async def _while_connected(request: Request, answer: Future[Answer]) -> Answer:
    """Return what is worked out, unless the client goes away first: then it is given up."""
    wanted = asyncio.ensure_future(asyncio.wrap_future(answer))
    gone = asyncio.ensure_future(_disconnection(request))
    try:
        await asyncio.wait((wanted, gone), return_when=asyncio.FIRST_COMPLETED)
        if not wanted.done():
            raise HTTPException(499, "Nobody waits for this any more.")
        return wanted.result()
    finally:
        for each in (wanted, gone):
            each.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def _disconnection(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _object(body: bytes) -> dict[str, Any]:
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        raise HTTPException(400, "The request must be a JSON object.")
    return sent


def _text(body: bytes, name: str) -> str:
    text = _object(body).get(name, "")
    if not isinstance(text, str):
        raise HTTPException(400, f"The {name} must be a text.")
    return text.encode(errors="replace").decode()  # half a character stands in no index


def _ids(body: bytes) -> list[str]:
    ids = _object(body).get("ids")
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise HTTPException(400, "The request names no pictures.")
    if len(ids) > MOST_SELECTED:
        raise HTTPException(400, f"At most {MOST_SELECTED:,} pictures can be asked for at once.")
    return ids


def _as_attachment(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}


def _in_chunks(parts: Iterator[str]) -> Iterator[str]:
    """Yield the same text in larger pieces: each is a step in another thread and a write."""
    waiting: list[str] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= _CHUNK:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)
