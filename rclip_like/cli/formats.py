"""`clipfind formats`: what this installation reads, and what the rest would need."""

from __future__ import annotations

import json
from dataclasses import asdict

from rclip_like.cli.options.formats import FormatsOptions
from rclip_like.images.support import Support, list_support
from rclip_like.output.reports import table
from rclip_like.output.stream import write_lines


def run(options: FormatsOptions) -> int:
    """Print the table of formats; return 0."""
    formats = list_support()
    if options.json:
        write_lines(json.dumps(asdict(each)) for each in formats)
    else:
        write_lines(table([_row(each) for each in formats]))
    return 0


def _row(support: Support) -> dict[str, object]:
    return {
        "format": support.format,
        "read": "yes" if support.readable else "no",
        "by": f"{support.package} {support.version or '(not installed)'}",
        "endings": " ".join(support.endings),
        "needs": support.needs,
    }
