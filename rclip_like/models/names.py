"""How models are named in an index: the built-in one, and a weight file behind a name."""

from __future__ import annotations

from pathlib import Path

BUILTIN = "builtin"
_WEIGHTS = " --weights "


def with_weights(name: str, weights: Path | None) -> str:
    """Return the name of a model with a weight file of its own, if there is one."""
    return f"{name}{_WEIGHTS}{weights.absolute()}" if weights else name


def split_weights(name: str) -> tuple[str, Path | None]:
    """Return the name that `with_weights` was given, and the weight file's absolute path."""
    base, _, weights = name.partition(_WEIGHTS)
    return base, Path(weights) if weights else None
