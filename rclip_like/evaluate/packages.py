"""The optional packages that figures and charts need: the extra `research`."""

from __future__ import annotations

import importlib.util

from rclip_like.errors import MeasureError

INSTALL_RESEARCH = "python -m pip install scikit-learn scipy matplotlib"


def has_research() -> bool:
    """Return whether scikit-learn, SciPy and matplotlib are installed, without importing them."""
    return all(map(importlib.util.find_spec, ("sklearn", "scipy", "matplotlib")))


def require_research(needing: str) -> None:
    """Raise MeasureError if one of them is missing; `needing` is the subject of the sentence."""
    if not has_research():
        raise MeasureError(
            f"{needing} needs scikit-learn, SciPy and matplotlib, which are not all installed",
            f"install them with: {INSTALL_RESEARCH}",
        )
