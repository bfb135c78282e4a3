"""Reports of relocations, as text for people and as JSON."""

from __future__ import annotations

from rclip_like.errors import counted
from rclip_like.output.matches import json_text
from rclip_like.output.reports import joined
from rclip_like.output.terminal import escaped_path
from rclip_like.reports import RelocationReport
from rclip_like.values import path_fields


def relocation_sentence(report: RelocationReport) -> str:
    """Return one line on whose paths were changed, or would be."""
    moved = joined(
        (report.files, counted(report.files, "file")),
        (report.failures, f"{report.failures:,} unreadable"),
        (report.roots, counted(report.roots, "walked folder")),
        (report.sidecars, counted(report.sidecars, "sidecar")),
        (report.searches, f"{report.searches:,} saved search" + "es" * (report.searches != 1)),
    )
    would = "would be relocated" if report.is_dry_run else "relocated"
    return f"{would} from {escaped_path(report.old)} to {escaped_path(report.new)}: {moved}"


def relocation_object(report: RelocationReport) -> str:
    """Return the report as one JSON object."""
    return json_text(
        {
            "old": path_fields(report.old),
            "new": path_fields(report.new),
            "files": report.files,
            "failures": report.failures,
            "roots": report.roots,
            "sidecars": report.sidecars,
            "searches": report.searches,
            "is_dry_run": report.is_dry_run,
        }
    )
