"""The page's application: its routes, its files, its errors, within its safety."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rclip_like.errors import ClipfindError, RootError, full_sentence
from rclip_like.page.originals import original_route
from rclip_like.page.routes import routes
from rclip_like.page.safety import FAULT, Access, Safety
from rclip_like.page.service import NotHere

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from rclip_like.page.service import Service

_FOLDER = Path(__file__).parent
_STATIC = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""The kinds of files that come along with the page."""


def make_app(
    service: Service,
    access: Access,
    on_fault: Callable[[Exception], None] | None = None,
) -> ASGIApp:
    """Return the application: the window with its files, what it asks for, and the originals.

    on_fault: called with an exception that is a fault of clipfind.
    """

    async def refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, ClipfindError)
        status = 404 if isinstance(error, NotHere | RootError) else 400
        return JSONResponse({"error": full_sentence(service.say(error))}, status)

    app = Starlette(
        routes=[
            Route("/", _window),
            Route("/static/{name}", _static),
            original_route(service.files, service.shown_folders),
            *routes(service),
        ],
        exception_handlers={
            HTTPException: _http_refusal,
            ClientDisconnect: _no_answer,
            ClipfindError: refusal,
            Exception: _fault,
        },
    )
    return Safety(app, access, on_fault)


async def _http_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    is_of_starlette = error.detail in ("Not Found", "Method Not Allowed")
    sentence = "There is nothing at this address." if is_of_starlette else error.detail
    return JSONResponse({"error": sentence}, error.status_code, error.headers)


async def _no_answer(request: Request, error: Exception) -> Response:
    return Response(status_code=400)


async def _fault(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": FAULT.sentence}, FAULT.status)


def _window(request: Request) -> Response:
    return Response((_FOLDER / "templates" / "index.html").read_bytes(), media_type="text/html")


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    path = next((each for each in (_FOLDER / "static").iterdir() if each.name == name), None)
    if path is None or path.suffix not in _STATIC:
        raise HTTPException(404, "There is no such file.")
    return Response(path.read_bytes(), media_type=_STATIC[path.suffix])
