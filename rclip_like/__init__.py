"""clipfind: find photos by words or pictures, on your own machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclip_like.library import Library

__all__ = ["Library", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Load the public names on demand, so that importing the package costs nothing."""
    if name == "Library":
        from rclip_like.library import Library

        return Library
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
