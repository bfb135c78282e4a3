"""The packages that figures and charts need beside the core: the extra `research`."""

from __future__ import annotations

import importlib.util

from rclip_like.errors import MeasureError

INSTALL_RESEARCH = "python -m pip install scikit-learn scipy matplotlib"


def has_research() -> bool:
    """Return whether scikit-learn, SciPy and matplotlib are installed; none is imported for it."""
    return all(map(importlib.util.find_spec, ("sklearn", "scipy", "matplotlib")))


def require_research(needing: str) -> None:
    """Raise MeasureError where one of them is missing: what needs them, and how to get them."""
    if not has_research():
        raise MeasureError(
            f"{needing} needs scikit-learn, SciPy and matplotlib, which are not all installed",
            f"install them with: {INSTALL_RESEARCH}",
        )
