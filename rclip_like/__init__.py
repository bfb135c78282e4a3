"""clipfind: find photos by words or pictures, on your own machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclip_like.errors import ClipfindError
    from rclip_like.library import Library
    from rclip_like.models.model import Model
    from rclip_like.query import Query
    from rclip_like.settings import IndexSettings, SearchSettings

__all__ = [
    "ClipfindError",
    "IndexSettings",
    "Library",
    "Model",
    "Query",
    "SearchSettings",
    "__version__",
]

__version__ = "0.1.0"

_ORIGINS = {
    "ClipfindError": "errors",
    "IndexSettings": "settings",
    "Library": "library",
    "Model": "models.model",
    "Query": "query",
    "SearchSettings": "settings",
}


def __getattr__(name: str) -> object:
    """Load the public names on demand, so that importing the package costs nothing."""
    if name in _ORIGINS:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_ORIGINS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
