"""Findings in one line each: all is well, look at it, or mend it."""

from __future__ import annotations

from rclip_like.errors import Advice
from rclip_like.reports import Finding

OK, WARNING, PROBLEM = "ok", "warning", "problem"


def well(check: str, text: str, *remedies: Advice) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(check, text, OK, remedies)


def warning(check: str, text: str, *remedies: Advice) -> Finding:
    """Return a finding that one should know of, while everything works."""
    return Finding(check, text, WARNING, remedies)


def problem(check: str, text: str, *remedies: Advice) -> Finding:
    """Return a finding of something that does not work."""
    return Finding(check, text, PROBLEM, remedies)
