"""Puts the shells' completions into the wheel, and the README into its description."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

FOLDERS = {
    "bash": "share/bash-completion/completions/clipfind",
    "zsh": "share/zsh/site-functions/_clipfind",
    "fish": "share/fish/vendor_completions.d/clipfind.fish",
}
"""Where a shell looks below the prefix that a package is installed to."""

_RELATIVE = r"\((?!https?:|#|mailto:)[^)]*\)"
_PICTURE = re.compile(rf"^!\[[^\]]*\]{_RELATIVE}\n\n?", re.MULTILINE)
_LINK = re.compile(rf"\[([^\]]*)\]{_RELATIVE}")


class Description(MetadataHookInterface):
    """The README as a package index can show it."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the description."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": description(text)}


def description(readme: str) -> str:
    """Return the README without pictures and links of paths, which lead nowhere elsewhere."""
    return _LINK.sub(r"\1", _PICTURE.sub("", readme))


class Completions(BuildHookInterface[Any]):
    """Makes the completions anew for each wheel; the package's own code is all it needs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add a file for each shell to what is installed beside the package."""
        sys.path.insert(0, self.root)
        sys.dont_write_bytecode = True  # the checkout stays as it is
        try:
            from rclip_like.cli.completion import LINES
        finally:
            sys.path.remove(self.root)
        self._drafts = TemporaryDirectory()
        for shell, lines in LINES.items():
            path = Path(self._drafts.name, shell)
            path.write_text("".join(f"{line}\n" for line in lines()), encoding="utf-8")
            build_data["shared_data"][str(path)] = FOLDERS[shell]

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the drafts."""
        self._drafts.cleanup()
